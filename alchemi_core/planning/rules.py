"""Rules: which weights of steps a reduction can use."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

from alchemi_core.errors import CompositionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.planning.flat import FlatStep
    from alchemi_core.topology import ReductionRule

ZERO_SUM = 1e-12
"""Weights that cancel to this fraction of their size add up to zero: 0.1 + 0.2 - 0.3 is not quite 0 in binary."""

UNWEIGHTED = frozenset({"first", "last", "concatenate"})
"""Rules that take values as they are."""


def check_weights(name: str, rule: ReductionRule, producers: Sequence[FlatStep]) -> None:
    """Refuse weights that a rule cannot use.

    Parameters
    ----------
    name : str
        Output.
    rule : str or callable
        What the user named for it.
    producers : sequence of FlatStep
        Steps that give it.

    Raises
    ------
    CompositionError
        If they are functions or tensors and the rule takes numbers, cancel in a mean, or are not positive in a spread.
    """
    if isinstance(rule, str) and rule in {"sum", *UNWEIGHTED}:
        return
    if any(step.factors for step in producers):
        raise CompositionError(
            f"{name!r} is reduced over steps whose weights are functions of coupling parameters, or tensors",
            expected=f"numbers as weights: {rule_text(rule)} is not linear in them",
            who="reductions",
            fix=f"reductions={{{name!r}: 'sum'}}",
        )
    weights = [step.weight for step in producers]
    written = ", ".join(f"{weight:g}" for weight in weights)
    if rule == "mean" and abs(fsum(weights)) <= ZERO_SUM * fsum(map(abs, weights)):
        raise CompositionError(
            f"{name!r} is the mean over steps with the weights {written}, whose sum is 0",
            expected="weights that do not cancel: the mean is divided by their sum",
            who="reductions",
            fix=f"reductions={{{name!r}: 'sum'}}, or rename one of them with wire",
        )
    if rule == "spread":
        check_positive(name, producers)


def check_positive(name: str, producers: Sequence[FlatStep]) -> None:
    """Refuse weights that are not positive, of which there is no standard deviation.

    Raises
    ------
    CompositionError
        If one of them is not.
    """
    if any(step.weight <= 0.0 for step in producers):
        raise CompositionError(
            f"{name!r} has a standard deviation over steps with the weights "
            + ", ".join(f"{step.weight:g}" for step in producers),
            expected="weights above 0",
            who="reductions",
        )


def rule_text(rule: ReductionRule) -> str:
    """Return a rule as it is printed; a function is never taken for an offered rule of its name."""
    return repr(rule) if isinstance(rule, str) else f"function {getattr(rule, '__name__', type(rule).__name__)}"
