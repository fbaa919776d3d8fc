"""What can be asked of a pipeline, what is asked when nobody says, and errors for the rest."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

from alchemi_core.errors import CompositionError, LostTermError, UnknownOutputError, WiringError, nearest
from alchemi_core.planning.reporting import contributors
from alchemi_core.planning.service import derivative_of
from alchemi_core.planning.wiring import ambiguous_output
from alchemi_core.quantities import DERIVATIVES, FURTHER_DERIVATIVES, QUANTITIES, is_additive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alchemi_core.planning.flat import FlatGroup, FlatStep
    from alchemi_core.quantities import DerivativeOf
    from alchemi_core.topology import PipelineSettings

ZERO_SUM = 1e-12
"""Weights that cancel to this fraction of their size add up to zero: 0.1 + 0.2 - 0.3 is not quite 0 in binary."""


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
    if _is_of_energy(name) and settings.additive_keys is not None:
        return bool(settings.additive_keys & {name, "energy"})
    return additive(name, settings)


def _is_of_energy(name: str) -> bool:
    """Tell whether a quantity is a derivative of the energy that sums as the energy does."""
    further = name in FURTHER_DERIVATIVES and is_additive(name) and derivative_of(name).of == "energy"
    return further or name in DERIVATIVES


def available_outputs(groups: Sequence[FlatGroup]) -> frozenset[str]:
    """Every name that some step produces, or that differentiating the energy gives."""
    steps = [step for group in groups for step in group.steps]
    produced = {known for step in steps for _, known in step.names}
    derived = {name for step in steps for name in step.config.autograd_outputs}
    derived |= {"stress", "virial"} if produced & {"stress", "virial"} else set()
    served = {name for group in groups for name in served_names(group)}
    return frozenset(produced | derived | served)


def served_names(group: FlatGroup) -> frozenset[str]:
    """Return what the group's own strategy says that it can give; a plain function does not say."""
    return frozenset() if group.derivative_fn is None else frozenset(group.service.serves or ())


def default_outputs(groups: Sequence[FlatGroup]) -> frozenset[str]:
    """Union of what the parts compute when nobody says.

    Forces and stress are part of it wherever some step can give them, the virial only when a step reports it, being the
    stress again. A partition of the energy over atoms, or a Hessian, is part of it only when every energy has one.
    """
    steps = [step for group in groups for step in group.steps]
    energies = contributors(steps)
    names: set[str] = set()
    for step in steps:
        active = step.config.active_outputs
        own = {known for output, known in step.names if active is None or output in active}
        names |= own | {n for n in step.config.autograd_outputs & {"forces", "stress"} if active is None or n in active}
    partial = {"node_energies"} | {n for n in FURTHER_DERIVATIVES if derivative_of(n).of == "energy"}
    whole = {name for name in partial if all(name in step.config.kinds for step in energies)}
    return frozenset(names - (partial - whole))


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
        If an output is the mean over steps whose weights add up to zero.
    """
    steps = [step for group in groups for step in group.steps]
    available = available_outputs(groups)
    anything = _may_give_anything(groups)
    for name in in_table_order(requested):
        if name not in available and not anything:
            raise _unknown(name, available)
        producers = contributors(steps) if _is_of_energy(name) else _producers(name, steps)
        if len(producers) > 1 and not summed(name, settings):
            raise ambiguous_output(name, producers)
        if (settings.reductions or {}).get(name) == "mean":
            _check_mean(name, producers)
    if "node_energies" in requested:
        check_partition(contributors(steps))


def no_terms(name: str, taken: DerivativeOf, steps: Sequence[FlatStep]) -> UnknownOutputError:
    """Make the error of a derivative to which no step adds anything."""
    if not contributors(steps):
        what, expected, fix = "no step has an energy", "a model with an energy", "add one, or ask for another output"
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


def _check_mean(name: str, producers: Sequence[FlatStep]) -> None:
    weights = [step.weight for step in producers]
    if any(step.factors for step in producers):
        raise CompositionError(
            f"{name!r} is the mean over steps whose weights are functions of coupling parameters",
            expected="numbers as weights: the mean is divided by their sum",
            who="reductions",
            fix=f"reductions={{{name!r}: 'sum'}}",
        )
    if abs(fsum(weights)) <= ZERO_SUM * fsum(map(abs, weights)):
        raise CompositionError(
            f"{name!r} is the mean over steps with the weights {', '.join(f'{w:g}' for w in weights)}, whose sum is 0",
            expected="weights that do not cancel: the mean is divided by their sum",
            who="reductions",
            fix=f"reductions={{{name!r}: 'sum'}}, or rename one of them with wire",
        )


def _producers(name: str, steps: Sequence[FlatStep]) -> tuple[FlatStep, ...]:
    return tuple(step for step in steps if any(known == name for _, known in step.names))


def _unknown(name: str, available: frozenset[str]) -> UnknownOutputError:
    close = nearest(name, available)
    return UnknownOutputError(
        f"no step can give {name!r}",
        expected="some of " + ", ".join(in_table_order(available)),
        who="requested outputs",
        fix=f"ask for {close!r}" if close else "add a model that produces it",
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
