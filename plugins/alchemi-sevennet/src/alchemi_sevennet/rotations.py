"""Real spherical harmonics and the coefficients that couple them.

The axes are named as in e3nn, whose conventions the published weights follow: the polar axis is y, so that the three
harmonics of l = 1 are x, y, z times √3, and Σ_m Y_lm² = 2 l + 1 on the unit sphere (https://docs.e3nn.org).
"""

from __future__ import annotations

import cmath
import math
from functools import cache
from math import factorial

import torch
from torch import Tensor


@cache
def coupling(l1: int, l2: int, l3: int) -> Tensor:
    """Return the coefficients C that make Σ C[i,j,k] a_i b_j turn as l₃ when a turns as l₁ and b as l₂.

    Clebsch-Gordan coefficients taken from the complex to the real basis and normalised to Σ C² = 1: the Wigner 3j
    symbols of the real basis.

    Parameters
    ----------
    l1, l2, l3 : int
        Angular momenta with |l₁ − l₂| ≤ l₃ ≤ l₁ + l₂.

    Returns
    -------
    Tensor [2 l1 + 1, 2 l2 + 1, 2 l3 + 1], float64
    """
    complex_form = torch.zeros(2 * l1 + 1, 2 * l2 + 1, 2 * l3 + 1, dtype=torch.complex128)
    for m1 in range(-l1, l1 + 1):
        for m2 in range(max(-l2, -l3 - m1), min(l2, l3 - m1) + 1):
            complex_form[l1 + m1, l2 + m2, l3 + m1 + m2] = _clebsch_gordan(l1, m1, l2, m2, l3)
    first, second, third = _to_complex(l1), _to_complex(l2), _to_complex(l3).conj()
    real = torch.einsum("ai,bj,ck,abc->ijk", first, second, third, complex_form).real
    return real / torch.linalg.vector_norm(real)


def _clebsch_gordan(l1: int, m1: int, l2: int, m2: int, l3: int) -> float:
    """⟨l₁ m₁ l₂ m₂ | l₃ m₁+m₂⟩ by Racah's sum (Phys. Rev. 62, 438 (1942), eq. 16)."""
    m3 = m1 + m2
    triangle = factorial(l3 + l1 - l2) * factorial(l3 - l1 + l2) * factorial(l1 + l2 - l3) / factorial(l1 + l2 + l3 + 1)
    states = math.prod(factorial(l + m) * factorial(l - m) for l, m in ((l1, m1), (l2, m2), (l3, m3)))
    total = 0.0
    for k in range(l1 + l2 - l3 + 1):
        below = (k, l1 + l2 - l3 - k, l1 - m1 - k, l2 + m2 - k, l3 - l2 + m1 + k, l3 - l1 - m2 + k)
        if min(below) >= 0:
            total += (-1) ** k / math.prod(factorial(n) for n in below)
    return math.sqrt((2 * l3 + 1) * triangle * states) * total


def _to_complex(degree: int) -> Tensor:
    """Rows: complex harmonics by m; columns: real ones. The factor (−i)^l makes coupling coefficients real."""
    matrix = torch.zeros(2 * degree + 1, 2 * degree + 1, dtype=torch.complex128)
    matrix[degree, degree] = 1.0
    half = 1.0 / math.sqrt(2.0)
    for m in range(1, degree + 1):
        matrix[degree - m, degree + m], matrix[degree - m, degree - m] = half, -1j * half
        matrix[degree + m, degree + m], matrix[degree + m, degree - m] = (-1) ** m * half, 1j * (-1) ** m * half
    return matrix * cmath.rect(1.0, -0.5 * math.pi * degree)


@cache
def ladder(degree: int) -> Tensor:
    """Return the matrix that makes harmonics of l + 1 from the products Y_l,i x_j.

    Y_{l+1} is the part of Y_l ⊗ x of highest angular momentum; the factor is fixed by Y_{l+1} = √(2 l + 3) at the pole.

    Returns
    -------
    Tensor [(2 l + 1) · 3, 2 l + 3], float64
    """
    table = coupling(degree, 1, degree + 1).reshape(-1, 2 * degree + 3)
    pole = torch.zeros(2 * degree + 1, 3, dtype=torch.float64)
    pole[degree, 1] = math.sqrt(2 * degree + 1)
    top = (pole.reshape(-1) @ table)[degree + 1]
    return table * (math.sqrt(2 * degree + 3) / top)


def harmonics(vectors: Tensor, highest: int) -> Tensor:
    """Return the harmonics of l = 0 ... `highest`: polynomials in the components, on the unit sphere if vectors are.

    Parameters
    ----------
    vectors : Tensor [E, 3]
    highest : int
        Largest l.

    Returns
    -------
    Tensor [E, (highest + 1)²]
    """
    parts = [torch.ones_like(vectors[:, :1])]
    for degree in range(highest):
        outer = (parts[-1][:, :, None] * vectors[:, None, :]).flatten(1)
        parts.append(outer @ ladder(degree).to(vectors))
    return torch.cat(parts, dim=1)
