"""Operands of a condition: numbers, named values of a run, functions and arithmetic of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Self, TypeAlias

import attrs
import numpy as np

from alchemi_core.frozenmap import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Values: TypeAlias = "Mapping[str, np.ndarray]"
"""Numbers [] or [n] by name; vectors by their lengths."""

ATOMS = "atoms"
"""What per-atom values count."""


def exactly() -> np.errstate:
    """Make what has no finite value an error, inside a block."""
    return np.errstate(divide="raise", over="raise", invalid="raise")


ARITHMETIC: FrozenMap[str, Callable[..., np.ndarray]] = FrozenMap(
    {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
)
FUNCTIONS = ("max", "min", "mean", "norm", "abs")


@attrs.frozen
class Kind:
    """What an operand is.

    Parameters
    ----------
    counts : str
        What an array has elements of: ``atoms``, or the name of the only quantity of this shape; empty for one number.
    vectors : bool
        Whether each element is the length of a vector.
    unit : str
        Empty where there is none, or more than one.
    """

    counts: str = ""
    vectors: bool = False
    unit: str = ""


@attrs.frozen(eq=False)
class Found:
    """Numbers [] or [n], and the atoms that they belong to, where they belong to any."""

    numbers: np.ndarray
    atoms: np.ndarray | None = None


class Operand(ABC):
    """Something that has a value at every step.

    Attributes
    ----------
    text : str
        As written.
    kind : Kind
        What it is.
    names : frozenset of str
        Values it needs; none for a number that does not change.
    """

    text: str

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """What it is."""

    @property
    @abstractmethod
    def names(self) -> frozenset[str]:
        """Values it needs."""

    @abstractmethod
    def at(self, values: Values) -> Found:
        """Return its value."""


@attrs.frozen
class Number(Operand):
    """A number as written."""

    text: str
    value: float

    @property
    def kind(self) -> Kind:
        """One number."""
        return Kind()

    @property
    def names(self) -> frozenset[str]:
        """None."""
        return frozenset()

    def at(self, _values: Values) -> Found:
        """Return the number."""
        return Found(np.array(self.value))


@attrs.frozen
class Named(Operand):
    """A value of the run."""

    text: str
    kind: Kind

    @property
    def names(self) -> frozenset[str]:
        """Its own."""
        return frozenset({self.text})

    def at(self, values: Values) -> Found:
        """Return the value."""
        numbers = values[self.text]
        return Found(numbers, np.arange(len(numbers)) if self.kind.counts == ATOMS else None)


@attrs.frozen(kw_only=True)
class Applied(Operand):
    """A function of an operand, or its negative."""

    text: str
    function: str
    argument: Operand

    @classmethod
    def to_array(cls, function: str, argument: Operand) -> Self:
        """Apply a function that the condition itself does not name."""
        return cls(text=f"{function}({argument.text})", function=function, argument=argument)

    @property
    def kind(self) -> Kind:
        """One number, unless the function goes element by element."""
        of = self.argument.kind
        each = self.function in ("abs", "-") or (self.function == "norm" and of.vectors)
        return Kind(counts=of.counts if each else "", unit=of.unit)

    @property
    def names(self) -> frozenset[str]:
        """Those of the argument."""
        return self.argument.names

    def at(self, values: Values) -> Found:
        """Return the function's value; the largest and the smallest belong to an atom where they can."""
        of = self.argument.at(values)
        numbers, one = of.numbers, self.function
        if one in ("max", "min"):
            place = int(numbers.argmax() if one == "max" else numbers.argmin())
            atoms = None if of.atoms is None else np.asarray(of.atoms.ravel()[place])
            return Found(np.asarray(numbers.ravel()[place]), atoms)
        if one == "mean":
            return Found(np.asarray(numbers.mean()))
        if one == "norm" and not self.argument.kind.vectors:
            return Found(np.asarray(np.sqrt(np.square(numbers).sum())))
        return Found(np.asarray(-numbers if one == "-" else np.abs(numbers)), of.atoms)


@attrs.frozen(kw_only=True)
class Arithmetic(Operand):
    """Two operands with a sign between them."""

    text: str
    sign: str
    left: Operand
    right: Operand

    @property
    def kind(self) -> Kind:
        """That of the side that counts something."""
        one, other = self.left.kind, self.right.kind
        return Kind(counts=one.counts or other.counts, unit=_unit(one.unit, self.sign, other.unit))

    @property
    def names(self) -> frozenset[str]:
        """Those of both sides."""
        return self.left.names | self.right.names

    def at(self, values: Values) -> Found:
        """Return what comes out, element by element."""
        one, other = self.left.at(values), self.right.at(values)
        owners = [side.atoms for side in (one, other) if side.atoms is not None]
        arrays = [owner for owner in owners if owner.ndim]
        atoms = arrays[0] if arrays else owners[0] if len(owners) == 1 and not self.kind.counts else None
        return Found(np.asarray(ARITHMETIC[self.sign](one.numbers, other.numbers)), atoms)


def _unit(one: str, sign: str, other: str) -> str:
    """Return the unit of what comes out, empty where it would have to be put together."""
    if sign == "/":
        return "" if other else one
    return "" if one and other and (sign == "*" or one != other) else one or other
