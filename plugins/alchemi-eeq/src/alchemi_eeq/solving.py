"""The linear system whose solution are the charges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.errors import GeometryError
from alchemi_eeq.splitting import WHO

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_eeq.packing import Block

SINGULAR = 1e-13
"""Smallest ratio of the pivots of a matrix that can be trusted."""


def solve(block: Block, matrix: Tensor, electronegativity: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
    """Return charges q that make the energy ½ q·A q + χ·q stationary under Σ q = Q, and the energy.

    ::

        | A  1 | | q |   | −χ |
        | 1  0 | | λ | = |  Q |

    Parameters
    ----------
    block : Block
        The systems.
    matrix : Tensor [S, n, n], Hartree/e²
        A, symmetric; the identity where a system has no atom.
    electronegativity : Tensor [S, n], Hartree/e
        χ, the effective one.
    total : Tensor [S], e
        Q.

    Returns
    -------
    charges : Tensor [S, n], e
        Zero where there is no atom.
    energies : Tensor [S], Hartree

    Raises
    ------
    GeometryError
        If the equations do not determine the charges.
    """
    there = block.present.to(matrix.dtype)
    corner = matrix.new_zeros(there.shape[0], 1)
    top = torch.cat([matrix, there[:, :, None]], dim=2)
    bordered = torch.cat([top, torch.cat([there, corner], dim=1)[:, None]], dim=1)
    right = torch.cat([-electronegativity * there, total[:, None]], dim=1)[:, :, None]
    factors, pivots, _ = torch.linalg.lu_factor_ex(bordered.detach())
    _check_regular(factors, block)
    charges = _solution(bordered, right, factors, pivots)[:, :-1, 0]
    # rounding of the solution is spread evenly, so that the sum is right to the last digit
    missing = (total - charges.sum(1)).detach() / there.sum(1)
    charges = charges + missing[:, None] * there
    energies = (charges * (0.5 * (matrix @ charges[:, :, None])[:, :, 0] + electronegativity)).sum(1)
    return charges, energies


class _Solve(torch.autograd.Function):
    """Solve symmetric systems by factors that are known: the backward pass is another solve with them.

    Written in terms of itself, so that it can be differentiated any number of times.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, right: Tensor, factors: Tensor, pivots: Tensor) -> Tensor:
        solution: Tensor = torch.linalg.lu_solve(factors, pivots, right)
        ctx.save_for_backward(matrix, solution, factors, pivots)
        return solution

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        matrix, solution, factors, pivots = ctx.saved_tensors
        adjoint = _solution(matrix, gradient, factors, pivots)
        return -adjoint @ solution.mT, adjoint, None, None


def _solution(matrix: Tensor, right: Tensor, factors: Tensor, pivots: Tensor) -> Tensor:
    solution: Tensor = _Solve.apply(matrix, right, factors, pivots)  # type: ignore[no-untyped-call]
    return solution


def _check_regular(factors: Tensor, block: Block) -> None:
    pivots = factors.diagonal(dim1=1, dim2=2).abs()
    singular = ~(pivots.amin(1) > SINGULAR * pivots.amax(1))
    if bool(singular.any()):
        raise GeometryError(
            f"the charges of system {int(block.systems[singular][0])} are not determined: its equations are singular",
            expected="atoms at distances that occur in nature",
            who=WHO,
            fix="look for atoms that are much too close to each other, or for a wrong unit of length",
        )
