"""Forces of displaced supercells: several in one batch, as many as memory is meant to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs
import numpy as np
import torch

from alchemi_core.data.batch import Batch
from alchemi_core.errors import DerivativeError
from alchemi_derivatives.repeated_fields import repeated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence, Set

    from numpy.typing import NDArray
    from torch import Tensor

    from alchemi_derivatives.supercells import Supercell

    Sample: TypeAlias = Callable[[Batch, Set[str]], Mapping[str, Tensor]]
    Report: TypeAlias = Callable[[int, int], None]

WHO = "force-constants"


@attrs.frozen(eq=False)
class ForceSet:
    """Forces of the supercells of one crystal.

    Parameters
    ----------
    rest : ndarray [M, 3], eV/Å
        With no atom displaced.
    changes : ndarray [D, M, 3], eV/Å
        What is added to these by each displacement.
    """

    rest: NDArray[np.float64]
    changes: NDArray[np.float64]


Task: TypeAlias = "tuple[int, int | None]"
"""Number of a supercell, and of a displacement; None for the supercell as it is."""


def force_sets(
    supercells: Sequence[Supercell], sample: Sample, data: Batch, most: int, report: Report | None = None
) -> list[ForceSet]:
    """Evaluate all displaced supercells, and each once as it is.

    Parameters
    ----------
    supercells : sequence of Supercell
        Of crystals of one batch.
    sample : callable
        ``sample(batch, {"forces"})`` returns the forces [N, 3] in eV/Å.
    data : Batch
        The crystals.
    most : int
        Atoms in one batch of supercells; a single supercell may have more.
    report : callable, optional
        Called as ``report(done, all)`` after each batch, counted in supercells.

    Raises
    ------
    DerivativeError
        If forces are not finite.
    """
    tasks = [(i, k) for i, one in enumerate(supercells) for k in (None, *range(one.num_displacements))]
    found: dict[Task, NDArray[np.float64]] = {}
    for chunk in _chunks(tasks, [supercells[i].num_atoms for i, _ in tasks], most):
        batch = _batch([(supercells[i], k) for i, k in chunk], data)
        forces = _finite(sample(batch, {"forces"})["forces"])
        found |= {task: forces[batch.ptr[n] : batch.ptr[n + 1]] for n, task in enumerate(chunk)}
        if report is not None:
            report(len(found), len(tasks))
    return [_force_set(i, one.num_displacements, found) for i, one in enumerate(supercells)]


def _force_set(number: int, displacements: int, found: Mapping[Task, NDArray[np.float64]]) -> ForceSet:
    rest = found[number, None]
    return ForceSet(rest, np.stack([found[number, k] - rest for k in range(displacements)]))


def _chunks(tasks: Sequence[Task], sizes: Sequence[int], most: int) -> Iterator[list[Task]]:
    chunk: list[Task] = []
    atoms = 0
    for task, size in zip(tasks, sizes, strict=True):
        if chunk and atoms + size > most:
            yield chunk
            chunk, atoms = [], 0
        chunk.append(task)
        atoms += size
    if chunk:
        yield chunk


def _batch(pieces: Sequence[tuple[Supercell, int | None]], data: Batch) -> Batch:
    """Join displaced supercells, with all that the batch of crystals says of their atoms and of them."""
    assert data.cell is not None
    assert data.pbc is not None
    origins = torch.cat([one.origin for one, _ in pieces])
    systems = [one.system for one, _ in pieces]
    sizes = torch.tensor([one.num_atoms for one, _ in pieces], device=data.device)
    matrices = torch.tensor(np.stack([one.matrix for one, _ in pieces]), dtype=data.dtype, device=data.device)
    return Batch(
        positions=torch.cat([one.displaced(number) for one, number in pieces]).to(data.dtype),
        atomic_numbers=data.atomic_numbers[origins],
        batch_idx=torch.repeat_interleave(torch.arange(len(pieces), device=data.device), sizes),
        num_systems=len(pieces),
        cell=matrices @ data.cell[systems].detach(),
        pbc=data.pbc[systems],
        fields={name: repeated(name, data, origins, systems, [one.cells for one, _ in pieces]) for name in data.fields},
    )


def _finite(forces: Tensor) -> NDArray[np.float64]:
    values: NDArray[np.float64] = forces.detach().double().cpu().numpy()
    if np.isfinite(values).all():
        return values
    raise DerivativeError(
        "forces of a displaced supercell are not finite",
        expected="finite forces",
        who=WHO,
        fix="look at the structure: atoms that touch, or a model that cannot take it",
    )
