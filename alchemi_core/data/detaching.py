"""Batches off the caller's graph, and out of inference mode; the caller's tensors stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import torch

if TYPE_CHECKING:
    from alchemi_core.data.batch import Batch


def off_graph(batch: Batch) -> Batch:
    """Return the batch with its geometry detached."""
    cell = batch.cell
    if not batch.positions.requires_grad and (cell is None or not cell.requires_grad):
        return batch
    return batch.with_leaves(batch.positions.detach(), None if cell is None else cell.detach())


def outside_inference(batch: Batch) -> Batch:
    """Return the batch with copies of its inference tensors, which autograd can neither record nor save."""
    with torch.inference_mode(mode=False):
        return attrs.evolve(
            batch,
            **_plain_tensors(batch),
            fields={name: _plain(value) for name, value in batch.fields.items()},
            neighbors=[attrs.evolve(one, **_plain_tensors(one)) for one in batch.neighbors],
        )


def _plain_tensors(value: Any) -> dict[str, Any]:
    names = [field.name for field in attrs.fields(type(value))]
    return {name: _plain(getattr(value, name)) for name in names if isinstance(getattr(value, name), torch.Tensor)}


def _plain(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.clone() if tensor.is_inference() else tensor
