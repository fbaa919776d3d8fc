"""The seam: five hooks. This file is the manual for plugin authors.

A plugin is a distribution with an entry point in the group ``alchemi`` that names a module or object implementing any
of these hooks::

    # pyproject.toml
    [project]
    name = "my-plugin"
    version = "1.0"
    dependencies = ["alchemi-core>=0.1,<0.2"]

    [project.entry-points.alchemi]
    my-plugin = "my_plugin.hooks"

::

    # my_plugin/hooks.py
    from alchemi_core import ModelOffer, hookimpl

    @hookimpl
    def alchemi_models():
        return [ModelOffer(name="my-model", summary="what it does", target="my_plugin.model:MyModel")]

Hooks return offers: small values with a lazy import target. The hook module must import nothing heavy, since every
``alchemi models`` imports it. All hooks are called once, when a registry is made, each plugin on its own: one that
fails is recorded and shown by ``alchemi plugins``, and the others go on. A hook is all or nothing: one wrong value in
what it returns, and nothing of it counts.

A plugin is refused, with the reason on record, when its distribution requires another version of alchemi-core, or when
it implements a hook that is not here or asks for arguments that are not here. ``@hookimpl(optionalhook=True)`` marks a
hook that only some versions of alchemi know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

from alchemi_core.offers import DerivativeOffer, ModelOffer, NeighborOffer, Offer, ReductionOffer, SerializerOffer

if TYPE_CHECKING:
    from collections.abc import Iterable

PROJECT = "alchemi"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def alchemi_models() -> Iterable[ModelOffer]:
    """Offer models.

    The target is a class or function; its keyword arguments are the options of ``create_model(name, **options)`` and
    its result is a `BaseModelMixin`::

        @hookimpl
        def alchemi_models():
            return [ModelOffer(name="springs", summary="harmonic springs", target="my_plugin.springs:Springs")]
    """
    raise AssertionError("a hook specification is never called")


@hookspec
def alchemi_neighbors() -> Iterable[NeighborOffer]:
    """Offer neighbor-list builders and converters.

    A builder is ``build(batch, cutoff, skin) -> CooList`` (full, sorted by i). A converter is
    ``filter(list, batch, cutoff) -> list``, ``to_matrix(list, width)``, ``to_coo(list)``, ``to_half(list)``,
    ``to_full(list)``, or ``convert(list, batch, config, stale) -> list``, which returns exactly what a
    `NeighborConfig` asks for (cutoff, format, kind, width, integer type, no skin) in one pass; ``stale`` says that
    atoms moved, within the skin, since the list was built. Of each role the highest rank that serves the device is
    used (the core's own have rank 0), and of all chains of conversions the cheapest by ``cost``::

        @hookimpl
        def alchemi_neighbors():
            return [
                NeighborOffer(
                    name="my-grid",
                    role="builder",
                    rank=10,
                    devices=("cuda",),
                    cost=1.5,  # ns per pair, measured
                    summary="cell grid on the GPU",
                    target="my_plugin.grid:build",
                )
            ]
    """
    raise AssertionError("a hook specification is never called")


@hookspec
def alchemi_derivatives() -> Iterable[DerivativeOffer]:
    """Offer derivative strategies, to be named in ``PipelineGroup(derivative_fn="name")``.

    The target is a `Derivative` (``serves``, ``prepare``, ``finish``) or a ``derivative_fn(energy, data, requested)``.
    Keyword arguments of a class are the options of ``create_derivative(name, **options)``::

        @hookimpl
        def alchemi_derivatives():
            return [DerivativeOffer(name="my-forces", summary="damped forces", target="my_plugin.forces:my_forces")]
    """
    raise AssertionError("a hook specification is never called")


@hookspec
def alchemi_reductions() -> Iterable[ReductionOffer]:
    """Offer rules that make one output of several steps' values.

    The target is ``reduce(values, weights) -> Tensor``::

        @hookimpl
        def alchemi_reductions():
            return [ReductionOffer(name="max", summary="largest value", target="my_plugin.reductions:largest")]
    """
    raise AssertionError("a hook specification is never called")


@hookspec
def alchemi_serializers() -> Iterable[SerializerOffer]:
    """Offer ways of writing and rebuilding models, by the name of the model they serve.

    The target has ``write(model) -> (origin, tensors)`` and ``rebuild(origin, tensors, registry) -> model``. The origin
    is a `ModelOrigin` whose options are all that rebuilding needs beside the tensors: plain values, tensors or arrays,
    nested; None where nothing but the user can hand the model over. Rebuilding opens no file, imports nothing by a
    name it is given and checks every value, since files come from anybody. Models without a serializer of their own use
    ``factory``: the options of ``create_model`` and the state dict::

        @hookimpl
        def alchemi_serializers():
            return [SerializerOffer(name="springs", summary="springs", target="my_plugin.saving:SpringsSerializer")]
    """
    raise AssertionError("a hook specification is never called")


HOOKS: dict[str, type[Offer]] = {
    "alchemi_models": ModelOffer,
    "alchemi_neighbors": NeighborOffer,
    "alchemi_derivatives": DerivativeOffer,
    "alchemi_reductions": ReductionOffer,
    "alchemi_serializers": SerializerOffer,
}
"""Every hook, and what it gives."""
