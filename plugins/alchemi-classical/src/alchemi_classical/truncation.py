"""How a pair energy ends at its cutoff: plainly, shifted, or switched off smoothly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_classical.elements import PairTable, pair_name
from alchemi_classical.options import positive
from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from torch import Tensor

RANGES = ("cutoff", "switch_on")
"""Lengths that one pair may have of its own."""


@attrs.frozen
class Truncation:
    """The end of the pair energy.

    ::

        v(r) = u(r) − shift · u(r_c)
        E(r) = v(r) S((r − r_on) / (r_c − r_on))
        S(x) = 1 for x < 0,  1 − 10 x³ + 15 x⁴ − 6 x⁵ for 0 ≤ x ≤ 1,  0 for x > 1

    The switch S has vanishing first and second derivatives at both ends, so that energy, forces and Hessian are
    continuous (van der Spoel and van Maaren, J. Chem. Theory Comput. 2, 1 (2006), doi:10.1021/ct0502256).

    Parameters
    ----------
    cutoffs : tuple of float, Å
        r_c of each pair of elements.
    switches : tuple of float, Å, optional
        r_on of each; None for no switch.
    shift : bool
        Whether u(r_c) is subtracted.
    """

    cutoffs: tuple[float, ...]
    switches: tuple[float, ...] | None
    shift: bool

    @classmethod
    def read(cls, table: PairTable, cutoff: Any, switch_on: Any, shift: Any, who: str) -> Truncation:
        """Read the options `cutoff`, `switch_on` and `shift`, which a pair may have its own values of.

        Raises
        ------
        OptionError
            If a pair has no cutoff, only some have a switch, or a switch does not begin below its cutoff.
        """
        if shift is not None and not isinstance(shift, bool):
            raise OptionError(f"shift={shift!r}", expected="True or False", who=who)
        cutoffs = _own_or(cutoff, "cutoff", table, who)
        _check_all_have("cutoff", cutoffs, table, who)
        switches = _own_or(switch_on, "switch_on", table, who)
        if all(math.isnan(length) for length in switches):
            return cls(cutoffs, None, shift is not False)
        _check_all_have("switch_on", switches, table, who)
        _check_order(switches, cutoffs, table, who)
        return cls(cutoffs, switches, bool(shift))

    @property
    def reach(self) -> float:
        """Largest cutoff, Å."""
        return max(self.cutoffs)

    @property
    def differ(self) -> bool:
        """Whether some pairs end before others."""
        return len(set(self.cutoffs)) > 1


def switch(distance: Tensor, begin: Tensor, end: Tensor) -> Tensor:
    """Return S((r − r_on) / (r_c − r_on)).

    Parameters
    ----------
    distance : Tensor [E], Å
        r.
    begin, end : Tensor [E] or [1], Å
        r_on and r_c.
    """
    x = torch.clamp((distance - begin) / (end - begin), 0.0, 1.0)
    return 1.0 - x**3 * (10.0 - 15.0 * x + 6.0 * x**2)


def _own_or(common: Any, name: str, table: PairTable, who: str) -> tuple[float, ...]:
    rest = math.nan if common is None else positive(common, name, who, unit="Å")
    return tuple(rest if math.isnan(own) else own for own in table.columns[name])


def _check_all_have(name: str, lengths: tuple[float, ...], table: PairTable, who: str) -> None:
    for pair, length in zip(table.pairs, lengths, strict=True):
        if math.isnan(length):
            example = f"{name}={8.0 if name == 'cutoff' else 6.0}"
            raise OptionError(f"{pair_name(pair)} has no {name}", expected="one for each pair", who=who, fix=example)


def _check_order(switches: tuple[float, ...], cutoffs: tuple[float, ...], table: PairTable, who: str) -> None:
    for pair, begin, end in zip(table.pairs, switches, cutoffs, strict=True):
        if not begin < end:
            raise OptionError(
                f"switch_on={begin!r} for {pair_name(pair)}",
                expected=f"a distance between 0 and the cutoff, {end:g} Å",
                who=who,
                fix=f"switch_on={0.8 * end:.3g}",
            )
