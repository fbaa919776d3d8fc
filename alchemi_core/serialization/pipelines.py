"""Saving a pipeline to a file and rebuilding it from one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import AlchemiError, SerializationError, UnknownOfferError
from alchemi_core.models import BaseModelMixin, ModelOrigin
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.registry import Registry, default_registry
from alchemi_core.serialization.document import FORMAT, TopologyReader, describe_topology, field, plain_models
from alchemi_core.serialization.file import read_file, write_file
from alchemi_core.serialization.tensors import check_fits, fill

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

DEFAULT_SERIALIZER = "factory"


def save_pipeline(pipeline: PipelineModelWrapper, path: str | Path, registry: Registry | None = None) -> None:
    """Write a pipeline to a file: topology, settings, models by offer name, weights.

    Parameters
    ----------
    pipeline : PipelineModelWrapper
        What to save.
    path : str or Path
        Replaced atomically when it exists.
    registry : Registry, optional
        Where serializers and strategies are looked up; by default the installed plugins.

    Raises
    ------
    SerializationError
        If an option of a model is nothing JSON can hold.
    """
    plugins = registry or default_registry()
    models = plain_models(pipeline.topology)
    written = [_serializer(model.origin, plugins).write(model) for model in models]
    numbers = {id(model): number for number, model in enumerate(models)}
    document = {
        "format": FORMAT,
        "models": [_describe_model(model, origin, plugins) for model, (origin, _) in zip(models, written, strict=True)],
        "topology": describe_topology(pipeline.topology, numbers, lambda fn: _describe_strategy(fn, plugins)),
    }
    tensors = {f"{i}.{name}": tensor.cpu().contiguous() for i, (_, own) in enumerate(written) for name, tensor in own.items()}
    write_file(Path(path), document, tensors)


def load_pipeline(
    path: str | Path,
    *,
    models: Sequence[BaseModelMixin] | None = None,
    derivative_fns: Mapping[int, Any] | None = None,
    registry: Registry | None = None,
) -> PipelineModelWrapper:
    """Rebuild a pipeline from a file written by ``pipe.save(path)``.

    Parameters
    ----------
    path : str or Path
        The file.
    models : sequence of BaseModelMixin, optional
        Models in the order their steps were declared, each once, for models that no plugin offers. They are given the
        saved weights, once it is known that all of them fit.
    derivative_fns : mapping of int to callable, optional
        Functions by group number, for groups whose function no plugin offers.
    registry : Registry, optional
        Where offers are looked up; by default the installed plugins.

    Raises
    ------
    SerializationError
        If the file is damaged, or needs a model or function that was not given.
    UnknownOfferError
        If a plugin it needs is not installed.
    """
    plugins = registry or default_registry()
    document, tensors = read_file(Path(path))
    _check_format(document)
    described = field(document, "models", list)
    built = _models(described, tensors, models, plugins)
    reader = TopologyReader(
        models=built,
        strategy=lambda text, group: _strategy(text, group, derivative_fns or {}, plugins),
        wrap=lambda topology: PipelineModelWrapper.from_topology(topology, registry),
    )
    try:
        topology = reader.read(field(document, "topology", dict))
        pipeline = PipelineModelWrapper.from_topology(topology, registry)
    except SerializationError:
        raise
    except AlchemiError as error:
        raise SerializationError(f"holds no valid pipeline: {error.found}", who=str(path)) from error
    for number, model in enumerate(models or ()):
        fill(model, _own_tensors(tensors, number))
    return pipeline


def _check_format(document: Mapping[str, Any]) -> None:
    found = field(document, "format", int)
    if found != FORMAT:
        raise SerializationError(
            f"has format {found}",
            expected=f"format {FORMAT}",
            who="pipeline file",
            fix="pip install --upgrade alchemi-core",
        )


def _serializer(origin: ModelOrigin | None, registry: Registry) -> Any:
    """Return the serializer offered for a model's name, else the one for all factories."""
    own = origin is not None and origin.offer in registry.names("serializer")
    name = origin.offer if own and origin is not None else DEFAULT_SERIALIZER
    return registry.load(registry.find("serializer", name))


