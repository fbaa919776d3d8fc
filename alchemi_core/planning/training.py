"""Training: what keeps a loss on forces from reaching all parameters, refused while planning."""

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


def check_trainable(
    contributions: Contributions, modes: Mapping[int, Mode], wanted: frozenset[str], *, differentiable: bool
) -> None:
    """Refuse a plan whose outputs would lack part of a gradient taken through them.

    Raises
    ------
    LostTermError
        If derivatives are to be differentiated again through an energy that can be differentiated once only.
    CutGradientError
        If parameters of a producer act on an energy or on forces that are detached from what it passes on.
    """
    for step in contributions.steps:
        mode = modes.get(step.index)
        twice = (differentiable and bool(wanted)) or "hessian" in wanted
        if mode is Mode.GRAPH and twice:
            _refuse_first_order(step)
        if mode is not None and differentiable and "energy" in step.config.kinds:
            _refuse_detached_readers(contributions, step, mode)


def _refuse_first_order(step: FlatStep) -> None:
    energy = step.config.kinds["energy"]
    if isinstance(energy, OnGraph) and energy.order == 1:
        raise LostTermError(
            "its energy can be differentiated once only, and this request differentiates its forces again",
            expected="an energy that can be differentiated twice",
            who=f"step {step.index} ({step.label})",
            fix="PipelineGroup(..., use_autograd=True, derivative_fn='finite-difference'), or pipe.eval()",
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
