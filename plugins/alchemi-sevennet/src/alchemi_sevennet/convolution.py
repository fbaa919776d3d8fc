"""The convolutions of SevenNet with the same weights and the same results, several times faster on CPU.

sevenn exchanges these layers for those of an accelerator where there is a GPU (its ``enable_flash``, ``enable_cueq``);
this does the same without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import torch

from alchemi_sevennet.edge_sums import edge_sums
from alchemi_sevennet.paths import source_paths
from alchemi_sevennet.upstream import FullyConnectedNet, IrrepsConvolution, TensorProduct

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_sevennet.paths import SourcePaths


class BlockedConvolution(torch.nn.Module):
    """Takes the place of an ``IrrepsConvolution``; its parameters are the same ones, under the same names.

    Parameters
    ----------
    layer : IrrepsConvolution
        One for which `replaces` holds.
    """

    order: Tensor

    def __init__(self, layer: IrrepsConvolution) -> None:
        super().__init__()
        self.weight_nn: Any = layer.weight_nn
        self.denominator = layer.denominator
        self._keys = (layer.key_x, layer.key_filter, layer.key_weight_input, layer.key_edge_idx)
        paths = source_paths(layer.convolution)
        self.sources = torch.nn.ModuleList(_SourceSum(one) for one in paths)
        order = torch.argsort(torch.cat([one.places for one in paths]))
        self.register_buffer("order", order, persistent=False)

    @staticmethod
    def replaces(layer: torch.nn.Module) -> TypeGuard[IrrepsConvolution]:
        """Tell whether this gives the same as a layer: a convolution as sevenn builds it, not for an accelerator."""
        if type(layer) is not IrrepsConvolution or layer.is_parallel:
            return False
        product: Any = layer.convolution
        weights: Any = layer.weight_nn
        if type(product) is not TensorProduct or type(weights) is not FullyConnectedNet:
            return False
        return _is_simple(product) and list(weights.children())[-1].act is None

    def forward(self, data: dict[str, Tensor]) -> dict[str, Tensor]:
        """Replace the features in `data` by what every atom collects from its neighbors."""
        x, y, basis, pairs = (data[key] for key in self._keys)
        hidden, last = self._radial(basis)
        sums = torch.cat([source(x, y, hidden, last, pairs) for source in self.sources], dim=1)
        data[self._keys[0]] = sums.index_select(1, self.order) / self.denominator
        return data

    def _radial(self, basis: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last hidden layer [E, H] and, scaled as in e3nn, what makes weights of it [H, weights]."""
        *hidden, last = self.weight_nn.children()
        for layer in hidden:
            basis = layer(basis)
        return basis, last.weight / (last.h_in * last.var_in / last.var_out) ** 0.5


def _is_simple(product: TensorProduct) -> bool:
    """Tell whether every path has weights of its own, one per feature, and a target of its own."""
    targets = sorted(one.i_out for one in product.instructions)
    return (
        all(one.connection_mode == "uvu" and one.has_weight for one in product.instructions)
        and targets == list(range(len(product.irreps_out)))
        and all(count == 1 for count, _ in product.irreps_in2)
    )


class _SourceSum(torch.nn.Module):
    """Sums over neighbors of one block of features."""

    table: Tensor
    columns: Tensor

    def __init__(self, paths: SourcePaths) -> None:
        super().__init__()
        self._features, self._shape = paths.features, paths.shape
        self.register_buffer("table", paths.table, persistent=False)
        self.register_buffer("columns", paths.columns, persistent=False)

    def forward(self, features: Tensor, y: Tensor, hidden: Tensor, weights: Tensor, pairs: Tensor) -> Tensor:
        shape = self._shape
        x = features[:, self._features].unflatten(1, (shape.count, shape.components)).mT.contiguous()
        v = weights.index_select(1, self.columns)
        return edge_sums(x, y, hidden, v, self.table.to(y.dtype), pairs, shape).flatten(1)
