"""Weights of steps as JSON values. No torch here: callers say how tensors are described and made again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from alchemi_core.errors import SerializationError
from alchemi_core.serialization.entries import field
from alchemi_core.weights import Affine, Coupling, Inside, Sum, Weight

if TYPE_CHECKING:
    from collections.abc import Callable

    from alchemi_core.weight_factors import Factor

MAX_DEPTH = 8
"""Sums within sums deeper than this are refused on reading."""

Hold: TypeAlias = "Callable[[Any], Any]"
"""Describes what holds a tensor."""

Held: TypeAlias = "Callable[[Any, str], Any]"
"""Makes what holds a tensor of its description and its name."""


def describe_weight(weight: float | Weight, hold: Hold) -> Any:
    """Return the weight of a step as JSON values: a number, or a product.

    Raises
    ------
    SerializationError
        If there is no form for it.
    """
    if not isinstance(weight, Weight):
        return weight
    return {"scale": weight.scale, "factors": [_describe_factor(factor, hold) for factor in weight.factors]}


def _describe_factor(factor: Factor, hold: Hold) -> dict[str, Any]:
    if isinstance(factor, Sum):
        return {"sum": [describe_weight(term, hold) for term in factor.terms]}
    if isinstance(factor, Inside):
        raise SerializationError(
            f"a weight holds {factor}, the slope of a ramp",
            expected="weights made by arithmetic with Coupling() and its ramps",
            who="pipeline",
        )
    told: dict[str, Any] = {"name": factor.name, "constant": factor.constant, "slope": factor.slope}
    if factor.ramp is not None:
        told["ramp"] = list(factor.ramp)
    if factor.held is not None:
        told["held"] = hold(factor.held)
    return told


def read_step_weight(step: Any, held: Held | None = None) -> float | Weight:
    """Return the weight of a described step.

    Parameters
    ----------
    step : dict
        As `describe_topology` writes it.
    held : callable, optional
        Makes what holds a tensor; without it there must be none.

    Raises
    ------
    SerializationError
        If it is none.
    """
    if not isinstance(step.get("weight"), dict):
        return float(field(step, "weight", float))
    return _read(field(step, "weight", dict), held or _refuse, MAX_DEPTH)


def _read(written: Any, held: Held, depth: int) -> Weight:
    if depth == 0:
        raise SerializationError("sums in a weight are nested too deeply", who="pipeline file")
    factors = [_read_factor(factor, held, depth) for factor in field(written, "factors", list)]
    return Weight(float(field(written, "scale", float)), tuple(factors))


def _read_factor(factor: Any, held: Held, depth: int) -> Factor:
    if isinstance(factor, dict) and "sum" in factor:
        return Sum(tuple(_read(term, held, depth - 1) for term in field(factor, "sum", list)))
    constant, slope = (float(field(factor, part, float)) for part in ("constant", "slope"))
    name = field(factor, "name", str)
    known = _parameter(name, anonymous="held" in factor)
    holder = held(factor["held"], name) if "held" in factor else None
    ramp = _read_ramp(factor) if "ramp" in factor else None
    return attrs.evolve(known, constant=constant, slope=slope, ramp=ramp, held=holder)


def _parameter(name: str, *, anonymous: bool) -> Affine:
    if not name and anonymous:
        return Affine("")
    (known,) = Coupling(name).factors  # refuses what cannot be the name of a field
    assert isinstance(known, Affine)
    return known


def _read_ramp(factor: Any) -> tuple[float, float]:
    ends = field(factor, "ramp", list)
    numbers = [float(field({"ramp": end}, "ramp", float)) for end in ends]
    if len(numbers) != 2:
        raise SerializationError(f"a ramp has {len(numbers)} ends", expected="two", who="pipeline file")
    return numbers[0], numbers[1]


def _refuse(_entry: Any, name: str) -> Any:
    raise SerializationError(f"the weight {name or 'of a step'} is a tensor", expected="none", who="pipeline")
