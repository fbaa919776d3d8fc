"""Coupling parameters λ of a batch, checked where they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch


def coupling_of(batch: Batch, name: str) -> Tensor:
    """Return the coupling parameter of each system [B].

    Raises
    ------
    DataError
        If the batch has none of that name, or not one number for each system.
    """
    value = batch.fields.get(name)
    if value is None or tuple(value.shape) != (batch.num_systems, 1):
        raise no_coupling(batch, name)
    return value.squeeze(1).to(batch.dtype)


def no_coupling(batch: Batch, name: str) -> DataError:
    """Make the error of a coupling parameter that is missing or has another shape."""
    value = batch.fields.get(name)
    found = "is not there" if value is None else f"has the shape {list(value.shape)}"
    return DataError(
        f"coupling parameter {name!r} {found}",
        expected=f"one number for each system, [{batch.num_systems}, 1]",
        who="batch",
        fix=f"batch.with_fields({name}=torch.full(({batch.num_systems}, 1), 0.5)); with ASE and on the command line "
        f"atoms.info[{name!r}], in extended XYZ {name}=0.5 in the line above the atoms",
    )
