"""What a step declares that matters to derivatives: which inputs one is taken through, which output reports one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.quantities import DERIVATIVES, GEOMETRY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.planning.flat import FlatStep
    from alchemi_core.quantities import DerivativeOf


def leaves(step: FlatStep, taken: DerivativeOf) -> frozenset[str]:
    """Inputs of the step through which a derivative is taken.

    Every model reads positions; the cell matters where it is read, any other input where it is declared.
    """
    config = step.config
    read = (GEOMETRY - (frozenset() if config.supports_pbc else {"cell"})) | config.required_inputs
    return taken.inputs & (read | config.optional_inputs)


def reported_as(step: FlatStep, derivative: str) -> str | None:
    """Name of the step's output that gives the derivative; stress and virial give each other through the volume."""
    twins = {"stress": "virial", "virial": "stress"}
    for name in (derivative, twins.get(derivative, "")):
        if name in step.config.kinds:
            return name
    return None


def reports_any(step: FlatStep) -> bool:
    """Tell whether the step returns derivatives itself."""
    return bool(step.config.outputs & DERIVATIVES)


def contributors(steps: Sequence[FlatStep]) -> tuple[FlatStep, ...]:
    """Steps whose energies make up the total."""
    return tuple(step for step in steps if "energy" in step.config.kinds and step.counts)
