"""Fresh autograd leaves for positions and cell; the caller's tensors are never touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState


def with_leaves(state: GroupState) -> Batch:
    """Return the batch on leaves that require grad.

    Where the caller differentiates through the pipeline and the tensor already carries a graph, a view of it is used
    instead, so that the outer graph stays connected.
    """
    data = state.data
    cell = None if data.cell is None else _leaf(data.cell, keep=state.differentiable)
    return data.with_leaves(_leaf(data.positions, keep=state.differentiable), cell)


def _leaf(tensor: Tensor, *, keep: bool) -> Tensor:
    if keep and tensor.requires_grad:
        return tensor.view_as(tensor)
    return tensor.detach().requires_grad_(True)
