"""Hessians: second derivatives of the composed energy by positions."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import attrs
import torch

from alchemi_core.errors import DataError
from alchemi_derivatives.curvature import Curvature

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState
    from alchemi_derivatives.curvature import Tape
    from alchemi_derivatives.products import Products


@attrs.frozen(kw_only=True)
class Hessian:
    """d²E/dr² of every system, [B, 3n, 3n] in eV/Å², beside forces, stress and virial.

    ::

        H_kl = d²E / dr_k dr_l        k, l = 3 × atom + axis within a system

    The cell stays as it is, so that the Hessian of a crystal is that of displacements with its own periodicity, at the
    zone centre. The k-th coordinates of all systems of a batch are taken together, and 3n products of the largest
    system make the matrices of all of them. They are returned as computed: what rounding or differences leave of
    ``H − Hᵀ`` measures their error.

    Parameters
    ----------
    method : {"graph", "differences"}
        Differentiate the forces on the graph, which is exact and gives every term of values passed between models, or
        take central differences of forces, for models that can be differentiated once only or report their forces.
    step : float, Å, optional
        Displacement of the differences: by default 0.005 in float64 and 0.01 in float32. The error is of second order
        in it, and that of the forces divided by it is added.
    chunk : int, optional
        Rows taken at once: by default so many that their copies have about 2000 atoms in all, but one at least. Memory
        grows with it; 1 takes the least.

    Raises
    ------
    OptionError
        If an option cannot be right.
    DerivativeError
        If a model cannot be differentiated twice and did not say so.
    """

    name: ClassVar[str] = "hessian"

    method: str = "graph"
    step: float | None = None
    chunk: int | None = None

    def __attrs_post_init__(self) -> None:
        _ = self._curvature

    @property
    def _curvature(self) -> Curvature:
        return Curvature(who=self.name, method=self.method, step=self.step, chunk=self.chunk)

    @property
    def serves(self) -> frozenset[str]:
        """Names of what it can return."""
        return self._curvature.first | {"hessian"}

    @property
    def samples(self) -> frozenset[str]:
        """What it evaluates at displaced geometries."""
        return self._curvature.samples

    def prepare(self, state: GroupState) -> tuple[Batch, Tape]:
        """Put the batch on leaves where the graph is used."""
        return self._curvature.prepare(state)

    def finish(self, energy: Tensor, tape: Tape, requested: frozenset[str]) -> dict[str, Tensor]:
        """Return what is requested."""
        twice = "hessian" in requested
        out, products = self._curvature.derivatives(energy, tape, requested, twice=twice)
        return out | {"hessian": self._matrices(products, tape.data)} if twice else out

    def _matrices(self, products: Products, data: Batch) -> Tensor:
        coordinates, size = _coordinates(data)
        rows = [data.positions.new_zeros(0, data.num_atoms, 3)]
        for first, last in self._curvature.chunks(size, data.num_atoms):
            wanted = torch.arange(first, last, device=data.device).view(-1, 1, 1)
            rows.append(products((wanted == coordinates).to(data.dtype)))
        numbers = torch.arange(size, device=data.device).view(-1, 1, 1)
        places = (data.batch_idx.view(1, -1, 1), numbers, coordinates.unsqueeze(0))
        return data.positions.new_zeros(data.num_systems, size, size).index_put(places, torch.cat(rows))


def _coordinates(data: Batch) -> tuple[Tensor, int]:
    """Return the number of every coordinate within its system [N, 3], and how many the largest system has."""
    starts = torch.tensor(data.ptr[:-1], device=data.device, dtype=torch.int64)
    ranks = torch.arange(data.num_atoms, device=data.device) - starts[data.batch_idx]
    return 3 * ranks.unsqueeze(1) + torch.arange(3, device=data.device), max(_sizes(data), default=0)


def _sizes(data: Batch) -> list[int]:
    return [3 * (end - start) for start, end in pairwise(data.ptr)]


def blocks(hessian: Tensor, batch: Batch) -> list[Tensor]:
    """Return the Hessian of each system without the zeros that stand for the atoms of larger ones.

    Parameters
    ----------
    hessian : Tensor [B, 3n, 3n], eV/Å²
        As a pipeline returned it, n atoms in the largest system.
    batch : Batch
        Of which it is.

    Returns
    -------
    list of Tensor [3n, 3n], eV/Å²
        Each with the n of its system.

    Raises
    ------
    DataError
        If it is not of that batch.
    """
    sizes = _sizes(batch)
    largest = max(sizes, default=0)
    if tuple(hessian.shape) != (len(sizes), largest, largest):
        raise DataError(
            f"a Hessian of shape {list(hessian.shape)}",
            expected=f"[{len(sizes)}, {largest}, {largest}], of the batch given with it",
            who="blocks",
        )
    return [matrix[:size, :size] for matrix, size in zip(hessian, sizes, strict=True)]
