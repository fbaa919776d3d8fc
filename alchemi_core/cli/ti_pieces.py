"""Quadrature piece by piece between the corners of weights, where dE/dλ jumps and no rule may look across."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import attrs
import numpy as np

from alchemi_core.cli.ti_quadrature import (
    GAUSS,
    SIMPSON,
    TRAPEZOID,
    Quadrature,
    equally_spaced,
    gauss_legendre,
    on_nodes,
)
from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ASIDE = 1e-6
"""How far beside a corner it is sampled: nothing to an integral, and told apart in single precision."""

NARROW = 1e-3
"""The most that this is of the length of a piece."""

SAME = 1e-9
"""Below which values of λ differ by rounding alone."""


def corners_of(ramps: Iterable[Sequence[float]], low: float, high: float) -> tuple[float, ...]:
    """Return where the slope of ramps jumps, as seen from inside a range of λ, its ends included, in order."""
    found: list[float] = []
    for start, end in map(sorted, ramps):
        # a ramp has its own slope at its ends, so that one which ends with the range has no corner there
        found += [start] if low + SAME < start < high + SAME else []
        found += [end] if low - SAME < end < high - SAME else []
    return tuple(b for a, b in pairwise([-np.inf, *sorted(found)]) if b - a > SAME)


def extra_windows(ramps: Iterable[Sequence[float]], rule: str | None) -> int:
    """Return how many windows corners add to equally spaced ones: each is sampled on both sides."""
    return 0 if rule == GAUSS else len(_inside(corners_of(ramps, 0.0, 1.0), 0.0, 1.0))


def spaced_pieces(count: int, rule: str | None, ramps: Sequence[Sequence[float]]) -> Quadrature:
    """Return a rule on (0, 1) for weights with ramps, its nodes shared out over the pieces.

    Parameters
    ----------
    count : int
        Windows in all; except with Gauss-Legendre, one on each side of a corner.
    rule : str or None
        As of `equally_spaced`.
    ramps : sequence of (float, float)
        Start and end of each.

    Raises
    ------
    OptionError
        If the rule does not fit the number, or a piece would have too few.
    """
    corners = corners_of(ramps, 0.0, 1.0)
    edges = (0.0, *_inside(corners, 0.0, 1.0), 1.0)
    values = count - extra_windows(ramps, rule)
    if len(edges) == 2:
        return _joined([gauss_legendre(count) if rule == GAUSS else equally_spaced(count, rule)], corners)
    if rule == GAUSS:
        return _joined([_scaled(gauss_legendre(n), *ends) for n, ends in _shares(values, edges, values)], corners)
    whole = equally_spaced(values, rule)
    if rule is None and values // 2 < len(edges) - 1:
        whole = equally_spaced(values, TRAPEZOID)
    each = 2 if whole.rule == SIMPSON else 1
    shares = _shares((values - 1) // each, edges, values, each)
    return _joined([_scaled(equally_spaced(n * each + 1, whole.rule), *ends) for n, ends in shares], corners)


def pieces_on_nodes(nodes: Sequence[float], rule: str | None, ramps: Sequence[Sequence[float]]) -> Quadrature:
    """Return a rule on given nodes for weights with ramps; a node on a corner is sampled on both sides.

    Raises
    ------
    OptionError
        As `on_nodes`, if a corner is no node, or a piece has too few nodes for the rule.
    """
    whole = on_nodes(nodes, rule)
    low, high = whole.edges
    corners = corners_of(ramps, low, high)
    places = [_place(nodes, corner) for corner in _inside(corners, low, high)]
    runs = [nodes[first : last + 1] for first, last in pairwise([0, *places, len(nodes) - 1])]
    return _joined([whole] if len(runs) == 1 else [_on_run(run, rule) for run in runs], corners)


def _inside(corners: Iterable[float], low: float, high: float) -> list[float]:
    return [corner for corner in corners if low + SAME < corner < high - SAME]


def _shares(units: int, edges: Sequence[float], values: int, each: int = 0) -> list[tuple[int, tuple[float, float]]]:
    """Share out intervals, or nodes, over pieces, one at least to each, so that the widest is narrowest."""
    pieces = list(pairwise(edges))
    if units < len(pieces):
        told = ", ".join(f"{edge:g}" for edge in edges[1:-1])
        least = len(pieces) * max(each, 1) + (each > 0)
        expected = f"{least} or more, as weights have corners at λ = {told}"
        raise OptionError(f"{values} windows", expected=expected, who="--windows", fix=f"--windows {least}")
    counts = [1] * len(pieces)
    for _ in range(units - len(pieces)):
        widths = [(high - low) / count for (low, high), count in zip(pieces, counts, strict=True)]
        counts[int(np.argmax(np.round(widths, 12)))] += 1
    return list(zip(counts, pieces, strict=True))


def _place(nodes: Sequence[float], corner: float) -> int:
    """Return which node is a corner."""
    away = np.abs(np.array(nodes) - corner)
    if away.min() > SAME:
        fix = ",".join(f"{one:g}" for one in sorted([*nodes, corner]))
        expected = f"{corner:g} among them, where a weight has a corner and dE/dλ jumps"
        found = f"windows at {', '.join(f'{one:g}' for one in nodes)}"
        raise OptionError(found, expected=expected, who="--lambdas", fix=f"--lambdas {fix}")
    return int(away.argmin())


def _on_run(run: Sequence[float], rule: str | None) -> Quadrature:
    if rule == SIMPSON and len(run) % 2 == 0:
        found = f"{len(run)} windows from one corner of the weights to the next, {run[0]:g} to {run[-1]:g}"
        expected = "an odd number in each piece, equally spaced"
        raise OptionError(found, expected=expected, who=SIMPSON, fix=f"--rule {TRAPEZOID}")
    return on_nodes(run, rule)


def _scaled(unit: Quadrature, low: float, high: float) -> Quadrature:
    """Return a rule on (0, 1) as one on a piece."""
    length = high - low
    if length == 1.0:
        return unit
    return attrs.evolve(
        unit,
        nodes=low + length * unit.nodes,
        weights=length * unit.weights,
        running=length * unit.running,
        coarse=None if unit.coarse is None else length * unit.coarse,
        edges=(low, high),
    )


def _joined(pieces: Sequence[Quadrature], corners: Sequence[float]) -> Quadrature:
    """Return the sum over pieces, nodes on corners moved into theirs."""
    if len(pieces) == 1 and not corners:
        return pieces[0]
    moved = [_moved(piece, corners) for piece in pieces]
    coarse, name = _coarser(pieces)
    return Quadrature(
        rule=pieces[0].rule,
        nodes=np.concatenate([nodes for nodes, _ in moved]),
        weights=np.concatenate([piece.weights for piece in pieces]),
        running=_running(pieces),
        coarse=coarse,
        coarse_name=name,
        edges=(*(piece.edges[0] for piece in pieces), pieces[-1].edges[-1]),
        counts=tuple(len(piece.nodes) for piece in pieces),
        sides=tuple(side for _, sides in moved for side in sides),
    )


def _moved(piece: Quadrature, corners: Sequence[float]) -> tuple[np.ndarray, list[str]]:
    """Return the nodes of a piece beside corners, and on which side of one each is."""
    nodes, sides = piece.nodes.copy(), [""] * len(piece.nodes)
    step = min(ASIDE, NARROW * (piece.edges[-1] - piece.edges[0]))
    for place, end, away, side in ((0, piece.edges[0], step, "+"), (-1, piece.edges[-1], -step, "−")):
        if abs(nodes[place] - end) < SAME and any(abs(end - corner) < SAME for corner in corners):
            nodes[place], sides[place] = end + away, side
    return nodes, sides


def _running(pieces: Sequence[Quadrature]) -> np.ndarray:
    total = sum(len(piece.nodes) for piece in pieces)
    running, first = np.zeros((total, total)), 0
    for piece in pieces:
        last = first + len(piece.nodes)
        running[first:last, first:last] = piece.running
        running[last:, first:last] = piece.weights
        first = last
    return running


def _coarser(pieces: Sequence[Quadrature]) -> tuple[np.ndarray | None, str]:
    """Return coarser weights, those of the rule itself where a piece has too few nodes for others, and their name."""
    if all(piece.coarse is None for piece in pieces):
        return None, ""
    coarse = np.concatenate([piece.weights if piece.coarse is None else piece.coarse for piece in pieces])
    name = " or ".join(dict.fromkeys(piece.coarse_name for piece in pieces if piece.coarse is not None))
    few = [f"{piece.edges[0]:g} to {piece.edges[-1]:g}" for piece in pieces if piece.coarse is None]
    return coarse, name + (f" (not from λ = {', '.join(few)})" if few else "")
