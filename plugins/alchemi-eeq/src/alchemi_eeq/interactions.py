"""The matrix of interactions between Gaussian charges, in free space and summed over images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from alchemi_eeq.pairs import short_ranged
from alchemi_eeq.waves import make_waves

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from alchemi_eeq.boxes import Boxes
    from alchemi_eeq.geometry import Geometry
    from alchemi_eeq.packing import Block
    from alchemi_eeq.pairs import Pairs
    from alchemi_eeq.parameters import Parameters
    from alchemi_eeq.splitting import Splitting


def interactions(
    blocks: Sequence[Block], boxes: Boxes, geometry: Geometry, pairs: Pairs, parameters: Parameters
) -> Iterator[Tensor]:
    """Yield the matrix A of each block: Tensor [S, n, n], Hartree/e².

    ::

        A_ij = erf(γ_ij r) / r, summed over images        γ_ij = (a_i² + a_j²)^(−½)
        A_ii = η_i + √(2/π) / a_i + the same over images

    Parameters
    ----------
    blocks : sequence of Block
        Systems.
    boxes : Boxes
        Of all systems.
    geometry : Geometry
        Of all atoms and systems.
    pairs : Pairs
        Every pair within the cutoff, once.
    parameters : Parameters
        Of each atom.

    Notes
    -----
    Molecules are summed as they stand. In periodic systems the part of two charges of width 1/α is summed over
    reciprocal vectors, what is left over pairs, and −2α/√π undoes an atom's interaction with itself in the former.
    """
    shorts = _short_matrices([block for block in blocks if block.periodic], boxes.splitting, pairs, parameters)
    own = parameters.hardness + math.sqrt(2.0 / math.pi) / parameters.width
    for block in blocks:
        if block.periodic:
            matrix = next(shorts) + _long_matrix(block, boxes, geometry)
            diagonal = block.gather(own - boxes.splitting.self_interaction)
        else:
            matrix, diagonal = _free_matrix(block, geometry, parameters), block.gather(own)
        yield matrix + torch.diag_embed(diagonal.where(block.present, 1.0))


def _free_matrix(block: Block, geometry: Geometry, parameters: Parameters) -> Tensor:
    """Return erf(γ r) / r of all pairs of atoms, zero on the diagonal."""
    positions, squares = block.gather(geometry.positions), block.gather(parameters.width**2)
    apart = block.present[:, :, None] & block.present[:, None]
    apart = apart & ~torch.eye(positions.shape[1], dtype=torch.bool, device=positions.device)
    vectors = positions[:, :, None] - positions[:, None]
    distance = torch.where(apart, (vectors * vectors).sum(3), 1.0).sqrt()
    gamma = torch.rsqrt(torch.where(apart, squares[:, :, None] + squares[:, None], 1.0))
    return torch.where(apart, torch.erf(gamma * distance) / distance, 0.0)


def _long_matrix(block: Block, boxes: Boxes, geometry: Geometry) -> Tensor:
    """Return the interaction of smeared charges over all images, an atom's own included."""
    waves = make_waves(boxes.select(block.systems), block.periodic)
    return waves.matrix(block.gather(geometry.positions), block.present)


def _short_matrices(
    blocks: Sequence[Block], splitting: Splitting, pairs: Pairs, parameters: Parameters
) -> Iterator[Tensor]:
    """Yield what pairs within the cutoff contribute to each block, all of it added up in one pass."""
    if not blocks:
        return
    row, column, wanted, room = _places(blocks, parameters.width)
    kept = pairs.select(wanted)
    values = short_ranged(kept, parameters, splitting.alpha)
    there = row.index_select(0, kept.i) + column.index_select(0, kept.j)
    back = row.index_select(0, kept.j) + column.index_select(0, kept.i)
    flat = values.new_zeros(room).index_add(0, there, values).index_add(0, back, values)
    start = 0
    for block in blocks:
        systems, size = block.atoms.shape
        yield flat[start : start + systems * size**2].view(systems, size, size)
        start += systems * size**2


def _places(blocks: Sequence[Block], atoms: Tensor) -> tuple[Tensor, Tensor, Tensor, int]:
    """Return where each atom's row starts when all matrices are written one after the other, and its column in it.

    Also whether an atom is in one of the blocks, and how many numbers the matrices hold.
    """
    row = torch.zeros(atoms.shape[0], dtype=torch.int64, device=atoms.device)
    column, wanted, start = torch.zeros_like(row), torch.zeros_like(row, dtype=torch.bool), 0
    for block in blocks:
        systems, size = block.atoms.shape
        ranks = torch.arange(systems * size, device=row.device).view(systems, size)[block.present]
        own = block.atoms[block.present]
        row[own], column[own], wanted[own] = start + size * ranks, ranks % size, True
        start += systems * size**2
    return row, column, wanted, start
