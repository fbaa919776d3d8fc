"""How often things are differentiated, for second derivatives or in training, and what that needs, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.contract import OnGraph
from alchemi_core.errors import CutGradientError, LostTermError
from alchemi_core.planning.plan import Mode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemi_core.planning.contributions import Contributions
    from alchemi_core.planning.flat import FlatStep
    from alchemi_core.planning.wiring import Wire

_DETACHED = (Mode.REPORTED, Mode.PARTIAL)


def check_order(
    contributions: Contributions, modes: Mapping[int, Mode], wanted: frozenset[str], *, differentiable: bool
) -> None:
    """Refuse a plan that differentiates more often than models allow, or whose outputs would lack part of a gradient.

    Raises
    ------
    LostTermError
        If an energy, or a value that passes between models, is to be differentiated more often than it can be.
    CutGradientError
        If parameters of a producer act on an energy or on forces that are detached from what it passes on.
    """
    for step in contributions.steps:
        if not step.counts:
            continue
        mode = modes.get(step.index)
        order = _highest(contributions, step, wanted) + (1 if differentiable and wanted else 0)
        sampled = contributions.sampled_derivatives(step.group, wanted)
        most = (2 if differentiable else 1) if sampled else order
        if mode is Mode.GRAPH:
            _refuse_order(step, "energy", most)
            for producer, output in contributions.upstream(step):
                _refuse_order(producer, output, most)
        if mode is not None and differentiable and "energy" in step.config.kinds:
            _refuse_detached_readers(contributions, step, mode)


def _highest(contributions: Contributions, step: FlatStep, wanted: frozenset[str]) -> int:
    """Return how often the energy of a step is differentiated for what is wanted."""
    names = [name for name in wanted if not contributions.coupled.left_to_weights(step.group, name)]
    taken = [contributions.taken(name) for name in names]
    return max((one.order for one in taken if one.of == "energy"), default=0)


def _refuse_order(step: FlatStep, output: str, order: int) -> None:
    kind = step.config.kinds[output]
    if isinstance(kind, OnGraph) and 0 < kind.order < order:
        times = {1: "once", 2: "twice"}.get(kind.order, f"{kind.order} times")
        raise LostTermError(
            f"its {output} can be differentiated {times} only, and this request needs a derivative of order {order}: "
            f"of a derivative of {output} by positions, the part beyond that would be lost",
            expected=f"{output} on the graph to order {order}",
            who=f"step {step.index} ({step.label})",
            fix="a strategy that takes differences instead of the graph, such as finite-difference, or hessian with "
            "method='differences'; or pipe.eval() where it is training that adds an order",
        )


def _refuse_detached_readers(contributions: Contributions, step: FlatStep, mode: Mode) -> None:
    energy = step.config.kinds["energy"]
    through = energy.through if isinstance(energy, OnGraph) else frozenset()
    for wire in contributions.wires[step.index]:
        if wire.producer is None or contributions.steps[wire.producer].detach:
            continue
        if wire.name not in through or mode in _DETACHED:
            raise _unreached(step, contributions.steps[wire.producer], wire)


def _unreached(step: FlatStep, producer: FlatStep, wire: Wire) -> CutGradientError:
    return CutGradientError(
        f"takes {wire.name!r} of step {producer.index} ({producer.label}) but gives values detached from it; "
        f"in training mode, gradients of the parameters of {producer.label} would miss that part",
        expected="values on the graph of what they are computed from",
        who=f"step {step.index} ({step.label})",
        fix=f"PipelineStep({producer.variable}, detach=True) trains it on the other terms only, or call pipe.eval()",
    )
