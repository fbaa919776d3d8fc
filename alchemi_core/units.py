"""Lengths, energies and the like as people write them: ``"0.5 Å"``, ``"0.24 kcal/mol"``, ``"50 Ry/bohr"``.

Programs pass plain numbers, in the units of `alchemi_core.quantities`; texts with units are for files of people.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import deque

from alchemi_core.errors import OptionError, nearest
from alchemi_core.unit_table import SUPERSCRIPTS, UNITS, Unit

LONGEST = 64
"""Characters of a unit, at most."""

_NUMBER = re.compile(
    r"\s*([+\-−]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+\-−]?[0-9]+)?|inf(?:inity)?\b|nan\b))\s*", re.IGNORECASE
)
_POWER = rf"(?:\^|\*\*)\s*[+\-−]?[0-9]{{1,2}}|[⁺⁻]?[{SUPERSCRIPTS}]{{1,2}}"
_NAME = rf"[^\W\d_{SUPERSCRIPTS}₀]+[0₀]?|°|1(?![0-9.])"
_TOKEN = re.compile(rf"\s*({_POWER}|{_NAME}|[*·⋅×/()])\s*")
_TIMES = frozenset("*·⋅×")
_DIGITS = str.maketrans(SUPERSCRIPTS + "⁻⁺−", "0123456789" + "-+-", "^* ")


def read_quantity(text: str, unit: str, *, who: str = "") -> float:
    """Return the number that a text such as ``"5 nm"`` stands for, in the unit wanted.

    Parameters
    ----------
    text : str
        A number and a unit, see `read_unit`.
    unit : str
        The unit wanted.
    who : str
        The option that has the text, for errors.

    Raises
    ------
    OptionError
        If there is no number or no unit, the unit is unknown or measures something else, or the number is not finite.

    Examples
    --------
    >>> read_quantity("0.5 nm", "Å")
    5.0
    >>> round(read_quantity("50 Ry/bohr", "eV/Å"), 4)
    1285.5517
    >>> read_quantity("0.2/Å", "1/Å") == read_quantity("0.2 Å⁻¹", "1/Å") == 0.2
    True
    """
    wanted = read_unit(unit, who=who)
    value, given = _parted(text, wanted, unit, who)
    found = read_unit(given, who=who)
    if found.powers != wanted.powers:
        raise _mismatch(text, given, found, unit, wanted, who)
    number = value * (found.factor / wanted.factor)
    if not math.isfinite(number):
        raise OptionError(f"{text!r} is not a finite number", expected=f"a finite number of {unit}", who=who)
    return number


def is_quantity_text(text: object) -> bool:
    """Tell whether something is text made of a number and what could be a unit, known or not.

    Examples
    --------
    >>> [is_quantity_text(text) for text in ("0.5 Å", "2 parsec", "0.5", "7net-0", "covalent", 0.5)]
    [True, True, False, False, False, False]
    """
    number = _NUMBER.match(text) if isinstance(text, str) else None
    tokens, rest = _tokens(number.string[number.end() :]) if number is not None else ([], "")
    return bool(tokens) and not rest


def read_unit(text: str, *, who: str = "") -> Unit:
    """Read a unit: names joined by ``·``, ``*``, blanks and ``/``, with whole powers and parentheses.

    ``eV/Å^2``, ``eV·Å⁶``, ``kJ/mol/nm**2``, ``kcal/(mol Å)``, ``1/Å`` and ``/Å`` are units. A product after a quotient,
    as in ``kJ/mol nm``, can be meant in two ways and is refused.

    Raises
    ------
    OptionError
        If it cannot be read, or a name in it is unknown.
    """
    tokens, rest = _tokens(text) if len(text) <= LONGEST else ([], text)
    if rest or not tokens:
        raise _unreadable(text, f"at {rest[:20]!r}" if rest else "it is empty", who)
    waiting = deque(["1", *tokens] if tokens[0] == "/" else tokens)
    unit = _product(waiting, text, who)
    if waiting:
        raise _unreadable(text, "a parenthesis closes that never opened", who)
    if not 0.0 < unit.factor < math.inf:
        raise _unreadable(text, "its powers are too high", who)
    return unit


def _parted(text: str, wanted: Unit, unit: str, who: str) -> tuple[float, str]:
    """Return the number and the unit of a text."""
    number = _NUMBER.match(text)
    example = f"{_article(wanted.kind)} such as '0.5 {unit}'"
    if number is None:
        raise OptionError(f"{text[:LONGEST]!r} begins with no number", expected=example, who=who)
    given = text[number.end() :].strip()
    if not given:
        raise OptionError(f"{text!r} has no unit", expected=example, who=who, fix=f"'{text.strip()} {unit}'")
    return float(number[1].replace("−", "-")), given


def _tokens(text: str) -> tuple[list[str], str]:
    """Return the parts of a unit and what cannot be one, from where that begins."""
    text = unicodedata.normalize("NFC", text.strip()).replace("µ", "μ")
    tokens, at = [], 0
    while token := _TOKEN.match(text, at):
        tokens.append(token[1])
        at = token.end()
    return tokens, text[at:]


def _product(tokens: deque[str], text: str, who: str) -> Unit:
    unit, divided = _factor(tokens, text, who), False
    while tokens and tokens[0] != ")":
        operator = tokens.popleft() if tokens[0] in _TIMES or tokens[0] == "/" else "·"
        if divided and operator != "/":
            raise _unreadable(text, "a product after a quotient can be meant in two ways", who)
        factor = _factor(tokens, text, who)
        unit, divided = (unit / factor, True) if operator == "/" else (unit * factor, divided)
    return unit


def _factor(tokens: deque[str], text: str, who: str) -> Unit:
    first = tokens.popleft() if tokens else ""
    if first == "(":
        unit = _product(tokens, text, who)
        if not tokens:
            raise _unreadable(text, "a parenthesis does not close", who)
        tokens.popleft()
    else:
        unit = _named(first, text, who)
    power = re.fullmatch(_POWER, tokens[0]) if tokens else None
    return unit if power is None else unit ** int(tokens.popleft().translate(_DIGITS))


def _named(name: str, text: str, who: str) -> Unit:
    if name == "1":
        return Unit()
    if name in UNITS:
        return UNITS[name]
    if not re.fullmatch(_NAME, name):
        raise _unreadable(text, f"{name!r} stands where a unit is expected" if name else "it ends too soon", who)
    by_case = {known.casefold(): known for known in UNITS}
    close = by_case.get(name.casefold()) or nearest(name, UNITS)
    raise OptionError(
        f"unknown unit {name!r}" + (f" in {text!r}" if name != text else ""),
        expected="names such as Å, nm, bohr, eV, hartree, Ry, kcal/mol, kJ/mol, e, fs, K, GPa, deg, rad, u",
        who=who,
        fix=f"did you mean {close!r}?" if close else "",
    )


def _unreadable(text: str, why: str, who: str) -> OptionError:
    return OptionError(
        f"unit {text[:LONGEST]!r} cannot be read: {why}",
        expected="such as 'eV/Å^2', 'kJ/mol/nm^2' or 'kcal/(mol Å)'",
        who=who,
    )


def _mismatch(text: str, given: str, found: Unit, unit: str, wanted: Unit, who: str) -> OptionError:
    per_mole = (found / UNITS["mol"]).powers == wanted.powers
    return OptionError(
        f"{text!r}: {given!r} is {_article(found.kind)}",
        expected=f"{_article(wanted.kind)} such as {unit}",
        who=who,
        fix=f"'{text.strip()}/mol'" if per_mole else f"write it in {unit}",
    )


def _article(kind: str) -> str:
    return ("an " if kind[0] in "aeiou" else "a ") + kind
