"""The smooth half of the sum on a mesh.

The kernels of nvalchemi-toolkit-ops 0.5 leave out every point where a spline is below 1e-8, so that their energy
makes steps as atoms move and differs from its own derivatives by some 1e-6. Here the energy is a smooth function,
differentiable twice.
"""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import GeometryError
from alchemi_electrostatics.mesh import mesh_shape, moduli
from alchemi_electrostatics.splines import spread

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_electrostatics.lattices import Lattices
    from alchemi_electrostatics.mesh import Shape

MOST_POINTS = 500_000_000
"""Points of one mesh above which the sum is refused: 4 GB for each copy of it."""


def mesh_energies(lattices: Lattices, alpha: float, spacing: float, who: str) -> Tensor:
    """Return (2π/V) Σ_{k≠0} exp(−k²/4α²)/k² |Σ_j q_j exp(i k·r_j)|² of each system from a mesh: Tensor [S], e²/Å.

    Systems are transformed together only where their meshes have the same shape, so that a result does not depend on
    what else is in the batch.

    Raises
    ------
    GeometryError
        If a mesh would have more points than can be held.
    """
    edges = torch.linalg.vector_norm(lattices.reduced.detach(), dim=2).tolist()
    shapes = [mesh_shape(tuple(row), spacing) for row in edges]
    parts = []
    for shape, systems in groupby(range(len(shapes)), key=lambda system: shapes[system]):
        _check_shape(shape, spacing, who)
        run = list(systems)
        parts.append(_energies(lattices, range(run[0], run[-1] + 1), shape, alpha))
    return torch.cat(parts)


def _energies(lattices: Lattices, run: range, shape: Shape, alpha: float) -> Tensor:
    """Take the mean over two meshes, the second moved by half a spacing along each vector.

    Most of what interpolation gets wrong changes its sign between them, above all the force of a charge on itself. R.
    W. Hockney and J. W. Eastwood, Computer Simulation Using Particles (1988), section 7-8; forces stay the
    derivatives of the energy.
    """
    start, end = lattices.ptr[run.start], lattices.ptr[run.stop]
    cell, systems = lattices.reduced[run.start : run.stop], lattices.batch_idx[start:end] - run.start
    inverse = torch.linalg.inv(cell).index_select(0, systems)
    fractions = torch.bmm(lattices.positions[start:end, None, :], inverse)[:, 0]
    places, charges = fractions * fractions.new_tensor(shape), lattices.charges[start:end]
    factors = _factors(cell, shape, alpha)
    both = (spread(p, charges, systems, len(run), shape) for p in (places, places + 0.5))
    first, second = (_energy(mesh, factors) for mesh in both)
    return 0.5 * (first + second)


def _energy(mesh: Tensor, factors: Tensor) -> Tensor:
    waves = torch.view_as_real(torch.fft.rfftn(mesh, dim=(1, 2, 3)))
    squares = (waves * waves).sum(-1)
    return (squares * factors).flatten(1).sum(1)


def _factors(cell: Tensor, shape: Shape, alpha: float) -> Tensor:
    """Return (2π/V) exp(−k²/4α²)/k² of each wave over the square of what the splines multiply it by.

    Tensor [S, N₁, N₂, N₃/2+1]. Waves that a real transform leaves out, being those of −k, are counted by doubling.
    """
    options = {"dtype": cell.dtype, "device": cell.device}
    integers = [torch.fft.fftfreq(n, d=1.0 / n, **options) for n in shape[:2]]
    integers.append(torch.fft.rfftfreq(shape[2], d=1.0 / shape[2], **options))
    squared = _squared_waves(cell, integers)
    squared = torch.where(squared.detach() == 0.0, math.inf, squared)
    volume = torch.linalg.det(cell).abs()[:, None, None, None]
    factors: Tensor = 2.0 * math.pi / volume * torch.exp(-squared / (4.0 * alpha**2)) / squared * _counts(shape, cell)
    return factors


def _squared_waves(cell: Tensor, integers: list[Tensor]) -> Tensor:
    """Return k² = Σ m_a m_b (b_a · b_b) of all waves."""
    dual = 2.0 * math.pi * torch.linalg.inv(cell).mT
    metric = dual @ dual.mT
    axes = [integers[0][:, None, None], integers[1][:, None], integers[2]]
    total = cell.new_zeros(())
    for a in range(3):
        for b in range(a, 3):
            twice = 1.0 if a == b else 2.0
            total = total + twice * metric[:, a, b, None, None, None] * (axes[a] * axes[b])
    return total


def _counts(shape: Shape, like: Tensor) -> Tensor:
    """Return how many waves each one stands for, over the squares of the splines' factors."""
    x, y = (moduli(points, half=False, device=like.device) ** -2 for points in shape[:2])
    z = moduli(shape[2], half=True, device=like.device) ** -2
    z[1 : shape[2] // 2] *= 2.0
    return (x[:, None] * y)[:, :, None] * z


def _check_shape(shape: Shape, spacing: float, who: str) -> None:
    if math.prod(shape) > MOST_POINTS:
        raise GeometryError(
            f"a mesh of {shape[0]} x {shape[1]} x {shape[2]} points, {spacing:.3g} Å apart",
            expected=f"at most {MOST_POINTS:.2g} points",
            who=who,
            fix="a larger cutoff, a larger accuracy, or less vacuum in the cell",
        )
