"""The universal screened repulsion of two nuclei, and its tables by pair of elements."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from alchemi_core.quantities import COULOMB_CONSTANT

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = (0.18175, 0.50986, 0.28022, 0.02817)
EXPONENTS = (3.19980, 0.94229, 0.40290, 0.20162)
LENGTH, POWER = 0.46850, 0.23
"""Constants of the universal screening function, the length in Å: Ziegler, Biersack and Littmark, The Stopping and
Range of Ions in Solids (Pergamon, 1985), to the digits that LAMMPS has them in its ``pair_style zbl``."""

ENVELOPE_POWER = 6


def screened(distance: Tensor, strength: Tensor, inverse: Tensor) -> Tensor:
    """Return u(r) = k Z_i Z_j φ(r/a) / r in eV, φ(x) = Σ c exp(−d x).

    Parameters
    ----------
    distance : Tensor [E], Å
        r.
    strength : Tensor [E], eV Å
        k Z_i Z_j.
    inverse : Tensor [E], 1/Å
        1/a, with a = 0.46850 Å / (Z_i^0.23 + Z_j^0.23).
    """
    x = distance * inverse
    terms = [weight * torch.exp(-exponent * x) for weight, exponent in zip(WEIGHTS, EXPONENTS, strict=True)]
    return strength * torch.stack(terms).sum(0) / distance


def smoothed_energy(distance: Tensor, columns: Tensor, inner: float) -> Tensor:
    """Return u(r) + s(r) of `smoothing` in eV.

    Parameters
    ----------
    distance : Tensor [E], Å
        r.
    columns : Tensor [5, E]
        k Z_i Z_j, 1/a, and A, B and C of s(r), each pair's.
    inner : float, Å
        r_1.
    """
    strength, inverse, cubic, quartic, constant = columns.unbind(0)
    rise = torch.clamp(distance - inner, min=0.0)
    return screened(distance, strength, inverse) + (rise**3 * (cubic / 3.0 + quartic / 4.0 * rise) + constant)


def contact_energy(distance: Tensor, columns: Tensor) -> Tensor:
    """Return u(r) times the envelope that ends at the contact of two atoms, in eV.

    Parameters
    ----------
    distance : Tensor [E], Å
        r, below the contact.
    columns : Tensor [3, E]
        k Z_i Z_j, 1/a, and the contact in Å, each pair's.
    """
    strength, inverse, contact = columns.unbind(0)
    return screened(distance, strength, inverse) * envelope(distance / contact, ENVELOPE_POWER)


def strengths(numbers: Tensor) -> Tensor:
    """Return k Z_i Z_j for all pairs of the given atomic numbers: Tensor [Z, Z], eV Å."""
    return COULOMB_CONSTANT * numbers[:, None] * numbers


def inverse_lengths(numbers: Tensor) -> Tensor:
    """Return 1/a for all pairs of the given atomic numbers: Tensor [Z, Z], 1/Å."""
    powers = numbers**POWER
    return (powers[:, None] + powers) / LENGTH


def derivatives(distance: float, strength: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return u, u' and u'' at one distance, in closed form: three Tensors in the shape of `strength`."""
    phi, slope, curve = (
        sum(
            (w * (-d * inverse) ** order * torch.exp(-d * inverse * distance))
            for w, d in zip(WEIGHTS, EXPONENTS, strict=True)
        )
        for order in range(3)
    )
    first = slope / distance - phi / distance**2
    second = curve / distance - 2.0 * slope / distance**2 + 2.0 * phi / distance**3
    return strength * phi / distance, strength * first, strength * second


def smoothing(inner: float, outer: float, strength: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return A, B and C of the polynomial that is added so that nothing is left at `outer`.

    ::

        s(r) = C  for r < r_1,  A/3 (r − r_1)³ + B/4 (r − r_1)⁴ + C  for r_1 ≤ r < r_c

    with the three fixed by u + s, u' + s' and u'' + s'' vanishing at r_c, as in LAMMPS's ``pair_style zbl``.
    """
    energy, slope, curve = derivatives(outer, strength, inverse)
    width = outer - inner
    cubic = (-3.0 * slope + width * curve) / width**2
    quartic = (2.0 * slope - width * curve) / width**3
    constant = -energy + width * slope / 2.0 - width**2 * curve / 12.0
    return cubic, quartic, constant


def envelope(x: Tensor, power: int) -> Tensor:
    """Return the polynomial that falls from one at x = 0 to zero at x = 1, there with two vanishing derivatives.

    ::

        1 − (p + 1)(p + 2)/2 xᵖ + p (p + 2) xᵖ⁺¹ − p (p + 1)/2 xᵖ⁺²

    J. Gasteiger, J. Groß and S. Günnemann, ICLR 2020 (arXiv:2003.03123); MACE ends its pair repulsion so, with p = 6.
    """
    middle = power * (power + 2.0)
    first, last = math.comb(power + 2, 2), math.comb(power + 1, 2)
    return 1.0 - x**power * (first - middle * x + last * x**2)
