"""Copies of a strategy, and files with its name in them."""

from __future__ import annotations

import pickle
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from alchemi_core.errors import SerializationError
from alchemi_core.serialization.loading import load_pipeline
from alchemi_core.serialization.saving import save_pipeline
from alchemi_core.testing.comparing import compare, noted
from alchemi_core.testing.failures import failure
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_core.testing.derivative_checks.trials import DerivativeSpecimen


def check_copies(specimen: DerivativeSpecimen) -> str:
    """Copy the strategy, by deepcopy and through pickle, and ask the copies."""
    deviations = []
    for how in (deepcopy, lambda one: pickle.loads(pickle.dumps(one))):  # noqa: S301 - made here
        for structure, names in specimen.settings[:1]:
            copy = _copied(how, specimen)
            batch = specimen.bench.batch(structure)
            found, expected = (
                dict(specimen.bench.pipe(copy)(batch, requested=frozenset(names))),
                specimen.run(batch, names),
            )
            what = f"{', '.join(names)} of {structure}, by a copy"
            deviations.append((compare(found, expected, what, within=specimen.again), structure.name))
    return noted(deviations)


def _copied(how: Any, specimen: DerivativeSpecimen) -> Any:
    try:
        return how(specimen.make())
    except Exception as error:
        raise failure(
            specimen.name,
            f"cannot be copied: {type(error).__name__}: {error}",
            expected="deepcopy and pickle work: pipelines are copied and sent to other processes",
            fix="an attrs.frozen class of plain options, at the top of a module",
        ) from error


def check_files(specimen: DerivativeSpecimen) -> str:
    """Save a pipeline, load it, compare plans and answers."""
    deviations = []
    for structure, names in specimen.settings[:1]:
        pipe = specimen.bench.pipe(specimen.make(), registry=specimen.registry)
        loaded = _through_file(specimen, pipe)
        if str(loaded.plan_for(names)) != str(pipe.plan_for(names)):
            raise failure(f"{specimen.name}, saved and loaded", "another plan", expected=str(pipe.plan_for(names)))
        batch = specimen.bench.batch(structure)
        found, expected = (dict(one(batch, requested=frozenset(names))) for one in (loaded, pipe))
        what = f"{', '.join(names)} of {structure}, saved and loaded"
        deviations.append((compare(found, expected, what, within=specimen.again), structure.name))
    return noted(deviations)


def _through_file(specimen: DerivativeSpecimen, pipe: PipelineModelWrapper) -> PipelineModelWrapper:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "checked.alchemi"
        save_pipeline(pipe, path, specimen.registry)
        try:
            return load_pipeline(path, models=specimen.bench.models(), registry=specimen.registry)
        except SerializationError as error:
            raise failure(
                f"{specimen.name}, saved and loaded",
                " ".join(str(error).split()),
                expected="the strategy, by the name of its offer and its options",
                fix="keep each option in an attribute of its name, and compare equal: attrs.frozen does",
            ) from error


def is_object(specimen: DerivativeSpecimen) -> bool:
    """Whether it is an object of a class, which can be copied, rather than a function."""
    return hasattr(specimen.make(), "finish")


PROMISES = (
    Promise("copies", "copies do the same, also in other processes", check_copies, is_object),
    Promise(
        "files",
        "a pipeline file names it, and brings it back with its options",
        check_files,
        lambda specimen: specimen.offer is not None,
    ),
)
