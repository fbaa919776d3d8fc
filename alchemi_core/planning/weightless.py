"""Steps of weight zero: they add nothing to sums, so nothing is asked of them that only sums would need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.quantities import QUANTITIES, is_additive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.planning.flat import FlatStep
    from alchemi_core.planning.wiring import Wire


def gives(step: FlatStep, name: str, steps: Sequence[FlatStep], *, weighted: bool) -> bool:
    """Tell whether a step's value of a name is, or is part of, an output of the whole.

    Of a step of weight zero that is so for outputs that weights do not scale, such as charges, where no other step
    gives them.

    Parameters
    ----------
    step : FlatStep
        One that produces the name.
    name : str
        An output.
    steps : sequence of FlatStep
        All of the pipeline.
    weighted : bool
        Whether weights scale it.
    """
    if step.counts:
        return True
    return not weighted and not any(one.counts and name in dict(one.names).values() for one in steps)


def acting(steps: Sequence[FlatStep], wires: Sequence[Sequence[Wire]]) -> tuple[FlatStep, ...]:
    """Return the steps that count, and those that feed them; `steps` are all of the pipeline, by number."""
    needed = {step.index for step in steps if step.counts}
    for step in reversed(steps):
        if step.index in needed:
            needed |= {wire.producer for wire in wires[step.index] if wire.producer is not None}
    return tuple(step for step in steps if step.index in needed)


def default_names(step: FlatStep, names: frozenset[str], *, nothing_counts: bool) -> frozenset[str]:
    """Return which outputs of a step are computed by default.

    A step of weight zero that feeds others runs, so what it passes on is given. Where no step counts at all, sums are,
    zero as they are, and models are not called for anything else.
    """
    if step.counts:
        return names
    if nothing_counts:
        return frozenset(name for name in names if is_zero(name)) or names
    return frozenset(name for name in names if not is_additive(name))


def is_zero(name: str) -> bool:
    """Tell whether a sum of no terms can be made: the table knows its shape."""
    return name in QUANTITIES and is_additive(name) and None not in QUANTITIES[name].shape
