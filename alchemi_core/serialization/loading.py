"""Rebuilding a pipeline from a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.errors import AlchemiError, OptionError, SerializationError, nearest
from alchemi_core.forms.texts import load_toml
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.registry import Registry, default_registry
from alchemi_core.serialization.allocation import LEAST
from alchemi_core.serialization.document import MAX_STEPS, TopologyReader, entries_of
from alchemi_core.serialization.entries import field
from alchemi_core.serialization.file import read_tensors
from alchemi_core.serialization.held_weights import HeldReader
from alchemi_core.serialization.migrations import read_document
from alchemi_core.serialization.model_reader import ModelReader
from alchemi_core.serialization.named_strategies import StrategyReader, check_functions
from alchemi_core.serialization.needs import check_needs, read_needs, without_models
from alchemi_core.serialization.restoring import tie
from alchemi_core.serialization.values import named_tensors

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from alchemi_core.models import BaseModelMixin
    from alchemi_core.serialization.entries import Entry
    from alchemi_core.serialization.header import Header

ALLOWANCES = ("nan", "older-plugins")
"""What is refused unless it is allowed: weights that are NaN, plugins older than those that wrote a file."""

MAX_SHARERS = 64
"""So many models may share tensors: each has its own while it is made."""


def load_pipeline(
    path: str | Path,
    *,
    models: Sequence[BaseModelMixin] | Mapping[int, BaseModelMixin] | None = None,
    derivative_fns: Mapping[int, Any] | None = None,
    registry: Registry | None = None,
    allow: Iterable[str] = (),
) -> PipelineModelWrapper:
    """Rebuild a pipeline from a file written by ``pipe.save(path)``.

    No code of the file runs: models and strategies are found by name among what installed plugins offer.

    Parameters
    ----------
    path : str or Path
        The file; with the end ``.toml``, a text that declares the pipeline.
    models : sequence of BaseModelMixin, or mapping of int to BaseModelMixin, optional
        Models that no plugin offers, in the order their steps were declared, each once; or all models; or some by
        number.
        They are given the saved weights, once it is known that all of them fit.
    derivative_fns : mapping of int to callable, optional
        Functions by group number, for groups whose function no plugin offers.
    registry : Registry, optional
        Where offers are looked up; by default the installed plugins.
    allow : iterable of str
        ``"nan"`` for weights that are no numbers, ``"older-plugins"`` for plugins older than those that wrote the file.

    Returns
    -------
    PipelineModelWrapper
        On the CPU; ``pipe.to(device)`` moves it.

    Raises
    ------
    SerializationError
        If the file is damaged or not to be trusted, lacks a plugin here, or needs a model or function that was not
        given.
    """
    with torch.inference_mode(mode=False):  # what is made in it could not be differentiated later
        suffix = Path(path).suffix.lower()
        if suffix == ".toml":
            return _from_toml(Path(path), registry, models, derivative_fns)
        if suffix == ".py":
            raise SerializationError(
                "is Python source", expected="NAME.alchemi", who=str(path), fix="run it: its `pipe`"
            )
        loading = _Loading(Path(path), registry, registry or default_registry(), _allowances(allow))
        return _from_file(loading, models, _functions(derivative_fns))


def _from_file(loading: _Loading, models: Any, derivative_fns: Mapping[int, Any]) -> PipelineModelWrapper:
    try:
        return loading.run(models, derivative_fns)
    except SerializationError:
        raise
    # What plugins make of the values in a file, and raise, is theirs; to the caller it is one thing.
    except Exception as error:
        found = error.found if isinstance(error, AlchemiError) else f"{type(error).__name__}: {error}"
        raise SerializationError(
            f"cannot be rebuilt: {found}",
            expected=getattr(error, "expected", "") or "a pipeline that the installed plugins can make",
            who=str(loading.path),
            fix=getattr(error, "fix", "") or f"alchemi inspect {loading.path}",
        ) from error


def _functions(given: Any) -> Mapping[int, Any]:
    if given is not None and not isinstance(given, Mapping):
        raise OptionError(
            f"derivative_fns is {given!r:.60}",
            expected="functions by the number of their group",
            who="load_pipeline",
            fix="derivative_fns={0: function}",
        )
    return given or {}


def _from_toml(path: Path, registry: Registry | None, *handed: Any) -> PipelineModelWrapper:
    if any(handed):
        raise OptionError(
            "models or functions were given", expected="none: a text names all of them", who=f"load_pipeline({path})"
        )
    return load_toml(path, registry)


def _allowances(allow: Iterable[str]) -> frozenset[str]:
    names = frozenset([allow] if isinstance(allow, str) else allow)
    for name in sorted(names - set(ALLOWANCES)):
        near = nearest(name, ALLOWANCES)
        raise OptionError(
            f"allow names {name!r}",
            expected="some of " + ", ".join(ALLOWANCES),
            who="load_pipeline",
            fix=f"write {near!r}" if near else "",
        )
    return names


@attrs.frozen(eq=False)
class _Loading:
    """One reading of one file: `registry` is the user's, `plugins` what to look names up in."""

    path: Path
    registry: Registry | None
    plugins: Registry
    allow: frozenset[str]

    def run(self, models: Any, derivative_fns: Mapping[int, Any]) -> PipelineModelWrapper:
        header, document = read_document(self.path)
        entries = entries_of(document)
        if len(entries) > MAX_STEPS:
            raise SerializationError(f"{len(entries)} models", expected=f"at most {MAX_STEPS}", who=str(self.path))
        given = _numbered(models, entries)
        self._check_needs(document, entries, given)
        tensors = self._tensors(header, document, entries)
        reader = ModelReader(tensors, self.plugins)
        for number, model in given.items():
            reader.check_given(entries[number], model, number)
        built = [
            given[number] if number in given else reader.rebuild(entry, number) for number, entry in enumerate(entries)
        ]
        held = HeldReader(tensors)
        pipeline = self._pipeline(document, built, StrategyReader(derivative_fns, tensors, self.plugins), held)
        for number, (entry, model) in enumerate(zip(entries, built, strict=True)):
            reader.restore(entry, model, weights=number in given)
        tied = [(model, entry["weights"]) for entry, model in zip(entries, built, strict=True)]
        tie([*tied, *held.parameters()])
        return pipeline

    def _check_needs(
        self, document: Mapping[str, Any], entries: Sequence[Entry], given: Mapping[int, BaseModelMixin]
    ) -> None:
        needed = {entry["offer"] for number, entry in enumerate(entries) if number not in given}
        handed = {entry["offer"] for entry in entries} - needed
        needs = without_models(read_needs(field(document, "needs", list)), handed)
        check_needs(needs, self.plugins, str(self.path), older="older-plugins" in self.allow)

    def _tensors(self, header: Header, document: Mapping[str, Any], entries: Sequence[Entry]) -> dict[str, Tensor]:
        named = [name for entry in entries for name in _tensors_named(entry)]
        self._check_shares(header, named)
        if surplus := sorted(header.tensors.keys() - {*named, *named_tensors(document["topology"])}):
            raise SerializationError(
                f"holds tensors that belong to nothing, the first being {surplus[0]!r:.80}",
                expected="the tensors of its models",
                who=str(self.path),
            )
        digests = field(document, "tensors", dict)
        return read_tensors(self.path, header, digests, allow_nan="nan" in self.allow)

    def _check_shares(self, header: Header, named: Sequence[str]) -> None:
        asked = sum(header.tensors[name].size for name in named if name in header.tensors)
        if asked > LEAST + MAX_SHARERS * header.size:
            raise SerializationError(
                f"its models have {asked} bytes of tensors in {header.size} bytes of file",
                expected=f"no tensor in more than {MAX_SHARERS} models",
                who=str(self.path),
            )

    def _pipeline(
        self,
        document: Mapping[str, Any],
        models: Sequence[BaseModelMixin],
        strategies: StrategyReader,
        held: HeldReader,
    ) -> PipelineModelWrapper:
        reader = TopologyReader(
            models=models,
            strategy=strategies.read,
            wrap=lambda topology: PipelineModelWrapper.from_topology(topology, self.registry),
            held=held.read,
        )
        described = field(document, "topology", dict)
        topology = reader.read(described)
        check_functions(strategies.given, described)
        try:
            return PipelineModelWrapper.from_topology(topology, self.registry)
        except AlchemiError as error:
            raise SerializationError(f"holds no valid pipeline: {error.found}", who=str(self.path)) from error


