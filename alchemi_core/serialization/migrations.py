"""Formats of the document: what each had, and how the older ones become the present one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alchemi_core.errors import SerializationError
from alchemi_core.serialization.entries import field
from alchemi_core.serialization.header import read_header

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from alchemi_core.serialization.header import Header

FORMAT = 3
"""Written now. 1: alchemi-core 0.1 before its release of files with checksums. 2: entries say where tensors are, what
models declare, which plugins are needed; digests and seal; options that JSON has no form for. 3: groups may be
committees, steps on a part of each system."""

KEYS = frozenset({"format", "sha256", "provenance", "needs", "models", "topology", "outputs", "citations", "tensors"})

Document = dict[str, Any]


def read_document(path: Path) -> tuple[Header, Document]:
    """Read the head of a file, and its document in the present format.

    Raises
    ------
    SerializationError
        If it is no pipeline file, is damaged, or of a format that is not known.
    """
    header = read_header(path)
    return header, migrated(header.document, header.tensors, header.seal)


def migrated(document: Document, keys: Iterable[str], seal: str) -> Document:
    """Return a document in the present format.

    Parameters
    ----------
    document : dict
        As read.
    keys : iterable of str
        Those of the tensors in the file.
    seal : str
        Of the file, empty where there is none.

    Raises
    ------
    SerializationError
        If the format is not known, or the document holds what its format has not.
    """
    found = field(document, "format", int)
    if found > FORMAT or found < 1:
        raise SerializationError(
            f"has format {found!r:.40}",
            expected=f"format 1 to {FORMAT}",
            who="pipeline file",
            fix="pip install --upgrade alchemi-core",
        )
    names = tuple(keys)
    for number in range(found, FORMAT):
        document = _STEPS[number](document, names)
    if surplus := set(document) - KEYS:
        raise SerializationError(
            f"unknown entries {sorted(surplus)!r:.200}", expected=", ".join(sorted(KEYS)), who="pipeline file"
        )
    if found == FORMAT and not seal:
        raise SerializationError("it has no checksum", expected="one, as every file of its format", who="pipeline file")
    return document


def _from_1(document: Document, keys: tuple[str, ...]) -> Document:
    if surplus := set(document) - {"format", "models", "topology"}:
        raise SerializationError(f"unknown entries {sorted(surplus)!r:.200} in format 1", who="pipeline file")
    entries = [_entry_from_1(entry, number, keys) for number, entry in enumerate(field(document, "models", list))]
    needs: dict[Any, list[Any]] = {
        (one["plugin"], one["version"]): [] for one in entries if one.get("plugin") and one["plugin"] != "alchemi-core"
    }
    for one in entries:
        needs.get((one.get("plugin"), one.get("version")), []).append(["model", one["offer"]])
    described = [{"plugin": name, "version": version, "offers": own} for (name, version), own in needs.items()]
    return {**document, "format": 2, "models": entries, "needs": described, "tensors": {}}


def _from_2(document: Document, keys: tuple[str, ...]) -> Document:  # noqa: ARG001 - called as every step is
    return {**document, "format": 3}  # what is new may be missing


def _entry_from_1(entry: Any, number: int, keys: tuple[str, ...]) -> Document:
    if not isinstance(entry, dict):
        raise SerializationError(f"holds a model that is {entry!r:.80}", expected="an entry", who="pipeline file")
    start = f"{number}."
    weights = {key.removeprefix(start): key for key in keys if key.startswith(start)}
    return {**entry, "weights": weights, "buffers": {}}


_STEPS: Mapping[int, Callable[[Document, tuple[str, ...]], Document]] = {1: _from_1, 2: _from_2}
