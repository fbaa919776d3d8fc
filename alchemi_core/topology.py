"""What the user declares: steps, groups and the settings of a pipeline. Frozen values that compute nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from alchemi_core.errors import DeclarationError, nearest
from alchemi_core.frozenmap import FrozenMap, freeze
from alchemi_core.models import BaseModelMixin
from alchemi_core.quantities import DERIVATIVES, PHYSICS
from alchemi_core.regions.region import Region, as_region
from alchemi_core.weights import Weight, as_weight

if TYPE_CHECKING:
    from alchemi_core.derivatives.base import Derivative

NeighborAdaptation: TypeAlias = Literal["auto", "always", "never"]
ReductionRule: TypeAlias = str | Callable[[Sequence[Any], Sequence[float]], Any]
"""Name of an offered reduction, or a function of several steps' values and their weights."""
DerivativeFn: TypeAlias = Callable[[Any, Any, set[str]], Mapping[str, Any]]

POLICIES = ("auto", "always", "never")

MEMBERS = 2
"""Fewest members of a committee: one alone has no standard deviation."""

LEVEL = "level_of_theory"
"""What `PipelineSettings.accept` calls a correction made for another level of theory."""


def _is_model(_instance: object, _attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, BaseModelMixin):
        raise DeclarationError(
            f"{value!r} is not a model",
            expected="an instance of BaseModelMixin",
            who="PipelineStep",
            fix="create_model('name') makes one",
        )


def _weight(value: Any) -> float | Weight:
    weight = as_weight(value).folded()
    return weight if weight.factors else weight.scale


@attrs.frozen(eq=False)
class PipelineStep:
    """A model with what the pipeline does around it.

    Parameters
    ----------
    model : BaseModelMixin
        The model; may be a whole pipeline.
    wire : mapping of str to str
        Renames of its outputs for everything after it, ``{"partial_charges": "charges"}``.
    weight : float, Tensor or Weight
        Factor on all of the step's additive outputs: a finite number, a tensor that the pipeline then holds ([], [B] or
        [B, 1]; learnable as `torch.nn.Parameter`), or a function of `Coupling`. With the number 0 the model is not
        called, unless another step or a request reads what else it gives.
    detach : bool
        Pass its outputs on as fixed values. Forces then lack the terms that flow through them, on purpose.
    atoms : Region, str, sequence of int, or sequence of bool, optional
        The part of every system that it is evaluated on; what makes a `Region` will do. All atoms by default.
    """

    model: BaseModelMixin = attrs.field(validator=_is_model)
    wire: Mapping[str, str] = attrs.field(factory=FrozenMap, converter=freeze)
    weight: float | Weight = attrs.field(default=1.0, converter=_weight)
    detach: bool = False
    atoms: Region | None = attrs.field(default=None, converter=as_region)


