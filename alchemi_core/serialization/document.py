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
from alchemi_core.serialization.entries import check_entry, field, is_plain
from alchemi_core.serialization.region_entries import read_region, region_entry
from alchemi_core.serialization.weight_entries import Held, Hold, describe_weight, read_step_weight
from alchemi_core.topology import Committee, PipelineGroup, PipelineSettings, PipelineStep, Topology

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


def describe_topology(
    topology: Topology, numbers: Mapping[int, int], strategy: Callable[[Any], Any], hold: Hold
) -> Document:
    """Return a topology as JSON values; `numbers` gives each model's number by identity, `hold` describes tensors."""
    _check_rules(topology.settings)
    settings = {name: _plain(value) for name, value in attrs.asdict(topology.settings, recurse=False).items()}
    groups = [
        {
            "use_autograd": group.use_autograd,
            "derivative": strategy(group.derivative_fn),
            "committee": None if group.committee is None else attrs.asdict(group.committee),
            "steps": [_describe_step(step, numbers, strategy, hold) for step in group.steps],
        }
        for group in topology.groups
    ]
    return {"settings": settings, "groups": groups}


def _check_rules(settings: PipelineSettings) -> None:
    for name, rule in (settings.reductions or {}).items():
        if not isinstance(rule, str):
            raise SerializationError(
                f"the rule for {name!r} is the function {getattr(rule, '__name__', rule)!r}",
                expected="the name of an offered rule: files hold no code",
                who="reductions",
                fix="offer it through the hook alchemi_reductions, and name it",
            )


def _plain(value: Any) -> Any:
    """Return a setting as JSON has it."""
    if isinstance(value, frozenset):
        return sorted(value)
    return dict(value) if isinstance(value, Mapping) else value


def _describe_step(
    step: PipelineStep, numbers: Mapping[int, int], strategy: Callable[[Any], Any], hold: Hold
) -> Document:
    inner = inner_topology(step.model)
    model = (
        {"model": numbers[id(step.model)]}
        if inner is None
        else {"pipeline": describe_topology(inner, numbers, strategy, hold)}
    )
    around = {"wire": dict(step.wire), "weight": describe_weight(step.weight, hold), "detach": step.detach}
    return {**model, **around, **region_entry(step.atoms)}


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


def _read_wire(step: Document) -> dict[str, str]:
    wire: dict[str, str] = field(step, "wire", dict)
    if all(isinstance(name, str) and is_plain(name) for pair in wire.items() for name in pair):
        return wire
    raise SerializationError(f"a wire is {wire!r:.80}", expected="printable names", who="pipeline file")


def _read_committee(group: Document) -> Committee | None:
    if group.get("committee") is None:
        return None
    return Committee(float(field(field(group, "committee", dict), "calibration", float)))


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
    held : callable, optional
        Makes what holds a tensor in a weight, of its description and its name.
    """

    models: Sequence[BaseModelMixin]
    strategy: Callable[[Any, int], Any]
    wrap: Wrap
    held: Held | None = None

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
        return PipelineGroup(
            steps,
            use_autograd=field(group, "use_autograd", bool),
            derivative_fn=derivative,
            committee=_read_committee(group),
        )

    def _step(self, step: Document, depth: int, outer: int) -> PipelineStep:
        if "pipeline" in step:
            inner = self.read(field(step, "pipeline", dict), depth=depth + 1, outer=outer)
            model = self.wrap(inner)
        else:
            model = self._model(field(step, "model", int))
        return PipelineStep(
            model,
            wire=_read_wire(step),
            weight=read_step_weight(step, self.held),
            detach=field(step, "detach", bool),
            atoms=read_region(step),
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
