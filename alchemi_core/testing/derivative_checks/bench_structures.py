"""Structures that strategies are checked on: small, of different sizes, the heavier atoms first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.build import bulk

from alchemi_core.testing.structures import Structure, structure_named

if TYPE_CHECKING:
    from collections.abc import Callable


def _heavier_first(name: str) -> Callable[[], Atoms]:
    def make() -> Atoms:
        atoms = structure_named(name).make()
        return atoms[np.argsort(-atoms.numbers, kind="stable")]

    return make


def _hydrogen_chloride() -> Atoms:
    return Atoms("ClH", positions=[(0.1, -0.2, 0.3), (0.5, 0.3, 1.4)])


def _zincblende() -> Atoms:
    atoms = bulk("GaAs", "zincblende", a=5.6)
    return atoms[np.argsort(-atoms.numbers, kind="stable")]


STRUCTURES: tuple[Structure, ...] = (
    Structure("water", "a molecule: no cell, no volume, three atoms", _heavier_first("water")),
    Structure(
        "hydrogen-chloride", "another of two atoms, so that a batch has systems of two sizes", _hydrogen_chloride
    ),
    Structure("rock-salt", "a sheared crystal with forces and stress", _heavier_first("rock-salt")),
    Structure("zincblende", "no forces by symmetry, and ions that move when it is strained", _zincblende),
    Structure("copper", "one atom, whose neighbors are its own images", _heavier_first("copper")),
)
"""Each is evaluated alone first, then with others in one batch."""


def _argon() -> Atoms:
    return Atoms("Ar", positions=[(0.3, 0.2, 0.1)])


LEAST: tuple[Structure, ...] = (
    Structure("one-atom", "an atom alone: no pairs", _argon),
    Structure("no-atoms", "a system without atoms, as the first of a series may be", Atoms),
)
