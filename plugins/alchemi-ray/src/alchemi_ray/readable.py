"""Frames that can be read again: what extended XYZ garbles is kept safe from it, or refused before it is in a file."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
from ase.calculators.calculator import all_properties
from ase.io.jsonio import encode

from alchemi_core.cli.frames import as_text
from alchemi_ray.constraints import constraints_text
from alchemi_ray.dataset.xyz import record_of
from alchemi_ray.digests import MARK, OWN, info_text

if TYPE_CHECKING:
    from ase import Atoms

NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)

MEANT = {*all_properties, "virial", "Lattice", "Properties", "pbc", "uid"}
"""Keys of which ASE makes something of its own."""

PLAIN = {"initial_charges": ("f", 1), "initial_magmoms": ("f", 1), "momenta": ("f", 2), "masses": ("f", 1)}
"""Arrays that come back: kinds of their numbers, and axes. Of many other names ASE makes something of its own."""

WORD = re.compile(r"[A-Za-z][\w+().:-]*[\w+)]")
"""Words of which ASE makes no number, no truth value and no list."""

TRUTH = re.compile(r"(t|f|true|false|none|nan|inf|infinity)", re.IGNORECASE)


def readable_text(frame: Atoms) -> str:
    """Return a structure as extended XYZ.

    What ASE does not read back as it was written stands, beside all else of ``info``, in the entry of `MARK`: for
    ASE 3.29 empty words, ``"007"`` or ``"T"``, line breaks, quotes within quotes, and keys that have a meaning of their
    own. One such comment may make the whole file unreadable, or take the next entry along.

    Raises
    ------
    ValueError
        If the frame does not come back even so.
    """
    if _is_simple(frame):
        return as_text([frame])
    for tried in (frame, _careful(frame)):
        text = _text(tried)
        if text is not None and _comes_back(text, frame):
            return text
    raise ValueError("its info or arrays hold what extended XYZ cannot keep")


def _is_simple(frame: Atoms) -> bool:
    """Tell whether a frame comes back for certain; to read all of them again would take long."""
    info = {key: value for key, value in frame.info.items() if key != MARK}
    return (
        all(map(_is_simple_entry, info, info.values()))
        and "\\" not in encode(frame.info.get(MARK, {}))
        and all(map(_is_simple_array, frame.arrays, frame.arrays.values()))
    )


def _is_simple_array(name: str, values: np.ndarray) -> bool:
    return name in OWN or (PLAIN.get(name) == (values.dtype.kind, values.ndim) and values.size > 0)


def _is_simple_entry(key: object, value: Any) -> bool:
    if not isinstance(key, str) or not NAME.fullmatch(key) or key in MEANT:
        return False
    if isinstance(value, str):
        return bool(WORD.fullmatch(value)) and not TRUTH.fullmatch(value)
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, bool | int | np.integer) and abs(int(value)) < 2**31


def _careful(frame: Atoms) -> Atoms:
    """Return a frame with those entries of info that come back each by itself, and all of them in that of `MARK`."""
    careful: Atoms = frame.copy()
    careful.calc, careful.info = (
        frame.calc,
        {MARK: {**frame.info.get(MARK, {}), "info": quote(info_text(frame) or "", SAFE)}},
    )
    for key, value in frame.info.items():
        alone = frame.copy()
        alone.calc, alone.info = frame.calc, {key: value}
        text = _text(alone) if key != MARK else None
        if text is not None and _comes_back(text, alone):
            careful.info[key] = value
    return careful


SAFE = " {}[]:,+-*/()_.'|"
"""Characters that need no escape: no quote, and no backslash, which ASE takes away one at a time."""


def _text(frame: Atoms) -> str | None:
    try:
        return as_text([frame])
    except Exception:  # noqa: BLE001 - of many kinds, where ASE takes entries for results, or does not write a shape
        return None


def _comes_back(text: str, frame: Atoms) -> bool:
    found = record_of(text.encode()).atoms
    return found is not None and _told(found) == _told(frame)


def _told(atoms: Atoms) -> tuple[Any, ...]:
    """Return what a frame says, numbers with decimals aside, of which fewer are written."""
    words = {name: values.tolist() for name, values in atoms.arrays.items() if values.dtype.kind != "f"}
    kinds = {name: (values.dtype.kind, values.shape) for name, values in atoms.arrays.items()}
    return words, kinds, atoms.pbc.tolist(), info_text(atoms), constraints_text(atoms)
