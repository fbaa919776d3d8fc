"""A small model with options of every kind, which the core's own serializer is checked on."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch

from alchemi_core.contract import OnGraph
from alchemi_core.errors import OptionError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.offers import ModelOffer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from alchemi_core.data.view import ModelView

MOST = 1000
"""Largest width of a layer."""


class Layers(torch.nn.Module, BaseModelMixin):
    """E = Σ_i f(|r_i|², Z_i) with f a perceptron: no physics, but weights, a buffer and options.

    Parameters
    ----------
    widths : sequence of int
        Of the hidden layers.
    scale : float, eV
        Factor on the energy.
    label : str
        Kept as it is.
    """

    def __init__(self, widths: Sequence[int] = (4, 3), scale: float = 0.5, label: str = "layers") -> None:
        super().__init__()
        self.widths, self.scale, self.label = _checked_widths(widths), _checked_scale(scale), _checked_label(label)
        self.unit = "eV"
        sizes = (2, *self.widths, 1)
        self.layers = torch.nn.ParameterList([torch.nn.Parameter(_weights(n, m)) for n, m in pairwise(sizes)])
        self.register_buffer("shift", torch.tensor(0.25))
        self.model_config = ModelConfig(
            name="bench-layers",
            outputs={"energy": OnGraph("positions")},
        )

    def compute(self, view: ModelView, requested: frozenset[str]) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Return the energy."""
        squares = view.positions.square().sum(1)
        value = torch.stack([squares, view.atomic_numbers.to(squares.dtype) / 10.0], dim=1)
        for layer in self.layers:
            value = torch.tanh(value @ layer.to(squares.dtype))
        each = self.scale * value.squeeze(1) + self.get_buffer("shift").to(squares.dtype)
        return {"energy": each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each).unsqueeze(1)}


def _weights(rows: int, columns: int) -> Tensor:
    return torch.sin(torch.arange(rows * columns, dtype=torch.float32)).reshape(rows, columns)


def _checked_widths(widths: object) -> tuple[int, ...]:
    listed = isinstance(widths, list | tuple) and 0 < len(widths) < 10
    if not listed or not all(type(one) is int and 0 < one <= MOST for one in widths):  # type: ignore[attr-defined]
        raise OptionError(f"widths={widths!r:.80}", expected=f"one to nine numbers up to {MOST}", who="bench-layers")
    return tuple(widths)  # type: ignore[arg-type]  # a list or a tuple by now


def _checked_scale(scale: object) -> float:
    if not isinstance(scale, float) or not math.isfinite(scale):
        raise OptionError(f"scale={scale!r:.80}", expected="a finite number in eV", who="bench-layers")
    return scale


def _checked_label(label: object) -> str:
    if not isinstance(label, str):
        raise OptionError(f"label={label!r:.80}", expected="a text", who="bench-layers")
    return label


OFFER = ModelOffer(
    name="bench-layers",
    summary="a perceptron that the core's serializer is checked on",
    target="alchemi_core.testing.serializer_checks.bench_model:Layers",
    example={"widths": (5, 2), "scale": 0.75},
)
"""How it is offered where the serializer is checked."""
