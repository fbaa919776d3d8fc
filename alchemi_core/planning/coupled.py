"""Derivatives by a coupling parameter that weights alone give: Σ_k w_k'(λ) E_k, exact for black boxes too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import LostTermError
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.planning.reporting import leaves
from alchemi_core.planning.service import derivative_of
from alchemi_core.quantities import GEOMETRY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.planning.flat import FlatGroup, FlatStep
    from alchemi_core.planning.wiring import Wire
    from alchemi_core.quantities import DerivativeOf
    from alchemi_core.weights import Weight

BY_WEIGHTS = FrozenMap({"dE_dlambda": 1, "d2E_dlambda2": 2})
"""What is taken of weights where no strategy takes it of energies, and how often."""


def taken_in(groups: Sequence[FlatGroup], name: str) -> DerivativeOf:
    """Return how a derivative is taken: as the strategy that serves it says, else as the table has it."""
    services = (group.service.serves for group in groups)
    return next((serves[name] for serves in services if serves and name in serves), derivative_of(name))


def parameter_in(groups: Sequence[FlatGroup], name: str) -> str:
    """Return the coupling parameter that a derivative is taken by; empty where it is none, or there are several."""
    inputs = taken_in(groups, name).inputs - GEOMETRY
    return next(iter(inputs)) if len(inputs) == 1 and name in BY_WEIGHTS else ""


def given_by_weights(groups: Sequence[FlatGroup], name: str) -> bool:
    """Tell whether the weight of some energy depends on what a derivative is taken by."""
    parameter = parameter_in(groups, name)
    return any(parameter in step.couplings and "energy" in step.config.kinds for g in groups for step in g.steps)


@attrs.frozen(eq=False)
class Coupled:
    """Answers questions about derivatives by coupling parameters of one flattened pipeline.

    Parameters
    ----------
    groups : tuple of FlatGroup
        The pipeline.
    wires : sequence of sequence of Wire
        Its wiring.
    """

    groups: tuple[FlatGroup, ...]
    wires: Sequence[Sequence[Wire]]

    def left_to_weights(self, group: int, name: str) -> bool:
        """Tell whether a group adds to a derivative by its weights alone: its strategy does not take it."""
        return bool(parameter_in(self.groups, name)) and not self.groups[group].service.can_serve(name)

    def by_weight(self, step: FlatStep, name: str) -> Weight | None:
        """Return the factor before a step's energy in a derivative that its group leaves to weights; None for zero."""
        if not step.counts or "energy" not in step.config.kinds or not self.left_to_weights(step.group, name):
            return None
        weight = step.whole_weight
        for _ in range(BY_WEIGHTS[name]):
            weight = weight.derivative(parameter_in(self.groups, name))
        return weight if weight.scale else None

    def adds_to(self, step: FlatStep, name: str) -> bool:
        """Tell whether a step with an energy has to run for a derivative of the energy."""
        if not step.counts or not self.left_to_weights(step.group, name):
            return step.counts
        own = self.by_weight(step, name) is not None or name in step.config.kinds
        return own or self._reader(step, name) is not None

    def refuse_lost(self, step: FlatStep, name: str) -> None:
        """Refuse an energy that depends on λ by itself, unless the step reports that and its weight does not.

        Raises
        ------
        LostTermError
            If it does.
        """
        reader, parameter = self._reader(step, name), parameter_in(self.groups, name)
        complete = name in step.config.kinds and parameter not in step.couplings
        if "energy" in step.config.kinds and reader is not None and not complete:
            raise _needs_strategy(step, reader, parameter, name)

    def _reader(self, step: FlatStep, name: str) -> FlatStep | None:
        """Return the step that reads what a derivative is taken by: this one, or one that feeds it, or None."""
        if leaves(step, taken_in(self.groups, name)):
            return step
        steps = [one for group in self.groups for one in group.steps]
        producers = (steps[wire.producer] for wire in self.wires[step.index] if wire.producer is not None)
        found = (self._reader(one, name) for one in producers if not one.detach)
        return next((one for one in found if one is not None), None)


def _needs_strategy(step: FlatStep, reader: FlatStep, parameter: str, name: str) -> LostTermError:
    """Make the error of an energy that depends on λ by itself, where no strategy differentiates it."""
    fed = "" if reader is step else f", which step {reader.index} ({reader.label}) reads for what it passes on"
    option = "" if parameter == "coupling" else f", parameter={parameter!r}"
    return LostTermError(
        f"its energy depends on {parameter!r}{fed}; {name} of weights would miss that",
        expected="a strategy that differentiates energies by it, such as dE-dlambda of alchemi-derivatives",
        who=f"step {step.index} ({step.label})",
        fix=f"differentiate(pipeline, 'dE-dlambda'{option}) puts all steps into one group with it",
    )
