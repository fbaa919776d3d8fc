"""What the head of a pipeline file tells, for people: nothing of it is run, nor reaches a terminal raw."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import SerializationError
from alchemi_core.serialization.document import entries_of
from alchemi_core.serialization.entries import field
from alchemi_core.serialization.migrations import read_document
from alchemi_core.serialization.needs import Need, read_needs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from alchemi_core.serialization.entries import Entry
    from alchemi_core.serialization.header import Header

_STEPS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def in_bytes(size: float) -> str:
    """Return a size in words.

    >>> in_bytes(12_300_000), in_bytes(7)
    ('12.3 MB', '7 B')
    """
    return next((f"{size / unit:.3g} {name}" for unit, name in _STEPS if size >= unit), f"{size:.0f} B")


def shown(value: Any) -> str:
    """Return a text from a file as one line without signs that steer a terminal."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(value))


@attrs.frozen(eq=False)
class FileView:
    """A pipeline file, seen from its head.

    Parameters
    ----------
    header : Header
        As read.
    document : dict
        In the present format.
    models : list of dict
        Entries of the models.
    needs : tuple of Need
        Plugins.
    """

    header: Header
    document: Mapping[str, Any]
    models: list[Entry]
    needs: tuple[Need, ...]

    @classmethod
    def read(cls, path: Path) -> FileView:
        """Read the head of a file.

        Raises
        ------
        SerializationError
            If it is no pipeline file.
        """
        header, document = read_document(path)
        return cls(header, document, entries_of(document), read_needs(field(document, "needs", list)))

    @property
    def written(self) -> str:
        """When, and with which versions, it was written; empty where it does not say."""
        about = self.document.get("provenance")
        if not isinstance(about, dict):
            return ""
        versions = [f"{name} {about[name]}" for name in ("alchemi-core", "torch", "python") if name in about]
        return shown(f"{about.get('written', '')}  {', '.join(versions)}")

    @cached_property
    def handed(self) -> dict[int, str]:
        """Models that have to be handed over when it is loaded, by number, with the reason."""
        made = {number: entry for number, entry in enumerate(self.models) if entry.get("offer") is None}
        return {number: shown(entry.get("why") or "it was made by hand") for number, entry in made.items()}

    @cached_property
    def functions(self) -> dict[int, str]:
        """Names of functions that have to be handed over, by the number of their group."""
        groups = field(field(self.document, "topology", dict), "groups", list)
        named = {number: ", ".join(_functions(group)) for number, group in enumerate(groups)}
        return {number: names for number, names in named.items() if names}

    def size_of(self, entry: Entry) -> str:
        """Return number and size of a model's tensors."""
        places = [self.header.tensors.get(str(key)) for key in entry["weights"].values()]
        if entry.get("reference"):
            return f"{len(entry['reference'])}, by checksum"
        return f"{len(places)}, {in_bytes(sum(one.size for one in places if one is not None))}" if places else "none"

    @property
    def citations(self) -> dict[str, str]:
        """BibTeX by citation."""
        found = self.document.get("citations", {})
        if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
            raise SerializationError("has citations that are none", expected="texts", who="pipeline file")
        return found


def _functions(group: Any) -> Iterator[str]:
    """Yield the names of functions of a described group and of pipelines nested in it."""
    steps = field(group, "steps", list)
    if isinstance(own := group.get("derivative"), dict) and "function" in own:
        yield shown(own["function"])
    for step in steps:
        if isinstance(step, dict) and "pipeline" in step:
            for inner in field(step["pipeline"], "groups", list):
                yield from _functions(inner)
