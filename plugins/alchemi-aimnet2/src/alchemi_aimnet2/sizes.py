"""Which large tensors a description asks for, held against those that were saved, before anything is built."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from alchemi_aimnet2.checkpoints import WHO
from alchemi_aimnet2.checks import wrong
from alchemi_core.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_ELEMENTS = 64
"""Rows of aimnet's table of elements."""


def check_sizes(description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Check that the large tensors of a network would have the shapes of those saved, before it is built.

    Parameters
    ----------
    description : mapping
        As `check_description` gives it.
    tensors : mapping of str to Tensor
        Of aimnet's network, by the names there.

    Raises
    ------
    SerializationError
        If they would not, so that a small file cannot ask for a large network.
    """
    for name, shape in _shapes(description["kwargs"]).items():
        found = list(tensors[name].shape) if name in tensors else None
        if found != shape:
            raise SerializationError(
                f"the saved tensor {name!r} has the shape {found}", expected=f"{shape}, as described", who=WHO
            )


def _shapes(network: Mapping[str, Any]) -> dict[str, list[int]]:
    features, combined, aev = network["nfeature"], network["ncomb_v"], network["aev"]
    radial, channels = aev["nshifts_s"], network.get("num_charge_channels", 1)
    angular = aev.get("nshifts_v") or radial
    embedded = features * radial if network["d2features"] else features
    first = features * (radial + combined) + embedded
    later = first + channels * (radial + combined) + channels
    sizes = [[first if not place else later, *hidden] for place, hidden in enumerate(_passes(network["hidden"]))]
    ends = [embedded + 2 * channels] * (len(sizes) - 1) + [network["aim_size"]]
    shapes = {
        "afv.weight": [_ELEMENTS, embedded],
        "conv_a.agh": [features, angular, combined],
        "conv_q.agh": [channels, angular, combined],
    }
    for place, (start, end) in enumerate(zip(sizes, ends, strict=True)):
        shapes |= _layers(f"mlps.{place}", [*start, end])
    return shapes | _output_shapes(network["outputs"])


def _passes(hidden: list[list[int]]) -> list[list[int]]:
    """Return the hidden layers of each pass; aimnet makes two passes at least."""
    if not hidden:
        raise wrong("", "description.kwargs.hidden", "layers of one pass at least")
    return [hidden[0], *hidden[1:-1], hidden[-1]]


def _output_shapes(outputs: Any) -> dict[str, list[int]]:
    shapes: dict[str, list[int]] = {}
    for key, one in outputs.items() if isinstance(outputs, dict) else enumerate(outputs):
        given = one["kwargs"]
        if "mlp" in given:
            layers = [given["n_in"], *(given["mlp"].get("hidden") or []), given["n_out"]]
            shapes |= _layers(f"outputs.{key}.mlp", layers)
    return shapes


def _layers(name: str, sizes: list[int]) -> dict[str, list[int]]:
    """Return the shapes of weights; every second module is an activation."""
    return {f"{name}.{2 * place}.weight": [end, start] for place, (start, end) in enumerate(pairwise(sizes))}
