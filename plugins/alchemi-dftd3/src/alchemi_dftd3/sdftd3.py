"""The CPU backend: s-dftd3, one call per system."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import torch
from dftd3.interface import DispersionModel

from alchemi_core.errors import ModelOutputError
from alchemi_dftd3.cutoffs import Cutoffs
from alchemi_dftd3.dispersion import Dispersion
from alchemi_dftd3.systems import WHO, read_systems, touching

if TYPE_CHECKING:
    from dftd3.interface import DampingParam
    from numpy.typing import NDArray

    from alchemi_core.data.view import ModelView
    from alchemi_core.errors import GeometryError
    from alchemi_dftd3.damping import Damping
    from alchemi_dftd3.systems import System

Result: TypeAlias = "dict[str, NDArray[np.float64]]"

ELEMENTS = frozenset(range(1, 104))
"""Atomic numbers with reference data in s-dftd3; it crashes on 0 and is silently zero above 103."""

SPLIT_FROM = 200
"""Atoms from which threads pay: coordination numbers, half of the work, are counted anew for every part."""

MOST_PARTS = 4

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
    UnsupportedElementError
        If there is no reference data for an element.
    GeometryError
        If two atoms are at one place, a coordinate is not finite or a cell is singular.
    """
    energy = np.zeros(view.num_systems)
    gradient = np.zeros((view.num_atoms, 3))
    strain = np.zeros((view.num_systems, 3, 3))
    handle = damping.handle()
    tasks = _tasks(read_systems(view, cutoffs.reach, ELEMENTS))
    for task, result in zip(tasks, _run(tasks, handle, cutoffs, derivatives=derivatives), strict=True):
        energy[task.system.index] += result["energy"]
        if derivatives:
            gradient[task.system.atoms] += result["gradient"]
            strain[task.system.index] += result["virial"]
    if not derivatives:
        return Dispersion(torch.from_numpy(energy))
    return Dispersion(torch.from_numpy(energy), torch.from_numpy(gradient), torch.from_numpy(strain))


@attrs.frozen(eq=False)
class Task:
    """One call of s-dftd3: a system, or a part of the sums over its pairs and triples."""

    system: System
    part: int
    parts: int


def _tasks(systems: tuple[System, ...]) -> list[Task]:
    """Split large crystals into as many parts as torch may use threads; what comes out does not depend on the batch."""
    most = min(torch.get_num_threads(), MOST_PARTS)
    sizes = [most if s.lattice is not None and len(s.numbers) >= SPLIT_FROM else 1 for s in systems]
    return [Task(s, part, parts) for s, parts in zip(systems, sizes, strict=True) for part in range(parts)]


def _run(tasks: list[Task], damping: DampingParam, cutoffs: Cutoffs, *, derivatives: bool) -> list[Result]:
    """Return the results of all tasks, in order; s-dftd3 runs on one core itself and lets other threads run."""

    def run(task: Task) -> Result:
        return _of_task(task, damping, cutoffs, derivatives=derivatives)

    threads = min(torch.get_num_threads(), len(tasks))
    if threads < 2 or sum(len(task.system.numbers) for task in tasks) < SPLIT_FROM:
        return [run(task) for task in tasks]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, tasks))


def _of_task(task: Task, damping: DampingParam, cutoffs: Cutoffs, *, derivatives: bool) -> Result:
    system = task.system
    periodic = None if system.lattice is None else np.ones(3, dtype=bool)
    try:
        # A fresh model each time: it takes 0.1 ms, so nothing is kept between calls and threads share nothing.
        model = DispersionModel(system.numbers, system.positions, system.lattice, periodic)
        if cutoffs != Cutoffs():
            model.set_realspace_cutoff(**attrs.asdict(cutoffs))
        if task.parts > 1:
            model.set_work_partition(task.part, task.parts)
        result: Result = model.get_dispersion(damping, grad=derivatives)
    except RuntimeError as error:
        raise _explained(system, error) from error
    return result


def _explained(system: System, error: RuntimeError) -> GeometryError | ModelOutputError:
    first, second, distance = _closest(system)
    if distance > TOUCHING:
        return ModelOutputError(
            f"s-dftd3 refused system {system.index}: {error}", expected="a result", who=WHO, fix="look at the structure"
        )
    return touching(system.atoms.start + first, system.atoms.start + second)


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
