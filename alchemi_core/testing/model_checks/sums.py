"""Whether values by atom add up to what they are shares of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.testing.comparing import compare, noted
from alchemi_core.testing.made_inputs import made_input
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.testing.specimens import Specimen

CHARGE = 2.0
"""e; what systems are charged with, where a model takes a total charge: two electrons less leave shells closed."""


def _per_system(values: Tensor, batch: Batch) -> Tensor:
    return values.new_zeros(batch.num_systems).index_add(0, batch.batch_idx, values)


def check_node_energies(specimen: Specimen) -> str:
    """Add the energies of atoms."""
    deviations = []
    for structure in specimen.structures:
        batch = specimen.of(structure)
        outputs = specimen.run(batch, {"energy", "node_energies"})
        found = _per_system(outputs["node_energies"], batch)
        what = f"{structure}, the sum over atoms"
        fix = "energies of atoms hold all of the energy: references by element and what is added by system too"
        within = specimen.within(1e-9)
        off = compare({"energy": found}, {"energy": outputs["energy"][:, 0]}, what, within=within, fix=fix)
        deviations.append((off, structure.name))
    return noted(deviations)


def check_charges(specimen: Specimen) -> str:
    """Add the charges of atoms, of neutral systems and, where the model takes a total charge, of charged ones."""
    deviations = []
    for structure in specimen.structures:
        batch = specimen.of(structure)
        for label, total, charged in _charged(specimen, batch):
            found = _per_system(specimen.run(charged, {"charges"})["charges"], batch)
            expected = torch.full_like(found, total)
            what = f"{structure}, {label}, the sum over atoms"
            fix = "spread what is left over the atoms; view.total_charge is 0 where it is not given"
            off = compare({"charges": found}, {"charges": expected}, what, within=specimen.within(1e-6), fix=fix)
            deviations.append((off, structure.name))
    return noted(deviations)


def _charged(specimen: Specimen, batch: Batch) -> list[tuple[str, float, Batch]]:
    """Return the batch as it is, and charged where the model takes a total charge: molecules, all shells closed."""
    config = specimen.config
    taken = config.required_inputs | config.optional_inputs
    own = batch.get("total_charge")
    cases = [("neutral" if own is None else "as given", 0.0 if own is None else float(own[0, 0]), batch)]
    if "total_charge" in taken and batch.cell is None:
        inputs = {"total_charge": torch.full_like(made_input("total_charge", batch), CHARGE)}
        cases.append((f"charged with {CHARGE:g} e", CHARGE, batch.with_fields(**inputs)))
    return cases


CHECKS = (
    Promise(
        "node-energies",
        "energies of atoms add up to the energy",
        check_node_energies,
        lambda specimen: {"energy", "node_energies"} <= specimen.names,
    ),
    Promise(
        "total-charge",
        "charges of atoms add up to the total charge",
        check_charges,
        lambda specimen: "charges" in specimen.config.outputs,
    ),
)
