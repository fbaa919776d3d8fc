"""Whether systems of a batch know nothing of each other."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from alchemi_core.quantities import is_per_atom
from alchemi_core.testing.comparing import compare, noted
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.testing.specimens import Specimen

PBC = (
    (True, True, True),
    (True, True, False),
    (True, False, True),
    (True, False, False),
    (False, False, True),
    (False, False, False),
)
WITHIN = 1e-9


def rows_of(values: dict[str, Tensor], batch: Batch, system: int) -> dict[str, Tensor]:
    """Return the part of outputs that belongs to one system of a batch."""
    start, stop = list(pairwise(batch.ptr))[system]
    return {name: v[start:stop] if is_per_atom(name) else v[system : system + 1] for name, v in values.items()}


def _compared(specimen: Specimen, labels: Sequence[str], systems: Sequence[Atoms], what: str) -> str:
    """Compare each system in a batch of several with the system alone."""
    batch = specimen.batch(*systems)
    together = specimen.run(batch)
    deviations = []
    for index, (label, atoms) in enumerate(zip(labels, systems, strict=True)):
        alone = specimen.run(specimen.batch(atoms))
        own = {name: value for name, value in rows_of(together, batch, index).items() if name in alone}
        fix = "sum by view.batch_idx over view.num_systems; nothing is shared between systems"
        off = compare(own, _known(alone, own), f"{label}, {what}", within=WITHIN, fix=fix)
        deviations.append((off, label))
    return noted(deviations)


def _known(alone: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """Leave out what has open axes, which are as long as the largest system makes them."""
    return {name: value for name, value in alone.items() if value.shape[1:] == own[name].shape[1:]}


def check_one_by_one(specimen: Specimen) -> str:
    """Evaluate all structures together: crystals, molecules, slabs and wires in one batch."""
    labels = [structure.name for structure in specimen.structures]
    systems = [specimen.atoms(structure) for structure in specimen.structures]
    return _compared(specimen, labels, systems, f"with {len(systems) - 1} others in a batch")


def check_order_of_systems(specimen: Specimen) -> str:
    """Evaluate all structures in the opposite order."""
    systems = [specimen.atoms(structure) for structure in specimen.structures]
    one, other = specimen.batch(*systems), specimen.batch(*systems[::-1])
    forward, backward = specimen.run(one), specimen.run(other)
    deviations = []
    for index, structure in enumerate(specimen.structures):
        found = rows_of(backward, other, len(systems) - 1 - index)
        expected = rows_of(forward, one, index)
        what = f"{structure}, with the systems in the opposite order"
        fix = "a system must not be told by its number in the batch"
        off = compare(found, expected, what, within=WITHIN, fix=fix)
        deviations.append((off, structure.name))
    return noted(deviations)


def check_mixed_pbc(specimen: Specimen) -> str:
    """Evaluate one crystal with different periodic directions in one batch."""
    crystal = next(one for one in map(specimen.atoms, specimen.structures) if one.pbc.all())
    systems = []
    for pbc in PBC:
        other = crystal.copy()
        other.pbc = pbc
        systems += [] if specimen.refusal(other) else [other]
    labels = [f"pbc {one.pbc.tolist()}" for one in systems]
    return _compared(specimen, labels, systems, "beside the same atoms with other pbc")


def check_cell_without_pbc(specimen: Specimen) -> str:
    """Put a molecule into a cell that is not periodic: nothing but its stress is defined by it."""
    deviations = []
    for structure in specimen.structures:
        free = specimen.atoms(structure)
        if free.pbc.any() or free.cell.array.any():
            continue
        boxed = free.copy()
        boxed.set_cell([3.0, 4.0, 5.0])
        found, expected = (specimen.run(specimen.batch(one)) for one in (boxed, free))
        what = f"{structure} in a cell without pbc"
        fix = "periodicity is view.pbc; a cell may be there without it"
        off = compare(found, expected, what, fix=fix)
        deviations.append((off, structure.name))
    return noted(deviations)


def _crystals(specimen: Specimen) -> bool:
    return specimen.config.supports_pbc and any(one.make().pbc.all() for one in specimen.structures)


def _any_pbc(specimen: Specimen) -> bool:
    return _crystals(specimen) and not specimen.config.needs_pbc


CHECKS = (
    Promise("one-by-one", "a batch gives what its systems give alone", check_one_by_one),
    Promise("order-of-systems", "the order of systems in a batch means nothing", check_order_of_systems),
    Promise("mixed-pbc", "each system of a batch has periodic directions of its own", check_mixed_pbc, _any_pbc),
    Promise(
        "cell-without-pbc",
        "a cell without periodicity changes nothing",
        check_cell_without_pbc,
        lambda specimen: specimen.config.supports_pbc and not specimen.config.needs_pbc,
    ),
)
