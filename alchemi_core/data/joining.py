"""Joining single systems into a batch, and taking one out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.data.atomic_data import AtomicData
from alchemi_core.data.batch import Batch
from alchemi_core.errors import DataError
from alchemi_core.quantities import QUANTITIES, Per

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def join(systems: Sequence[AtomicData]) -> Batch:
    """Join systems in order; a system without a cell gets a zero one when another has one."""
    if not systems:
        raise DataError("no systems to join", expected="at least one AtomicData", who="Batch.from_data_list")
    counts = [s.positions.shape[0] for s in systems]
    device = systems[0].positions.device
    cell, pbc = _lattices(systems)
    return Batch(
        positions=torch.cat([s.positions for s in systems]),
        atomic_numbers=torch.cat([s.atomic_numbers for s in systems]),
        batch_idx=torch.repeat_interleave(torch.arange(len(systems), device=device), torch.tensor(counts).to(device)),
        num_systems=len(systems),
        cell=cell,
        pbc=pbc,
        fields={name: torch.cat([s.fields[name] for s in systems]) for name in _common_fields(systems)},
    )


def _lattices(systems: Sequence[AtomicData]) -> tuple[Tensor | None, Tensor | None]:
    if all(s.cell is None for s in systems):
        return None, None
    first = systems[0].positions
    none = torch.zeros(3, dtype=torch.bool, device=first.device)
    cells = [first.new_zeros(3, 3) if s.cell is None else s.cell for s in systems]
    return torch.stack(cells), torch.stack([none if s.pbc is None else s.pbc for s in systems])


def _common_fields(systems: Sequence[AtomicData]) -> tuple[str, ...]:
    names = sorted({name for s in systems for name in s.fields})
    for name in names:
        having = sum(name in s.fields for s in systems)
        if having != len(systems):
            raise DataError(
                f"field {name!r} is on {having} of {len(systems)} systems",
                expected="on all or none",
                who="Batch.from_data_list",
            )
    return tuple(names)


def take(batch: Batch, index: int) -> AtomicData:
    """Return one system of a batch; negative indices count from the end."""
    system = range(batch.num_systems)[index]
    atoms = slice(batch.ptr[system], batch.ptr[system + 1])
    rows = slice(system, system + 1)
    return AtomicData(
        positions=batch.positions[atoms],
        atomic_numbers=batch.atomic_numbers[atoms],
        cell=None if batch.cell is None else batch.cell[system],
        pbc=None if batch.pbc is None else batch.pbc[system],
        fields={
            name: field[atoms if _is_per_atom(name, field, batch) else rows] for name, field in batch.fields.items()
        },
    )


def _is_per_atom(name: str, field: Tensor, batch: Batch) -> bool:
    """Standard quantities say it; others are per atom when their first axis is the atom count."""
    if name in QUANTITIES:
        return QUANTITIES[name].per is Per.ATOM
    return bool(field.shape[0] == batch.num_atoms)


def repeat(batch: Batch, count: int) -> Batch:
    """Return several copies of a batch as one, the systems of the first copy first; see `Batch.repeated`."""
    if count == 1:
        return attrs.evolve(batch, neighbors=())

    def several(tensor: Tensor) -> Tensor:
        return tensor.repeat(count, *(1,) * (tensor.dim() - 1))

    copies = torch.arange(count, device=batch.device).repeat_interleave(batch.num_atoms)
    return attrs.evolve(
        batch,
        positions=several(batch.positions),
        atomic_numbers=several(batch.atomic_numbers),
        batch_idx=several(batch.batch_idx) + copies * batch.num_systems,
        num_systems=batch.num_systems * count,
        cell=None if batch.cell is None else several(batch.cell),
        pbc=None if batch.pbc is None else several(batch.pbc),
        fields={name: several(value) for name, value in batch.fields.items()},
        neighbors=(),
    )
