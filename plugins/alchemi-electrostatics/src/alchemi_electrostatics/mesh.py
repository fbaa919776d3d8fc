"""The mesh of particle mesh Ewald: how fine, and what its interpolation has to be divided by."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from alchemi_electrostatics.splitting import NEIGHBOR_DISTANCE

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_electrostatics.splitting import Splitting

Shape = tuple[int, int, int]

ORDER = 6
"""Order of the B-splines: quintic."""

ALIASES = 6
"""Periods of the mesh on either side whose waves are counted; the terms fall as the 12th power of their number."""

INTERPOLATION, TRUNCATION = 8e-4, 0.6
"""Bounds of a and b in the force error (α s)² (a x⁵ + b exp(−π²/4x²)), x = α h; random charges give half at most."""


def spacing_for(splitting: Splitting) -> float:
    """Return the mesh spacing h that holds the accuracy, Å.

    The error of two meshes half a spacing apart, averaged, has two parts: quintic interpolation, of fifth order in
    the forces, and the waves shorter than 2h, which the mesh does not have.
    """
    wanted = splitting.accuracy / (splitting.alpha * NEIGHBOR_DISTANCE) ** 2
    low, high = 1e-4, 10.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _error(middle) < wanted else (low, middle)
    return low / splitting.alpha


def _error(x: float) -> float:
    return INTERPOLATION * x**5 + TRUNCATION * math.exp(-((math.pi / (2.0 * x)) ** 2))


def mesh_shape(edges: tuple[float, ...], spacing: float) -> Shape:
    """Return the number of points along each lattice vector of a cell.

    Parameters
    ----------
    edges : tuple of float, Å
        Lengths of the three vectors.
    spacing : float, Å
        Largest distance of points along a vector.

    Returns
    -------
    tuple of int
        Products of 2, 3, 5 and 7, which are fast to transform; even.
    """
    first, second, third = (_smooth(max(2 * ORDER, math.ceil(edge / spacing - 1e-9))) for edge in edges)
    return first, second, third


def moduli(points: int, *, half: bool, device: torch.device) -> Tensor:
    """Return, for each wave of one axis, what the interpolation by splines multiplies it by.

    A charge that is spread and gathered by splines of order p meets waves m + nN besides each wave m. The factor
    c(m) = Σ_n s(m + nN)^2p / s(m)^p with s(m) = sin(πm/N)/(πm/N), used squared, makes the mean square error of the
    energy the least (R. W. Hockney and J. W. Eastwood, Computer Simulation Using Particles, 1988, chapter 8; V.
    Ballenegger, J. J. Cerdà and C. Holm, J. Chem. Theory Comput. 8, 936 (2012), doi:10.1021/ct2001792).

    Parameters
    ----------
    points : int
        N.
    half : bool
        Waves 0 ... N/2 of a real transform instead of all.
    device : torch.device
        Where to put them.

    Returns
    -------
    Tensor [N] or [N/2 + 1], float64
        In the order of `torch.fft.fftfreq` or `torch.fft.rfftfreq`.
    """
    frequency = torch.fft.rfftfreq if half else torch.fft.fftfreq
    waves = frequency(points, dtype=torch.float64, device=device)
    images = torch.arange(-ALIASES, ALIASES + 1, dtype=torch.float64, device=device)
    squared = torch.special.sinc(waves[:, None] + images) ** (2 * ORDER)
    factors: Tensor = squared.sum(1) / torch.special.sinc(waves) ** ORDER
    return factors


@lru_cache(maxsize=1024)
def _smooth(least: int) -> int:
    """Return the smallest even number from `least` on without prime factors above 7."""
    number = least + least % 2
    while not _is_smooth(number):
        number += 2
    return number


def _is_smooth(number: int) -> bool:
    for factor in (2, 3, 5, 7):
        while number % factor == 0:
            number //= factor
    return number == 1