def _describe_model(model: BaseModelMixin, origin: ModelOrigin | None, registry: Registry) -> dict[str, Any]:
    if origin is None:
        return {"offer": None, "name": model.model_config.name}
    owner = registry.owner(registry.find("model", origin.offer))
    return {
        "offer": origin.offer,
        "options": dict(origin.options),
        "name": model.model_config.name,
        "plugin": owner.distribution,
        "version": owner.version,
    }


def _models(
    described: Sequence[Mapping[str, Any]],
    tensors: Mapping[str, Tensor],
    given: Sequence[BaseModelMixin] | None,
    registry: Registry,
) -> list[BaseModelMixin]:
    if given is not None and len(given) != len(described):
        raise SerializationError(
            f"{len(given)} models were given",
            expected=f"{len(described)}: " + ", ".join(str(d.get("name")) for d in described),
            who="load_pipeline",
        )
    own = [_own_tensors(tensors, number) for number in range(len(described))]
    if given is None:
        return [_rebuilt(d, t, n, registry) for n, (d, t) in enumerate(zip(described, own, strict=True))]
    for description, state, model in zip(described, own, given, strict=True):
        _check_same(description, model)
        check_fits(model, state, model.model_config.name)
    return list(given)


def _own_tensors(tensors: Mapping[str, Tensor], number: int) -> dict[str, Tensor]:
    start = f"{number}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def _check_same(description: Mapping[str, Any], model: BaseModelMixin) -> None:
    if model.model_config.name != description.get("name"):
        raise SerializationError(
            f"model {model.model_config.name!r} was given where {description.get('name')!r} was saved",
            expected="models in the order their steps were declared",
            who="load_pipeline",
        )


def _rebuilt(
    description: Mapping[str, Any], tensors: Mapping[str, Tensor], number: int, registry: Registry
) -> BaseModelMixin:
    if description.get("offer") is None:
        raise SerializationError(
            f"model {number} ({description.get('name')}) was made by hand, so no plugin can rebuild it",
            expected="the models as arguments",
            who="load_pipeline",
            fix="load_pipeline(path, models=[...])",
        )
    origin = ModelOrigin(field(description, "offer", str), field(description, "options", dict))
    try:
        registry.find("model", origin.offer)
    except UnknownOfferError as error:
        plugin, version = description.get("plugin"), description.get("version")
        wanted = f"needs {plugin} {version}: {error.found}"
        fix = f"pip install '{plugin}>={version}'"
        raise UnknownOfferError(wanted, expected=error.expected, who="load_pipeline", fix=fix) from error
    model: BaseModelMixin = _serializer(origin, registry).rebuild(origin, tensors, registry)
    return model


def _describe_strategy(derivative_fn: Any, registry: Registry) -> Any:
    """Describe a group's derivative: None, an offered name with options, or a function the user must hand over."""
    if derivative_fn is None or isinstance(derivative_fn, str):
        return derivative_fn
    for offer in registry.offers("derivative"):
        if attrs.has(type(derivative_fn)) and registry.load(offer) is type(derivative_fn):
            return {"name": offer.name, "options": attrs.asdict(derivative_fn)}
        if registry.load(offer) is derivative_fn:
            return offer.name
    return {"function": str(getattr(derivative_fn, "__name__", type(derivative_fn).__name__))}


def _strategy(description: Any, group: int, given: Mapping[int, Any], registry: Registry) -> Any:
    if group in given:
        return given[group]
    if description is None or isinstance(description, str):
        return description
    if isinstance(description, dict) and "name" in description:
        offer = registry.find("derivative", field(description, "name", str))
        return registry.load(offer)(**field(description, "options", dict))
    raise SerializationError(
        f"group {group} had a function of its own, {field(description, 'function', str)!r}, which no plugin offers",
        expected="the function as an argument",
        who="load_pipeline",
        fix=f"load_pipeline(path, derivative_fns={{{group}: ...}})",
    )
