"""Errors of derivatives that would miss a term: which one, why, and the ways out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.contract import OnGraph, Partial
from alchemi_core.errors import CutGradientError, LostTermError
from alchemi_core.quantities import DERIVATIVES

if TYPE_CHECKING:
    from alchemi_core.planning.contributions import Contributions
    from alchemi_core.planning.flat import FlatStep
    from alchemi_core.planning.service import Service
    from alchemi_core.planning.wiring import Wire

_SYMBOLS = {"positions": "r", "strain": "ε", "coupling": "λ", "electric_field": "F"}


def cut_term(
    contributions: Contributions, wire: Wire, step: FlatStep, derivative: str, through: frozenset[str]
) -> CutGradientError:
    """Make the error of a value that reaches a step without its graph; `through` is what the step is given on it."""
    if wire.producer is None:
        raise AssertionError("only produced values can be cut")
    producer = contributions.steps[wire.producer]
    why, fix = _why_cut(contributions, wire, producer, step, through)
    symbols = [_SYMBOLS.get(name, name) for name in sorted(contributions.taken(derivative).through)]
    terms = " and ".join(f"(dE/d{wire.name})(d{wire.name}/d{symbol})" for symbol in symbols)
    return CutGradientError(
        f"{wire.name!r} goes from step {producer.index} ({producer.label}) to step {step.index} ({step.label}) "
        f"{why}; {derivative} would miss {terms}",
        expected="a value that keeps its graph all the way, or one that is detached on purpose",
        who=f"step {step.index} ({step.label})",
        fix=fix,
    )


def _why_cut(
    contributions: Contributions, wire: Wire, producer: FlatStep, step: FlatStep, through: frozenset[str]
) -> tuple[str, str]:
    detach = f"PipelineStep({producer.variable}, detach=True) takes it as fixed"
    if not isinstance(producer.config.kinds[wire.output], OnGraph):
        return "as a detached value", f"use a model that gives it on the graph, or {detach}"
    if producer.group != step.group:
        crossing = f"from group {producer.group} to group {step.group}, each of which makes its own leaves"
        return crossing, f"put both steps into one group with use_autograd=True, or {detach}"
    if not contributions.groups[step.group].use_autograd:
        return "in a group without autograd", f"PipelineGroup(..., use_autograd=True), or {detach}"
    if wire.name not in through:
        return (
            f"whose energy is not differentiable through {wire.name!r}",
            f"declare it in OnGraph(through=...) if it is, or {detach}",
        )
    return "without the whole graph back to the geometry", f"use models on the graph all the way, or {detach}"


def lost_term(contributions: Contributions, step: FlatStep, wanted: frozenset[str]) -> LostTermError:
    """Make the error of a step whose energy is in the sum and not in all of the wanted derivatives."""
    service = contributions.groups[step.group].service
    if unserved := sorted(name for name in wanted if not service.can_serve(name)):
        return _unserved(step, unserved[0], service.name)
    lost = [name for name in sorted(wanted) if not contributions.serves(step, name)]
    names = " and ".join(lost or sorted(wanted))
    energy = step.config.kinds["energy"]
    state = "is detached" if not isinstance(energy, OnGraph) else f"is on the graph through {set(energy.through)}"
    why = "" if lost else "; some come from the graph and some are reported, which one backward pass cannot separate"
    inputs = " and ".join(sorted(frozenset().union(*(contributions.leaves(step, name) for name in lost or wanted))))
    return LostTermError(
        f"its energy is in the sum, but it cannot contribute to {names}: the energy {state}, "
        f"and it reports {sorted(step.config.outputs)}{why}",
        expected=f"an energy on the graph through {inputs}, or analytic {names}",
        who=f"step {step.index} ({step.label})",
        fix=f"do not ask for {names}, or {_by_differences(wanted)}{_by_option(step)}",
    )


def _by_option(step: FlatStep) -> str:
    """Point to the option that models have which report derivatives at fixed inputs."""
    partial = any(isinstance(kind, Partial) for kind in step.config.kinds.values())
    return "; or let the model leave all to the graph, hybrid_forces=False where it has that option" if partial else ""


def _by_differences(wanted: frozenset[str]) -> str:
    if wanted <= DERIVATIVES:
        return "give the group derivative_fn='finite-difference' with use_autograd=True"
    return "use a strategy that takes differences of forces, such as hessian or elastic with method='differences'"


def _unserved(step: FlatStep, name: str, strategy: str) -> LostTermError:
    return LostTermError(
        f"its energy is in the sum, but group {step.group} with the strategy {strategy} does not give {name}",
        expected=f"every step with an energy in a group whose strategy gives {name}",
        who=f"step {step.index} ({step.label})",
        fix=f"differentiate(pipeline, ...) puts all steps into one such group, or do not ask for {name}",
    )


def unserved_beside(step: FlatStep, names: frozenset[str], service: Service) -> LostTermError:
    """Make the error of derivatives asked together with those that a strategy samples, and that it does not give."""
    lacking = " and ".join(sorted(names))
    return LostTermError(
        f"its group takes derivatives by the strategy {service.name}, which does not give {lacking}",
        expected="in one request, what the strategy gives: " + ", ".join(sorted(service.serves or ())),
        who=f"step {step.index} ({step.label})",
        fix=f"ask for {lacking} in a call of its own",
    )
