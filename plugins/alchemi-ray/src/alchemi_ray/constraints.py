"""Constraints of structures as text, and back: atoms that are held stay held in every format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.constraints import FixAtoms, dict2constraint
from ase.io.jsonio import encode, object_hook

if TYPE_CHECKING:
    from ase import Atoms


def constraints_text(atoms: Atoms) -> str | None:
    """Return the constraints as JSON, in the words of ASE's ``todict``; None where there are none.

    Atoms that are held in place come first, in one entry and by number: formats split and sort them differently.
    """
    found = _described(atoms)
    return json.dumps(json.loads(encode(found)), sort_keys=True) if found else None


def constraints_of(text: object) -> list[Any]:
    """Return what `constraints_text` wrote; of a null, for which pandas has NaN, nothing.

    Raises
    ------
    ValueError, TypeError
        If it describes no constraints that ASE knows.
    """
    if not isinstance(text, str) or not text:
        return []
    found = json.loads(text, object_hook=object_hook)
    if not isinstance(found, list):
        raise TypeError(f"{text[:40]!r} is no list of constraints")
    return [dict2constraint(one) for one in found]


def by_a_mask(atoms: Atoms) -> bool:
    """Tell whether a ``move_mask`` of extended XYZ says all: constraints, if any, hold whole atoms in place."""
    return all(isinstance(one, FixAtoms) for one in atoms.constraints)


def _described(atoms: Atoms) -> list[dict[str, Any]]:
    held = [one.index for one in atoms.constraints if isinstance(one, FixAtoms)]
    others = [one.todict() for one in atoms.constraints if not isinstance(one, FixAtoms)]
    indices = np.unique(np.concatenate(held)).tolist() if held else []
    return [{"name": "FixAtoms", "kwargs": {"indices": indices}}, *others] if indices else others
