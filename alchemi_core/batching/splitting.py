"""Splitting: the outputs of a batch as the outputs of each of its systems."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.errors import ModelOutputError
from alchemi_core.quantities import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.outputs import Outputs

WITH_VOLUME = ("eV/Å³", "GPa")
"""Units of what is divided by the volume: without one it is NaN, and rightly."""


class IndivisibleError(ModelOutputError):
    """An output of a batch that is neither per atom nor per system: only that of a batch of one is known to be its."""


def split(outputs: Outputs, batch: Batch) -> list[Outputs]:
    """Return the outputs of each system, on the CPU, off any graph and in memory of their own.

    Parameters
    ----------
    outputs : Outputs
        Of the whole batch, with what steps contributed.
    batch : Batch
        What they are of.

    Raises
    ------
    IndivisibleError
        If an output of several systems is neither per atom nor per system.
    """
    values = {name: _pieces(name, value, batch) for name, value in outputs.items()}
    parts = [(one, _pieces(one.name, one.value, batch)) for one in outputs.contributions]
    return [
        outputs.with_values(
            {name: pieces[system] for name, pieces in values.items()},
            tuple(attrs.evolve(one, value=pieces[system]) for one, pieces in parts),
        )
        for system in range(batch.num_systems)
    ]


def _pieces(name: str, value: Tensor, batch: Batch) -> Sequence[Tensor]:
    """Return what belongs to each system; copies, since a view would keep the whole batch, or be the model's own."""
    host = value.detach().cpu()
    if batch.num_systems == 1:
        return [host.clone() if host.data_ptr() == value.data_ptr() else host]
    rows = value.shape[0] if value.dim() else -1
    quantity = QUANTITIES.get(name)
    if (quantity is None or quantity.per_atom) and rows == batch.num_atoms:
        return [host[start:stop].clone() for start, stop in pairwise(batch.ptr)]
    if (quantity is None or not quantity.per_atom) and rows == batch.num_systems:
        return [piece.clone() for piece in host.split(1)]
    raise IndivisibleError(
        f"{name} of a batch of {batch.num_systems} systems and {batch.num_atoms} atoms has shape {list(value.shape)}",
        expected="a first axis that counts systems or atoms",
        who="evaluate",
        fix="budget=Budget(systems=1)",
    )


def not_finite(outputs: Outputs, batch: Batch) -> list[str]:
    """Return for each system the name of an output that holds NaN or infinite numbers; empty where none does.

    Parameters
    ----------
    outputs : Outputs
        Of the whole batch.
    batch : Batch
        What they are of.
    """
    names = [""] * batch.num_systems
    for name, value in outputs.items():
        if not value.is_floating_point() or bool(torch.isfinite(value).all()):
            continue
        for system, piece in enumerate(_pieces(name, value, batch)):
            if not bool(torch.isfinite(piece).all()) and not _undefined(name, batch, system):
                names[system] = names[system] or name
    return names


def _undefined(name: str, batch: Batch, system: int) -> bool:
    """Tell whether a quantity is defined by a volume, which the system does not have."""
    quantity = QUANTITIES.get(name)
    if quantity is None or quantity.unit not in WITH_VOLUME:
        return False
    return batch.cell is None or float(torch.linalg.det(batch.cell[system].detach())) == 0.0
