"""Whether energy and forces go smoothly to what they are without a pair, as it leaves the cutoff."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from ase import Atoms

from alchemi_core.testing.failures import failure
from alchemi_core.testing.fitting import fitted
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alchemi_core.testing.specimens import Specimen

FAR, NEAR = 1e-3, 1e-5
"""Å to either side of the cutoff. A step does not shrink with the distance; what is smooth shrinks a hundredfold."""

SHRINKS = 0.2
NOISE = 1e-9
"""eV and eV/Å; relative to the largest value in the structure, and absolute."""


def _crossing(specimen: Specimen) -> Iterator[tuple[str, list[Atoms]]]:
    """Yield structures in which one distance is just below and just above the cutoff, far and near."""
    need = specimen.config.neighbor_config
    assert need is not None
    offsets = [need.cutoff + sign * away for away in (FAR, NEAR) for sign in (-1.0, 1.0)]
    for label, make in (("two atoms", _pair), ("three atoms", _bent), ("five atoms", _cluster)):
        yield label, [fitted_at(make(r), specimen) for r in offsets]


def fitted_at(atoms: Atoms, specimen: Specimen) -> Atoms:
    """Return atoms of elements that the model knows, where they are."""
    same = fitted(atoms, specimen.config.elements)
    same.positions = atoms.positions
    return same


def _pair(distance: float) -> Atoms:
    return Atoms("CO", positions=[(0, 0, 0), (distance, 0, 0)])


def _bent(distance: float) -> Atoms:
    return Atoms("COC", positions=[(0, 0, 0), (distance, 0, 0), (0.45 * distance, 0.3 * distance, 0)])


def _cluster(distance: float) -> Atoms:
    """Return two pairs of neighbors, one atom of each at the distance, and one between."""
    end = distance * np.array([0.8, 0.6, 0.0])
    places = [
        (0, 0, 0),
        end,
        (-0.9, 1.2, 0.3),
        end + np.array([1.1, 0.2, -0.9]),
        0.5 * end + np.array([0.2, -0.4, 1.0]),
    ]
    return Atoms("COCOC", positions=places)


def _jumps(specimen: Specimen, systems: list[Atoms], name: str) -> tuple[float, float, float]:
    """Return the largest change of an output across the cutoff, far and near, and its largest value."""
    outputs = [specimen.run(specimen.batch(one), {name})[name] for one in systems]
    far, near = (float((outputs[k] - outputs[k + 1]).abs().max()) for k in (0, 2))
    return far, near, float(torch.stack([value.abs().max() for value in outputs]).max())


def _check(specimen: Specimen, name: str, unit: str, fix: str) -> str:
    worst = 0.0
    for label, systems in _crossing(specimen):
        far, near, scale = _jumps(specimen, systems, name)
        if not near <= SHRINKS * far + NOISE * max(1.0, scale):
            raise failure(
                f"{label}, one distance crossing the cutoff",
                f"{name} changes by {near:.2e} {unit} within {2 * NEAR:g} Å, and by {far:.2e} within {2 * FAR:g} Å",
                expected="a change that vanishes with the distance",
                fix=fix,
            )
        worst = max(worst, near)
    return f"changes by {worst:.0e} {unit} at most"


def check_continuous(specimen: Specimen) -> str:
    """Look at the energy."""
    return _check(specimen, "energy", "eV", "shift the energy to zero at the cutoff, or better switch it off smoothly")


def check_smooth(specimen: Specimen) -> str:
    """Look at the forces."""
    fix = "switch the energy off with a function whose slope vanishes at the cutoff too, such as (1 − (r/r_c)²)³"
    return _check(specimen, "forces", "eV/Å", fix)


def _has(name: str, specimen: Specimen) -> bool:
    reads = specimen.config.needs_neighborlist and not specimen.config.needs_pbc
    return reads and name in specimen.names


CHECKS = (
    Promise(
        "continuous-at-cutoff",
        "the energy does not jump as a pair leaves the cutoff",
        check_continuous,
        lambda specimen: _has("energy", specimen),
    ),
    Promise(
        "smooth-at-cutoff",
        "forces do not jump as a pair leaves the cutoff, so that dynamics conserve energy",
        check_smooth,
        lambda specimen: _has("forces", specimen),
    ),
)
