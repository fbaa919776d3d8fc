"""Options of models in the units that their offers name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from alchemi_core.errors import DeclarationError, OptionError
from alchemi_core.frozenmap import FrozenMap, freeze
from alchemi_core.units import is_quantity_text, read_quantity, read_unit

_BEGINS_WITH_A_NUMBER = re.compile(r"\s*[+\-−]?(\.?[0-9]|(inf(inity)?|nan)\b)", re.IGNORECASE)
_NAME = re.compile(r"[^\W\d]\w*(\.\w+)?")


def as_units(given: Any) -> Any:
    """Freeze a mapping; anything else stays, for `check_units` to refuse."""
    return freeze(given) if isinstance(given, Mapping) else given


def check_units(units: object, who: str) -> None:
    """Check that options, or entries of tables in them, have units that can be read.

    Raises
    ------
    DeclarationError
        If not.
    """
    named = isinstance(units, FrozenMap) and all(isinstance(text, str) for pair in units.items() for text in pair)
    if not isinstance(units, FrozenMap) or not named or not all(map(_NAME.fullmatch, units)):
        raise DeclarationError(f"units is {units!r}", expected="such as {'cutoff': 'Å', 'pairs.r0': 'Å'}", who=who)
    for name, unit in units.items():
        try:
            read_unit(unit)
        except OptionError as error:
            found = f"units[{name!r}] is {unit!r}: {error.found}"
            raise DeclarationError(found, expected=error.expected, who=who, fix=error.fix) from error


def read_options(options: Mapping[str, Any], units: Mapping[str, str], who: str) -> dict[str, Any]:
    """Return options with every text that begins with a number, where a unit is named for it, read into that number.

    Parameters
    ----------
    options : mapping
        As written: values may be lists and tables, nested.
    units : mapping of str to str
        As `alchemi_core.offers.ModelOffer` has them: ``"epsilon"`` names the unit of all numbers inside that option,
        ``"pairs.r0"`` that of the numbers in the entries ``r0`` of tables inside the option ``pairs``.
    who : str
        Whose options they are, for errors.

    Returns
    -------
    dict
        Numbers and other texts are as they were: a number is in the unit already.

    Raises
    ------
    OptionError
        If a text begins with a number and does not go on with a unit that fits, or is a number with a unit where none
        is named.

    Examples
    --------
    >>> units = {"cutoff": "Å", "pairs.D": "eV"}
    >>> read_options({"cutoff": "1 nm", "pairs": {"Cu-Cu": {"D": "343 meV"}}, "shift": True}, units, "morse")
    {'cutoff': 10.0, 'pairs': {'Cu-Cu': {'D': 0.343}}, 'shift': True}
    """
    return {name: _read(value, name, name, units, who) for name, value in options.items()}


def _read(value: Any, option: str, path: str, units: Mapping[str, str], who: str) -> Any:
    if isinstance(value, Mapping):
        return {
            key: _read(inner, option, _inside(option, path, key, units), units, who) for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        read = [_read(inner, option, path, units, who) for inner in value]
        return tuple(read) if isinstance(value, tuple) else read
    return _number(value, units.get(path, ""), f"{who}, {path}") if isinstance(value, str) else value


def _number(text: str, unit: str, who: str) -> float | str:
    if not unit and is_quantity_text(text):
        expected = "what the option takes, which has no unit"
        raise OptionError(f"{text!r} is a number with a unit", expected=expected, who=who)
    return read_quantity(text, unit, who=who) if unit and _BEGINS_WITH_A_NUMBER.match(text) else text


def _inside(option: str, path: str, key: object, units: Mapping[str, str]) -> str:
    """Return the name under which an entry of a table may have its unit: its own, or that of the table."""
    own = f"{option}.{key}"
    return own if own in units else path
