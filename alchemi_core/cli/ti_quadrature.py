"""Quadrature over a coupling parameter: rules of fixed nodes, each with a coarser one to tell its error by."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.polynomial import legendre

from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

TRAPEZOID, SIMPSON, GAUSS = RULES = ("trapezoid", "simpson", "gauss-legendre")
EVEN = 1e-9
"""How far nodes may be from equal spacing, in units of it."""


@attrs.frozen(eq=False, kw_only=True)
class Quadrature:
    """Nodes and weights: the integral is ``weights @ values``.

    Parameters
    ----------
    rule : {"trapezoid", "simpson", "gauss-legendre"}
        Name of the rule.
    nodes, weights : array [n]
        Where the integrand is known, ascending, and how it counts.
    running : array [n, n]
        Weights of the integral from the lower limit to each node, one row for each.
    coarse : array [n] or None
        Weights of a coarser rule on the same nodes; None where there are too few.
    coarse_name : str
        What that is.
    edges : tuple of float
        Limits of the integral, and between them the corners at which it is cut into pieces.
    counts : tuple of int
        Nodes of each piece; empty for one piece.
    sides : tuple of str
        For each node "+" or "−" where it is that much beside a corner; empty where none is.
    """

    rule: str
    nodes: np.ndarray
    weights: np.ndarray
    running: np.ndarray
    edges: tuple[float, ...]
    coarse: np.ndarray | None = None
    coarse_name: str = ""
    counts: tuple[int, ...] = ()
    sides: tuple[str, ...] = ()

    @property
    def pieces(self) -> list[slice]:
        """The nodes of each piece."""
        ends = np.cumsum([0, *(self.counts or (len(self.nodes),))]).tolist()
        return [slice(first, last) for first, last in pairwise(ends)]


def combine(weights: ArrayLike, values: ArrayLike, errors: ArrayLike) -> tuple[float, float]:
    """Return a weighted sum of independent values and its standard error, ``√Σ (w σ)²``."""
    weights, errors = np.asarray(weights), np.asarray(errors)
    return float(weights @ np.asarray(values)), float(np.sqrt(np.sum((weights * errors) ** 2)))


def equally_spaced(count: int, rule: str | None = None) -> Quadrature:
    """Return a rule on equally spaced nodes from 0 to 1; by default Simpson's where the number is odd.

    Raises
    ------
    OptionError
        If the rule does not fit the number.
    """
    if count < 2:
        raise OptionError(f"{count} windows", expected="2 or more, at 0, at 1 and between", who=rule or TRAPEZOID)
    return on_nodes(np.linspace(0.0, 1.0, count).tolist(), rule or (SIMPSON if count % 2 else TRAPEZOID))


def on_nodes(nodes: Sequence[float], rule: str | None = None) -> Quadrature:
    """Return a rule on given nodes, from the first to the last; the trapezoidal one by default.

    Raises
    ------
    OptionError
        If the nodes do not ascend, or the rule asks for others.
    """
    x = np.array(nodes, dtype=float)
    if len(x) < 2 or not np.isfinite(x).all() or (np.diff(x) <= 0.0).any():
        found = ", ".join(f"{one:g}" for one in x)
        raise OptionError(f"windows at {found}", expected="two or more numbers that ascend", who="--lambdas")
    if rule == GAUSS:
        raise OptionError("nodes are given", expected="a number of windows", who=rule, fix=f"--windows {len(x)}")
    if rule == SIMPSON:
        return _simpson(x)
    every_other = sorted({*range(0, len(x), 2), len(x) - 1})
    coarse = _spread(_trapezoid(x[every_other])[-1], every_other, len(x)) if len(x) > 2 else None
    running = _trapezoid(x)
    return Quadrature(
        rule=TRAPEZOID,
        nodes=x,
        weights=running[-1],
        running=running,
        edges=(float(x[0]), float(x[-1])),
        coarse=coarse,
        coarse_name="every other window" if coarse is not None else "",
    )


def gauss_legendre(count: int) -> Quadrature:
    """Return the Gauss-Legendre rule on (0, 1): exact for polynomials of degree 2 n − 1, and without the ends.

    The coarser rule leaves out the node in the middle, or both.

    Raises
    ------
    OptionError
        If there is no node.
    """
    if count < 1:
        raise OptionError(f"{count} windows", expected="1 or more", who=GAUSS)
    x, w = legendre.leggauss(count)
    outer = [i for i in range(count) if i not in {(count - 1) // 2, count // 2}]
    coarse = _spread(_interpolatory(x[outer], np.ones(1))[0], outer, count) if outer else None
    return Quadrature(
        rule=GAUSS,
        nodes=0.5 * (x + 1.0),
        weights=0.5 * w,
        running=0.5 * _interpolatory(x, x),
        edges=(0.0, 1.0),
        coarse=None if coarse is None else 0.5 * coarse,
        coarse_name=f"without the {'middle' if count % 2 else 'two middle'} window{'' if count % 2 else 's'}"
        if outer
        else "",
    )


def _trapezoid(x: np.ndarray) -> np.ndarray:
    """Running weights of the trapezoidal rule [n, n]."""
    steps = np.diff(x)
    pieces = np.zeros((len(x), len(x)))
    for i, step in enumerate(steps):
        pieces[i + 1, [i, i + 1]] = 0.5 * step
    return np.cumsum(pieces, axis=0)


def _simpson(x: np.ndarray) -> Quadrature:
    steps = np.diff(x)
    if len(x) % 2 == 0 or np.abs(steps - steps.mean()).max() > EVEN * steps.mean():
        raise OptionError(
            f"{len(x)} windows" if len(x) % 2 == 0 else "windows that are not equally spaced",
            expected="an odd number of windows, equally spaced",
            who=SIMPSON,
            fix=f"--windows {len(x) + 1 - len(x) % 2}, or --rule {TRAPEZOID}",
        )
    running = _parabolas(len(x), float(steps.mean()))
    twice = len(x) % 4 == 1 and len(x) > 3
    every_other = list(range(0, len(x), 2))
    halved = _parabolas(len(every_other), 2.0 * float(steps.mean()))[-1] if twice else None
    return Quadrature(
        rule=SIMPSON,
        nodes=x,
        weights=running[-1],
        running=running,
        edges=(float(x[0]), float(x[-1])),
        coarse=_trapezoid(x)[-1] if halved is None else _spread(halved, every_other, len(x)),
        coarse_name="every other window" if twice else "the trapezoidal rule",
    )


def _parabolas(count: int, step: float) -> np.ndarray:
    """Running weights of Simpson's rule [n, n]: a parabola through three nodes, integrated to the second and third."""
    running = np.zeros((count, count))
    for i in range(0, count - 2, 2):
        running[i + 1 : i + 3] = running[i]
        running[i + 1, i : i + 3] += step / 12.0 * np.array([5.0, 8.0, -1.0])
        running[i + 2, i : i + 3] += step / 3.0 * np.array([1.0, 4.0, 1.0])
    return running


def _interpolatory(nodes: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Weights [m, n] that integrate the polynomial through the nodes from −1 to each end."""
    degrees = range(len(nodes))
    integrals = np.array([legendre.legval(ends, legendre.legint(np.eye(len(nodes))[k], lbnd=-1)) for k in degrees])
    return np.linalg.solve(legendre.legvander(nodes, len(nodes) - 1).T, integrals).T


def _spread(weights: np.ndarray, places: Sequence[int], count: int) -> np.ndarray:
    spread = np.zeros(count)
    spread[list(places)] = weights
    return spread
