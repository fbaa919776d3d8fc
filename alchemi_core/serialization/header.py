"""The head of a pipeline file: where each tensor lies, the document, and the seal over both.

The layout is that of safetensors (https://github.com/huggingface/safetensors#format): eight bytes with the length of
the head, the head as JSON, the bytes of the tensors without gaps. The document is a text under ``__metadata__``.

The seal is the SHA-256 digest of the head, in which the 64 digits of the seal itself are zeros. The document names the
digest of every tensor, so the seal stands for the whole file, and the head alone can be checked.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import SerializationError
from alchemi_core.serialization.strict_json import read_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KEY = "alchemi"
OPEN = "0" * 64
"""The seal before it is known."""

MAX_LENGTH = 16 * 1024 * 1024
"""Longest head that is read, in bytes."""

MAX_DIMENSIONS = 64
"""As many as torch knows."""

_SIZES = {
    "BOOL": 1,
    **dict.fromkeys(("U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}
"""Bytes per number."""

_SEALED = re.compile(rb'^\{"__metadata__":\{"alchemi":"\{\\"format\\":(\d+),\\"sha256\\":\\"([0-9a-f]{64})\\"')


@attrs.frozen
class Place:
    """Where a tensor lies.

    Parameters
    ----------
    dtype : str
        By the names of safetensors.
    shape : tuple of int
        Its shape.
    start, end : int
        First byte and the one after the last, counted from the end of the head.
    """

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def size(self) -> int:
        """Number of bytes."""
        return self.end - self.start


@attrs.frozen(eq=False)
class Header:
    """What a file says before its tensors.

    Parameters
    ----------
    document : dict
        The pipeline.
    tensors : dict of str to Place
        By key.
    size : int
        Bytes of the whole file.
    seal : str
        Digest that stands for the whole file; empty in format 1, which had none.
    """

    document: dict[str, Any]
    tensors: dict[str, Place]
    size: int
    seal: str


def unreadable(path: Path, why: str) -> SerializationError:
    """Refuse a file that is none of ours, or damaged."""
    return SerializationError(
        f"cannot be read as a pipeline file: {why}", expected="a file written by pipe.save(path)", who=str(path)
    )


def read_header(path: Path) -> Header:
    """Read the head of a file, and no tensor.

    Raises
    ------
    SerializationError
        If it is no pipeline file, is damaged or cut short.
    """
    raw, size = _raw_head(path)
    try:
        seal = _check_seal(raw)  # first: what is damaged is to be called damaged, whatever it reads like
        head = read_json(raw.decode())
        document = read_json(_document_text(head))
        places = {key: _place(key, entry) for key, entry in head.items() if key != "__metadata__"}
        _check_layout(places, size - 8 - len(raw))
    except ValueError as error:
        raise unreadable(path, str(error)) from error
    if not isinstance(document, dict):
        raise unreadable(path, "it carries no pipeline")
    return Header(document, places, size, seal)


def _raw_head(path: Path) -> tuple[bytes, int]:
    try:
        if not path.is_file():
            raise unreadable(path, "it is a folder" if path.is_dir() else "there is no such file")
        with path.open("rb") as file:
            size = path.stat().st_size
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > size - 8:
                raise unreadable(path, "it is cut short, or no safetensors file")
            if length > MAX_LENGTH:
                raise unreadable(path, f"its head is {length} bytes long, more than {MAX_LENGTH}")
            return file.read(length), size
    except (OSError, ValueError) as error:
        if isinstance(error, SerializationError):
            raise
        raise unreadable(path, f"{type(error).__name__}: {error}") from error


def _document_text(head: Any) -> str:
    metadata = head.get("__metadata__") if isinstance(head, dict) else None
    text = metadata.get(KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise ValueError("it carries no pipeline")  # noqa: TRY004 - what a file holds is a value, of whatever type
    return text


def _place(key: str, entry: Any) -> Place:
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [start, end], **rest} if not rest:
            numbers = (*shape, start, end) if len(shape) <= MAX_DIMENSIONS else (None,)
            if dtype in _SIZES and all(type(n) is int and 0 <= n < 2**62 for n in numbers):
                return Place(dtype, tuple(shape), start, end)
    raise ValueError(f"what it says of the tensor {key!r:.60} is not understood")


def _check_layout(places: Mapping[str, Place], available: int) -> None:
    """Check that tensors follow each other without gap or overlap, each as long as its shape says, to the end."""
    reached = 0
    for key, place in sorted(places.items(), key=lambda item: (item[1].start, item[1].end)):
        if place.start != reached or place.size != math.prod(place.shape) * _SIZES[place.dtype]:
            raise ValueError(f"the tensor {key!r:.60} does not lie where it should")
        reached = place.end
    if reached != available:
        raise ValueError(f"it has {available} bytes of tensors where its head tells of {reached}")


def _check_seal(raw: bytes) -> str:
    found = _SEALED.match(raw)
    if found is None:
        return ""
    if hashlib.sha256(_opened(raw, found)).hexdigest() != found[2].decode():
        raise ValueError("it was changed after it was written, or is damaged: its checksum does not agree")
    return found[2].decode()


def _opened(raw: bytes, found: re.Match[bytes]) -> bytes:
    return raw[: found.start(2)] + OPEN.encode() + raw[found.end(2) :]


def document_text(document: Mapping[str, Any]) -> str:
    """Return a document as text, its format and its open seal first, where `seal` looks for them.

    Raises
    ------
    TypeError, ValueError
        If it holds what JSON has no form for.
    """
    whole = {"format": document["format"], "sha256": OPEN, **document}
    return json.dumps({**whole, "sha256": OPEN}, allow_nan=False, separators=(",", ":"), default=_number)


def _number(value: Any) -> int | float:
    """Return a number of numpy, as a setting or a config may hold, as one that JSON knows."""
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    raise TypeError(f"{value!r:.80}, of type {type(value).__name__}, has no form in JSON")


def seal(path: Path) -> str:
    """Put the seal into a file just written, and return it."""
    with path.open("rb+") as file:
        length = int.from_bytes(file.read(8), "little")
        raw = file.read(length)
        found = _SEALED.match(raw)
        if found is None or found[2].decode() != OPEN:
            raise unreadable(path, "its head is not as it was to be written")
        digest = hashlib.sha256(raw).hexdigest()
        file.seek(8 + found.start(2))
        file.write(digest.encode())
    return digest
