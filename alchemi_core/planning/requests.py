"""What can be asked of a pipeline, what is asked when nobody says, and errors for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.errors import LostTermError, UnknownOutputError, WiringError, nearest
from alchemi_core.planning.coupled import BY_WEIGHTS, given_by_weights
from alchemi_core.planning.regional import of_part_alone, stands_for_whole
from alchemi_core.planning.reporting import contributors, leaves
from alchemi_core.planning.rules import check_weights, rule_text
from alchemi_core.planning.service import derivative_of
from alchemi_core.planning.spreads import spreads_of
from alchemi_core.planning.weightless import acting, default_names, gives
from alchemi_core.planning.wiring import ambiguous_output, resolve_wires
from alchemi_core.quantities import DERIVATIVES, FURTHER_DERIVATIVES, QUANTITIES, is_additive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alchemi_core.planning.flat import FlatGroup, FlatStep
    from alchemi_core.quantities import DerivativeOf
    from alchemi_core.topology import PipelineSettings


def in_table_order(names: Iterable[str]) -> tuple[str, ...]:
    """Sort names as the quantity table has them, unknown ones last by name."""
    order = {name: i for i, name in enumerate(QUANTITIES)}
    return tuple(sorted(names, key=lambda name: (order.get(name, len(order)), name)))


def additive(name: str, settings: PipelineSettings) -> bool:
    """Tell whether the values of several steps become one: by a rule of the user's, or by summing."""
    if name in (settings.reductions or {}):
        return True
    return is_additive(name) if settings.additive_keys is None else name in settings.additive_keys


def summed(name: str, settings: PipelineSettings) -> bool:
    """Tell whether the terms of several steps are summed; a sum of energies has the sum of their derivatives."""
    if is_of_energy(name) and settings.additive_keys is not None:
        return bool(settings.additive_keys & {name, "energy"})
    return additive(name, settings)


def sums(name: str, settings: PipelineSettings) -> bool:
    """Tell whether values of one name are added up, each with its weight, by whatever makes them."""
    rule = (settings.reductions or {}).get(name)
    return is_additive(name) or (additive(name, settings) and rule in (None, "sum"))


def is_of_energy(name: str) -> bool:
    """Tell whether a quantity is the energy, or a derivative of it that sums as the energy does."""
    further = name in FURTHER_DERIVATIVES and is_additive(name) and derivative_of(name).of == "energy"
    return further or name == "energy" or name in DERIVATIVES


def rule_of(name: str, producers: Sequence[FlatStep], settings: PipelineSettings) -> str | None:
    """Return the name of the rule by which values of several steps become one; None where nobody named one.

    What the user says comes first, then the sum of additive quantities; of all else that only members of one committee
    give, their mean is taken.
    """
    if chosen := (settings.reductions or {}).get(name):
        return chosen if isinstance(chosen, str) else rule_text(chosen)
    if summed(name, settings):
        return "sum"
    committees = {None if step.member is None else step.member.committee for step in producers}
    return "mean" if len(committees) == 1 and None not in committees else None


def available_outputs(groups: Sequence[FlatGroup], settings: PipelineSettings | None = None) -> frozenset[str]:
    """Every name that some step produces, or that differentiating the energy gives."""
    steps = [step for group in groups for step in group.steps]
    produced = {known for step in steps for _, known in step.names}
    derived = {name for step in steps for name in step.config.autograd_outputs}
    derived |= {"stress", "virial"} if produced & {"stress", "virial"} else set()
    served = {name for group in groups for name in served_names(group)}
    weighed = {name for name in BY_WEIGHTS if given_by_weights(groups, name)}
    available = frozenset(produced | derived | served | weighed)
    return available | spreads_of(available, groups, settings)


def served_names(group: FlatGroup) -> frozenset[str]:
    """Return what the group's own strategy says that it can give; a plain function does not say."""
    return frozenset() if group.derivative_fn is None else frozenset(group.service.serves or ())


