"""Conditions on atoms: the parsed form of texts such as ``element == 'O' and index < 12``."""

from __future__ import annotations

from typing import TypeAlias

import attrs

INDEX = "index"
"""Number of an atom in its system, from 0."""

NUMBER = "number"
"""Atomic number; elements are kept as these."""

OWN_NAMES = frozenset({INDEX, NUMBER})
"""What every system has; other names are fields of the batch."""


@attrs.frozen
class Comparison:
    """One value of each atom compared with constants.

    Parameters
    ----------
    name : str
        ``"index"``, ``"number"``, or a field of the batch.
    operator : str
        ``==  !=  <  <=  >  >=``, ``in`` or ``not in``.
    values : tuple of int or float
        One, or for ``in`` and ``not in`` any number.
    """

    name: str
    operator: str
    values: tuple[int | float, ...]


@attrs.frozen
class Flag:
    """A field of the batch that is true or false for each atom."""

    name: str


@attrs.frozen
class Not:
    """The opposite of a condition."""

    part: Condition


@attrs.frozen
class All:
    """Every one of several conditions."""

    parts: tuple[Condition, ...]


@attrs.frozen
class Some:
    """At least one of several conditions."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = Comparison | Flag | Not | All | Some
"""Any of them."""


def names_of(condition: Condition) -> frozenset[str]:
    """Return the fields of the batch that a condition reads."""
    match condition:
        case Not(part):
            return names_of(part)
        case All(parts) | Some(parts):
            return frozenset().union(*map(names_of, parts))
        case Comparison(name) | Flag(name):
            return frozenset({name}) - OWN_NAMES
