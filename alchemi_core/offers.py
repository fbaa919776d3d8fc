"""Offers: what a plugin puts on the table. Small immutable values; making one imports nothing heavy."""

from __future__ import annotations

import re
from importlib import import_module
from math import inf
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias, get_args

import attrs

from alchemi_core.errors import DeclarationError, PluginError
from alchemi_core.frozenmap import FrozenMap, freeze
from alchemi_core.neighbors.routing import REFERENCE_COSTS
from alchemi_core.option_units import as_units, check_units

if TYPE_CHECKING:
    from collections.abc import Callable

Role: TypeAlias = Literal["builder", "filter", "to_matrix", "to_coo", "to_half", "to_full", "convert"]
"""What a neighbor offer does: build a list, one of the conversions, or any of them at once."""

ROLES: tuple[Role, ...] = get_args(Role)


def _must(meet: Callable[[Any], object], expected: str) -> Any:
    """Make an attrs validator that says what was expected, and of which offer."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if not meet(value):
            raise DeclarationError(f"{attribute.name} is {value!r}", expected=expected, who=_who(instance))

    return check


def _matches(pattern: str) -> Callable[[Any], object]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value)


# A name stands in model expressions, where '+', '*' and parentheses have their own meaning.
_is_name = _must(_matches(r"[A-Za-z0-9][A-Za-z0-9._-]*"), "letters, digits, '-', '.' and '_'")
_is_cost = _must(lambda value: 0.0 < value < inf, "a positive time in ns")
_is_line = _must(_matches(r".*\S.*"), "one line of text")
_is_target = _must(_matches(r"\w+(\.\w+)*:\w+(\.\w+)*"), "'package.module:attribute'")
_is_role = _must(lambda value: value in ROLES, "one of " + ", ".join(ROLES))


def _have_units(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:  # noqa: ARG001
    check_units(value, _who(instance))


def _notes(value: Any) -> FrozenMap[str, str]:
    return FrozenMap(value)


def _have_reasons(instance: object, attribute: attrs.Attribute[Any], value: FrozenMap[Any, Any]) -> None:
    for check, reason in value.items():
        if not (isinstance(check, str) and isinstance(reason, str) and check.strip() and reason.strip()):
            raise DeclarationError(
                f"{attribute.name} holds {check!r}: {reason!r}",
                expected="the name of a check and the reason why it need not pass",
                who=_who(instance),
            )


def _who(offer: object) -> str:
    return f"{type(offer).__name__}(name={getattr(offer, 'name', '?')!r})"


def _words(value: Any) -> tuple[str, ...]:
    """Keep one word whole where several may stand."""
    return (value,) if isinstance(value, str) else tuple(value)


@attrs.frozen(kw_only=True)
class ModelOffer:
    """A model factory.

    Parameters
    ----------
    name : str
        What users write: ``create_model(name, **options)``.
    summary : str
        One line for listings.
    target : str
        Import path of the factory, ``"package.module:attribute"``; imported when the model is created.
    licence : str
        Licence of the weights or method, as an SPDX name.
    citations : tuple of str
        What to cite, DOIs where there are some. Entries for them stand in ``references.bib`` inside the package, see
        `alchemi_core.bibliography`.
    units : mapping of str to str
        Unit of each option that is a length, an energy or the like, such as ``{"epsilon": "eV"}``: files that people
        write may then give it in others, ``"0.24 kcal/mol"``. It is that of all numbers inside the option;
        ``"pairs.r0"`` is that of the entries ``r0`` in the tables of an option ``pairs``.
    example : mapping of str to object
        Options with which the conformance kit makes the model where none are given; needed where some are required.
    exempt : mapping of str to str
        Checks of the conformance kit that the model with these options does not pass, each with the reason; shown by
        ``alchemi check`` and in the tables of plugins.
    """

    kind: ClassVar[str] = "model"
    noun: ClassVar[str] = "model"

    name: str = attrs.field(validator=_is_name)
    summary: str = attrs.field(validator=_is_line)
    target: str = attrs.field(validator=_is_target)
    licence: str = ""
    citations: tuple[str, ...] = attrs.field(default=(), converter=_words)
    units: FrozenMap[str, str] = attrs.field(factory=FrozenMap, converter=as_units, validator=_have_units)
    example: FrozenMap[str, Any] = attrs.field(factory=FrozenMap, converter=freeze, hash=False)
    exempt: FrozenMap[str, str] = attrs.field(factory=FrozenMap, converter=_notes, validator=_have_reasons)


@attrs.frozen(kw_only=True)
class NeighborOffer:
    """A neighbor-list builder (positions → list) or converter (list → list).

    Parameters
    ----------
    name, summary, target
        As for `ModelOffer`; the target is a function, see `alchemi_core.hookspecs`.
    role : str
        ``"builder"``, or the conversion: ``"filter"``, ``"to_matrix"``, ``"to_coo"``, ``"to_half"``, ``"to_full"``, or
        ``"convert"``, which does all that is needed in one pass.
    devices : tuple of str
        Device types served, such as ``("cpu", "cuda")``.
    rank : int
        The highest rank that serves the device wins; the reference versions have rank 0.
    cost : float, ns
        Time per pair, as measured: of a builder per pair it writes, of a converter per pair it reads. The planner
        compares these to choose between sharing a list and building one, and between chains of conversions. By default
        that of the core's own, for ``"convert"`` that of its filter.
    exempt
        As for `ModelOffer`.
    """

    kind: ClassVar[str] = "neighbors"
    noun: ClassVar[str] = "neighbor backend"

    name: str = attrs.field(validator=_is_name)
    summary: str = attrs.field(validator=_is_line)
    target: str = attrs.field(validator=_is_target)
    role: Role = attrs.field(validator=_is_role)
    devices: tuple[str, ...] = attrs.field(default=("cpu", "cuda"), converter=_words)
    rank: int = attrs.field(default=0, validator=attrs.validators.instance_of(int))
    cost: float = attrs.field(converter=float, validator=_is_cost)
    exempt: FrozenMap[str, str] = attrs.field(factory=FrozenMap, converter=_notes, validator=_have_reasons)

    @cost.default
    def _as_the_core(self) -> float:
        return REFERENCE_COSTS.get(self.role, REFERENCE_COSTS["filter"])


@attrs.frozen(kw_only=True)
class DerivativeOffer:
    """A named derivative strategy, or a plain ``derivative_fn(energy, data, requested)``.

    Parameters
    ----------
    name, summary, target
        As for `ModelOffer`; the target is a strategy instance, a strategy class, or a function.
    units : mapping of str to str
        As for `ModelOffer`, of the strategy's options.
    example, exempt
        As for `ModelOffer`.
    """

    kind: ClassVar[str] = "derivative"
    noun: ClassVar[str] = "derivative strategy"

    name: str = attrs.field(validator=_is_name)
    summary: str = attrs.field(validator=_is_line)
    target: str = attrs.field(validator=_is_target)
    units: FrozenMap[str, str] = attrs.field(factory=FrozenMap, converter=as_units, validator=_have_units)
    example: FrozenMap[str, Any] = attrs.field(factory=FrozenMap, converter=freeze, hash=False)
    exempt: FrozenMap[str, str] = attrs.field(factory=FrozenMap, converter=_notes, validator=_have_reasons)


@attrs.frozen(kw_only=True)
class ReductionOffer:
    """A rule by which the values of several steps become one output.

    Parameters
    ----------
    name, summary, target
        As for `ModelOffer`; the target is a function of values and weights.
    exempt
        As for `ModelOffer`.
    """

    kind: ClassVar[str] = "reduction"
    noun: ClassVar[str] = "reduction"

    name: str = attrs.field(validator=_is_name)
    summary: str = attrs.field(validator=_is_line)
    target: str = attrs.field(validator=_is_target)
    exempt: FrozenMap[str, str] = attrs.field(factory=FrozenMap, converter=_notes, validator=_have_reasons)


@attrs.frozen(kw_only=True)
class SerializerOffer:
    """A way of writing models to a pipeline file and rebuilding them.

    Parameters
    ----------
    name, summary, target
        As for `ModelOffer`; the target has ``write(model)`` and ``rebuild(origin, tensors, registry)``.
    exempt
        As for `ModelOffer`.
    """

    kind: ClassVar[str] = "serializer"
    noun: ClassVar[str] = "serializer"

    name: str = attrs.field(validator=_is_name)
    summary: str = attrs.field(validator=_is_line)
    target: str = attrs.field(validator=_is_target)
    exempt: FrozenMap[str, str] = attrs.field(factory=FrozenMap, converter=_notes, validator=_have_reasons)


Offer: TypeAlias = ModelOffer | NeighborOffer | DerivativeOffer | ReductionOffer | SerializerOffer
"""Any offer."""

KINDS: dict[str, type[Offer]] = {offer.kind: offer for offer in get_args(Offer)}
"""Classes of offers by the word that names their kind."""


def load_target(target: str) -> Any:
    """Import what an offer points to.

    Raises
    ------
    PluginError
        If the module does not import or lacks the attribute; the cause is chained.
    """
    module, _, name = target.partition(":")
    try:
        return attrgetter(name)(import_module(module))
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"target {target!r} does not load: {type(error).__name__}: {error}",
            expected="an importable module with that attribute",
            who=module.partition(".")[0],
            fix="install what is missing, or ask the plugin's author",
        ) from error
