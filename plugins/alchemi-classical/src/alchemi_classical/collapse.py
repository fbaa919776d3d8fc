"""Where an exponential wall gives way to r⁻⁶ and r⁻⁸ attraction, and atoms would fall onto each other."""

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

STEEPEST = 7.0
"""x⁷ exp(−x) is largest at x = 7."""


def born(distance: Tensor, columns: Columns) -> Tensor:
    """Return A exp((σ − r)/ρ) − C/r⁶ + D/r⁸ in eV."""
    wall = columns["A"] * ((columns["sigma"] - distance) / columns["rho"]).exp()
    inverse = distance.reciprocal() ** 2
    return wall - (columns["C"] - columns["D"] * inverse) * inverse**3


def collapsed(distance: Tensor, columns: Columns) -> Tensor:
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
    """Raise `GeometryError` where two atoms are inside the maximum of their curve."""
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
        If −C/r⁶ overcomes the exponential at every distance, which it does for 6 C > 7⁷ e⁻⁷ A ρ⁶ exp(σ/ρ).
    """
    choice(collapse, "collapse", who, ("error", "allow"))
    if collapse == "allow":
        return
    column = table.columns
    sigmas = column.get("sigma", (0.0,) * len(table.pairs))
    for pair, a, rho, sigma, c in zip(table.pairs, column["A"], column["rho"], sigmas, column["C"], strict=True):
        wall = STEEPEST**7 * math.exp(-STEEPEST) * a * rho**6
        if c > 0.0 and _log(6.0 * c) > _log(wall) + sigma / rho and not _repels(table, pair):
            raise OptionError(
                f"{pair_name(pair)} attracts at every distance: C={c:g} is too large for A={a:g}, rho={rho:g}",
                expected="an exponential that wins somewhere",
                who=who,
                fix="check units (A in eV, rho in Å, C in eV Å⁶), or collapse='allow'",
            )


def _log(value: float) -> float:
    return math.log(value) if value > 0.0 else -math.inf


def _repels(table: PairTable, pair: tuple[int, int]) -> bool:
    """Tell whether +D/r⁸ keeps a pair apart."""
    return "D" in table.columns and table.columns["D"][table.pairs.index(pair)] > 0.0
