"""Contractions of any order, with couplings of any kind, made of the tensors of a file.

How many couplings there are depends on how they were worked out: with cuEquivariance there are fewer. They are among
the tensors, so that neither it nor the time to work them out is needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.errors import SerializationError
from alchemi_mace.checkpoints import WHO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def refit(layer: Any, path: str, tensors: Mapping[str, Tensor], order: int) -> None:
    """Give a contraction another order, with room for the couplings and weights of a file.

    Parameters
    ----------
    layer : Contraction
        Of first order.
    path : str
        What the names of its tensors begin with.
    tensors : mapping of str to Tensor
        Of the network.
    order : int
        The correlation.

    Raises
    ------
    SerializationError
        If there are no such couplings and weights.
    """
    free = layer.U_matrix_1.dim() - 2
    components, channels = layer.U_matrix_1.shape[-2], layer.num_features
    elements = layer.weights_max.shape[0]
    layer.correlation = order
    _drop_marks(layer)
    for degree in range(1, order + 1):
        coupling = _take(tensors, f"{path}U_matrix_{degree}")
        _check(coupling.shape[:-1], (*layer.U_matrix_1.shape[:free], *[components] * degree), path, degree)
        layer.register_buffer(f"U_matrix_{degree}", torch.zeros(()).expand(coupling.shape))
        weights = f"{path}weights_max" if degree == order else f"{path}weights.{order - 1 - degree}"
        _check(_take(tensors, weights).shape, (elements, coupling.shape[-1], channels), path, degree)
    parameters = [
        _room(elements, tensors[f"{path}U_matrix_{order - 1 - place}"], channels) for place in range(order - 1)
    ]
    layer.weights = torch.nn.ParameterList(parameters)
    layer.weights_max = _room(elements, tensors[f"{path}U_matrix_{order}"], channels)
    for name in _marks(order) & {name.removeprefix(path) for name in tensors if name.startswith(path)}:
        layer.register_buffer(name, torch.zeros((), dtype=torch.bool))


def _marks(order: int) -> set[str]:
    """Return the names of what says which weights have nothing to couple; older versions of mace-torch did not say."""
    return {"weights_max_zeroed", *(f"weights_{place}_zeroed" for place in range(order - 1))}


def _drop_marks(layer: Any) -> None:
    for name in [name for name in layer._buffers if name.endswith("_zeroed")]:
        delattr(layer, name)


def _room(elements: int, coupling: Tensor, channels: int) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.zeros(()).expand(elements, coupling.shape[-1], channels))


def _take(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in tensors or not tensors[name].numel() or not tensors[name].dim():
        raise SerializationError(f"there are no numbers in {name!r}", expected="couplings and weights", who=WHO)
    return tensors[name]


def _check(found: Any, expected: tuple[int, ...], path: str, degree: int) -> None:
    if tuple(found) != expected:
        raise SerializationError(
            f"{path}: a tensor of degree {degree} has the shape {list(found)}", expected=str(list(expected)), who=WHO
        )
