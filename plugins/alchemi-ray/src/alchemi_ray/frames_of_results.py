"""Results as structures: what ASE reads back from extended XYZ."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.calculators.singlepoint import SinglePointCalculator

from alchemi_core.cli.snapshot import STORED
from alchemi_ray.constraints import by_a_mask, constraints_text
from alchemi_ray.digests import MARK

if TYPE_CHECKING:
    from ase import Atoms

    from alchemi_ray.dataset.reader import Entry
    from alchemi_ray.tasks.answer import Answer


def frame_of(entry: Entry, answer: Answer, run: str) -> Atoms:
    """Return a structure with its results where ASE looks for them; identity and all else in one entry of its info."""
    atoms: Atoms = answer.atoms.copy()
    known = {name: value for name, value in answer.columns.items() if name in STORED and value is not None}
    atoms.calc = SinglePointCalculator(atoms, **known)
    identity = {"number": entry.number, "source": entry.source, "index": entry.index, "digest": entry.record.digest}
    further = {name: _plain(value) for name, value in answer.columns.items() if name not in STORED}
    # Extended XYZ itself has no more than a mask of atoms that are held.
    kept = {} if by_a_mask(atoms) else {"constraints": json.loads(constraints_text(atoms) or "[]")}
    atoms.info[MARK] = {"run": run, **identity, **further, **kept}
    return atoms


def _plain(value: Any) -> Any:
    """Return a result as JSON can hold it."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value
