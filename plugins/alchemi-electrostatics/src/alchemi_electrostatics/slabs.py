"""Slabs: vacuum along the normal, and what the images of the slab across it have to be corrected by."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.errors import GeometryError

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_electrostatics.splitting import Splitting

DECAY_MARGIN = 64.0
"""How much smaller than the accuracy the field of the next slab has to be at its surface."""


@attrs.frozen(eq=False)
class Slab:
    """A slab in a cell that is periodic along its normal too.

    Parameters
    ----------
    cell : Tensor [3, 3], Å
        In-plane vectors as given, and in place of the third one the normal times `height`.
    normal : Tensor [3]
        Unit vector.
    height : float, Å
        Period along the normal; a constant, as the energy does not depend on it.
    """

    cell: Tensor
    normal: Tensor
    height: float


def extended(cell: Tensor, open_axis: int, positions: Tensor, splitting: Splitting, who: str) -> Slab:
    """Put a slab into a cell with so much vacuum that its images act on it as homogeneous plates, to the accuracy.

    The field of a slab falls as exp(−g z), with g the shortest in-plane reciprocal vector. The vacuum is ln(64 /
    accuracy) / g, and the cutoff at least, since no pair of the real-space sum reaches across.

    Parameters
    ----------
    cell : Tensor [3, 3], Å
        As given; its open row is not read.
    open_axis : int
        Which row that is.
    positions : Tensor [n, 3], Å
        Atoms of the slab.
    splitting : Splitting
        Accuracy and cutoff.
    who : str
        Name of the model.

    Raises
    ------
    GeometryError
        If the two periodic vectors do not span a plane.
    """
    first, second = cell[(open_axis + 1) % 3], cell[(open_axis + 2) % 3]
    across = torch.linalg.cross(first, second)
    area = float(across.detach().norm())
    if not area > 0.0:
        raise GeometryError(
            "a slab whose two periodic vectors do not span a plane",
            expected="two vectors that are not parallel",
            who=who,
            fix="check the cell and pbc",
        )
    normal = across / across.norm()
    along = (positions @ normal).detach()
    slowest = _shortest(first.tolist(), second.tolist()) * 2.0 * math.pi / area
    vacuum = max(splitting.cutoff, math.log(DECAY_MARGIN / splitting.accuracy) / slowest)
    # whole numbers: a small displacement does not change it
    height = float(math.ceil(float(along.max() - along.min()) + vacuum))
    rows = list(cell.unbind(0))
    rows[open_axis] = normal * height
    return Slab(cell=torch.stack(rows), normal=normal, height=height)


def correction(slab: Slab, positions: Tensor, charges: Tensor) -> Tensor:
    """Return what turns the energy of periodic images with vacuum between them into that of one slab: Tensor [], e²/Å.

    E = (2π/V) (M² − Q Σ q z² − Q² L²/12), z along the normal, M = Σ q z, Q = Σ q. I.-C. Yeh and M. L. Berkowitz, J.
    Chem. Phys. 111, 3155 (1999), doi:10.1063/1.479595; with charge V. Ballenegger, A. Arnold and J. J. Cerdà, J.
    Chem. Phys. 131, 094107 (2009), doi:10.1063/1.3216473.
    """
    z = positions @ slab.normal
    # the sum does not depend on the origin, but its rounding does
    z = z - z.detach().mean()
    total, moment, second = charges.sum(), (charges * z).sum(), (charges * z * z).sum()
    volume = torch.linalg.det(slab.cell).abs()
    energy: Tensor = 2.0 * math.pi / volume * (moment**2 - total * second - total**2 * slab.height**2 / 12.0)
    return energy


def _shortest(first: list[float], second: list[float]) -> float:
    """Length of the shortest vector of the plane lattice of two vectors, by Lagrange's reduction.

    The reciprocal lattice of a plane lattice is the lattice itself, turned by 90° and scaled by 2π / area.
    """
    a, b = first, second
    while True:
        if _dot(b, b) < _dot(a, a):
            a, b = b, a
        times = round(_dot(a, b) / _dot(a, a))
        if times == 0:
            return math.sqrt(_dot(a, a))
        b = [y - times * x for x, y in zip(a, b, strict=True)]


def _dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))
