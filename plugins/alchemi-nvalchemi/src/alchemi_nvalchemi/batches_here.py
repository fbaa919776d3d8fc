"""Batches of nvalchemi-toolkit as batches of alchemi."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from nvalchemi.data import AtomicData as DataThere
from nvalchemi.data import Batch as BatchThere

from alchemi_core.data.batch import Batch
from alchemi_core.errors import DataError
from alchemi_core.quantities import is_per_atom
from alchemi_nvalchemi.names import THERE

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.models import ModelConfig

WHO = "AlchemiPipelineWrapper"


def batch_here(data: Any, config: ModelConfig) -> Batch:
    """Return a batch or a system of nvalchemi-toolkit as a batch.

    Parameters
    ----------
    data : nvalchemi.data.Batch or AtomicData
        Not changed. Its engines move atoms in place, so positions and cells are copied, on the graph where they are.
    config : ModelConfig
        Says which further inputs to take along.

    Raises
    ------
    DataError
        If a required input is not there, or the batch describes no structure.
    """
    there = BatchThere.from_data_list([data]) if isinstance(data, DataThere) else data
    cell = _field(there, "cell")
    return Batch(
        positions=there.positions.clone(),
        atomic_numbers=there.atomic_numbers.long(),
        batch_idx=there.batch_idx.long(),
        num_systems=there.num_graphs,
        cell=None if cell is None else cell.clone(),
        pbc=None if cell is None else _periodicity(there),
        fields=_fields(there, config),
    )


def _field(there: Any, name: str) -> Tensor | None:
    value: Tensor | None = getattr(there, name, None)
    return value


def _periodicity(there: Any) -> Tensor:
    """Return the periodic directions; without any word of them nothing is periodic, as nvalchemi-toolkit takes it."""
    pbc = _field(there, "pbc")
    if pbc is None:
        return torch.zeros(there.num_graphs, 3, dtype=torch.bool, device=there.positions.device)
    return pbc.view(-1, 3).bool()


def _fields(there: Any, config: ModelConfig) -> dict[str, Tensor]:
    fields = {}
    for name in sorted(config.required_inputs | config.optional_inputs):
        value = _field(there, THERE.get(name, name))
        if value is not None:
            fields[name] = value.flatten() if name == "charges" else value
        elif name in config.required_inputs:
            level = "atom" if is_per_atom(name) else "system"
            found = f"the batch has no field {THERE.get(name, name)!r}"
            raise DataError(found, expected=f"{name}, a value for each {level}", who=WHO)
    return fields
