"""Plugins made for these tests: the toys, some networks, and strategies, on offer under a version of one's choice."""

from typing import ClassVar

import attrs
from support import toys
from support.pipelines import CORE

from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.derivatives.leaves import with_leaves
from alchemi_core.offers import DerivativeOffer, ModelOffer
from alchemi_core.plugin_records import PluginRecord
from alchemi_core.registry import Registry, create_model

from . import networks

TOYS = {
    "gaussians": toys.Gaussians,
    "kernel": toys.Kernel,
    "charges": toys.Charges,
    "coulomb": toys.Coulomb,
    "hardness": toys.Hardness,
    "shift": toys.Shift,
    "network": networks.Network,
    "layered": networks.Layered,
    "anything": networks.Anything,
    "holder": networks.Holder,
    "opener": networks.Opener,
}


class Scaling:
    """Forces and stress of the summed energy times a number."""

    name: ClassVar[str] = "scaled"
    serves: ClassVar[frozenset[str]] = frozenset({"forces", "stress"})

    def prepare(self, state):
        data = with_leaves(state)
        return data, data

    def finish(self, energy, tape, requested):
        return {name: self.factor * value for name, value in energy_derivatives(energy, tape, requested).items()}


@attrs.frozen
class Scaled(Scaling):
    """As a value."""

    scale: float = 0.5

    @property
    def factor(self):
        return self.scale


class Plain(Scaling):
    """As a class of the usual kind, which keeps what it was made with, one under a name of its own."""

    def __init__(self, scale=0.5, *, times=1.0):
        self.scale, self._times = scale, times
        self.factor = scale * times


class Changing(Scaling):
    """Its attribute has the name of what it was made with, and is something else."""

    def __init__(self, factor=0.5):
        self.factor = 2 * factor


def halved(energy, data, requested):
    return {name: 0.5 * value for name, value in energy_derivatives(energy, data, requested).items()}


class Fixed(Scaling):
    """Nothing to choose; one of it is on offer, not the class."""

    factor: ClassVar[float] = 0.25


ready = Fixed()

STRATEGIES = {"scaled": "Scaled", "plain": "Plain", "changing": "Changing", "halved": "halved", "ready": "ready"}


def target(thing):
    return f"{thing.__module__}:{thing.__qualname__}"


def plugin(distribution="alchemi-core", version=CORE.records[0].version, names=tuple(TOYS)):
    """A plugin that offers some of the toys; unless told otherwise as if they were the core's own."""
    offers = [
        ModelOffer(name=name, summary="a toy", target=target(TOYS[name]), licence="MIT")
        for name in TOYS
        if name in names
    ]
    return PluginRecord("toys", distribution, version, tuple(offers))


def strategies(distribution="alchemi-core", version=CORE.records[0].version):
    offers = [
        DerivativeOffer(name=name, summary="a strategy", target=f"{__name__}:{attribute}")
        for name, attribute in STRATEGIES.items()
    ]
    return PluginRecord("strategies", distribution, version, tuple(offers))


def registry(*records, **more):
    return Registry((*CORE.records, *records), **more)


OFFERED = registry(plugin(), strategies())


def made(name, /, **options):
    """A toy as its plugin makes it."""
    return create_model(name, registry=OFFERED, **options)
