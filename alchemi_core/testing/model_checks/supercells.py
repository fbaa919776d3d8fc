"""Whether a crystal and several cells of it are the same crystal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.data.batch import Batch
from alchemi_core.quantities import is_per_atom
from alchemi_core.testing.comparing import SAME, compare, noted
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.testing.specimens import Specimen

EXTENSIVE = frozenset({"energy", "virial", "total_charge", "dE_dlambda", "d2E_dlambda2"})
INTENSIVE = frozenset({"stress", "coupling", "electric_field", "multiplicity"})


LARGE = 200
"""Atoms."""


def check_supercell(specimen: Specimen) -> str:
    """Compare each crystal with two cells of it side by side."""
    deviations = []
    for structure in specimen.structures:
        batch = specimen.of(structure)
        if batch.pbc is None or not bool(batch.pbc.any()):
            continue
        expected = _doubled(specimen.run(batch))
        what = f"{structure}, two cells of it"
        fix = "an image of an atom is a neighbor as any other: sum over all pairs of the list, shifts included"
        deviations.append(
            (
                compare(specimen.run(doubled(batch)), expected, what, within=specimen.within(SAME), fix=fix),
                structure.name,
            )
        )
    return noted(deviations)


def check_large(specimen: Specimen) -> str:
    """Compare one crystal with many cells of it, some hundred atoms in all."""
    for structure in specimen.structures:
        batch = specimen.of(structure)
        if batch.pbc is None or not bool(batch.pbc.any()):
            continue
        expected = specimen.run(batch)
        while batch.num_atoms < LARGE:
            batch, expected = doubled(batch), _doubled(expected)
        what = f"{structure}, {batch.num_atoms} atoms of it"
        fix = "no array is of a size that fits small systems only; sums over many pairs lose no digits"
        off = compare(specimen.run(batch), expected, what, within=specimen.within(10 * SAME), fix=fix)
        return noted([(off, structure.name)])
    return noted(())


def doubled(batch: Batch) -> Batch:
    """Return two cells of a single periodic system, along the shortest of its periodic lattice vectors."""
    assert batch.cell is not None
    assert batch.pbc is not None
    lengths = batch.cell[0].norm(dim=1).masked_fill(~batch.pbc[0], torch.inf)
    axis = int(lengths.argmin())
    cell = batch.cell.clone()
    cell[:, axis] *= 2.0
    fields = {name: _twice(name, value) for name, value in batch.fields.items()}
    return Batch(
        positions=torch.cat([batch.positions, batch.positions + batch.cell[0, axis]]),
        atomic_numbers=batch.atomic_numbers.repeat(2),
        batch_idx=batch.batch_idx.repeat(2),
        num_systems=1,
        cell=cell,
        pbc=batch.pbc,
        fields=fields,
    )


def _twice(name: str, value: Tensor) -> Tensor:
    if is_per_atom(name):
        return torch.cat([value, value])
    return 2.0 * value if name in EXTENSIVE else value


def _doubled(values: dict[str, Tensor]) -> dict[str, Tensor]:
    known = {name: value for name, value in values.items() if is_per_atom(name) or name in EXTENSIVE | INTENSIVE}
    return {name: _twice(name, value) for name, value in known.items() if name != "force_constants"}


def _periodic(specimen: Specimen) -> bool:
    return specimen.config.supports_pbc


CHECKS = (
    Promise("supercell", "two cells of a crystal have twice its energy and its forces", check_supercell, _periodic),
    Promise("large", "hundreds of atoms are no other than a few", check_large, _periodic),
)
