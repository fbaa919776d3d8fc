"""Constraints of structures as text, and back: atoms that are held stay held in every format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase.constraints import FixAtoms, dict2constraint

from alchemi_ray.json_fields import content_of_field, field_of

if TYPE_CHECKING:
    from ase import Atoms


def constraints_text(atoms: Atoms) -> str | None:
    """Return the constraints as JSON, in the words of ASE's ``todict``; None where there are none.

    Atoms that are held in place come first, in one entry and by number: formats split and sort them differently.
    """
    found = _described(atoms)
    return field_of(found) if found else None


def constraints_of(text: object) -> list[Any]:
    """Return what `constraints_text` wrote; of a null, for which pandas has NaN, nothing.

    Raises
    ------
    ValueError, TypeError
        If it describes no constraints that ASE knows.
    """
    found = content_of_field(text)
    if found is None:
        return []
    if not isinstance(found, list):
        raise TypeError(f"{text!r} is no list of constraints")
    return [dict2constraint(one) for one in found]


def by_a_mask(atoms: Atoms) -> bool:
    """Tell whether a ``move_mask`` of extended XYZ says all: constraints, if any, hold whole atoms in place."""
    return all(isinstance(one, FixAtoms) for one in atoms.constraints)


def _described(atoms: Atoms) -> list[dict[str, Any]]:
    held = [one.index for one in atoms.constraints if isinstance(one, FixAtoms)]
    others = [one.todict() for one in atoms.constraints if not isinstance(one, FixAtoms)]
    indices = np.unique(np.concatenate(held) % max(1, len(atoms))).tolist() if held else []
    return [{"name": "FixAtoms", "kwargs": {"indices": indices}}, *others] if indices else others
