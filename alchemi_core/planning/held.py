"""What comes from outside the steps: fields of the batch, and tensors in weights under names for plans."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import CompositionError
from alchemi_core.weights import as_weight

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alchemi_core.planning.flat import FlatStep
    from alchemi_core.planning.wiring import Wire
    from alchemi_core.topology import Topology
    from alchemi_core.weights import Weight


def held_names(weights: Sequence[Weight]) -> dict[int, str]:
    """Return the name of each tensor in weights, by the identity of what holds it.

    Tensors without a name are called w0, w1 and so on, in the order they are met, past names that are taken.

    Raises
    ------
    CompositionError
        If one name stands for two tensors, or for a tensor in one weight and a field of the batch in another.
    """
    held = {id(one.held): one.held for weight in weights for one in weight.holding}
    kinds: dict[str, Any] = {}
    for holder in held.values():
        first = kinds.setdefault(holder.name, holder)
        if holder.name and not holder.same_as(first):
            raise _two_values(holder.name, "two tensors")
    brought = frozenset().union(*(_brought(weight) for weight in weights))
    if both := sorted(brought & kinds.keys()):
        raise _two_values(both[0], "a tensor in one weight and a field of the batch in another")
    free = (name for n in itertools.count() if (name := f"w{n}") not in brought | kinds.keys())
    given: list[tuple[Any, str]] = []
    for holder in held.values():
        known = next((name for one, name in given if not holder.name and holder.same_as(one)), None)
        given.append((holder, holder.name or known or next(free)))
    return {id(holder): name for holder, name in given}


def _brought(weight: Weight) -> frozenset[str]:
    """Names of the parameters that come with the batch."""
    return weight.names - {one.name for one in weight.holding}


def _two_values(name: str, what: str) -> CompositionError:
    return CompositionError(
        f"{name!r} stands for {what}",
        expected="one value for one name",
        who="weights of steps",
        fix=f"make Coupling({name!r}, value=...) once and use it everywhere, or give one of them another name",
    )


def held_by(steps: Sequence[FlatStep]) -> Mapping[str, Any]:
    """Return what holds each tensor in the weights of steps, by name."""
    return {name: holder for step in reversed(steps) for name, holder in step.held}


@attrs.frozen
class Brought:
    """What steps that run, and their weights, are given from outside: names of inputs beyond the geometry.

    Parameters
    ----------
    needs, accepts : frozenset of str
        Fields that the batch must bring, and those that it may.
    held : frozenset of str
        What the pipeline holds.
    """

    needs: frozenset[str]
    accepts: frozenset[str]
    held: frozenset[str]

    @classmethod
    def by(cls, running: Sequence[FlatStep], wires: Sequence[Sequence[Wire]], steps: Sequence[FlatStep]) -> Brought:
        """Collect what the running ones of a pipeline's steps are given."""
        outside = [wire for step in running for wire in wires[step.index] if wire.producer is None]
        needs = {wire.name for wire in outside if not wire.optional} | {n for s in running for n in s.couplings}
        accepts = {wire.name for wire in outside if wire.optional} - needs
        held = held_by(steps).keys() & (needs | accepts)
        return cls(frozenset(needs - held), frozenset(accepts - held), frozenset(held))


def held_in(topology: Topology) -> tuple[Any, ...]:
    """Return what holds each tensor in the weights of a pipeline's own steps, not of those of pipelines in it."""
    weights = (as_weight(step.weight) for group in topology.groups for step in group.steps)
    return tuple({id(one.held): one.held for weight in weights for one in weight.holding}.values())
