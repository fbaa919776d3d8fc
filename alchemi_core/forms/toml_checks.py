"""Checks of what stands in a TOML file: each error names the place."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from alchemi_core.errors import OptionError, SerializationError, nearest
from alchemi_core.option_units import read_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMAT = 1
"""Of TOML pipelines."""

UNITS = {"length": "Å", "energy": "eV", "charge": "e", "stress": "eV/Å³", "mass": "u"}
"""What numbers without a unit are in; a file may state it, and is refused where it states something else."""


def typed(value: Any, kind: type, where: str) -> Any:
    """Return a value that is of a kind: a table, an array, a text, true or false.

    Raises
    ------
    SerializationError
        If it is not.
    """
    good = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if not good:
        names = {dict: "a table", list: "an array", str: "a text", bool: "true or false"}
        raise SerializationError(f"is {value!r:.80}", expected=names[kind], who=where)
    return value


def check_names(table: Mapping[str, Any], names: Iterable[str], where: str) -> None:
    """Refuse a table with other names than those known.

    Raises
    ------
    SerializationError
        Names the nearest one.
    """
    names = tuple(names)
    for name in table:
        if name not in names:
            near = nearest(name, names)
            fix = f"write {near!r}" if near else ""
            raise SerializationError(f"has {name!r}", expected="some of " + ", ".join(names), who=where, fix=fix)


def names_in(value: Any, where: str) -> list[str]:
    """Return names in the order in which they are described everywhere; one may stand by itself.

    Raises
    ------
    SerializationError
        If there is anything but texts.
    """
    several = [value] if isinstance(value, str) else typed(value, list, where)
    return sorted({typed(name, str, where) for name in several})


def check_format(found: Any, who: str) -> None:
    """Refuse other formats than the present one.

    Raises
    ------
    SerializationError
        If it is another.
    """
    if found != FORMAT or isinstance(found, bool):
        raise SerializationError(
            f"has format {found!r}",
            expected=f"format = {FORMAT}",
            who=who,
            fix="pip install --upgrade alchemi-core" if type(found) is int else f"format = {FORMAT}",
        )


def check_units(table: Any, where: str) -> None:
    """Refuse a declaration of units that are not ours; another name of the same unit will do.

    Raises
    ------
    SerializationError
        If one is not, or is none.
    """
    check_names(typed(table, dict, where), UNITS, where)
    for name, unit in table.items():
        text = f"1 {typed(unit, str, f'{where}, {name}')}"
        if in_our_units({name: text}, UNITS, where)[name] != 1.0:
            raise SerializationError(
                f"{name} is in {unit!r}",
                expected=f"{UNITS[name]!r}, as everywhere in alchemi",
                who=where,
                fix=f"give single numbers with their unit, as text: '1.5 {unit}'",
            )


def in_our_units(options: Mapping[str, Any], units: Mapping[str, str], where: str) -> dict[str, Any]:
    """Return options with texts such as ``"0.5 nm"`` as numbers; see `alchemi_core.option_units.read_options`.

    Raises
    ------
    SerializationError
        If one cannot be read in its unit.
    """
    try:
        return read_options(options, units, where)
    except OptionError as error:
        raise SerializationError(error.found, expected=error.expected, who=error.who, fix=error.fix) from error


def no_toml(text: str, error: Exception, who: str) -> SerializationError:
    """Refuse a text that is no TOML, with the line shown and the column marked where they are known."""
    found = re.search(r"\(at line (\d+), column (\d+)\)", str(error))
    lines = text.splitlines()
    if found is None or int(found[1]) > len(lines):
        return SerializationError(f"is no TOML: {error}", expected="a pipeline", who=who)
    line, column = lines[int(found[1]) - 1], int(found[2]) - 1
    begin = max(0, column - 70)
    marked = f"{line[begin : begin + 100]}\n    {' ' * (column - begin)}^"
    return SerializationError(
        f"is no TOML: {error}\n    {marked}",
        expected="name = value, with texts in quotes",
        who=who,
        fix='such as model = "lennard-jones", or weight = "1 - coupling"; groups begin with [[groups]]',
    )
