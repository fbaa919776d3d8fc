"""What a model returns: every output it declares, in the right shape and type, on the right device, alone too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from ase import Atoms

from alchemi_core.quantities import QUANTITIES
from alchemi_core.testing.comparing import compare, noted
from alchemi_core.testing.failures import failure
from alchemi_core.testing.fitting import fitted
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.testing.specimens import Specimen


NO_VOLUME = 1e-9
"""Å³; below it the cell of a slab or a wire."""


def asked(specimen: Specimen, dtype: torch.dtype = torch.float64) -> Iterator[tuple[str, Batch]]:
    """Yield batches with what they are: each structure, all together, and two atoms without neighbors."""
    for structure in specimen.structures:
        yield str(structure), specimen.of(structure, dtype)
    everything = [specimen.atoms(structure) for structure in specimen.structures]
    yield "all structures together", specimen.batch(*everything, dtype=dtype)
    if not specimen.config.needs_pbc and not specimen.refusal(strangers(specimen)):
        yield "two atoms without neighbors", specimen.batch(strangers(specimen), dtype=dtype)


def strangers(specimen: Specimen) -> Atoms:
    """Return two atoms that no list pairs."""
    need = specimen.config.neighbor_config
    apart = 20.0 if need is None else 4.0 * need.cutoff
    return fitted(Atoms("CO", positions=[(0.1, 0.2, 0.3), (apart, 0.0, 0.0)]), specimen.config.elements)


def _answers(
    specimen: Specimen, dtype: torch.dtype = torch.float64
) -> Iterator[tuple[str, Batch, Mapping[str, Tensor]]]:
    """Yield what the model itself returns, asked for everything it declares."""
    for what, batch in asked(specimen, dtype):
        yield what, batch, specimen.raw(batch, declared_for(specimen, batch))


def declared_for(specimen: Specimen, batch: Batch) -> frozenset[str]:
    """Return the declared outputs that a batch has: no stress without a cell."""
    return specimen.config.outputs if batch.cell is not None else specimen.config.outputs - {"stress"}


def check_outputs(specimen: Specimen) -> str:
    """Ask for everything that is declared."""
    for what, batch, answer in _answers(specimen):
        for name in sorted(declared_for(specimen, batch)):
            if not isinstance(answer.get(name), torch.Tensor):
                raise failure(
                    what,
                    f"{name} was asked for, and {', '.join(sorted(answer)) or 'nothing'} came back",
                    expected=f"a tensor {name!r}, as its config declares",
                    fix=f"return it, or leave {name!r} out of outputs",
                )
    return ", ".join(sorted(specimen.config.outputs))


def check_shapes(specimen: Specimen) -> None:
    """Compare shapes with the quantity table."""
    for what, batch, answer in _answers(specimen):
        for name in sorted(declared_for(specimen, batch) & frozenset(QUANTITIES)):
            quantity, found = QUANTITIES[name], answer.get(name)
            if found is not None and not quantity.fits(tuple(found.shape), batch.num_atoms, batch.num_systems):
                expected = quantity.written_shape(batch.num_atoms, batch.num_systems)
                raise failure(what, f"{name} has shape {list(found.shape)}", expected=f"{expected}, {quantity.axes}")


def check_dtypes(specimen: Specimen) -> None:
    """Compare floating types with that of the positions, in float32 and in float64."""
    for dtype in (torch.float64, torch.float32):
        for what, batch, answer in _answers(specimen, dtype):
            for name in sorted(declared_for(specimen, batch)):
                found = answer.get(name)
                if found is not None and found.is_floating_point() and found.dtype != dtype:
                    raise failure(
                        f"{what} in {_spelt(dtype)}",
                        f"{name} has type {_spelt(found.dtype)}",
                        expected="the floating type of view.positions",
                        fix=f"{name}.to(view.positions.dtype)",
                    )


def _spelt(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def check_devices(specimen: Specimen) -> str:
    """Compare devices with that of the batch."""
    for what, batch, answer in _answers(specimen):
        for name in sorted(declared_for(specimen, batch)):
            found = answer.get(name)
            if found is not None and found.device != batch.device:
                raise failure(
                    what,
                    f"{name} is on {found.device}",
                    expected=f"{batch.device}, as the positions",
                    fix="make new tensors with positions.new_zeros(...), not torch.zeros(...)",
                )
    return specimen.device


def check_finite(specimen: Specimen) -> None:
    """Look for NaN and infinity, but in the stress of what has no volume."""
    for structure in specimen.structures:
        batch = specimen.of(structure)
        flat = batch.cell is None or float(torch.linalg.det(batch.cell[0]).abs()) < NO_VOLUME
        for name, value in specimen.run(batch).items():
            if not (flat and name == "stress") and not bool(value.isfinite().all()):
                raise failure(
                    str(structure),
                    f"{name} is {value.flatten().tolist()[:6]}",
                    expected="finite values",
                    fix="divide by nothing that can be zero: distances and counts of empty lists, volumes of slabs",
                )


def check_each_alone(specimen: Specimen) -> str:
    """Ask for each output alone, and compare with what comes when all are asked for."""
    deviations = []
    for structure in specimen.structures:
        batch = specimen.of(structure)
        together = specimen.run(batch)
        for name in sorted(together):
            what = f"{structure}, {name} asked for alone"
            expected = {name: together[name]}
            fix = "`requested` says what to compute, never how: values do not depend on what else is asked for"
            off = compare(specimen.run(batch, {name}), expected, what, fix=fix)
            deviations.append((off, structure.name))
    return noted(deviations)


CHECKS = (
    Promise("outputs", "every declared output comes back when it is asked for", check_outputs),
    Promise("shapes", "outputs have the shapes of the quantity table", check_shapes),
    Promise("dtypes", "outputs have the floating type of the positions", check_dtypes),
    Promise("devices", "outputs are on the device of the batch", check_devices),
    Promise("finite", "outputs are finite wherever they are defined", check_finite),
    Promise("each-alone", "an output asked for alone is the same as among others", check_each_alone),
)
