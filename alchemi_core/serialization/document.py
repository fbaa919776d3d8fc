"""The JSON document of a pipeline: topology, settings, and models by offer name.

Nothing in a document names a module or a class to import: models and strategies resolve through installed offers, and
what no plugin offers must be handed to the loader by its user.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from alchemi_core.errors import SerializationError
from alchemi_core.models import BaseModelMixin
from alchemi_core.planning.flat import inner_topology
from alchemi_core.serialization.entries import check_entry, is_plain
from alchemi_core.topology import PipelineGroup, PipelineSettings, PipelineStep, Topology
from alchemi_core.weights import Affine, Coupling, Weight

LARGEST = 1e300
"""Larger whole numbers are no floats."""

MAX_DEPTH = 16
"""Pipelines nested deeper than this are refused on reading."""

MAX_STEPS = 2000
"""Steps of a pipeline, those of pipelines in it included; with more, planning would take minutes."""

Document = dict[str, Any]
Wrap = Callable[[Topology], BaseModelMixin]


def plain_models(topology: Topology) -> tuple[BaseModelMixin, ...]:
    """Return every model that is no pipeline, each once, in the order steps are declared."""
    found: dict[int, BaseModelMixin] = {}
    for model in topology.models:
        inner = inner_topology(model)
        for leaf in (model,) if inner is None else plain_models(inner):
            found.setdefault(id(leaf), leaf)
    return tuple(found.values())


def describe_topology(topology: Topology, numbers: Mapping[int, int], strategy: Callable[[Any], Any]) -> Document:
    """Return a topology as JSON values; `numbers` gives each model's number by identity."""
    settings = {name: _plain(value) for name, value in attrs.asdict(topology.settings, recurse=False).items()}
    groups = [
        {
            "use_autograd": group.use_autograd,
            "derivative": strategy(group.derivative_fn),
            "steps": [_describe_step(step, numbers, strategy) for step in group.steps],
        }
        for group in topology.groups
    ]
    return {"settings": settings, "groups": groups}


def _plain(value: Any) -> Any:
    """Return a setting as JSON has it."""
    if isinstance(value, frozenset):
        return sorted(value)
    return dict(value) if isinstance(value, Mapping) else value


def _describe_step(step: PipelineStep, numbers: Mapping[int, int], strategy: Callable[[Any], Any]) -> Document:
    inner = inner_topology(step.model)
    model = (
        {"model": numbers[id(step.model)]}
        if inner is None
        else {"pipeline": describe_topology(inner, numbers, strategy)}
    )
    return {**model, "wire": dict(step.wire), "weight": _describe_weight(step.weight), "detach": step.detach}


def check_size(document: Document) -> None:
    """Check that a described topology has no more steps than can be planned.

    Raises
    ------
    SerializationError
        If it has.
    """
    if (found := _steps_in(document)) > MAX_STEPS:
        raise SerializationError(f"{found} steps", expected=f"at most {MAX_STEPS}", who="pipeline")


def _steps_in(document: Document) -> int:
    steps = [step for group in field(document, "groups", list) for step in field(group, "steps", list)]
    inner = [step["pipeline"] for step in steps if isinstance(step, dict) and "pipeline" in step]
    return len(steps) + sum(map(_steps_in, inner))


def reduction_names(document: Document) -> set[str]:
    """Return the names of all rules of summation in a described topology, nested pipelines included."""
    names = set((document["settings"]["reductions"] or {}).values())
    inner = [step["pipeline"] for group in document["groups"] for step in group["steps"] if "pipeline" in step]
    return names.union(*map(reduction_names, inner))


def _describe_weight(weight: float | Weight) -> Any:
    if isinstance(weight, Weight):
        return {"scale": weight.scale, "factors": [attrs.asdict(factor) for factor in weight.factors]}
    return weight


def _read_wire(step: Document) -> dict[str, str]:
    wire: dict[str, str] = field(step, "wire", dict)
    if all(isinstance(name, str) and is_plain(name) for pair in wire.items() for name in pair):
        return wire
    raise SerializationError(f"a wire is {wire!r:.80}", expected="printable names", who="pipeline file")


