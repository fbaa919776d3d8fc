"""The convolutions of SevenNet with the same weights and the same results, several times faster on CPU.

sevenn exchanges these layers for those of an accelerator where there is a GPU (its ``enable_flash``, ``enable_cueq``);
this does the same without one. Layers of another make than expected are left as they are.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_sevennet.edge_sums import SumShape, edge_sums

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


@attrs.frozen(eq=False)
class SourcePaths:
    """The paths that start from one block of features: what `edge_sums` works on at a time.

    Parameters
    ----------
    features : slice
        Where the block is among the features of an atom.
    shape : SumShape
        Sizes.
    table : Tensor [harmonics, rows · components], float64
        Coupling coefficients with the scale factors of paths; rows go by target size, component, path.
    columns : Tensor [paths · count]
        Which of all weights belong to these paths, in the order of `shape`.
    outputs : tuple of slice
        Where the results of each path go, in the order of `shape`.
    """

    features: slice
    shape: SumShape
    table: Tensor
    columns: Tensor
    outputs: tuple[slice, ...]

    def places(self) -> Tensor:
        """Return where each result goes: Tensor [rows · count]. Published features go by count, then component."""
        found, path = [], 0
        for width, paths in self.shape.targets:
            starts = torch.tensor([part.start for part in self.outputs[path : path + paths]])
            component = torch.arange(width)[:, None, None]
            found.append((starts[:, None] + torch.arange(self.shape.count) * width + component).flatten())
            path += paths
        return torch.cat(found)


def is_known(layer: torch.nn.Module) -> bool:
    """Tell whether a layer is a convolution that can be exchanged: as sevenn builds it, not for an accelerator."""
    from e3nn.nn import FullyConnectedNet
    from e3nn.o3 import TensorProduct
    from sevenn.nn.convolution import IrrepsConvolution

    if type(layer) is not IrrepsConvolution or layer.is_parallel:
        return False
    product, weights = layer.convolution, layer.weight_nn
    if type(product) is not TensorProduct or type(weights) is not FullyConnectedNet:
        return False
    targets = [one.i_out for one in product.instructions]
    simple = all(one.connection_mode == "uvu" and one.has_weight for one in product.instructions)
    return (
        simple
        and sorted(targets) == list(range(len(product.irreps_out)))
        and all(count == 1 for count, _ in product.irreps_in2)
        and list(weights.children())[-1].act is None
    )


class FusedConvolution(torch.nn.Module):
    """Takes the place of an ``IrrepsConvolution``; parameters keep their names.

    Parameters
    ----------
    layer : IrrepsConvolution
        For which `is_known` holds.
    """

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.weight_nn, self.denominator = layer.weight_nn, layer.denominator
        self.keys = (layer.key_x, layer.key_filter, layer.key_weight_input, layer.key_edge_idx)
        self.sources = torch.nn.ModuleList(_SourceSum(paths) for paths in source_paths(layer.convolution))
        made = torch.cat([source.places for source in self.sources])
        self.register_buffer("order", torch.argsort(made), persistent=False)

    def forward(self, data: dict[str, Tensor]) -> dict[str, Tensor]:
        """Replace the features in `data` by what every atom collects from its neighbors."""
        key_x, key_y, key_basis, key_pairs = self.keys
        hidden, last = self._radial(data[key_basis])
        features, pairs = data[key_x], data[key_pairs]
        sums = [source(features, data[key_y], hidden, last, pairs) for source in self.sources]
        data[key_x] = torch.cat(sums, dim=1).index_select(1, self.order) / self.denominator
        return data

    def _radial(self, basis: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last hidden layer [E, H] and the matrix that makes weights of it [H, weights]."""
        *hidden, last = self.weight_nn.children()
        for layer in hidden:
            basis = layer(basis)
        return basis, last.weight / (last.h_in * last.var_in / last.var_out) ** 0.5


class _SourceSum(torch.nn.Module):
    """Sums over neighbors of one block of features."""

    table: Tensor
    columns: Tensor
    places: Tensor

    def __init__(self, paths: SourcePaths) -> None:
        super().__init__()
        self.features, self.shape = paths.features, paths.shape
        self.register_buffer("table", paths.table, persistent=False)
        self.register_buffer("columns", paths.columns, persistent=False)
        self.register_buffer("places", paths.places(), persistent=False)

    def forward(self, features: Tensor, y: Tensor, hidden: Tensor, weights: Tensor, pairs: Tensor) -> Tensor:
        own = features[:, self.features].unflatten(1, (self.shape.count, self.shape.components)).mT.contiguous()
        v = weights.index_select(1, self.columns)
        return edge_sums(own, y, hidden, v, self.table.to(y.dtype), pairs, self.shape).flatten(1)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:  # noqa: FBT001, FBT002 - torch's own
        """Move the table, but keep its float64 values: a model made float64 from float32 then couples exactly."""
        exact = self.table
        moved = super()._apply(fn, recurse)
        self.table = exact.to(self.table.device)
        return moved


def source_paths(product: Any) -> list[SourcePaths]:
    """Sort the instructions of an e3nn tensor product by the block of features they read."""
    starts, start = {}, 0
    for one in product.instructions:
        starts[one.i_out] = start
        start += product.irreps_in1[one.i_in1].mul
    blocks = sorted({one.i_in1 for one in product.instructions})
    return [_paths_from(product, block, starts) for block in blocks]


def _paths_from(product: Any, block: int, starts: dict[int, int]) -> SourcePaths:
    count, irrep = product.irreps_in1[block]
    own = [one for one in product.instructions if one.i_in1 == block]
    own.sort(key=lambda one: product.irreps_out[one.i_out].ir.dim)
    sizes = [product.irreps_out[one.i_out].ir.dim for one in own]
    shape = SumShape(irrep.dim, count, tuple((size, len(list(group))) for size, group in groupby(sizes)))
    places = product.irreps_out.slices()
    return SourcePaths(
        features=product.irreps_in1.slices()[block],
        shape=shape,
        table=_table(product, own, shape),
        columns=torch.cat([torch.arange(starts[one.i_out], starts[one.i_out] + count) for one in own]),
        outputs=tuple(places[one.i_out] for one in own),
    )


def _table(product: Any, own: list[Any], shape: SumShape) -> Tensor:
    from e3nn.o3 import wigner_3j

    signs = _stored_signs(product)
    harmonics = product.irreps_in2.slices()
    table = torch.zeros(product.irreps_in2.dim, shape.rows, shape.components, dtype=torch.float64)
    start, path = 0, 0
    for width, paths in shape.targets:
        for number in range(paths):
            one = own[path]
            path += 1
            triple = (product.irreps_in1[one.i_in1].ir.l, product.irreps_in2[one.i_in2].ir.l, width // 2)
            part = wigner_3j(*triple, dtype=torch.float64).permute(1, 2, 0) * one.path_weight * signs.get(triple, 1.0)
            table[harmonics[one.i_in2], start + number : start + width * paths : paths] = part
        start += width * paths
    return table.flatten(1)


def _stored_signs(product: Any) -> dict[tuple[int, ...], float]:
    """Return the signs of the coupling coefficients as loaded: e3nn has changed some of them once."""
    from e3nn.o3 import wigner_3j

    signs = {}
    for name, stored in product.named_buffers():
        _, found, triple = name.rpartition("_w3j_")
        if found:
            degrees = tuple(int(degree) for degree in triple.split("_"))
            signs[degrees] = float(torch.sign((stored.double() * wigner_3j(*degrees, dtype=torch.float64)).sum()))
    return signs
