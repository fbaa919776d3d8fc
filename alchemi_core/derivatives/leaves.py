"""Fresh autograd leaves for the geometry and other inputs; the caller's tensors are never touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState


def with_leaves(state: GroupState) -> Batch:
    """Return the batch with positions and cell on leaves that require grad.

    Where the caller differentiates through the pipeline and the tensor already carries a graph, a view of it is used
    instead, so that the outer graph stays connected.
    """
    data = state.data
    cell = None if data.cell is None else _leaf(data.cell, keep=state.differentiable)
    return data.with_leaves(_leaf(data.positions, keep=state.differentiable), cell)


def with_strain(state: GroupState) -> tuple[Batch, Tensor, Tensor]:
    """Return the batch strained by a leaf: r → r(1 + ε), h → h(1 + ε) at ε = 0.

    Unlike gradients by positions and cell, this can be differentiated by the strain any number of times.

    Returns
    -------
    batch : Batch
        Positions and cell after the strain.
    positions : Tensor [N, 3], Å
        Leaf: the positions before it.
    strain : Tensor [B, 3, 3]
        Leaf, zero. Used as it is: make derivatives by it symmetric.
    """
    data = state.data
    positions = _leaf(data.positions, keep=state.differentiable)
    strain = data.positions.new_zeros(data.num_systems, 3, 3).requires_grad_(True)
    moved = positions + (positions.unsqueeze(1) @ strain[data.batch_idx]).squeeze(1)
    cell = None if data.cell is None else data.cell + data.cell @ strain
    return data.with_leaves(moved, cell), positions, strain


def with_field_leaves(data: Batch, *names: str, keep: bool = False) -> Batch:
    """Return the batch with the named fields on leaves that require grad; fields that it lacks stay away."""
    changed = {name: _leaf(value, keep=keep) for name, value in data.fields.items() if name in names}
    return attrs.evolve(data, fields={**data.fields, **changed})


def _leaf(tensor: Tensor, *, keep: bool) -> Tensor:
    if keep and tensor.requires_grad:
        return tensor.view_as(tensor)
    return tensor.detach().requires_grad_(True)