def default_outputs(groups: Sequence[FlatGroup]) -> frozenset[str]:
    """Union of what the parts compute when nobody says.

    Steps of weight zero are no part of it, except for what they feed others. Forces and stress are part of it wherever
    some step can give them, the virial only when a step reports it, being the stress again; of standard deviations over
    a committee, those of the energy and the forces. A partition of the energy
    over atoms, or a Hessian, is part of it only when every energy has one.
    """
    every = [step for group in groups for step in group.steps]
    steps = acting(every, resolve_wires(groups)) or every
    energies = contributors(steps)
    nothing = not any(step.counts for step in steps)
    names: set[str] = set()
    for step in steps:
        active = step.config.active_outputs
        own = {known for output, known in step.names if active is None or output in active}
        own |= {n for n in step.config.autograd_outputs & {"forces", "stress"} if active is None or n in active}
        names |= default_names(step, frozenset(own), nothing_counts=nothing)
    partial = {"node_energies"} | {n for n in FURTHER_DERIVATIVES if derivative_of(n).of == "energy"}
    whole = {name for name in partial if all(name in step.config.kinds for step in energies)}
    chosen = frozenset(names - (partial - whole))
    return chosen | (spreads_of(chosen, groups, None) & {"energy_std", "forces_std"})


def check_request(requested: frozenset[str], groups: Sequence[FlatGroup], settings: PipelineSettings) -> None:
    """Refuse requests that cannot be served whole.

    Raises
    ------
    UnknownOutputError
        If no step can give an output.
    WiringError
        If two steps produce an output that is not summed.
    LostTermError
        If only some of the energies have the partition over atoms that is asked.
    CompositionError
        If weights of steps are none that the rule of an output can use.
    """
    steps = [step for group in groups for step in group.steps]
    available = available_outputs(groups, settings)
    anything = _may_give_anything(groups)
    for name in in_table_order(requested):
        if name not in available and not anything:
            raise _unknown(name, available, steps)
        producers = contributors(steps) if is_of_energy(name) else producers_of(name, steps, settings)
        if len(producers) > 1 and rule_of(name, producers, settings) is None:
            raise ambiguous_output(name, producers)
        if refusal := of_part_alone(name, producers, adds_up=sums(name, settings)):
            raise refusal
        if chosen := (settings.reductions or {}).get(name):
            check_weights(name, chosen, producers)
    if "node_energies" in requested:
        check_partition(contributors(steps))


def no_terms(name: str, taken: DerivativeOf, steps: Sequence[FlatStep]) -> UnknownOutputError:
    """Make the error of a derivative to which no step adds anything."""
    if not contributors(steps):
        what = "no step has an energy" + ("" if all(step.counts for step in steps) else " and a weight other than zero")
        expected, fix = "a model with an energy", "add one, or ask for another output"
    else:
        inputs = " and ".join(map(repr, sorted(taken.through)))
        what, expected = f"no step's energy depends on {inputs}", f"a model that reads {inputs}, or a weight that does"
        fix = "weights that do are written with Coupling(), (1 - lam) * a + lam * b"
    return UnknownOutputError(f"{what}, so there is no {name!r}", expected=expected, who="requested outputs", fix=fix)


def several_derivatives(name: str, texts: Sequence[str]) -> WiringError:
    """Make the error for a derivative that is no sum over groups and that several of them give."""
    return WiringError(
        f"{name!r} is given by {' and by '.join(texts)}, and is no sum of these",
        expected="one strategy that takes it of all steps",
        who="outputs of the pipeline",
        fix=f"differentiate(pipeline, ...) puts all steps into one group; additive_keys={{{name!r}}} sums it anyway",
    )


def _may_give_anything(groups: Sequence[FlatGroup]) -> bool:
    """Tell whether some group has a plain derivative function, which does not say what it gives."""
    return any(g.service.serves is None for g in groups)


