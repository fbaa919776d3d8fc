"""Parameters by pair of elements, as users give them: read, checked and put in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any, TypeAlias

import attrs
from ase.data import chemical_symbols

from alchemi_classical.options import check_keys, element, number, positive
from alchemi_core.errors import OptionError

Pair: TypeAlias = tuple[int, int]
"""Two atomic numbers, the smaller first."""

PairOptions: TypeAlias = Mapping[str, Mapping[str, float]]
"""Such as ``{"Cu-Cu": {"D": 0.3429, "a": 1.3588, "r0": 2.866}}``."""

REST = "rest"
"""Stands for all pairs of the elements named that were given no parameters."""


@attrs.frozen
class Parameter:
    """One number that a pair of elements has.

    Parameters
    ----------
    name, unit : str
        As users write it, and what it is given in.
    least : float
        Lower bound.
    open_end : bool
        Whether the bound itself is excluded.
    default : float, optional
        Taken where it is not given; None where it must be.
    """

    name: str
    unit: str
    least: float = 0.0
    open_end: bool = True
    default: float | None = None


@attrs.frozen
class PairTable:
    """Parameters of each pair of elements.

    Parameters
    ----------
    pairs : tuple of (int, int)
        Pairs that interact.
    columns : mapping of str to tuple of float
        Values of each parameter, pair by pair.
    silent : frozenset of (int, int)
        Pairs declared not to interact.
    """

    pairs: tuple[Pair, ...]
    columns: Mapping[str, tuple[float, ...]]
    silent: frozenset[Pair]

    @property
    def numbers(self) -> tuple[int, ...]:
        """Atomic numbers of the elements named."""
        return tuple(sorted({z for pair in (*self.pairs, *self.silent) for z in pair}))


def read_table(
    pairs: PairOptions, silent: str | Sequence[str], parameters: Sequence[Parameter], ranges: Sequence[str], who: str
) -> PairTable:
    """Read the options `pairs` and `non_interacting`.

    Parameters
    ----------
    pairs : mapping of str to mapping of str to float
        Parameters by pair.
    silent : str or sequence of str
        Pairs that do not interact, or ``"rest"``.
    parameters : sequence of Parameter
        What a pair must and may have.
    ranges : sequence of str
        Lengths that a pair may have besides; a missing one is read as NaN.
    who : str
        The model.

    Raises
    ------
    OptionError
        If a pair, an element or a value cannot be right.
    """
    if not isinstance(pairs, Mapping) or not pairs:
        example = ", ".join(f"{p.name!r}: ..." for p in parameters if p.default is None)
        raise OptionError(
            f"pairs={pairs!r}",
            expected="parameters by pair of elements",
            who=who,
            fix=f"pairs={{'Mg-O': {{{example}}}}}",
        )
    rows: dict[Pair, dict[str, float]] = {}
    for name, given in pairs.items():
        pair = _pair(name, "pairs", who)
        if pair in rows:
            raise OptionError(f"pairs names {pair_name(pair)} twice", expected="each pair once", who=who)
        rows[pair] = _row(name, given, parameters, ranges, who)
    names = [*(parameter.name for parameter in parameters), *ranges]
    columns = {name: tuple(row[name] for row in rows.values()) for name in names}
    return PairTable(tuple(rows), columns, _silent(silent, tuple(rows), who))


def pair_name(pair: Pair) -> str:
    """Return a pair as users write it, such as ``"O-Mg"``."""
    return "-".join(chemical_symbols[z] for z in pair)


def _pair(name: Any, option: str, who: str) -> Pair:
    symbols = name.split("-") if isinstance(name, str) else []
    if len(symbols) != 2:
        raise OptionError(f"{option} names {name!r}", expected="two chemical symbols, such as 'Mg-O'", who=who)
    first, second = sorted(element(symbol, f"{option} {name!r}", who) for symbol in symbols)
    return first, second


def _row(name: str, given: Any, parameters: Sequence[Parameter], ranges: Sequence[str], who: str) -> dict[str, float]:
    required = [parameter.name for parameter in parameters if parameter.default is None]
    known = [*(parameter.name for parameter in parameters), *ranges]
    if not isinstance(given, Mapping):
        expected = f"a mapping with {', '.join(required)}"
        raise OptionError(f"pairs[{name!r}]={given!r}", expected=expected, who=who)
    check_keys(given, known, required, f"pairs[{name!r}]", who)
    row = {p.name: _value(given.get(p.name, p.default), name, p, who) for p in parameters}
    lengths = {key: positive(given[key], f"pairs[{name!r}][{key!r}]", who, unit="Å") for key in ranges if key in given}
    return row | {key: lengths.get(key, float("nan")) for key in ranges}


def _value(value: Any, pair: str, rule: Parameter, who: str) -> float:
    name = f"pairs[{pair!r}][{rule.name!r}]"
    return number(value, name, who, unit=rule.unit, least=rule.least, open_end=rule.open_end)


def _silent(given: str | Sequence[str], pairs: tuple[Pair, ...], who: str) -> frozenset[Pair]:
    if given == REST:
        numbers = sorted({z for pair in pairs for z in pair})
        return frozenset(combinations_with_replacement(numbers, 2)) - frozenset(pairs)
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, Sequence):
        expected = "pairs such as 'Mg-Mg', or 'rest'"
        raise OptionError(f"non_interacting={given!r}", expected=expected, who=who)
    silent = frozenset(_pair(name, "non_interacting", who) for name in names)
    if both := silent & frozenset(pairs):
        raise OptionError(
            f"{pair_name(min(both))} is both in pairs and in non_interacting", expected="one of the two", who=who
        )
    return silent
