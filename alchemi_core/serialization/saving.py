"""Saving a pipeline to a file."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.bibliography import entries as bibliography
from alchemi_core.distributions import CORE, core_version
from alchemi_core.errors import OptionError, SerializationError
from alchemi_core.forms.texts import SUFFIXES, write_form
from alchemi_core.offers import ModelOffer
from alchemi_core.registry import Registry, default_registry
from alchemi_core.serialization.document import check_size, describe_topology, plain_models, reduction_names
from alchemi_core.serialization.file import write_file
from alchemi_core.serialization.held_weights import describe_held
from alchemi_core.serialization.migrations import FORMAT
from alchemi_core.serialization.model_entries import ModelWriter
from alchemi_core.serialization.named_strategies import describe_strategy, function_names, strategy_names
from alchemi_core.serialization.needs import describe_needs, needs_of
from alchemi_core.serialization.shelf import Shelf
from alchemi_core.versions import builds_on, installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from torch import Tensor

    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_core.serialization.needs import Need

Document = dict[str, Any]

END = ".alchemi"


@attrs.frozen(eq=False)
class Written:
    """A pipeline as it goes into a file.

    Parameters
    ----------
    document : dict
        JSON values.
    tensors : mapping of str to Tensor
        By the keys that the document names.
    """

    document: Document
    tensors: Mapping[str, Tensor]


def save_pipeline(
    pipeline: PipelineModelWrapper,
    path: str | Path,
    registry: Registry | None = None,
    *,
    reference_weights: bool = False,
) -> None:
    """Write a pipeline to a file: topology, settings, models by offer name, weights.

    Parameters
    ----------
    pipeline : PipelineModelWrapper
        What to save.
    path : str or Path
        Replaced atomically when it exists. With the end ``.toml`` or ``.py`` it is written as text for people, without
        weights; see `alchemi_core.forms.texts`.
    registry : Registry, optional
        Where serializers and strategies are looked up; by default the installed plugins.
    reference_weights : bool
        Whether weights that a plugin makes again by itself, as those shipped in its wheel, are left out and named by
        their checksums. Trained weights are in the file all the same.

    Raises
    ------
    SerializationError
        If an option of a model, or a tensor, is nothing that a file can hold, or a text would lose something.
    """
    file = Path(path)
    check_suffix(file, (END, *SUFFIXES))
    if file.suffix.lower() in SUFFIXES:
        if reference_weights:
            raise OptionError("weights are no part of a text", expected=f"NAME{END}", who="reference_weights")
        write_form(pipeline, file, registry)
        return
    written = describe_pipeline(pipeline, registry or default_registry(), by_reference=reference_weights)
    write_file(file, written.document, written.tensors)


def check_suffix(path: Path, known: Iterable[str]) -> None:
    """Refuse a file whose name does not say what it is to hold.

    Raises
    ------
    OptionError
        If it ends with none of those that are known.
    """
    if path.suffix.lower() not in known:
        raise OptionError(
            f"{path} ends with {path.suffix!r}",
            expected="one of " + ", ".join(known),
            who="pipeline",
            fix=str(path.with_suffix(END)),
        )


def describe_pipeline(pipeline: PipelineModelWrapper, registry: Registry, *, by_reference: bool = False) -> Written:
    """Return the document of a pipeline and its tensors.

    Parameters and errors are those of `save_pipeline`.
    """
    shelf, models = Shelf(), plain_models(pipeline.topology)
    writer = ModelWriter(shelf, registry, by_reference)
    entries = [writer.write(model, number) for number, model in enumerate(models)]
    numbers = {id(model): number for number, model in enumerate(models)}
    kept = iter(range(2**31))
    topology = describe_topology(
        pipeline.topology,
        numbers,
        lambda fn: describe_strategy(fn, registry, lambda tensor: shelf.keep(f"strategies.{next(kept)}", tensor)),
        lambda held: describe_held(held, lambda tensor: shelf.keep(f"held.{next(kept)}", tensor)),
    )
    check_size(topology)
    _check_functions(topology)
    needs = needs_of(_offers(entries, topology), registry)
    document = {
        "format": FORMAT,
        "provenance": _provenance(needs),
        "needs": describe_needs(needs),
        "models": entries,
        "topology": topology,
        "outputs": sorted(pipeline.active_outputs),
        "citations": _citations(entries, registry),
    }
    return Written(document, shelf.tensors)


def _check_functions(topology: Document) -> None:
    """Refuse what could not be handed over by the number of a group: several functions within one."""
    for number, group in enumerate(topology["groups"]):
        names = function_names(group)
        if len(set(names)) > 1:
            raise SerializationError(
                f"group {number} holds pipelines with several functions of your own: {', '.join(names)}",
                expected="one, to be handed over by the number of the group",
                who="pipeline",
                fix="put the nested pipelines into groups of their own",
            )


def _citations(entries: Sequence[Document], registry: Registry) -> dict[str, str]:
    """Return what to cite, with BibTeX as the plugins have it: who opens the file may not have them."""
    offers = [registry.find(ModelOffer, entry["offer"]) for entry in entries if entry["offer"] is not None]
    packages = dict.fromkeys(offer.target.partition(":")[0] for offer in offers)
    return bibliography([text for entry in entries for text in entry["citations"]], packages)


def _offers(entries: Sequence[Document], topology: Document) -> list[tuple[str, str]]:
    models = [("model", entry["offer"]) for entry in entries if entry["offer"] is not None]
    strategies = [("derivative", name) for name in sorted(strategy_names(topology))]
    return [*models, *strategies, *(("reduction", name) for name in sorted(reduction_names(topology)))]


def _provenance(needs: Sequence[Need]) -> Document:
    torch = installed("torch")
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        CORE: core_version(),
        "python": platform.python_version(),
        **({"torch": torch} if torch else {}),
        "plugins": {
            one.distribution: {"version": one.version, "builds_on": builds_on(one.distribution)} for one in needs
        },
    }