def _tensors_named(entry: Entry) -> list[str]:
    """Return the keys of a model's tensors, each as often as it stands there."""
    own = [*entry["weights"].values(), *entry["buffers"].values()]
    return [*map(str, own), *named_tensors([entry.get("options"), entry.get("spec")])]


def _numbered(
    models: Sequence[BaseModelMixin] | Mapping[int, BaseModelMixin] | None, entries: Sequence[Entry]
) -> dict[int, BaseModelMixin]:
    """Return the models handed over, by number."""
    names = ", ".join(f"{number}: {entry['name']}" for number, entry in enumerate(entries))
    if isinstance(models, Mapping):
        for number in models.keys() - set(range(len(entries))):
            raise SerializationError(f"model {number!r} was given", expected=names, who="load_pipeline")
        return dict(models)
    if models is not None and not isinstance(models, Sequence):
        raise SerializationError(
            f"models is {models!r:.60}", expected="a list", who="load_pipeline", fix="models=[...]"
        )
    wanted = [number for number, entry in enumerate(entries) if entry["offer"] is None]
    if models is None or len(models) == len(entries):
        return dict(enumerate(models or ()))
    if len(models) == len(wanted):
        return dict(zip(wanted, models, strict=True))
    raise SerializationError(
        f"{len(models)} models were given",
        expected=f"{len(entries)}: {names}" + (f", or those to be handed over: {wanted}" if wanted else ""),
        who="load_pipeline",
    )
