"""The CPU backend: s-dftd3, one call per system."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np
import torch
from dftd3.interface import DispersionModel

from alchemi_core.errors import GeometryError, ModelOutputError
from alchemi_dftd3.cutoffs import Cutoffs
from alchemi_dftd3.dispersion import Dispersion
from alchemi_dftd3.systems import WHO, read_systems

if TYPE_CHECKING:
    from alchemi_core.data.view import ModelView
    from alchemi_dftd3.damping import Damping
    from alchemi_dftd3.systems import System
    from dftd3.interface import DampingParam
    from numpy.typing import NDArray

ELEMENTS = frozenset(range(1, 104))
"""Atomic numbers with reference data in s-dftd3; it crashes on 0 and is silently zero above 103."""

TOUCHING = 1e-3
"""Bohr; when s-dftd3 finds atoms too close it means closer than this."""


def evaluate(view: ModelView, damping: Damping, cutoffs: Cutoffs, *, derivatives: bool) -> Dispersion:
    """Compute dispersion in double precision on the host, whatever the view's dtype and device.

    Parameters
    ----------
    view : ModelView
        The batch.
    damping : Damping
        Damping function with parameters.
    cutoffs : Cutoffs
        Ranges of the sums.
    derivatives : bool
        Whether gradient and strain derivative are needed; they triple the cost.

    Raises
    ------
    GeometryError
        If two atoms are at one place, a coordinate is not finite or a cell is singular.
    """
    energy = np.zeros(view.num_systems)
    gradient = np.zeros((view.num_atoms, 3))
    strain = np.zeros((view.num_systems, 3, 3))
    handle = damping.handle()
    for system in read_systems(view, cutoffs.reach):
        result = _of_system(system, handle, cutoffs, derivatives=derivatives)
        energy[system.index] = result["energy"]
        if derivatives:
            gradient[system.atoms] = result["gradient"]
            strain[system.index] = result["virial"]
    if not derivatives:
        return Dispersion(torch.from_numpy(energy))
    return Dispersion(torch.from_numpy(energy), torch.from_numpy(gradient), torch.from_numpy(strain))


def _of_system(
    system: System, damping: DampingParam, cutoffs: Cutoffs, *, derivatives: bool
) -> dict[str, NDArray[np.float64]]:
    periodic = None if system.lattice is None else np.ones(3, dtype=bool)
    try:
        # A fresh model each time: it takes 0.1 ms, so nothing is kept between calls and threads share nothing.
        model = DispersionModel(system.numbers, system.positions, system.lattice, periodic)
        if cutoffs != Cutoffs():
            model.set_realspace_cutoff(**attrs.asdict(cutoffs))
        result: dict[str, NDArray[np.float64]] = model.get_dispersion(damping, grad=derivatives)
    except RuntimeError as error:
        raise _explained(system, error) from error
    return result


def _explained(system: System, error: RuntimeError) -> GeometryError | ModelOutputError:
    first, second, distance = _closest(system)
    if distance > TOUCHING:
        return ModelOutputError(
            f"s-dftd3 refused system {system.index}: {error}", expected="a result", who=WHO, fix="look at the structure"
        )
    return GeometryError(
        f"atoms {system.atoms.start + first} and {system.atoms.start + second} (system {system.index}) are at one place",
        expected="a distance above zero between any two atoms",
        who=WHO,
        fix="remove the duplicate atom, or check the cell",
    )


def _closest(system: System) -> tuple[int, int, float]:
    """Return the closest pair and its distance, folding by rounding: exact for touching atoms, which are meant."""
    vectors = system.positions[None] - system.positions[:, None]
    if system.lattice is not None:
        fractions = vectors @ np.linalg.inv(system.lattice)
        vectors = (fractions - np.round(fractions)) @ system.lattice
    distances = np.linalg.norm(vectors, axis=2)
    distances[np.diag_indices_from(distances)] = np.inf
    first, second = np.unravel_index(int(distances.argmin()), distances.shape)
    return int(first), int(second), float(distances[first, second])
