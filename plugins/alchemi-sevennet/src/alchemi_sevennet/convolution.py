"""Collecting features from neighbors, one sum per kind of source."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import torch

from alchemi_sevennet.edge_sums import SumShape, edge_sums
from alchemi_sevennet.irreps import width
from alchemi_sevennet.rotations import coupling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from alchemi_sevennet.irreps import Block, Irrep
    from alchemi_sevennet.layout import LayerLayout, Path
    from alchemi_sevennet.linear import Features


class SourceSum(torch.nn.Module):
    """The paths that start from one kind of source.

    Parameters
    ----------
    source : Block
        Features read.
    paths : sequence of Path
        From this source, sorted by target.
    weights : Tensor [H, paths · count]
        Makes the weights of the paths from hidden radial features; scale factors multiplied in.
    signs : mapping of (int, int, int) to float
        −1 for couplings whose sign the model was fitted with reversed.
    degrees : int
        Number of angular momenta among the harmonics.
    """

    table: Tensor

    def __init__(
        self, source: Block, paths: Sequence[Path], weights: Tensor, signs: Mapping[tuple[int, int, int], float], degrees: int
    ) -> None:
        super().__init__()
        self.irrep = source.irrep
        kinds = [(target, sum(1 for _ in group)) for target, group in groupby(path.target for path in paths)]
        self.targets: tuple[Irrep, ...] = tuple(target for target, _ in kinds)
        self.shape = SumShape(width(source.irrep), source.count, tuple((width(target), n) for target, n in kinds))
        self.weights = torch.nn.Parameter(weights)
        self.register_buffer("table", _table(paths, self.shape, signs, degrees), persistent=False)

    def forward(self, x: Tensor, y: Tensor, h: Tensor, pairs: Tensor) -> Features:
        """Return what was collected, by target: Tensor [N, 2 l + 1, paths · count]."""
        sums = edge_sums(x.contiguous(), y, h, self.weights, self.table.to(y.dtype), pairs, self.shape)
        parts = self.shape.by_target(sums)
        return {target: part.flatten(2) for target, part in zip(self.targets, parts, strict=True)}

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:  # noqa: FBT001, FBT002 - torch's own
        """Move the table, but keep its float64 values: a model made float64 from float32 then couples exactly."""
        exact = self.table
        moved = super()._apply(fn, recurse)
        self.table = exact.to(self.table.device)
        return moved


class Convolution(torch.nn.Module):
    """What every atom collects from its neighbors.

    Parameters
    ----------
    layout : LayerLayout
        Features and paths.
    weights : mapping of Path to Tensor [H, count]
        Makes the weights of each path.
    signs, degrees
        As for `SourceSum`.
    """

    def __init__(
        self, layout: LayerLayout, weights: Mapping[Path, Tensor], signs: Mapping[tuple[int, int, int], float], degrees: int
    ) -> None:
        super().__init__()
        own = {source: [path for path in layout.paths if path.source == source] for source in layout.reads}
        self.sources = torch.nn.ModuleList(
            SourceSum(source, paths, torch.cat([weights[path] for path in paths], dim=1), signs, degrees)
            for source, paths in own.items()
            if paths
        )

    def forward(self, features: Features, y: Tensor, h: Tensor, pairs: Tensor) -> Features:
        """Return collected features, for each target those of all sources side by side."""
        collected: dict[Irrep, list[Tensor]] = {}
        for source in self.sources:
            for target, part in source(features[source.irrep], y, h, pairs).items():
                collected.setdefault(target, []).append(part)
        return {target: torch.cat(parts, dim=2) for target, parts in collected.items()}


def _table(
    paths: Sequence[Path], shape: SumShape, signs: Mapping[tuple[int, int, int], float], degrees: int
) -> Tensor:
    """Return coupling coefficients [harmonics, rows · components]; rows go by target, component, path."""
    table = torch.zeros(degrees**2, shape.rows, shape.components, dtype=torch.float64)
    start = 0
    for target, group in groupby(paths, key=lambda path: path.target):
        same, (degree, _) = list(group), target
        for place, path in enumerate(same):
            triple = (path.source.irrep[0], path.degree, degree)
            rows = slice(start + place, start + width(target) * len(same), len(same))
            part = coupling(*triple).permute(1, 2, 0) * (signs.get(triple, 1.0) * width(target) ** 0.5)
            table[path.degree**2 : (path.degree + 1) ** 2, rows] = part
        start += width(target) * len(same)
    return table.flatten(1)
