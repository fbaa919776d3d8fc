"""Boxes: the periodic cell of a crystal, or one around a slab or wire with enough room for it to be alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from alchemi_eeq.geometry import Geometry
    from alchemi_eeq.splitting import Splitting


@attrs.frozen(eq=False)
class Boxes:
    """Boxes of several systems.

    Parameters
    ----------
    vectors : Tensor [S, 3, 3], Bohr
        Edges as rows, the periodic ones first. The others are perpendicular to them and 2 R long.
    range : Tensor [S], Bohr
        R, beyond which the interaction is cut in the directions that are not periodic; infinite for crystals. No two
        smeared charges of a system are that far apart, and none meets an image, so nothing depends on R.
    splitting : Splitting
        Says how far a smeared charge reaches.
    """

    vectors: Tensor
    range: Tensor
    splitting: Splitting

    @property
    def volume(self) -> Tensor:
        """Volume [S], Bohr³."""
        determinants: Tensor = torch.linalg.det(self.vectors)
        return determinants.abs()

    def select(self, systems: Tensor) -> Boxes:
        """Return the boxes of some systems."""
        return Boxes(self.vectors.index_select(0, systems), self.range.index_select(0, systems), self.splitting)


def make_boxes(geometry: Geometry, splitting: Splitting) -> Boxes:
    """Make boxes of all systems, differentiable through their cells; a unit cube stands for that of a molecule."""
    if geometry.cell is None:
        return Boxes(geometry.positions.new_zeros(0, 3, 3), geometry.positions.new_zeros(0), splitting)
    vectors = torch.eye(3).to(geometry.cell).repeat(geometry.cell.shape[0], 1, 1)
    reach = vectors.new_full(vectors.shape[:1], math.inf)
    for periodic in sorted({*geometry.periodic} - {0}):
        systems = _systems(geometry.periodic, periodic, vectors)
        own = _periodic_vectors(geometry.cell, geometry.pbc, systems, periodic)
        if periodic < 3:
            free = _perpendicular(own)
            length = _extent(geometry, systems, free.detach()) + splitting.cutoff
            own = torch.cat([own, 2.0 * length[:, None, None] * free], dim=1)
            reach = reach.index_copy(0, systems, length)
        vectors = vectors.index_copy(0, systems, own)
    return Boxes(vectors, reach, splitting)


def _systems(kinds: Sequence[int], periodic: int, like: Tensor) -> Tensor:
    return torch.tensor([system for system, kind in enumerate(kinds) if kind == periodic], device=like.device)


def _periodic_vectors(cell: Tensor, pbc: Tensor | None, systems: Tensor, periodic: int) -> Tensor:
    """Return the lattice vectors [S, p, 3] along which systems are periodic, in their order."""
    if pbc is None:
        raise AssertionError("a cell without pbc")
    order = torch.argsort((~pbc[systems]).to(torch.int8), dim=1, stable=True)[:, :periodic]
    return cell.index_select(0, systems).gather(1, order[:, :, None].expand(-1, -1, 3))


def _perpendicular(vectors: Tensor) -> Tensor:
    """Return unit vectors [S, 3 − p, 3] perpendicular to vectors [S, p, 3] and to each other, p = 1 or 2."""
    if vectors.shape[1] == 2:
        return _unit(torch.linalg.cross(vectors[:, 0], vectors[:, 1]))[:, None]
    axis = _unit(vectors[:, 0])
    aside = torch.nn.functional.one_hot(axis.detach().abs().argmin(dim=1), 3).to(axis)
    first = _unit(aside - (aside * axis).sum(1, keepdim=True) * axis)
    return torch.stack([first, torch.linalg.cross(axis, first)], dim=1)


def _unit(vectors: Tensor) -> Tensor:
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / lengths


def _extent(geometry: Geometry, systems: Tensor, free: Tensor) -> Tensor:
    """Return how far apart atoms of each system can be along the directions that are not periodic: [S], Bohr."""
    directions = free.new_zeros(len(geometry.periodic), *free.shape[1:]).index_copy(0, systems, free)
    heights = (directions.index_select(0, geometry.batch_idx) @ geometry.positions.detach()[:, :, None])[:, :, 0]
    place = geometry.batch_idx[:, None].expand_as(heights)
    none = heights.new_full(directions.shape[:2], -math.inf)
    spans = none.scatter_reduce(0, place, heights, "amax") + none.scatter_reduce(0, place, -heights, "amax")
    diagonals: Tensor = torch.linalg.vector_norm(spans.clamp(min=0.0), dim=1)
    return diagonals.index_select(0, systems)
