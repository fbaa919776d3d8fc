"""The whole error tree of alchemi on one screen.

Every error says what was found, what was expected, who is responsible and the likely fix, and carries the same
four as fields, so that a program can read them too.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class AlchemiError(Exception):
    """Base of all errors raised on purpose by alchemi and its plugins.

    Parameters
    ----------
    found : str
        What was met, in one sentence.
    expected : str
        What would have been right.
    who : str
        The step, model, plugin, file or argument responsible.
    fix : str
        The likely fix, as something that can be typed.
    """

    def __init__(self, found: str, *, expected: str = "", who: str = "", fix: str = "") -> None:
        super().__init__(found, expected, who, fix)
        self.found, self.expected, self.who, self.fix = found, expected, who, fix

    def __str__(self) -> str:
        head = f"{self.who}: {self.found}" if self.who else self.found
        tail = [("expected", self.expected), ("likely fix", self.fix)]
        return "\n".join([head, *(f"  {label}: {text}" for label, text in tail if text)])

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.found, self.expected, self.who, self.fix)


def _rebuild(kind: type[AlchemiError], found: str, expected: str, who: str, fix: str) -> AlchemiError:
    """Rebuild an error from its fields, so that it survives pickling."""
    return kind(found, expected=expected, who=who, fix=fix)


class PlanningError(AlchemiError, ValueError):
    """The composition as declared cannot give what is asked of it."""


class WiringError(PlanningError):
    """An input nobody provides, two producers for one name, or a wire key the model does not produce."""


class CutGradientError(PlanningError):
    """A value that depends on positions reaches an energy without its graph, so a derivative would miss a term."""


class LostTermError(PlanningError):
    """A step contributes to a quantity but cannot contribute to the derivative asked of it."""


class UnknownOutputError(PlanningError):
    """An output was asked that no step of the pipeline can give."""


class CompositionError(PlanningError):
    """Two parts of a composition carry settings that contradict each other."""


class DoubleCountingError(PlanningError):
    """Physics that two parts both contain, or a correction made for another level of theory."""


class DeclarationError(AlchemiError, ValueError):
    """A config, step, group or option holds a value that cannot be right on its own."""


class DataError(AlchemiError, ValueError):
    """Tensors of a batch with a wrong shape, type or value."""


class GeometryError(DataError):
    """Positions or cells that describe no structure: NaN, singular cell, two atoms at one place."""


class UnsupportedElementError(DataError):
    """A structure holds a chemical element that a model was not made for."""


class TooLargeError(AlchemiError, MemoryError):
    """A structure that does not fit into memory, alone."""


class NeighborError(DataError):
    """A neighbor list that cannot serve its reader: cutoff, kind, padding, age or size."""


class ModelOutputError(AlchemiError, RuntimeError):
    """A model returned something other than what its config declares."""


class UndeclaredInputError(ModelOutputError, AttributeError):
    """A model read an input that its config does not declare."""


class DerivativeError(AlchemiError, RuntimeError):
    """A derivative strategy or function left out, misspelt or misshaped what was asked of it."""


class MissingOutputError(AlchemiError, KeyError):
    """An output was read that this call did not compute."""

    __str__ = AlchemiError.__str__


class UnknownOfferError(AlchemiError, LookupError):
    """No installed plugin offers the name."""


class DuplicateOfferError(AlchemiError, LookupError):
    """Two installed distributions offer the same name."""


class OptionError(AlchemiError, TypeError):
    """An option that a model, strategy or command does not know, or a value it cannot take."""


class PluginError(AlchemiError, RuntimeError):
    """A plugin could not be loaded, or a hook of it misbehaved."""


class ExpressionError(AlchemiError, ValueError):
    """A model expression that cannot be read."""


class InputFileError(AlchemiError, ValueError):
    """A structure or pipeline file that cannot be read."""


class SerializationError(AlchemiError, ValueError):
    """A pipeline file that cannot be written, or must not be loaded."""


class ExportError(AlchemiError, ValueError):
    """A pipeline that cannot be written in the form that another program runs."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` most likely stands for, or None."""
    matches = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return matches[0] if matches else None
