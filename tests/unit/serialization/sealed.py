"""Pipeline files taken apart, changed and sealed again, so that what lies behind the seal is tested too.

Written from the description of the format, without the core's own writer.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from pathlib import Path

OPEN = "0" * 64


@attrs.frozen(eq=False)
class Parts:
    """A file in pieces: the document, where tensors lie, and their bytes."""

    document: dict[str, Any]
    places: dict[str, Any]
    data: bytes

    @classmethod
    def of(cls, path: Path) -> Parts:
        raw = path.read_bytes()
        end = 8 + int.from_bytes(raw[:8], "little")
        head = json.loads(raw[8:end])
        document = json.loads(head.pop("__metadata__")["alchemi"])
        return cls(document, head, raw[end:])

    def bytes_of(self, key: str) -> bytes:
        start, end = self.places[key]["data_offsets"]
        return self.data[start:end]

    def text(self) -> str:
        """The document with its open seal, as it stands in the head."""
        if self.document.get("format") == 1:
            return json.dumps(self.document)
        first = {"format": self.document.get("format"), "sha256": OPEN}
        rest = {name: value for name, value in self.document.items() if name not in first}
        return json.dumps({**first, **rest}, separators=(",", ":"))

    def with_bytes(self, key: str, content: bytes) -> Parts:
        """Replace the bytes of one tensor by as many others, its digest with them."""
        start, end = self.places[key]["data_offsets"]
        assert len(content) == end - start
        self.document["tensors"][key] = hashlib.sha256(content).hexdigest()
        return attrs.evolve(self, data=self.data[:start] + content + self.data[end:])


def sealed(parts: Parts, text: str | None = None) -> bytes:
    """Put a file together; its seal fits whatever it holds."""
    head = {"__metadata__": {"alchemi": parts.text() if text is None else text}, **parts.places}
    return sealed_head(json.dumps(head, separators=(",", ":")).encode()) + parts.data


def sealed_head(raw: bytes) -> bytes:
    """Return a head with its length before it and the open seal closed, where it has one."""
    mark = rb"\"sha256\":\""
    at = raw.find(mark + OPEN.encode())
    if at >= 0:
        start = at + len(mark)
        raw = raw[:start] + hashlib.sha256(raw).hexdigest().encode() + raw[start + len(OPEN) :]
    return len(raw).to_bytes(8, "little") + raw
