"""Digests: one number for the content of a structure, so that it can be told again in any file."""

from __future__ import annotations

import hashlib
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from alchemi_ray.constraints import constraints_text
from alchemi_ray.json_fields import content_of_field, field_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ase import Atoms

LENGTH = 32
OWN = frozenset({"numbers", "positions"})
MARK = "alchemi"
"""Entry of ``atoms.info`` under which results of a run stand in extended XYZ; no part of a structure."""


def digest_of(atoms: Atoms) -> str:
    """Return 32 hexadecimal digits of SHA-256 over numbers, positions, cell, pbc, info, further arrays and constraints.

    Floats count with all their bits.
    """
    hashed = hashlib.sha256()
    for values, kind in (
        (atoms.numbers, "<i8"),
        (atoms.positions, "<f8"),
        (atoms.cell.array, "<f8"),
        (atoms.pbc, "u1"),
    ):
        hashed.update(np.ascontiguousarray(values, dtype=kind).tobytes())
    for text in (info_text(atoms), arrays_text(atoms)):
        hashed.update(b"\0" + (text or "").encode())
    if held := constraints_text(atoms):
        hashed.update(b"\0" + held.encode())
    return hashed.hexdigest()[:LENGTH]


def digest_of_bytes(content: bytes) -> str:
    """Return that of bytes that are no structure."""
    return hashlib.sha256(content).hexdigest()[:LENGTH]


def info_text(atoms: Atoms) -> str | None:
    """Return what ``atoms.info`` holds as JSON, without what JSON cannot hold; None where that is nothing."""
    return _text({key: value for key, value in atoms.info.items() if isinstance(key, str) and key != MARK})


def arrays_text(atoms: Atoms) -> str | None:
    """Return further arrays by atom as JSON; None where there are none."""
    return _text({name: values for name, values in atoms.arrays.items() if name not in OWN})


def values_of(text: object) -> dict[str, Any]:
    """Return what `info_text` or `arrays_text` wrote; of a null, for which pandas has NaN, nothing."""
    found = content_of_field(text)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise TypeError(f"{text!r} is no JSON object")
    return found


def _text(values: Mapping[str, Any]) -> str | None:
    kept = {name: value for name, value in values.items() if _is_plain(value)}
    return field_of(kept) if kept else None


def _is_plain(value: Any) -> bool:
    if value is None or isinstance(value, str | bool | Real | np.bool_):
        return True
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biufU"
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return isinstance(value, dict) and all(isinstance(key, str) and _is_plain(one) for key, one in value.items())