def _positive(_instance: object, _attribute: attrs.Attribute[Any], value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < float("inf"):
        raise DeclarationError(f"calibration is {value!r}", expected="a finite number above 0", who="Committee")


@attrs.frozen
class Committee:
    """What makes the steps of a group members of a committee: their mean is taken, and how far they disagree.

    Parameters
    ----------
    calibration : float
        Factor on standard deviations, found by comparison with true errors: members that were trained alike agree
        better than they are right (Imbalzano et al., J. Chem. Phys. 154, 074102 (2021)).
    """

    calibration: float = attrs.field(default=1.0, validator=_positive)


def _as_steps(steps: Any) -> tuple[PipelineStep, ...]:
    return tuple(step if isinstance(step, PipelineStep) else PipelineStep(step) for step in steps)


def _not_empty(instance: object, attribute: attrs.Attribute[Any], value: tuple[object, ...]) -> None:
    if not value:
        raise DeclarationError(f"no {attribute.name}", expected="at least one", who=type(instance).__name__)


def _refuse_twins(steps: Sequence[PipelineStep]) -> None:
    """Refuse one model as two members, as ``[model] * 5`` makes it: it agrees with itself, and doubt is too small."""
    first: dict[tuple[object, ...], int] = {}
    for number, step in enumerate(steps):
        before = first.setdefault((id(step.model), step.wire, step.weight, step.atoms), number)
        if before != number:
            raise DeclarationError(
                f"members {before} and {number} are one and the same model",
                expected="members that were made, or trained, apart",
                who="committee",
                fix="create each of them; a member that counts for more has a weight: 0.3 * a + 0.7 * b",
            )


@attrs.frozen(eq=False)
class PipelineGroup:
    """Steps, in order, that share one way of getting derivatives.

    Parameters
    ----------
    steps : sequence of PipelineStep or BaseModelMixin
        A bare model counts as a step.
    use_autograd : bool
        True: energies of the steps are summed on one graph and differentiated once, so that values passed from step
        to step carry their chain rule. False: every step stands for itself.
    derivative_fn : callable, Derivative or str, optional
        Replaces the default derivative of the summed energy: a function ``(energy, data, requested) -> mapping``, a
        strategy, or the name under which a plugin offers one. Needs ``use_autograd=True``.
    committee : Committee, optional
        Makes members of the steps: additive outputs are their mean, and so is any other output that several of them
        give; ``forces_std`` and the like can be asked for. A member may be a pipeline. No member reads what another
        gives.
    """

    steps: tuple[PipelineStep, ...] = attrs.field(converter=_as_steps, validator=_not_empty)
    use_autograd: bool = False
    derivative_fn: DerivativeFn | Derivative | str | None = None
    committee: Committee | None = None

    def __attrs_post_init__(self) -> None:
        if self.committee is not None:
            if len(self.steps) < MEMBERS:
                raise DeclarationError("a committee of one", expected="two members or more", who="PipelineGroup")
            _refuse_twins(self.steps)
        if self.derivative_fn is not None and not self.use_autograd:
            raise DeclarationError(
                "derivative_fn without use_autograd",
                expected="a derivative only where the group takes one",
                who="PipelineGroup",
                fix="PipelineGroup(steps, use_autograd=True, derivative_fn=...)",
            )


def _policy(_instance: object, _attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and value not in POLICIES:
        raise DeclarationError(
            f"neighbor_adaptation is {value!r}", expected="one of " + ", ".join(POLICIES), who="PipelineModelWrapper"
        )


def _ratio(_instance: object, _attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not value >= 1.0:
        raise DeclarationError(f"max_cutoff_ratio is {value}", expected="1.0 or more", who="PipelineModelWrapper")


def _skin(_instance: object, _attribute: attrs.Attribute[Any], value: float | None) -> None:
    if value is not None and not 0.0 <= value < float("inf"):
        raise DeclarationError(f"skin is {value}", expected="a length in Å, 0 or more", who="PipelineModelWrapper")


def _takes_two(rule: object) -> bool:
    """Tell whether something can be called with values and weights, as far as it says."""
    if not callable(rule):
        return False
    try:
        inspect.signature(rule).bind((), ())
    except ValueError:
        return True  # of some built-in functions nobody knows
    except TypeError:
        return False
    return True


def _rules(_instance: object, _attribute: attrs.Attribute[Any], value: Mapping[str, ReductionRule] | None) -> None:
    for name, rule in (value or {}).items():
        if not isinstance(rule, str) and not _takes_two(rule):
            raise DeclarationError(
                f"reductions give {name!r} the rule {rule!r}",
                expected="the name of an offered rule, or a function (values, weights) -> Tensor",
                who="PipelineModelWrapper",
                fix="'mean', 'spread', 'first', 'last' and 'concatenate' are there",
            )
        if name == "energy" or name in DERIVATIVES:
            raise DeclarationError(
                f"reductions give {name!r} a rule of its own",
                expected="rules for other outputs: derivatives are taken of the summed energy",
                who="PipelineModelWrapper",
                fix="weights scale terms: 0.5 * a + 0.5 * b is their mean, and committee([a, b]) with its spread",
            )


def _accepted(_instance: object, _attribute: attrs.Attribute[Any], value: frozenset[str] | None) -> None:
    for name in sorted((value or frozenset()) - {*PHYSICS, LEVEL}):
        close = nearest(name, [*PHYSICS, LEVEL])
        raise DeclarationError(
            f"accept names {name!r}",
            expected="some of " + ", ".join([*PHYSICS, LEVEL]),
            who="PipelineModelWrapper",
            fix=f"write {close!r}" if close else "",
        )


def _optional_names(value: Any) -> frozenset[str] | None:
    return None if value is None else frozenset([value] if isinstance(value, str) else value)


@attrs.frozen(kw_only=True)
class PipelineSettings:
    """Settings of a pipeline; None stands for the default, so that sums can tell what a user chose.

    Parameters
    ----------
    additive_keys : frozenset of str, optional
        Exactly these outputs are summed; by default those the quantity table calls additive.
    neighbor_adaptation : {"auto", "always", "never"}, optional
        Whether smaller lists are cut out of larger ones: when it pays (auto, the default), always, never.
    max_cutoff_ratio : float, optional
        When it is taken to pay: up to this ratio of the two cutoffs. By default the costs of the backends decide.
    active_outputs : frozenset of str, optional
        Outputs computed when a call does not say; by default the union of the parts'.
    skin : float, Å, optional
        How much further a list kept between calls reaches; 0.5 by default; 0 reuses lists for unchanged positions only.
    reductions : mapping of str to str or callable, optional
        Rules by which several steps' values of an output become one, such as ``{"charges": "mean"}``.
    accept : frozenset of str, optional
        Physics that may be counted twice, such as ``{"dispersion"}``; ``"level_of_theory"`` lets corrections be added
        to models that were fitted to something else.
    """

    additive_keys: frozenset[str] | None = attrs.field(default=None, converter=_optional_names)
    neighbor_adaptation: NeighborAdaptation | None = attrs.field(default=None, validator=_policy)
    max_cutoff_ratio: float | None = attrs.field(default=None, validator=_ratio)
    active_outputs: frozenset[str] | None = attrs.field(default=None, converter=_optional_names)
    skin: float | None = attrs.field(default=None, validator=_skin)
    reductions: Mapping[str, ReductionRule] | None = attrs.field(
        default=None, converter=attrs.converters.optional(freeze), validator=_rules
    )
    accept: frozenset[str] | None = attrs.field(default=None, converter=_optional_names, validator=_accepted)


def _as_groups(groups: Any) -> tuple[PipelineGroup, ...]:
    for group in groups:
        if not isinstance(group, PipelineGroup):
            raise DeclarationError(
                f"{group!r} is not a group",
                expected="instances of PipelineGroup",
                who="PipelineModelWrapper",
                fix="PipelineModelWrapper(groups=[PipelineGroup(steps=[model])])",
            )
    return tuple(groups)


@attrs.frozen(eq=False)
class Topology:
    """A whole declaration: groups whose outputs are summed, and settings. Nested pipelines keep theirs.

    Parameters
    ----------
    groups : sequence of PipelineGroup
        In the order they run.
    settings : PipelineSettings
        What the user chose.
    """

    groups: tuple[PipelineGroup, ...] = attrs.field(converter=_as_groups, validator=_not_empty)
    settings: PipelineSettings = attrs.field(factory=PipelineSettings)

    @property
    def models(self) -> tuple[BaseModelMixin, ...]:
        """Every model of every step, in order, nested pipelines as one."""
        return tuple(step.model for group in self.groups for step in group.steps)
