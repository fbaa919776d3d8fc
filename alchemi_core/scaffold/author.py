"""Who writes the plugin: as said, or as git knows it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import attrs

from alchemi_core.errors import OptionError

MISSING = "FILL IN: your name"


@attrs.frozen
class Author:
    """A person.

    Parameters
    ----------
    name : str
        As it stands in the licence.
    email : str
        Empty where it is not to be published.
    """

    name: str
    email: str = ""

    @property
    def table(self) -> str:
        """The person as an inline table of TOML."""
        # strings of JSON are strings of TOML, too, but for one character that no name has
        fields = {"name": self.name, "email": self.email}
        inside = ", ".join(f"{key} = {json.dumps(text, ensure_ascii=False)}" for key, text in fields.items() if text)
        return f"{{ {inside} }}"

    @classmethod
    def read(cls, text: str) -> Author:
        """Read ``Name`` or ``Name <email>``.

        Raises
        ------
        OptionError
            If it is neither.

        Examples
        --------
        >>> Author.read("P. M. Morse <morse@example.org>")
        Author(name='P. M. Morse', email='morse@example.org')
        """
        found = re.fullmatch(r"\s*([^<>]*[^<>\s])\s*(?:<([^<>@\s]+@[^<>@\s]+)>)?\s*", text)
        if found is None or not found[1].isprintable():
            raise OptionError(f"author {text!r:.80}", expected="'Name' or 'Name <email>'", who="--author")
        return cls(found[1], found[2] or "")


def author_of(text: str | None) -> Author:
    """Return the author: the one given, else the name in git's settings, else a place to fill in."""
    if text is not None:
        return Author.read(text)
    name = _name_in_git()
    return Author(name if name.isprintable() and name else MISSING)


def _name_in_git() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    # the exit code says only whether a name is set
    done = subprocess.run(  # noqa: S603 - no argument comes from outside
        [git, "config", "--get", "user.name"], capture_output=True, text=True, check=False, errors="replace"
    )
    return done.stdout.strip()
