"""Values beside the energy that a derivative strategy works with, such as charges: present once, and on the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.contract import Constant, OnGraph
from alchemi_core.errors import CutGradientError, LostTermError
from alchemi_core.planning.reporting import contributors
from alchemi_core.planning.requests import check_partition
from alchemi_core.planning.wiring import ambiguous_output
from alchemi_core.quantities import DERIVATIVES

if TYPE_CHECKING:
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
                _check_samples(group, name)
            elif taken.of != "energy":
                order = taken.order + 1 if differentiable else taken.order
                _check(contributions, group, name, attrs.evolve(taken, order=order))


def _check_samples(group: FlatGroup, name: str) -> None:
    """Refuse a strategy that samples a partition of the energy which some energies lack, or what no step gives."""
    known = {known for step in group.steps for _, known in step.names}
    for sampled in sorted(group.service.samples - DERIVATIVES - {"energy"}):
        if sampled not in known:
            raise _missing(group, name, sampled)
    if "node_energies" in group.service.samples:
        check_partition(contributors(group.steps))


def _check(contributions: Contributions, group: FlatGroup, name: str, taken: DerivativeOf) -> None:
    producers = [step for step in group.steps if any(known == taken.of for _, known in step.names)]
    if not producers:
        raise _missing(group, name, taken.of)
    if len(producers) > 1:
        raise ambiguous_output(taken.of, producers)
    step = producers[0]
    output = next(output for output, known in step.names if known == taken.of)
    kind = step.config.kinds[output]
    if step.detach or isinstance(kind, Constant):
        return
    cut = [wire for wire in contributions.dependent(step) if not contributions.carried(wire, step, name)]
    if not isinstance(kind, OnGraph) or not contributions.leaves(step, name) <= kind.through or cut:
        raise _off_graph(group, step, name, taken)
    if 0 < kind.order < taken.order:
        raise _too_often(group, step, name, taken)


def _missing(group: FlatGroup, name: str, of: str) -> LostTermError:
    return LostTermError(
        f"{name!r} is a derivative of {of!r}, which no step of group {group.index} gives",
        expected=f"one step that gives {of!r}",
        who=f"derivative_fn {group.service.name}",
        fix=f"add a model that predicts it to the group, or rename an output with wire={{...: {of!r}}}",
    )


def _off_graph(group: FlatGroup, step: FlatStep, name: str, taken: DerivativeOf) -> CutGradientError:
    through = ", ".join(sorted(taken.inputs))
    return CutGradientError(
        f"gives {taken.of!r} without the whole graph back to {through}; {name} would miss part of d{taken.of}/dr",
        expected=f"{taken.of!r} on the graph through {through}",
        who=f"step {step.index} ({step.label}), read by derivative_fn {group.service.name}",
        fix=f"PipelineStep({step.variable}, detach=True) takes it as fixed, or use a model that keeps the graph",
    )


def _too_often(group: FlatGroup, step: FlatStep, name: str, taken: DerivativeOf) -> LostTermError:
    return LostTermError(
        f"its {taken.of!r} cannot be differentiated {taken.order} times, as {name} needs",
        expected=f"{taken.of!r} on the graph to order {taken.order}",
        who=f"step {step.index} ({step.label}), read by derivative_fn {group.service.name}",
    )
