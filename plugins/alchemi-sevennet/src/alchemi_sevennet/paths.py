"""How the paths of a tensor product are sorted for summing over neighbors."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_sevennet.upstream import wigner_3j

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from alchemi_sevennet.upstream import TensorProduct

ROUNDING = 1e-6
"""Largest difference of a coupling coefficient, 1 at most, from the same one in float32."""


@attrs.frozen
class SumShape:
    """Shape of a sum over neighbors.

    Parameters
    ----------
    components : int
        2 l + 1 of the source.
    count : int
        Features u of the source.
    targets : tuple of (int, int)
        For each kind of target its 2 l + 1 and its number of paths.
    """

    components: int
    count: int
    targets: tuple[tuple[int, int], ...]

    @property
    def paths(self) -> int:
        """Number of paths."""
        return sum(paths for _, paths in self.targets)

    @property
    def rows(self) -> int:
        """Number of target components, summed over paths."""
        return sum(width * paths for width, paths in self.targets)

    def by_target(self, rows: Tensor) -> Iterator[Tensor]:
        """Split [E, rows, u] into views [E, 2 l + 1, paths, u]."""
        sizes = [width * paths for width, paths in self.targets]
        for part, shape in zip(rows.split(sizes, dim=1), self.targets, strict=True):
            yield part.unflatten(1, shape)

    def by_path(self, weights: Tensor) -> Iterator[Tensor]:
        """Split [E, paths, u] into views [E, 1, paths, u]."""
        for part in weights.split([paths for _, paths in self.targets], dim=1):
            yield part.unsqueeze(1)


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
    places : Tensor [rows · count]
        Where each result goes among the features that the product gives.
    """

    features: slice
    shape: SumShape
    table: Tensor
    columns: Tensor
    places: Tensor


def source_paths(product: TensorProduct) -> list[SourcePaths]:
    """Sort the instructions of an e3nn tensor product by the block of features they read."""
    starts, start = {}, 0
    for one in product.instructions:
        starts[one.i_out] = start
        start += product.irreps_in1[one.i_in1].mul
    blocks = sorted({one.i_in1 for one in product.instructions})
    return [_paths_from(product, block, starts) for block in blocks]


def _paths_from(product: TensorProduct, block: int, starts: dict[int, int]) -> SourcePaths:
    count, irrep = product.irreps_in1[block]
    widths = [irrep_out.dim for _, irrep_out in product.irreps_out]
    own = [one for one in product.instructions if one.i_in1 == block]
    own.sort(key=lambda one: widths[one.i_out])
    kinds = [list(group) for _, group in groupby(own, key=lambda one: widths[one.i_out])]
    targets = tuple((widths[kind[0].i_out], len(kind)) for kind in kinds)
    return SourcePaths(
        features=product.irreps_in1.slices()[block],
        shape=SumShape(irrep.dim, count, targets),
        table=torch.cat([_table(product, kind) for kind in kinds], dim=1).flatten(1),
        columns=torch.cat([torch.arange(starts[one.i_out], starts[one.i_out] + count) for one in own]),
        places=torch.cat([_places(product, kind, count) for kind in kinds]),
    )


def _table(product: TensorProduct, kind: list[Any]) -> Tensor:
    """Return the coefficients of paths to targets of one size, [harmonics, components · paths, source components].

    Paths are scaled as e3nn does it, with ``path_weight``.
    """
    harmonics, stored = product.irreps_in2.slices(), _stored(product)
    tables = []
    for one in kind:
        parts = product.irreps_in1[one.i_in1], product.irreps_in2[one.i_in2], product.irreps_out[one.i_out]
        degrees = tuple(irrep.l for _, irrep in parts)
        coupling = stored[degrees] if degrees in stored else wigner_3j(*degrees, dtype=torch.float64)
        table = coupling.new_zeros(product.irreps_in2.dim, parts[2].ir.dim, parts[0].ir.dim)
        table[harmonics[one.i_in2]] = coupling.permute(1, 2, 0) * one.path_weight
        tables.append(table)
    return torch.stack(tables, dim=2).flatten(1, 2)


def _stored(product: TensorProduct) -> dict[tuple[int, ...], Tensor]:
    """Return the coupling coefficients as loaded, by degrees: e3nn has changed the signs of some once.

    Those with a scalar in them are not stored; their signs have always been the same.
    """
    found = {}
    for name, buffer in product.named_buffers():
        _, is_coupling, numbers = name.rpartition("_w3j_")
        if is_coupling:
            degrees = tuple(int(degree) for degree in numbers.split("_"))
            found[degrees] = _in_full(buffer.double(), degrees)
    return found


def _in_full(stored: Tensor, degrees: tuple[int, ...]) -> Tensor:
    """Return coefficients to all digits of float64: cut to float32, as in files, they turn energies by 1e-8."""
    exact = wigner_3j(*degrees, dtype=torch.float64)
    return next((one for one in (exact, -exact) if torch.allclose(stored, one, rtol=0.0, atol=ROUNDING)), stored)


def _places(product: TensorProduct, kind: list[Any], count: int) -> Tensor:
    """Return where results go, by component, path, count. Features that the product gives go by count, component."""
    width = product.irreps_out[kind[0].i_out].ir.dim
    starts = torch.tensor([product.irreps_out.slices()[one.i_out].start for one in kind])
    places: Tensor = torch.arange(width)[:, None, None] + starts[:, None] + torch.arange(count) * width
    return places.flatten()
