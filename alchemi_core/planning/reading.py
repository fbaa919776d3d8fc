"""Values beside the energy that a derivative strategy works with, such as charges: present once, and on the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.contract import Constant, OnGraph
from alchemi_core.errors import CutGradientError, LostTermError, WiringError
from alchemi_core.planning.reporting import contributors
from alchemi_core.planning.requests import check_partition
from alchemi_core.planning.wiring import ambiguous_output
from alchemi_core.quantities import DERIVATIVES, is_additive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.planning.contributions import Contributions
    from alchemi_core.planning.flat import FlatGroup, FlatStep
    from alchemi_core.quantities import DerivativeOf


def check_read(contributions: Contributions, wanted: frozenset[str], *, differentiable: bool) -> None:
    """Check what strategies differentiate beside the energy.

    Raises
    ------
    LostTermError
        If no step of the group gives it, or not often enough differentiable.
    CutGradientError
        If it comes without its graph, or depends on a value that does.
    WiringError
        If two steps give it.
    """
    for group in contributions.groups:
        for name in sorted(wanted):
            taken = contributions.taken(name)
            if not group.service.can_serve(name):
                continue
            if group.service.samples:
                _check_samples(contributions, group, name)
            elif taken.of != "energy":
                if group.service.serves is None:
                    raise _not_given(group, name, taken)
                _check(contributions, group, name, taken, taken.order + 1 if differentiable else taken.order)


def check_agreement(groups: Sequence[FlatGroup], wanted: frozenset[str]) -> None:
    """Refuse derivatives of one name that strategies of several groups take of, or through, different things.

    Raises
    ------
    WiringError
        If there is one.
    """
    for name in sorted(wanted):
        given = {g.index: g.service.serves[name] for g in groups if g.service.serves and name in g.service.serves}
        ways = {(taken.of, taken.through): group for group, taken in given.items()}
        if len(ways) > 1:
            told = [f"of {of} through {', '.join(sorted(by))} by group {g}" for (of, by), g in ways.items()]
            raise WiringError(
                f"{name!r} is taken {' and '.join(told)}",
                expected="one derivative of each name",
                who="derivative strategies",
                fix="differentiate(pipeline, ...) takes one of all steps, or ask two pipelines",
            )


def _check_samples(contributions: Contributions, group: FlatGroup, name: str) -> None:
    """Refuse a strategy that samples what no step gives, or several, or what depends on steps of other groups."""
    for sampled in sorted(group.service.samples - DERIVATIVES - {"energy"}):
        for step in _producers(group, name, sampled):
            if not step.detach and not all(contributions.inside(w, group.index) for w in contributions.dependent(step)):
                raise _off_graph(group, step, name, contributions.taken(name), sampled)
    if "node_energies" in group.service.samples:
        check_partition(contributors(group.steps))


def _producers(group: FlatGroup, name: str, of: str) -> tuple[FlatStep, ...]:
    """Return the steps of a group that give a value: one, or several that are summed."""
    having = (step for step in group.steps if any(known == of for _, known in step.names))
    producers = tuple(step for step in having if step.counts or not is_additive(of))
    if not producers:
        raise _missing(group, name, of)
    if len(producers) > 1 and not is_additive(of):
        raise ambiguous_output(of, producers)
    return producers


def _check(contributions: Contributions, group: FlatGroup, name: str, taken: DerivativeOf, order: int) -> None:
    producers = _producers(group, name, taken.of)
    if len(producers) > 1:
        raise ambiguous_output(taken.of, producers)
    step = producers[0]
    output = next(output for output, known in step.names if known == taken.of)
    kind = step.config.kinds[output]
    if step.detach or taken.order == 0 or isinstance(kind, Constant):
        return
    through = kind.through if isinstance(kind, OnGraph) else frozenset()
    cut = [
        w for w in contributions.dependent(step) if w.name not in through or not contributions.carried(w, step, name)
    ]
    if not isinstance(kind, OnGraph) or not contributions.leaves(step, name) <= through or cut:
        raise _off_graph(group, step, name, taken)
    for producer, passed in ((step, output), *contributions.upstream(step)):
        kind = producer.config.kinds[passed]
        if isinstance(kind, OnGraph) and 0 < kind.order < order:
            raise _too_often(group, producer, name, passed, order)


def _missing(group: FlatGroup, name: str, of: str) -> LostTermError:
    return LostTermError(
        f"{name!r} is a derivative of {of!r}, which no step of group {group.index} gives",
        expected=f"one step that gives {of!r}",
        who=f"derivative_fn {group.service.name}",
        fix=f"add a model that predicts it to the group, or rename an output with wire={{...: {of!r}}}",
    )


def _not_given(group: FlatGroup, name: str, taken: DerivativeOf) -> LostTermError:
    return LostTermError(
        f"{name!r} is a derivative of {taken.of!r}, which a function that does not say so is not given",
        expected="a function that says what it serves",
        who=f"derivative_fn {group.service.name}",
        fix=f"function.serves = {{{name!r}: DerivativeOf({taken.of!r})}}, and a fourth argument {{{taken.of!r}: ...}}",
    )


def _off_graph(
    group: FlatGroup, step: FlatStep, name: str, taken: DerivativeOf, sampled: str | None = None
) -> CutGradientError:
    of = sampled or taken.of
    through = ", ".join(sorted(taken.inputs))
    return CutGradientError(
        f"gives {of!r} without the whole graph back to {through}; {name} would miss part of d{of}/dr",
        expected=f"{of!r} on the graph through {through}"
        if sampled is None
        else f"{of!r} made of steps of the group alone",
        who=f"step {step.index} ({step.label}), read by derivative_fn {group.service.name}",
        fix=f"PipelineStep({step.variable}, detach=True) takes it as fixed, or use a model that keeps the graph",
    )


def _too_often(group: FlatGroup, step: FlatStep, name: str, output: str, order: int) -> LostTermError:
    return LostTermError(
        f"its {output!r} cannot be differentiated {order} times, as {name} needs",
        expected=f"{output!r} on the graph to order {order}",
        who=f"step {step.index} ({step.label}), read by derivative_fn {group.service.name}",
        fix="a strategy that takes differences; or pipe.eval() where it is training that adds an order",
    )