def check_settings(groups: Sequence[FlatGroup], settings: PipelineSettings) -> None:
    """Refuse rules and sums of outputs that do not exist: misspelt, they would be without effect.

    Quantities of the table may be called additive whether or not some step gives them, so that one set of names serves
    several pipelines.

    Raises
    ------
    UnknownOutputError
        If `reductions` or `additive_keys` name something that no step can give.
    """
    if _may_give_anything(groups):
        return
    available = available_outputs(groups)
    for name in sorted((settings.additive_keys or frozenset()) - QUANTITIES.keys() - available):
        raise _without_effect(name, available, "additive_keys")
    for name in sorted((settings.reductions or {}).keys() - available):
        raise _without_effect(name, available, "reductions")


def _without_effect(name: str, available: frozenset[str], setting: str) -> UnknownOutputError:
    close = nearest(name, available)
    return UnknownOutputError(
        f"names {name!r}, which no step can give",
        expected="some of " + ", ".join(in_table_order(available)),
        who=setting,
        fix=f"write {close!r}" if close else f"leave {name!r} out",
    )


def producers_of(name: str, steps: Sequence[FlatStep], settings: PipelineSettings) -> tuple[FlatStep, ...]:
    """Return the steps that give an output of that name themselves; see `offered`."""
    return tuple(step for step in steps if any(known == name for _, known in offered(step, steps, settings)))


def offered(step: FlatStep, steps: Sequence[FlatStep], settings: PipelineSettings) -> tuple[tuple[str, str], ...]:
    """Outputs of a step that are outputs of the pipeline, as far as they are asked: each with its known name.

    Of a step of weight zero these are what weights do not scale, and no other step gives.
    """
    names = step.names
    if step.regions:
        own = frozenset(known for _, known in step.names if additive(known, settings))
        names = tuple((output, known) for output, known in names if stands_for_whole(step, known, steps, own))
    if step.counts:
        return names
    return tuple(pair for pair in names if gives(step, pair[1], steps, weighted=weighs(pair[1], settings)))


def weighs(name: str, settings: PipelineSettings) -> bool:
    """Tell whether weights of steps scale an output."""
    return additive(name, settings) or is_additive(name)


def _unknown(name: str, available: frozenset[str], steps: Sequence[FlatStep]) -> UnknownOutputError:
    close = nearest(name, available)
    if name in BY_WEIGHTS:
        return _no_coupling(name, steps)
    return UnknownOutputError(
        f"no step can give {name!r}",
        expected="some of " + ", ".join(in_table_order(available)),
        who="requested outputs",
        fix=f"ask for {close!r}" if close else "add a model that produces it",
    )


def _no_coupling(name: str, steps: Sequence[FlatStep]) -> UnknownOutputError:
    """Make the error of a derivative by λ of what does not depend on it, or does without a strategy that tells."""
    others = sorted({one for step in steps for one in step.couplings})
    read = any(leaves(step, derivative_of(name)) for step in contributors(steps))
    fix = "weights that do are written with Coupling(): (1 - lam) * a + lam * b"
    if others:
        fix = f"differentiate(pipeline, 'dE-dlambda', parameter={others[0]!r}) takes it by another parameter"
    return UnknownOutputError(
        f"no step can give {name!r}: no weight depends on 'coupling'"
        + (f", only on {' and '.join(map(repr, others))}" if others else ""),
        expected="a weight that depends on 'coupling', or a strategy such as dE-dlambda of alchemi-derivatives",
        who="requested outputs",
        fix="differentiate(pipeline, 'dE-dlambda'), since models read it" if read else fix,
    )


def check_partition(energies: Sequence[FlatStep]) -> None:
    """Refuse a partition of the energy over atoms that only some energies have.

    Raises
    ------
    LostTermError
        If one has none.
    """
    for step in energies:
        if "node_energies" not in step.config.kinds:
            raise LostTermError(
                "has an energy but no node_energies, so the sum over steps would not add up to the energy",
                expected="node_energies of every step that has an energy",
                who=f"step {step.index} ({step.label})",
                fix="do not ask for node_energies, or for what is made of them",
            )
