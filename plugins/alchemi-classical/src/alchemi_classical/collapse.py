"""The Buckingham catastrophe: where an exponential wall gives way to r⁻⁶ and r⁻⁸ attraction, atoms collapse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias

from alchemi_classical.elements import PairTable, pair_name
from alchemi_classical.options import choice
from alchemi_classical.sums import Edges, atom_label
from alchemi_core.errors import GeometryError, OptionError

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_classical.pair_model import Columns
    from alchemi_core.data.view import ModelView

Collapse: TypeAlias = Literal["error", "allow"]

LEAST, MOST = 7.0, 9.0
"""x⁷ exp(−x) is largest at x = 7 and x⁹ exp(−x) at 9: where the exponential weighs most against r⁻⁷ and r⁻⁹ forces."""

HALVINGS = 60


def born(distance: Tensor, columns: dict[str, Tensor]) -> Tensor:
    """Return A exp((σ − r)/ρ) − C/r⁶ + D/r⁸ in eV."""
    wall = columns["A"] * ((columns["sigma"] - distance) / columns["rho"]).exp()
    inverse = distance.reciprocal() ** 2
    return wall - (columns["C"] - columns["D"] * inverse) * inverse**3


def collapsed(distance: Tensor, columns: dict[str, Tensor]) -> Tensor:
    """Tell which pairs are inside the maximum of the curve, on the slope towards minus infinity: Tensor [E], bool.

    With f = 6 C/r⁷ − 8 D/r⁹, the attraction, and g = (A/ρ) exp((σ − r)/ρ), the repulsion, f/g falls with r inside the
    maximum, where it is above one, and rises outside. The derivative of f/g has the sign of
    6 C r² (r/ρ − 7) − 8 D (r/ρ − 9). A curve that ends in +D/r⁸ does not collapse.
    """
    x = distance / columns["rho"]
    # times r⁹, which cannot overflow at short distances
    six, eight = 6.0 * columns["C"] * distance**2, -8.0 * columns["D"]
    wall = columns["A"] / columns["rho"] * (columns["sigma"] / columns["rho"] - x).exp() * distance**9
    falls = six * (x - 7.0) + eight * (x - 9.0) < 0.0
    bottomless = (columns["D"] < 0.0) | ((columns["D"] == 0.0) & (columns["C"] > 0.0))
    return bottomless & falls & (six + eight > wall)


def check_collapse(view: ModelView, edges: Edges, columns: Columns, who: str) -> None:
    """Refuse pairs of atoms inside the maximum of their curve.

    Parameters
    ----------
    view : ModelView
        The batch, for the error to name the atoms.
    edges : Edges
        Pairs of atoms.
    columns : dict of str to Tensor [E] or [1]
        Parameters of each.
    who : str
        The model.

    Raises
    ------
    GeometryError
        If there is such a pair.
    """
    distance = edges.distance.detach()
    inside = collapsed(distance, columns)
    if bool(inside.any()):
        edge = int(inside.nonzero()[0])
        first, second = (atom_label(view, int(atoms[edge])) for atoms in (edges.first, edges.second))
        raise GeometryError(
            f"{first} and {second} are {float(distance[edge]):.3g} Å apart, inside the maximum of their "
            "potential: they would fall onto each other",
            expected="distances outside the maximum, where the potential repels",
            who=who,
            fix="start from a structure without such pairs, or collapse='allow'",
        )


def check_walls(table: PairTable, collapse: str, who: str) -> None:
    """Check the option `collapse`, and unless that is allowed that each pair repels somewhere.

    Raises
    ------
    OptionError
        If the option is no such word, or −C/r⁶ + D/r⁸ overcomes the exponential at every distance.
    """
    choice(collapse, "collapse", who, ("error", "allow"))
    if collapse == "allow":
        return
    column, zeros = table.columns, (0.0,) * len(table.pairs)
    names = ("A", "rho", "sigma", "C", "D")
    for pair, *values in zip(table.pairs, *(column.get(name, zeros) for name in names), strict=True):
        if _attracts(*values):
            given = ", ".join(f"{name}={column[name][table.pairs.index(pair)]:g}" for name in names if name in column)
            raise OptionError(
                f"{pair_name(pair)} attracts at every distance where its exponential could win: {given}",
                expected="an exponential that wins somewhere",
                who=who,
                fix="check signs and units (A in eV, rho in Å, C in eV Å⁶, D in eV Å⁸), or collapse='allow'",
            )


def _attracts(a: float, rho: float, sigma: float, c: float, d: float) -> bool:
    """Tell whether a curve falls to minus infinity and its exponential overcomes the attraction nowhere.

    Both are compared where f/g of `collapsed` is smallest, times r⁹ and as logarithms.
    """
    if d > 0.0 or (d == 0.0 and c <= 0.0):
        return False
    r = _turn(rho, c, d) * rho
    wall = _log(a) - _log(rho) + (sigma - r) / rho + 9.0 * _log(r)
    return _log(6.0 * c * r * r - 8.0 * d) > wall


def _turn(rho: float, c: float, d: float) -> float:
    """Return r/ρ between `LEAST` and `MOST` where f/g is smallest, by halving; for C < 0 it is at the end."""
    low, high = LEAST, MOST
    for _ in range(HALVINGS):
        x = 0.5 * (low + high)
        falls = 6.0 * c * (x * rho) * (x * rho) * (x - LEAST) - 8.0 * d * (x - MOST) < 0.0
        low, high = (x, high) if falls else (low, x)
    return high


def _log(value: float) -> float:
    return math.log(value) if value > 0.0 else -math.inf