def read_step_weight(step: Document) -> float | Weight:
    """Return the weight of a described step.

    Raises
    ------
    SerializationError
        If it is none.
    """
    if not isinstance(step.get("weight"), dict):
        return float(field(step, "weight", float))
    written = field(step, "weight", dict)
    factors = [_read_factor(factor) for factor in field(written, "factors", list)]
    return Weight(field(written, "scale", float), tuple(factors))


def _read_factor(factor: Document) -> Affine:
    numbers = {name: field(factor, name, float) for name in ("constant", "slope")}
    (known,) = Coupling(field(factor, "name", str)).factors  # refuses what cannot be the name of a field
    return attrs.evolve(known, **numbers)


@attrs.frozen(eq=False)
class TopologyReader:
    """Rebuilds a topology from a document.

    Parameters
    ----------
    models : sequence of BaseModelMixin
        Models by number.
    strategy : callable
        Turns the description of a group's derivative into what was declared; takes the description and the number of
        the outermost group.
    wrap : callable
        Makes a pipeline of a nested topology.
    """

    models: Sequence[BaseModelMixin]
    strategy: Callable[[Any, int], Any]
    wrap: Wrap

    def read(self, document: Document, *, depth: int = 0, outer: int | None = None) -> Topology:
        """Return the topology.

        Raises
        ------
        SerializationError
            If the document is not what `describe_topology` writes.
        """
        if depth > MAX_DEPTH:
            raise SerializationError(f"pipelines are nested more than {MAX_DEPTH} deep", who="pipeline file")
        if depth == 0:
            check_size(document)
        groups = [
            self._group(group, depth, number if outer is None else outer)
            for number, group in enumerate(field(document, "groups", list))
        ]
        return Topology(groups, self._settings(field(document, "settings", dict)))

    def _group(self, group: Document, depth: int, outer: int) -> PipelineGroup:
        steps = [self._step(step, depth, outer) for step in field(group, "steps", list)]
        derivative = self.strategy(group.get("derivative"), outer)
        return PipelineGroup(steps, use_autograd=field(group, "use_autograd", bool), derivative_fn=derivative)

    def _step(self, step: Document, depth: int, outer: int) -> PipelineStep:
        if "pipeline" in step:
            inner = self.read(field(step, "pipeline", dict), depth=depth + 1, outer=outer)
            model = self.wrap(inner)
        else:
            model = self._model(field(step, "model", int))
        return PipelineStep(
            model,
            wire=_read_wire(step),
            weight=read_step_weight(step),
            detach=field(step, "detach", bool),
        )

    def _model(self, number: int) -> BaseModelMixin:
        if 0 <= number < len(self.models):
            return self.models[number]
        raise SerializationError(
            f"a step names model {number}", expected=f"0 to {len(self.models) - 1}", who="pipeline file"
        )

    @staticmethod
    def _settings(settings: Document) -> PipelineSettings:
        known = {a.name for a in attrs.fields(PipelineSettings)}
        if surplus := set(settings) - known:
            raise SerializationError(
                f"unknown settings {sorted(surplus)}",
                expected="some of " + ", ".join(sorted(known)),
                who="pipeline file",
                fix="the file may come from a newer alchemi-core: pip install --upgrade alchemi-core",
            )
        return PipelineSettings(**settings)


def entries_of(document: Mapping[str, Any]) -> list[Document]:
    """Return the entries of all models of a document, by number.

    Raises
    ------
    SerializationError
        If one of them is not understood.
    """
    return [check_entry(entry) for entry in field(document, "models", list)]


def field(document: Any, name: str, kind: type) -> Any:
    """Return an entry of a document, refusing one of another type."""
    value = document.get(name) if isinstance(document, dict) else None
    accepted = (int, float) if kind is float else kind
    too_large = kind is float and isinstance(value, int) and abs(value) > LARGEST
    if too_large or not isinstance(value, accepted) or (kind is not bool and isinstance(value, bool)):
        raise SerializationError(
            f"entry {name!r} is {value!r:.80}", expected=f"a value of type {kind.__name__}", who="pipeline file"
        )
    return value
