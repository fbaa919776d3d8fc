"""Region: the atoms of every system that a model is evaluated on, and what else it has to know of that part."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from math import isfinite
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from alchemi_core.errors import DeclarationError, OptionError, nearest
from alchemi_core.regions.condition_reader import EXAMPLE, read_condition
from alchemi_core.regions.conditions import names_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemi_core.regions.conditions import Condition

Atoms: TypeAlias = "str | tuple[int, ...] | tuple[bool, ...]"
"""A condition, numbers of atoms, or one flag for each atom."""

OPTIONS = ("charge", "multiplicity", "cut_bonds")
"""What a region says beside its atoms."""

LONGEST = 40
"""Characters of a region's text in plans and errors."""


def _as_atoms(value: Any) -> Atoms:
    """Return a text without blanks around it, or numbers in rising order, or flags."""
    if isinstance(value, str):
        return " ".join(value.split())
    try:
        items = tuple(value.tolist() if hasattr(value, "tolist") else value)
    except TypeError:
        items = ()
    if items and all(type(item) is bool for item in items):
        return items
    if items and all(isinstance(item, Integral) and not isinstance(item, bool) and int(item) >= 0 for item in items):
        return tuple(sorted({int(item) for item in items}))
    raise _no_atoms(value)


def _no_atoms(value: Any) -> DeclarationError:
    return DeclarationError(
        f"atoms are {value!r:.80}",
        expected="a condition as text, numbers of atoms from 0 on, or True and False for each atom",
        who="Region",
        fix=f"{EXAMPLE!r}, or [0, 1, 2]",
    )


def _a_number(_instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if value is not None and not (number and isfinite(value)):
        raise DeclarationError(f"{attribute.name} is {value!r}", expected="a finite number", who="Region")


def _a_multiplicity(_instance: object, _attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and (value < 1 or value != int(value)):
        raise DeclarationError(f"multiplicity is {value!r}", expected="2S + 1: a whole number, 1 or more", who="Region")


def _a_choice(_instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, bool):
        raise DeclarationError(f"{attribute.name} is {value!r}", expected="True or False", who="Region")


def _as_float(value: Any) -> Any:
    return float(value) if isinstance(value, Integral) and not isinstance(value, bool) else value


@attrs.frozen
class Region:
    """Atoms of every system that a model is evaluated on, as if nothing else were there.

    Parameters
    ----------
    atoms : str, sequence of int, or sequence of bool
        A condition, such as ``"element == 'O' and index < 12"``: of ``element``, ``number`` (the atomic number),
        ``index`` (from 0 in each system) and per-atom fields of the batch, such as ``"tags == 1"``. Or the numbers of
        the atoms in each system. Or a mask, for systems of exactly as many atoms. Arrays and tensors will do.
    charge : float, e, optional
        Total charge of the part, for models that read ``total_charge``.
    multiplicity : int, optional
        Spin multiplicity of the part, for models that read ``multiplicity``.
    cut_bonds : bool
        Whether the border may run between atoms as close as bonded ones, as in metals and ionic crystals. There are no
        link atoms, so a border through covalent bonds is refused otherwise.

    Raises
    ------
    DeclarationError, ExpressionError
        If these are no atoms, or no condition.

    Examples
    --------
    >>> print(Region("index < 12"), "|", Region([0, 1, 2, 7], charge=1), "|", Region([True, True, False]))
    index < 12 | atoms 0-2, 7, charge 1 | atoms 0-1 of 3
    """

    atoms: Atoms = attrs.field(converter=_as_atoms)
    charge: float | None = attrs.field(default=None, kw_only=True, converter=_as_float, validator=_a_number)
    multiplicity: float | None = attrs.field(
        default=None, kw_only=True, converter=_as_float, validator=[_a_number, _a_multiplicity]
    )
    cut_bonds: bool = attrs.field(default=False, kw_only=True, validator=_a_choice)
    kind: Literal["condition", "numbers", "mask"] = attrs.field(init=False, repr=False)
    """Which of the three `atoms` is: (0, 1) and (False, True) would be equal otherwise."""

    @kind.default
    def _kind(self) -> str:
        if isinstance(self.atoms, str):
            return "condition"
        return "mask" if isinstance(self.atoms[0], bool) else "numbers"

    def __attrs_post_init__(self) -> None:
        if self.kind == "condition":
            read_condition(str(self.atoms))
        elif not self.numbers:
            raise _no_atoms(self.atoms)

    @classmethod
    def made(cls, atoms: Any, options: Mapping[str, Any]) -> Region:
        """Make a region of what stands in a text.

        Raises
        ------
        OptionError
            If there is no such option.
        DeclarationError, ExpressionError
            If these are no atoms, or no condition.
        """
        for name in sorted(options.keys() - set(OPTIONS)):
            close = nearest(name, OPTIONS)
            fix = f"write {close!r}" if close else ""
            raise OptionError(f"has the option {name!r}", expected=", ".join(OPTIONS), who="Region", fix=fix)
        return cls(atoms, **options)

    @cached_property
    def condition(self) -> Condition | None:
        """The condition, parsed, where there is one."""
        return read_condition(self.atoms) if isinstance(self.atoms, str) else None

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the atoms in each system, where there is no condition."""
        if isinstance(self.atoms, str):
            return ()
        return tuple(i for i, flag in enumerate(self.atoms) if flag) if self.kind == "mask" else self.atoms

    @property
    def fields(self) -> frozenset[str]:
        """Fields of the batch that the condition reads."""
        return frozenset() if self.condition is None else names_of(self.condition)

    @property
    def options(self) -> dict[str, Any]:
        """What it says beside its atoms, by the names of arguments, as far as it says anything."""
        chosen = {name: getattr(self, name) for name in OPTIONS}
        return {name: value for name, value in chosen.items() if value is not None and value is not False}

    @property
    def given(self) -> dict[str, float]:
        """What it says of the part, by the names of inputs."""
        known = {"total_charge": self.charge, "multiplicity": self.multiplicity}
        return {name: value for name, value in known.items() if value is not None}

    def __str__(self) -> str:
        text = str(self.atoms) if self.kind == "condition" else self._listed()
        short = text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
        known = {"charge": self.charge, "multiplicity": self.multiplicity}
        return ", ".join([short, *(f"{name} {value:g}" for name, value in known.items() if value is not None)])

    def _listed(self) -> str:
        of = f" of {len(self.atoms)}" if self.kind == "mask" else ""
        return f"atoms {_ranges(self.numbers)}{of}"


def _ranges(numbers: tuple[int, ...]) -> str:
    """Return numbers in rising order as ranges, such as ``0-2, 7``."""
    starts = [numbers[0], *(after for before, after in pairwise(numbers) if after > before + 1)]
    ends = [*(before for before, after in pairwise(numbers) if after > before + 1), numbers[-1]]
    return ", ".join(f"{start}" if start == end else f"{start}-{end}" for start, end in zip(starts, ends, strict=True))


def as_region(value: Any) -> Region | None:
    """Return what a step takes as ``atoms=``: a region, or what makes one; None stays None."""
    return value if value is None or isinstance(value, Region) else Region(value)
