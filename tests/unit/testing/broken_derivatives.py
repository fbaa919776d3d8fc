"""Derivative strategies with one defect each, of the kinds that real ones have."""

from __future__ import annotations

import itertools
import threading
from typing import ClassVar

import attrs
import torch

from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.derivatives.finite_difference import FiniteDifference
from alchemi_core.derivatives.leaves import with_leaves
from alchemi_core.errors import DerivativeError

from .good_derivatives import Graph, SampledVirials

_calls = itertools.count()


@attrs.frozen
class Scaled(Graph):
    """One per cent too large."""

    def finish(self, energy, tape, requested, values=None):
        return {name: 1.01 * value for name, value in super().finish(energy, tape, requested, values).items()}


@attrs.frozen
class ScaledVirials(SampledVirials):
    def finish(self, energy, tape, requested):
        return {name: 1.01 * value for name, value in super().finish(energy, tape, requested).items()}


@attrs.frozen
class Edited(Graph):
    """A right answer with something done to it."""

    def finish(self, energy, tape, requested, values=None):
        return self.edit(dict(super().finish(energy, tape, requested, values)), tape[0])

    def edit(self, out, data):
        return out


@attrs.frozen
class HasTwoLinesOfName(Graph):
    name: ClassVar[str] = "two\nlines"


@attrs.frozen
class NeverGivesOne(Edited):
    def edit(self, out, data):
        if "virial" in out:
            raise DerivativeError("no virial today", expected="another day", who=self.name)
        return out


@attrs.frozen
class RaisesWhatComes(Edited):
    def edit(self, out, data):
        if "virial" in out:
            data.cell.shape  # noqa: B018 - a molecule has none
        return out


@attrs.frozen
class GivesEverything(Graph):
    def finish(self, energy, tape, requested, values=None):
        return super().finish(energy, tape, requested | {"forces", "virial"}, values)


@attrs.frozen
class FlattensTensors(Edited):
    def edit(self, out, data):
        return {name: value.flatten(1) if name == "virial" else value for name, value in out.items()}


@attrs.frozen
class CountsAtLeastOneAtom(Edited):
    def edit(self, out, data):
        if "forces" in out and not data.num_atoms:
            out["forces"] = data.positions.new_zeros(1, 3)
        return out


@attrs.frozen
class SamplesTooMuch(FiniteDifference):
    serves: ClassVar[frozenset[str]] = frozenset({"virial"})
    samples: ClassVar[frozenset[str]] = frozenset({"energy", "charges"})


@attrs.frozen
class IsNotSymmetric(Edited):
    def edit(self, out, data):
        for name in {"stress", "virial"} & set(out):
            skew = torch.zeros_like(out[name])
            skew[:, 0, 1] = 4e-6 * out[name].detach().abs().amax(dim=(1, 2))
            out[name] = out[name] + skew
        return out


@attrs.frozen
class DifferentiatesWhatItSamples:
    """Which has nothing on the graph of a step that reports its own forces."""

    name: ClassVar[str] = "differentiates-samples"
    serves: ClassVar[frozenset[str]] = frozenset({"forces"})
    samples: ClassVar[frozenset[str]] = frozenset({"energy"})

    def prepare(self, state):
        return state.data, state

    def finish(self, energy, tape, requested):
        with torch.enable_grad():
            data = with_leaves(tape)
            return energy_derivatives(tape.energy_at(data), data, requested, create_graph=tape.differentiable)


@attrs.frozen
class RoundsInSinglePrecision(Edited):
    def edit(self, out, data):
        if data.dtype is torch.float64:
            return out
        return {name: 1.01 * value for name, value in out.items()}


@attrs.frozen
class LeavesTheGraph(Edited):
    def edit(self, out, data):
        return {name: value.detach() for name, value in out.items()}


@attrs.frozen
class SharesBetweenSystems(Edited):
    def edit(self, out, data):
        return {name: value / data.num_systems if name == "virial" else value for name, value in out.items()}


@attrs.frozen
class SortsAtoms(Edited):
    """By element, as some programs do, without sorting them back."""

    def edit(self, out, data):
        if "forces" in out:
            keys = data.batch_idx * 1000 - data.atomic_numbers
            out["forces"] = out["forces"][torch.argsort(keys, stable=True)]
        return out


@attrs.frozen
class MixesRequests(Edited):
    def edit(self, out, data):
        return {name: 0.5 * value if len(out) > 2 and name == "virial" else value for name, value in out.items()}


@attrs.frozen
class WritesToThePositions(Graph):
    def prepare(self, state):
        state.data.positions.add_(0.0)
        return super().prepare(state)


@attrs.frozen
class GoesBackwards(Graph):
    """All the way to the parameters."""

    def finish(self, energy, tape, requested, values=None):
        if not tape[-1]:
            energy.sum().backward(retain_graph=True)
        return super().finish(energy, tape, requested, values)


@attrs.frozen
class SeedsRandomNumbers(Graph):
    def prepare(self, state):
        torch.manual_seed(0)
        return super().prepare(state)


@attrs.frozen
class CountsCalls(Edited):
    def edit(self, out, data):
        return {name: value + 1e-14 * next(_calls) for name, value in out.items()}


@attrs.frozen
class Remembers(Edited):
    """What it gave for these atoms, wherever they were."""

    memory: dict = attrs.field(factory=dict, init=False, eq=False, repr=False)

    def edit(self, out, data):
        key = (tuple(data.atomic_numbers.tolist()), data.dtype, frozenset(out), threading.get_ident())
        return dict(self.memory.setdefault(key, out))


@attrs.define(eq=True)
class KeepsItsTape:
    name: ClassVar[str] = "keeps-its-tape"
    serves: ClassVar[frozenset[str]] = frozenset({"forces", "stress", "virial"})

    tape: tuple = attrs.field(default=None, init=False, eq=False, repr=False)

    def prepare(self, state):
        data, self.tape = Graph().prepare(state)
        return data, None

    def finish(self, energy, tape, requested):
        return Graph().finish(energy, self.tape, requested)


@attrs.frozen
class HoldsAFunction(Graph):
    rule: object = attrs.field(factory=lambda: lambda value: value, init=False, eq=False)


class HidesItsOption:
    """Where files do not find it."""

    name = "hides-its-option"
    serves = frozenset({"forces", "stress", "virial"})

    def __init__(self, factor=1.0):
        self.scale = factor

    def prepare(self, state):
        return Graph().prepare(state)

    def finish(self, energy, tape, requested):
        return {name: self.scale * value for name, value in Graph().finish(energy, tape, requested).items()}


def forces_only(energy, data, requested):
    """A function as users write them, which says what it serves."""
    return energy_derivatives(energy, data, requested, create_graph=energy.requires_grad)


forces_only.serves = {"forces"}


def anything(energy, data, requested):
    """A function that does not say."""
    return energy_derivatives(energy, data, requested, create_graph=energy.requires_grad)


no_strategy = 3.0
