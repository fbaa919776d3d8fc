"""Values of subjects: what authors may write, and how it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ase import Atoms

from alchemi_core.errors import OptionError
from alchemi_core.frozenmap import FrozenMap, freeze
from alchemi_core.models import BaseModelMixin
from alchemi_core.testing.structures import Structure, structure_named

if TYPE_CHECKING:
    import attrs

WHO = "ModelSubject"


def as_structures(value: Any) -> tuple[Structure, ...] | None:
    """Accept structures, their names and ASE's atoms."""
    return None if value is None else tuple(_structure(one, number) for number, one in enumerate(value))


def _structure(value: Any, number: int) -> Structure:
    if isinstance(value, Structure):
        return value
    if isinstance(value, str):
        return structure_named(value)
    if isinstance(value, Atoms):
        return Structure(f"{number}-{value.symbols}", "a structure of the subject's own", value.copy)
    raise OptionError(f"{value!r:.60} among structures", expected="a Structure, a name or ase.Atoms", who=WHO)


def is_accuracy(instance: object, attribute: attrs.Attribute[float], value: object) -> None:  # noqa: ARG001
    """Raise `OptionError` unless the value is a relative error."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value < 1.0:
        raise OptionError(f"accuracy is {value!r}", expected="a relative error, from 0 to below 1", who=WHO)


def is_model(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:  # noqa: ARG001
    """Raise `OptionError` unless the value is a model, its name or what makes it."""
    if not isinstance(value, str | BaseModelMixin) and not callable(value):
        raise OptionError(f"{value!r:.60}", expected="the name of a model, a model, or what makes one", who=WHO)


def as_options(value: Any) -> FrozenMap[str, Any] | None:
    """Return options as they are kept; None where none are said."""
    return None if value is None else as_mapping(value)


def as_mapping(value: Any) -> FrozenMap[str, Any]:
    """Return a mapping of names as it is kept, or raise `OptionError`."""
    if not isinstance(value, Mapping):
        raise OptionError(f"{value!r:.60}", expected="a mapping of names", who=WHO, fix="{'name': ...}")
    return freeze(value)
