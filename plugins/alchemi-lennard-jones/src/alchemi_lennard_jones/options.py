"""What a user may give to the model, checked before anything is made of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias

from ase.data import atomic_numbers

from alchemi_core.errors import OptionError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

PerElement: TypeAlias = float | Mapping[str, float]
Derivatives: TypeAlias = Literal["graph", "analytic"]

WHO = "lennard-jones"


def check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raise `OptionError` unless the value is one of those known."""
    if value not in known:
        close = nearest(str(value), known)
        raise OptionError(
            f"{name}={value!r}",
            expected="one of " + ", ".join(repr(k) for k in known),
            who=WHO,
            fix=f"{name}={close!r}" if close else "",
        )


def per_element(epsilon: PerElement, sigma: PerElement) -> tuple[tuple[int, ...], tuple[float, ...], tuple[float, ...]]:
    """Return atomic numbers and the two parameters of each; no numbers when one value serves every element.

    Raises
    ------
    OptionError
        If a symbol is unknown, the two mappings name different elements, or a value cannot be right.
    """
    symbols = _symbols(epsilon, sigma)
    depths = _values("epsilon", epsilon, symbols)
    sizes = _values("sigma", sigma, symbols)
    for name, values, unit in (("epsilon", depths, "eV"), ("sigma", sizes, "Å")):
        for value in values:
            if not (isinstance(value, int | float) and math.isfinite(value) and value > 0.0):
                raise OptionError(f"{name}={value!r}", expected=f"a positive number, {unit}", who=WHO)
    return tuple(atomic_numbers[symbol] for symbol in symbols), depths, sizes


def _symbols(epsilon: PerElement, sigma: PerElement) -> tuple[str, ...]:
    given = [set(option) for option in (epsilon, sigma) if isinstance(option, Mapping)]
    if len(given) == 2 and given[0] != given[1]:
        only = ", ".join(sorted(given[0] ^ given[1]))
        raise OptionError(f"{only} has only one of epsilon and sigma", expected="both for each element", who=WHO)
    symbols = sorted(given[0]) if given else []
    if given and not symbols:
        raise OptionError("no element in epsilon or sigma", expected="at least one", who=WHO)
    _check_symbols(symbols)
    return tuple(sorted(symbols, key=lambda symbol: atomic_numbers[symbol]))


def _check_symbols(symbols: Iterable[str]) -> None:
    for symbol in symbols:
        if atomic_numbers.get(symbol, 0) < 1:
            close = nearest(str(symbol), atomic_numbers)
            raise OptionError(
                f"no element {symbol!r}", expected="chemical symbols", who=WHO, fix=f"{close!r}" if close else ""
            )


def _values(name: str, option: PerElement, symbols: tuple[str, ...]) -> tuple[float, ...]:
    del name
    if isinstance(option, Mapping):
        return tuple(option[symbol] for symbol in symbols)
    return (option,) * max(len(symbols), 1)


def check_cutoff(cutoff: float, switch_on: float | None) -> None:
    """Raise `OptionError` unless 0 < switch_on < cutoff."""
    if not (isinstance(cutoff, int | float) and math.isfinite(cutoff) and cutoff > 0.0):
        raise OptionError(f"cutoff={cutoff!r}", expected="a positive length, Å", who=WHO)
    if switch_on is not None and not 0.0 < switch_on < cutoff:
        raise OptionError(
            f"switch_on={switch_on!r}",
            expected=f"a distance between 0 and the cutoff, {cutoff:g} Å",
            who=WHO,
            fix=f"switch_on={0.8 * cutoff:.3g}",
        )
