"""Whether it matters what else is asked, which other systems are there, and how atoms are numbered: it must not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.quantities import QUANTITIES, is_per_atom
from alchemi_core.testing.comparing import compare, noted
from alchemi_core.testing.failures import failure
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.testing.derivative_checks.trials import DerivativeSpecimen
    from alchemi_core.testing.structures import Structure


def check_batch(specimen: DerivativeSpecimen) -> str:
    """Ask for each name of all structures where it was answered, in one batch."""
    deviations = []
    for name in specimen.names:
        homes = specimen.homes(name)
        if len(homes) < 2:
            continue
        batch = _joined(specimen, homes)
        found = specimen.run(batch, {name})[name]
        for number, one in enumerate(homes):
            alone = specimen.trials[one, name].outputs[name]
            what = f"{name} of {one}, among {len(homes)} systems and alone"
            part = {name: _own(found, batch, number, alone, what)}
            fix = "rows of one system must not depend on another: index by data.batch_idx"
            deviations.append((compare(part, {name: alone}, what, within=specimen.again, fix=fix), one.name))
    return noted(deviations)


def _joined(specimen: DerivativeSpecimen, structures: Sequence[Structure]) -> Batch:
    """Return one batch of several structures, each with the inputs that it has alone."""
    alone = [specimen.bench.batch(one).fields for one in structures]
    fields = {name: torch.cat([one[name] for one in alone]) for name in alone[0]}
    return attrs.evolve(specimen.bench.batch(*structures), fields=fields)


def _own(found: Tensor, batch: Batch, number: int, alone: Tensor, what: str) -> Tensor:
    """Cut one system's part out; what pads it to the size of larger systems has to be zero."""
    first, last = batch.ptr[number], batch.ptr[number + 1]
    per_atom = alone.shape[0] == last - first != 1 or found.shape[0] == batch.num_atoms != batch.num_systems
    rows = found[first:last] if per_atom else found[number : number + 1]
    inner = tuple(slice(0, size) for size in alone.shape)
    cut, padding = rows[inner], rows.clone()
    padding[inner] = 0.0
    if bool(padding.any()):
        raise failure(what, "what pads it is not zero", expected=f"{list(alone.shape)}, and zeros beyond")
    return cut


def check_permutation(specimen: DerivativeSpecimen) -> str:
    """Number the atoms of each structure the other way round."""
    deviations = []
    for structure, names in specimen.settings:
        batch = specimen.bench.batch(structure)
        order = torch.arange(batch.num_atoms - 1, -1, -1)
        moved = {name: value[order] for name in _per_atom(batch) if (value := batch.get(name)) is not None}
        found, before = specimen.run(batch.with_fields(**moved), names), specimen.run(batch, names)
        for name, alone in before.items():
            what = f"{name} of {structure} with its atoms in another order"
            expected = {name: _reordered(name, alone, order)} if name != "force_constants" else {}
            deviations.append((compare(found, expected, what, within=specimen.again), structure.name))
    return noted(deviations)


def _per_atom(batch: Batch) -> list[str]:
    own = [name for name, value in batch.fields.items() if is_per_atom(name) or _has_row_each(name, value, batch)]
    return ["positions", "atomic_numbers", *own]


def _has_row_each(name: str, value: Tensor, batch: Batch) -> bool:
    return name not in QUANTITIES and value.shape[0] == batch.num_atoms != batch.num_systems


def _reordered(name: str, value: Tensor, order: Tensor) -> Tensor:
    if name == "hessian":
        places = (3 * order.unsqueeze(1) + torch.arange(3)).flatten()
        return value[:, places][:, :, places]
    per_atom = is_per_atom(name) or (name not in QUANTITIES and value.shape[0] == len(order) != 1)
    return value[order] if per_atom else value


def check_together(specimen: DerivativeSpecimen) -> str:
    """Ask for everything at once, the energy too, and compare with one after the other."""
    deviations = []
    for structure, names in specimen.settings:
        found = specimen.run(specimen.bench.batch(structure), {*names, "energy"})
        for name in names:
            what = f"{name} of {structure}, asked with {', '.join(names)} and alone"
            expected = {name: specimen.trials[structure, name].outputs[name]}
            deviations.append((compare(found, expected, what, within=specimen.again), structure.name))
    return noted(deviations)


PROMISES = (
    Promise("batch", "a system gives the same alone and among others, crystals and molecules mixed", check_batch),
    Promise("permutation", "the numbering of atoms means nothing", check_permutation),
    Promise("together", "what else is asked changes nothing", check_together),
)
