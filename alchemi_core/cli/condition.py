"""Condition: a comparison of what a run computes with numbers, and what makes it hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import attrs
import numpy as np

from alchemi_core.cli.operands import Applied, Operand, exactly
from alchemi_core.errors import ModelOutputError
from alchemi_core.frozenmap import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Callable

    from ase import Atoms

    from alchemi_core.cli.operands import Found, Values

COMPARED: FrozenMap[str, Callable[..., np.ndarray]] = FrozenMap(
    {
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
        "==": np.equal,
        "!=": np.not_equal,
    }
)
MOST = 3
"""How many atoms a reason names."""


@attrs.frozen
class Reason:
    """A comparison that held.

    Parameters
    ----------
    comparison, subject, unit : str
        As written; what of it was compared, and its unit.
    numbers : tuple of float
        Those for which it held, the farthest beyond first.
    atoms : tuple of int or None
        The atoms they belong to; None where they belong to none.
    """

    comparison: str
    subject: str = ""
    unit: str = ""
    numbers: tuple[float, ...] = ()
    atoms: tuple[int, ...] | None = None

    def told(self, atoms: Atoms) -> str:
        """Return a line for people, atoms with their elements."""
        if not self.numbers:
            return self.comparison
        places = [""] * len(self.numbers)
        if self.atoms is not None:
            places = [f" at atom {number} ({atoms.symbols[number]})" for number in self.atoms]
        shown = [f"{x:.4g} {self.unit}".rstrip() + place for x, place in zip(self.numbers, places, strict=True)]
        rest = f" and {len(shown) - MOST} more" if len(shown) > MOST else ""
        return f"{self.comparison}: {self.subject} is {', '.join(shown[:MOST])}{rest}"


@attrs.frozen
class Verdict:
    """Whether a condition holds, and by what."""

    holds: bool
    reasons: tuple[Reason, ...] = ()


class Truth(ABC):
    """A part of a condition that holds or does not.

    Attributes
    ----------
    text : str
        As written.
    """

    text: str

    @abstractmethod
    def at(self, values: Values) -> Verdict:
        """Say whether it holds for these values."""

    @property
    @abstractmethod
    def comparisons(self) -> tuple[Comparison, ...]:
        """Comparisons in it."""


@attrs.frozen(kw_only=True)
class Comparison(Truth):
    """Operands with signs between them: it holds where all signs do, for any element of arrays.

    Parameters
    ----------
    operands : tuple of Operand
        Two or more.
    signs : tuple of str
        One fewer.
    """

    text: str
    operands: tuple[Operand, ...]
    signs: tuple[str, ...]

    def at(self, values: Values) -> Verdict:
        """Say whether it holds for some element, and for which."""
        found = [operand.at(values) for operand in self.operands]
        pairs = zip(self.signs, found[:-1], found[1:], strict=True)
        hits = np.logical_and.reduce(
            np.broadcast_arrays(*(COMPARED[sign](left.numbers, right.numbers) for sign, left, right in pairs))
        )
        if not hits.any():
            return Verdict(holds=False)
        at, other = (0, 1) if self.operands[0].names else (1, 0)
        numbers, places = np.broadcast_arrays(found[at].numbers, _owners(found[at]))
        beyond = np.where(hits, np.abs(numbers - found[other].numbers), -1.0)
        order = np.argsort(-beyond.ravel(), kind="stable")[: int(hits.sum())]
        numbers, places = (np.broadcast_to(one, hits.shape).ravel()[order] for one in (numbers, places))
        atoms = None if (places < 0).all() else tuple(places.tolist())
        operand = self.operands[at]
        return Verdict(
            holds=True, reasons=(Reason(self.text, operand.text, operand.kind.unit, tuple(numbers.tolist()), atoms),)
        )

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Only itself."""
        return (self,)

    @property
    def watched(self) -> tuple[Operand, ...]:
        """One number for each operand that changes: of an array the element that comes closest to making it hold."""
        return tuple(
            Applied.to_array(self._closest(at), one) if one.kind.counts else one
            for at, one in enumerate(self.operands)
            if one.names
        )

    def _closest(self, at: int) -> str:
        upwards = self.signs[at] not in ("<", "<=") if at < len(self.signs) else self.signs[-1] in ("<", "<=")
        return "max" if upwards else "min"


def _owners(found: Found) -> np.ndarray:
    """Return the atoms that numbers belong to, -1 where they belong to none."""
    return np.array(-1) if found.atoms is None else found.atoms


@attrs.frozen(kw_only=True)
class Joined(Truth):
    """Parts joined by `and` or by `or`, looked at in order as far as it takes."""

    text: str
    parts: tuple[Truth, ...]
    all_of: bool

    def at(self, values: Values) -> Verdict:
        """Say whether all hold, or any."""
        reasons: list[Reason] = []
        for part in self.parts:
            verdict = part.at(values)
            if verdict.holds is not self.all_of:
                return verdict
            reasons += verdict.reasons
        return Verdict(self.all_of, tuple(reasons))

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Those of all parts."""
        return tuple(one for part in self.parts for one in part.comparisons)


@attrs.frozen(kw_only=True)
class Negation(Truth):
    """A part that must not hold."""

    text: str
    part: Truth

    def at(self, values: Values) -> Verdict:
        """Say whether the part does not hold."""
        holds = not self.part.at(values).holds
        return Verdict(holds, (Reason(self.text),) if holds else ())

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Those of the part."""
        return self.part.comparisons


@attrs.frozen
class Condition:
    """A whole condition.

    Parameters
    ----------
    truth : Truth
        What it says.
    """

    truth: Truth

    @property
    def text(self) -> str:
        """The condition, evenly spaced."""
        return self.truth.text

    @property
    def names(self) -> frozenset[str]:
        """Names of the values it needs."""
        operands = (operand for one in self.truth.comparisons for operand in one.operands)
        return frozenset[str]().union(*(operand.names for operand in operands))

    @property
    def watched(self) -> tuple[Operand, ...]:
        """Numbers that show how close it is to holding; each once."""
        return tuple({one.text: one for part in self.truth.comparisons for one in part.watched}.values())

    def levels(self, watched: Operand) -> tuple[float, ...]:
        """Return the numbers that one of `watched` is compared with."""
        compared = [one for one in self.truth.comparisons if watched in one.watched]
        fixed = [operand for one in compared for operand in one.operands if not operand.names]
        return tuple(dict.fromkeys(float(operand.at({}).numbers) for operand in fixed))

    def at(self, values: Values) -> Verdict:
        """Say whether it holds for these values.

        Parameters
        ----------
        values : mapping of str to array
            Numbers [] or [n] by name; vectors by their lengths.

        Raises
        ------
        ModelOutputError
            If it cannot be computed, as where something is divided by zero.
        """
        try:
            with exactly():
                return self.truth.at(values)
        except FloatingPointError as error:
            raise ModelOutputError(
                f"{self.text!r} cannot be computed: {error}", expected="finite numbers", who="--stop-if"
            ) from error
