"""Inputs that models ask for beyond the geometry, made so that they have no symmetry and can be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import OptionError
from alchemi_core.quantities import QUANTITIES

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch

FIXED = {"total_charge": 0.0, "multiplicity": 1.0, "coupling": 0.4}


def made_input(name: str, batch: Batch) -> Tensor:
    """Make an input by name, the same for the same atoms.

    Charges are different on every atom and neutral in each system; total charges are 0, multiplicities 1, couplings
    0.4; anything else that the quantity table has is small and different everywhere.

    Parameters
    ----------
    name : str
        Name of the quantity.
    batch : Batch
        What it is for.

    Raises
    ------
    OptionError
        If the quantity table does not have the name, so that its shape is not known.
    """
    if name not in QUANTITIES:
        raise OptionError(
            f"the model needs {name!r}, which is no standard quantity",
            expected="a function that makes it",
            who="conformance",
            fix=f"ModelSubject(..., inputs={{{name!r}: lambda batch: ...}})",
        )
    quantity = QUANTITIES[name]
    rows = batch.num_atoms if quantity.per_atom else batch.num_systems
    shape = (rows, *(n or 1 for n in quantity.shape))
    if name in FIXED:
        return batch.positions.new_full(shape, FIXED[name])
    values = _uneven(batch, rows, quantity.per_atom).reshape(rows, *(1 for _ in shape[1:])) * _along(shape, batch)
    return neutral(values, batch) if "charges" in name else values


def _uneven(batch: Batch, rows: int, per_atom: bool) -> Tensor:  # noqa: FBT001 - of one caller
    """Return a value for each row that depends on nothing but the row's place within its system."""
    if not per_atom:
        return torch.full((rows,), 0.02, dtype=batch.dtype, device=batch.device)
    starts = torch.tensor(batch.ptr[:-1], device=batch.device)
    place = torch.arange(rows, device=batch.device) - starts[batch.batch_idx]
    return 0.3 * torch.sin(1.7 * place.to(batch.dtype) + 0.6)


def _along(shape: tuple[int, ...], batch: Batch) -> Tensor:
    ramp = torch.linspace(1.0, 0.5, max(1, int(torch.tensor(shape[1:]).prod())), dtype=batch.dtype)
    return ramp.reshape(1, *shape[1:]).to(batch.device)


def neutral(charges: Tensor, batch: Batch) -> Tensor:
    """Return charges less their mean over each system."""
    sums = charges.new_zeros(batch.num_systems).index_add(0, batch.batch_idx, charges)
    sizes = torch.bincount(batch.batch_idx, minlength=batch.num_systems).clamp(min=1)
    return charges - (sums / sizes)[batch.batch_idx]
