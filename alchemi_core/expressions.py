"""Model expressions: ``"[eeq, ewald] + dftd3(functional='pbe')"`` to a pipeline, never evaluated.

An expression is made of model names, options in brackets as ``name=literal``, ``+`` and ``-`` between models, ``*``
and ``/`` by a number, and brackets. Whatever the bracketing, the result is one flat sum of weighted terms. Square
brackets hold steps, in order, that share one derivative: ``[eeq, ewald]`` is ``PipelineGroup(steps=[eeq, ewald],
use_autograd=True)``. What one step gives another by another name is renamed with ``>>``:
``[mine >> {'partial_charges': 'charges'}, ewald]``. Names may be written as their plugin offers them, hyphens included
(``lennard-jones``), with no blank around the hyphen; ``lennard_jones`` means the same.
``region(mine, 'index < 12')`` is evaluated on a part of each system, and ``committee(a, b, calibration=1.5)`` is the
mean of its members, which may be sums. A weight may depend on a coupling parameter: ``(1 - coupling)*a + coupling*b``,
whose name is ``coupling`` or is given as ``Coupling('mix')``, with ``+``, ``-``, ``*``, ``/`` by a number, ``**`` by a
whole one and ``coupling.ramp(0, 0.5)``. Reading goes through `ast` and a short list of allowed nodes.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from alchemi_core.expression_weights import scalar_text, settled
from alchemi_core.frozenmap import FrozenMap, freeze

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alchemi_core.expression_weights import Scalar
    from alchemi_core.models import BaseModelMixin
    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_core.regions.region import Region
    from alchemi_core.registry import Registry
    from alchemi_core.topology import PipelineStep


@attrs.frozen
class Term:
    """One weighted model.

    Parameters
    ----------
    name : str
        The model, as written.
    options : mapping of str to literal
        Arguments for ``create_model``; sequences are kept as tuples, mappings as `FrozenMap`.
    weight : float or Weight
        Factor on everything additive that the model gives; a number where it depends on no coupling parameter.
    wire : mapping of str to str
        Renames of its outputs for the models after it.
    atoms : Region, optional
        The part of each system that it is evaluated on.
    """

    name: str
    options: FrozenMap[str, Any] = attrs.field(factory=FrozenMap, converter=freeze)
    weight: Scalar = attrs.field(default=1.0, converter=settled)
    wire: FrozenMap[str, str] = attrs.field(factory=FrozenMap, converter=freeze)
    atoms: Region | None = None

    @property
    def models(self) -> tuple[Term, ...]:
        """Itself, as for every summand of an expression: the models in it."""
        return (self,)

    def scaled(self, weight: Scalar) -> Term:
        """Return it with its weight multiplied."""
        return attrs.evolve(self, weight=self.weight * weight)

    def on(self, atoms: Region) -> Term:
        """Return it on a part of each system."""
        return attrs.evolve(self, atoms=atoms)

    def __str__(self) -> str:
        options = ", ".join(f"{key}={_thaw(value)!r}" for key, value in self.options.items())
        call = f"{self.name}({options})" if options else self.name
        call = call if self.atoms is None else _on_part(call, self.atoms)
        weighted = call if self.weight == 1.0 else f"{scalar_text(self.weight)}*{call}"
        return f"{weighted} >> {dict(self.wire)!r}" if self.wire else weighted


@attrs.frozen
class Group:
    """Steps, in order, that share one derivative: what square brackets hold.

    Parameters
    ----------
    models : tuple of Term
        In the order written; a weight before the brackets is in each of theirs.
    """

    models: tuple[Term, ...]

    def scaled(self, weight: Scalar) -> Group:
        """Return it with the weight of every step multiplied."""
        return Group(tuple(step.scaled(weight) for step in self.models))

    def on(self, atoms: Region) -> Group:
        """Return it with every step on a part of each system."""
        return Group(tuple(step.on(atoms) for step in self.models))

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.models))}]"


@attrs.frozen
class Members:
    """A committee: models or sums of models, whose mean is taken.

    Parameters
    ----------
    members : tuple of Expression
        Two or more; a weight before the committee is in each model of each.
    calibration : float
        Factor on standard deviations.
    """

    members: tuple[Expression, ...]
    calibration: float = attrs.field(default=1.0, converter=float)

    @property
    def models(self) -> tuple[Term, ...]:
        """Every model of every member, in the order written."""
        return tuple(model for one in self.members for model in one.models)

    def scaled(self, weight: Scalar) -> Members:
        """Return it with every weight multiplied."""
        return attrs.evolve(self, members=tuple(one.scaled(weight) for one in self.members))

    def on(self, atoms: Region) -> Members:
        """Return it with every model on a part of each system."""
        return attrs.evolve(self, members=tuple(one.on(atoms) for one in self.members))

    def __str__(self) -> str:
        calibration = [] if self.calibration == 1.0 else [f"calibration={self.calibration!r}"]
        return f"committee({', '.join([*map(str, self.members), *calibration])})"


Summand: TypeAlias = Term | Group | Members
"""What stands between the ``+`` of an expression."""


@attrs.frozen
class Expression:
    """A flat sum of models, groups and committees; printing it gives text that reads back as the same value.

    Parameters
    ----------
    terms : tuple of Term, Group or Members
        In the order written.
    """

    terms: tuple[Summand, ...]

    @property
    def models(self) -> tuple[Term, ...]:
        """Every model of every summand, in the order written."""
        return tuple(model for term in self.terms for model in term.models)

    @property
    def only(self) -> Term | None:
        """The model that it is, where it is a single one."""
        (first, *more) = self.terms
        return None if more or not isinstance(first, Term) else first

    def scaled(self, weight: Scalar) -> Expression:
        """Return it with every weight multiplied."""
        return Expression(tuple(term.scaled(weight) for term in self.terms))

    def on(self, atoms: Region) -> Expression:
        """Return it with every model on a part of each system."""
        return Expression(tuple(term.on(atoms) for term in self.terms))

    def __str__(self) -> str:
        return " + ".join(f"({term})" if isinstance(term, Term) and term.wire else str(term) for term in self.terms)


def parse_expression(text: str) -> Expression:
    """Read a model expression.

    Parameters
    ----------
    text : str
        Such as ``"0.5*sevennet + [eeq, ewald(accuracy=1e-6)] + dftd3(functional='pbe')"``.

    Raises
    ------
    ExpressionError
        If the text is anything else; the place is marked by a caret.

    Examples
    --------
    >>> print(parse_expression("0.5*(sevennet + 2*dftd3(functional='pbe'))"))
    0.5*sevennet + dftd3(functional='pbe')
    >>> print(parse_expression("0.5*[mine >> {'partial_charges': 'charges'}, ewald]"))
    [0.5*mine >> {'partial_charges': 'charges'}, 0.5*ewald]
    """
    from alchemi_core.expression_reader import Reader

    return Reader(text).read()


def build_expression(expression: Expression, registry: Registry) -> PipelineModelWrapper:
    """Create the models of an expression and compose them as ``a + b``, ``0.5 * a`` and ``PipelineGroup`` do.

    Raises
    ------
    UnknownOfferError, OptionError
        If a model or an option is not known.
    PlanningError
        If the wiring cannot be right.
    """
    from alchemi_core.algebra import add
    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_core.topology import PipelineGroup

    whole = reduce(add, [_build(term, registry) for term in expression.terms])
    return whole if isinstance(whole, PipelineModelWrapper) else PipelineModelWrapper([PipelineGroup([whole])])


def _build(term: Summand, registry: Registry) -> BaseModelMixin:
    from alchemi_core.algebra import scale
    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_core.topology import Committee, PipelineGroup

    if isinstance(term, Members):
        members = [_member(one, registry) for one in term.members]
        return PipelineModelWrapper([PipelineGroup(members, committee=Committee(term.calibration))])
    if isinstance(term, Group) or term.wire or term.atoms is not None:
        steps = [_step(model, registry) for model in term.models]
        return PipelineModelWrapper([PipelineGroup(steps, use_autograd=isinstance(term, Group))])
    model = _create(term, registry)
    scaled: BaseModelMixin = model if term.weight == 1.0 else scale(model, term.weight)
    return scaled


def _member(member: Expression, registry: Registry) -> PipelineStep:
    from alchemi_core.topology import PipelineStep

    return _step(member.only, registry) if member.only else PipelineStep(build_expression(member, registry))


def _step(term: Term, registry: Registry) -> PipelineStep:
    from alchemi_core.topology import PipelineStep

    return PipelineStep(_create(term, registry), wire=term.wire, weight=term.weight, atoms=term.atoms)


def _create(term: Term, registry: Registry) -> BaseModelMixin:
    from alchemi_core.registry import create_model

    name = offered_name(term.name, registry.names("model"))
    return create_model(name, registry=registry, **plain_options(term))


def _on_part(call: str, region: Region) -> str:
    atoms = region.atoms if isinstance(region.atoms, str) else list(region.atoms)
    options = "".join(f", {name}={value!r}" for name, value in region.options.items())
    return f"region({call}, {atoms!r}{options})"


def plain_options(term: Term) -> dict[str, Any]:
    """Return the options of a term as plain values: mappings as dict."""
    return {key: _thaw(value) for key, value in term.options.items()}


def offered_name(written: str, offered: Iterable[str]) -> str:
    """Return the offered name that the written one stands for; ``_`` and ``-`` are the same here."""
    offered = tuple(offered)
    same = [name for name in offered if name.replace("_", "-") == written.replace("_", "-")]
    return written if written in offered or not same else same[0]


def _thaw(value: Any) -> Any:
    """Return a literal of an expression as the plain value that a model takes: mappings as dict."""
    if isinstance(value, FrozenMap):
        return {key: _thaw(item) for key, item in value.items()}
    return tuple(_thaw(item) for item in value) if isinstance(value, tuple) else value
