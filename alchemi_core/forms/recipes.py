"""Recipes: a pipeline as names and options, which is what the forms for people can hold.

Tensors are no part of a recipe. A pipeline has one when its models are what their options make, weights included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import torch

from alchemi_core.errors import AlchemiError, SerializationError
from alchemi_core.frozenmap import FrozenMap, freeze
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.registry import Registry, create_derivative, create_model, default_registry
from alchemi_core.serialization.document import TopologyReader, describe_topology, plain_models
from alchemi_core.serialization.named_strategies import Named, name_of
from alchemi_core.serialization.references import unlike_made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alchemi_core.data.held import HeldValue
    from alchemi_core.models import BaseModelMixin


@attrs.frozen
class MadeModel:
    """A model by name.

    Parameters
    ----------
    offer : str
        Name under which a plugin offers it.
    options : mapping of str to Any
        Arguments of ``create_model``; sequences are tuples.
    """

    offer: str
    options: FrozenMap[str, Any] = attrs.field(factory=FrozenMap, converter=freeze)


@attrs.frozen
class Recipe:
    """A pipeline by names.

    Parameters
    ----------
    models : tuple of MadeModel
        Each once, by number.
    topology : dict
        As `alchemi_core.serialization.document` describes it; a group's derivative is None or `Named`.
    """

    models: tuple[MadeModel, ...]
    topology: dict[str, Any]

    def build(self, registry: Registry | None = None) -> PipelineModelWrapper:
        """Make the pipeline.

        Raises
        ------
        UnknownOfferError, OptionError, PlanningError
            If there is no such model or option, or the wiring cannot be right.
        """
        plugins = registry or default_registry()
        models = [create_model(one.offer, registry=plugins, **one.options) for one in self.models]
        reader = TopologyReader(
            models=models,
            strategy=lambda named, _: _strategy(named, plugins),
            wrap=lambda topology: PipelineModelWrapper.from_topology(topology, registry),
        )
        return PipelineModelWrapper.from_topology(reader.read(self.topology), registry)


def _strategy(named: Named | None, registry: Registry) -> Any:
    if named is None or named.options is None:
        return None if named is None else named.name
    return create_derivative(named.name, registry=registry, **named.options)


def recipe_of(pipeline: PipelineModelWrapper, form: str, registry: Registry | None = None) -> Recipe:
    """Return the recipe of a pipeline.

    Parameters
    ----------
    pipeline : PipelineModelWrapper
        What to write down.
    form : str
        What for, as errors call it, such as ``"TOML"``.
    registry : Registry, optional
        Where names are looked up; by default the installed plugins.

    Raises
    ------
    SerializationError
        If something of it would be lost: models and functions of the user's own, weights that were trained, tensors
        among options. All that would be is named.
    """
    plugins = registry or pipeline.registry or default_registry()
    models = plain_models(pipeline.topology)
    lost = [text for number, model in enumerate(models) for text in _lost(model, number, plugins)]

    def named(derivative_fn: Any) -> Named | None:
        found = None if derivative_fn is None else name_of(derivative_fn, plugins)
        if derivative_fn is not None and found is None:
            own = getattr(derivative_fn, "__name__", type(derivative_fn).__name__)
            lost.append(f"the derivative {own!r} is your own: no plugin offers it")
        return None if found is None else attrs.evolve(found, options=_settled(found.options))

    numbers = {id(model): number for number, model in enumerate(models)}
    topology = describe_topology(pipeline.topology, numbers, named, lambda held: lost.append(_held(held)))
    if lost:
        raise cannot(form, lost)
    return Recipe(tuple(_made(model) for model in models), topology)


def cannot(form: str, lost: list[str]) -> SerializationError:
    """Refuse a form that would lose something."""
    return SerializationError(
        f"as {form} it would lose: {'; '.join(lost)}",
        expected="a pipeline that names and options say all about",
        who="pipeline",
        fix="pipe.save('name.alchemi') keeps weights, and what else the file can hold",
    )


def _held(holder: HeldValue) -> str:
    return f"the weight {holder.name} is a tensor" if holder.name else "a weight is a tensor"


def _lost(model: BaseModelMixin, number: int, registry: Registry) -> Iterator[str]:
    who = f"model {number} ({model.model_config.name})"
    if model.origin is None:
        yield f"{who} was made by hand"
        return
    if any(isinstance(leaf, torch.Tensor | np.ndarray) for leaf in _leaves(model.origin.options)):
        yield f"{who} has tensors among its options"
    try:
        reason = unlike_made(model, registry)
    except AlchemiError as error:
        reason = f"cannot be made by its options: {error.found}"
    if reason:
        yield f"{who} {reason}"


def _made(model: BaseModelMixin) -> MadeModel:
    assert model.origin is not None
    return MadeModel(model.origin.offer, _settled(model.origin.options))


def _settled(value: Any) -> Any:
    """Return a value with tuples for sequences and plain mappings, as texts are read back."""
    if isinstance(value, Mapping):
        return {key: _settled(item) for key, item in value.items()}
    return tuple(_settled(item) for item in value) if isinstance(value, list | tuple) else value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
