"""Weights of steps as numbers, the only ones that an exported model has."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from alchemi_core.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemi_core.planning.flat import FlatStep


def number_of(step: FlatStep, held: Mapping[str, Any], couplings: Mapping[str, float]) -> float:
    """Return the weight of a step.

    Parameters
    ----------
    step : FlatStep
        The step.
    held : mapping of str to HeldValue
        Tensors in weights, by name.
    couplings : mapping of str to float
        Values of coupling parameters.

    Raises
    ------
    ExportError
        If it depends on a parameter without a value, or on a tensor of several values.
    """
    values = dict(couplings)
    for name in sorted(step.couplings - couplings.keys()):
        values[name] = _held(name, step, held)
    weight = float(step.whole_weight.at(values))
    if not math.isfinite(weight):
        raise ExportError(f"its weight is {weight}", expected="a finite number", who=step.label)
    return weight


def _held(name: str, step: FlatStep, held: Mapping[str, Any]) -> float:
    if name not in held:
        raise ExportError(
            f"its weight is {step.whole_weight}, and {name} has no value",
            expected="weights that are numbers: engines know no coupling parameters",
            who=step.label,
            fix=f"export(pipe, couplings={{{name!r}: 0.5}}), or --coupling {name}=0.5",
        )
    value = held[name].value
    if value.numel() != 1:
        raise ExportError(
            f"its weight is a tensor of {value.numel()} values, one for each system",
            expected="one number",
            who=step.label,
        )
    return float(value.detach())
