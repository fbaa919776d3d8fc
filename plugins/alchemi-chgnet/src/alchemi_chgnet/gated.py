"""The block all layers are made of: one perceptron times the sigmoid of another, both of the same inputs.

The inputs are several features side by side: of an atom, of its neighbor, of the bond. The first matrix is taken apart
accordingly, so that it is applied to each atom and bond once and not again for every pair and angle; what is gathered
and added up is its results. This gives the same numbers for a third of the multiplications.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "relu": functional.relu,
    "silu": functional.silu,
    "tanh": torch.tanh,
}
"""By the names that checkpoints use."""


@attrs.frozen(eq=False)
class Branch:
    """Weights of one of the two perceptrons.

    Parameters
    ----------
    first, first_bias : Tensor [inputs, hidden], [hidden]
        First layer.
    second, second_bias : Tensor [hidden, out], [out], optional
        Second layer, absent where there is one layer only.
    norm, norm_bias : Tensor [out], optional
        Layer normalisation of the result.
    """

    first: Tensor
    first_bias: Tensor
    second: Tensor | None = None
    second_bias: Tensor | None = None
    norm: Tensor | None = None
    norm_bias: Tensor | None = None


class GatedPerceptron(torch.nn.Module):
    """act(core) · sigmoid(gate).

    Parameters
    ----------
    core, gate : Branch
        The two perceptrons.
    segments : tuple of int
        Widths of the features that the inputs are made of.
    name : str
        Activation.
    """

    def __init__(self, core: Branch, gate: Branch, segments: tuple[int, ...], name: str) -> None:
        super().__init__()
        self.name = name
        both = torch.cat([core.first, gate.first], dim=1).split(list(segments))
        self.first = torch.nn.ParameterList(torch.nn.Parameter(part.contiguous()) for part in both)
        self.bias = torch.nn.Parameter(torch.cat([core.first_bias, gate.first_bias]))
        self.core, self.gate = _Tail(core), _Tail(gate)

    def project(self, segment: int, x: Tensor) -> Tensor:
        """Return what the features of one segment add to the first layers: [rows, 2 · hidden]."""
        return x @ self.first[segment]

    def project_with_bias(self, segment: int, x: Tensor) -> Tensor:
        """Return the same with the bias of the first layers."""
        return torch.addmm(self.bias, x, self.first[segment])

    def forward(self, total: Tensor) -> Tensor:
        """Return the result [rows, out] of the summed projections [rows, 2 · hidden]."""
        if self.core.second is not None:
            total = ACTIVATIONS[self.name](total)
        core, gate = total.chunk(2, dim=-1)
        return ACTIVATIONS[self.name](self.core(core)) * torch.sigmoid(self.gate(gate))


class _Tail(torch.nn.Module):
    """What follows the first layer of a branch."""

    def __init__(self, branch: Branch) -> None:
        super().__init__()
        for name in ("second", "second_bias", "norm", "norm_bias"):
            value = getattr(branch, name)
            self.register_parameter(name, None if value is None else torch.nn.Parameter(value.contiguous()))

    def forward(self, x: Tensor) -> Tensor:
        if self.second is not None:
            x = torch.addmm(self.second_bias, x, self.second)
        if self.norm is not None:
            x = functional.layer_norm(x, x.shape[-1:], self.norm, self.norm_bias)
        return x
