"""Short ways to write compositions in tests."""

from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.registry import Registry
from alchemi_core.topology import PipelineGroup

GRAPH = {"use_autograd": True}
FD = {"use_autograd": True, "derivative_fn": "finite-difference"}
ALL = frozenset({"energy", "forces", "stress"})


def autograd(*steps, derivative_fn=None):
    return PipelineGroup(steps, use_autograd=True, derivative_fn=derivative_fn)


def direct(*steps):
    return PipelineGroup(steps)


CORE = Registry.discover({"ALCHEMI_PLUGINS": ""})
"""The core's own offers: plans depend on how fast the installed neighbor backends are."""


def pipeline(*groups, registry=CORE, **settings):
    return PipelineModelWrapper(groups=groups, registry=registry, **settings)


def grouped(*groups):
    """A pipeline of (steps, options of the group)."""
    return pipeline(*(PipelineGroup(steps, **options) for steps, options in groups))
