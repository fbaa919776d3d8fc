"""The names of a plugin: what was typed, and what package, class and offer are called."""

from __future__ import annotations

import builtins
import keyword
import re

import attrs

from alchemi_core.distributions import CORE, normalized
from alchemi_core.errors import OptionError

PREFIX = "alchemi-"
LONGEST = 40
"""Letters of a name: lines of the templates stay within the limit with it."""

WHO = "new-plugin"


@attrs.frozen
class PluginName:
    """Names of one plugin.

    Parameters
    ----------
    name : str
        What users write, ``stillinger-weber``: letters, digits and single hyphens.
    """

    name: str

    @property
    def distribution(self) -> str:
        """What is installed, ``alchemi-stillinger-weber``."""
        return PREFIX + self.name

    @property
    def identifier(self) -> str:
        """The name inside of Python, ``stillinger_weber``."""
        return self.name.replace("-", "_")

    @property
    def package(self) -> str:
        """What is imported, ``alchemi_stillinger_weber``."""
        return f"alchemi_{self.identifier}"

    @property
    def class_name(self) -> str:
        """What a class is called, ``StillingerWeber``."""
        return "".join(word[:1].upper() + word[1:] for word in self.name.split("-"))

    @classmethod
    def read(cls, text: str) -> PluginName:
        """Make the names of what was typed, with ``alchemi-`` in front or not.

        Raises
        ------
        OptionError
            If no package can be called that.

        Examples
        --------
        >>> PluginName.read("Stillinger_Weber") == PluginName.read("alchemi-stillinger-weber")
        True
        """
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", text):
            raise _refused(text, "it is no name", "letters, digits, and '-' between them", _suggested(text))
        names = cls(normalized(text).removeprefix(PREFIX))
        if names.distribution == CORE:
            raise _refused(text, f"{CORE} is the core itself", "another name")
        if names.name == "alchemi":
            raise _refused(text, "that is the project itself", "another name")
        if not re.match(r"[a-z]", names.name):
            raise _refused(text, "it begins with a digit", "a letter first: it becomes the name of a class")
        if len(names.name) > LONGEST:
            raise _refused(text, f"it has {len(names.name)} letters", f"{LONGEST} at most")
        if names._is_pythons:
            raise _refused(text, "Python has a meaning for it", "another name", f"{names.name}-model")
        return names

    @property
    def _is_pythons(self) -> bool:
        """Whether the name, or that of the class, is a keyword, or the class a builtin."""
        words = (self.identifier, self.class_name)
        return any(map(keyword.iskeyword, words)) or hasattr(builtins, self.class_name)


def _refused(text: str, found: str, expected: str, fix: str = "") -> OptionError:
    return OptionError(
        f"{text!r:.80}: {found}", expected=expected, who=WHO, fix=f"alchemi new-plugin {fix}" if fix else ""
    )


def _suggested(text: str) -> str:
    """Return a name like the text that would do; empty where nothing is left of it."""
    words = re.findall(r"[a-z0-9]+", text.lower() if text.isascii() else "")
    name = "-".join(words)
    return name if re.match(r"[a-z]", name) and len(name) <= LONGEST else ""
