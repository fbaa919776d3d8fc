"""What a strategy answers: what it is asked, in the right shapes, or an error that says why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import AlchemiError
from alchemi_core.quantities import QUANTITIES, DerivativeOf
from alchemi_core.testing.derivative_checks.bench_structures import LEAST, STRUCTURES
from alchemi_core.testing.derivative_checks.trials import DerivativeSpecimen, Trial, as_mapping
from alchemi_core.testing.failures import failure
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alchemi_core.data.batch import Batch


def check_declaration(specimen: DerivativeSpecimen) -> str:
    """Look at name, serves and samples."""
    strategy = specimen.strategy()
    if not (isinstance(strategy.name, str) and strategy.name.strip() and strategy.name.isprintable()):
        raise failure(specimen.name, f"its name is {strategy.name!r}", expected="one line of text, which plans print")
    for attribute in ("serves", "samples"):
        value = getattr(strategy, attribute, None)
        if value is not None and not (_are_names(value) and not isinstance(value, str)):
            text = f"{attribute} is {value!r:.100}"
            raise failure(specimen.name, text, expected="a set of names", fix=f"{attribute} = frozenset({{'forces'}})")
    ways = strategy.serves.values() if isinstance(strategy.serves, Mapping) else ()
    if wrong := [way for way in ways if not isinstance(way, DerivativeOf)]:
        raise failure(specimen.name, f"serves holds {wrong[0]!r:.100}", expected="a DerivativeOf for each name")
    if strategy.serves is not None and not specimen.names:
        raise failure(specimen.name, "serves nothing", expected="at least one name")
    return f"{strategy.name}: {', '.join(specimen.names)}"


def _are_names(value: object) -> bool:
    try:
        return all(isinstance(one, str) for one in value)  # type: ignore[attr-defined]  # else it is no iterable
    except TypeError:
        return False


def check_answers(specimen: DerivativeSpecimen) -> str:
    """Ask for every name on every structure; each has to be answered somewhere, before shapes are looked at."""
    counts = []
    for name in specimen.names:
        trials = {one: specimen.trials[one, name] for one in STRUCTURES}
        homes = [one for one, trial in trials.items() if name in as_mapping(trial.raw)]
        if not homes:
            why = "; ".join(dict.fromkeys(_said(trial) for trial in trials.values()))
            raise failure(
                f"{name}, which it serves",
                f"answered on none of {', '.join(map(str, STRUCTURES))}: {why}",
                expected="an answer on some of them",
                fix="serves without it; or inputs={...} on DerivativeSubject, where it reads a field of its own",
            )
        counts.append(f"{name} on {len(homes)}")
    return f"{', '.join(counts)} of {len(STRUCTURES)} structures"


def _said(trial: Trial) -> str:
    if trial.error is None:
        return f"it gave {sorted(map(str, as_mapping(trial.raw)))}"
    text = " ".join(str(trial.error).split())
    return f"{type(trial.error).__name__}: {text:.200}"


def check_refusals(specimen: DerivativeSpecimen) -> str:
    """Look at how everything was refused that was: structures alone, and systems with next to nothing in them."""
    trials = [(f"{name} of {one}", trial) for (one, name), trial in specimen.trials.items()]
    refused = 0
    for what, trial in [*trials, *_of_least(specimen)]:
        refused += trial.error is not None
        if trial.error is not None and not isinstance(trial.error, AlchemiError):
            raise failure(
                what,
                f"raised {type(trial.error).__name__}: {trial.error}",
                expected="an answer, or an error of alchemi_core.errors that says what is wrong",
                fix="DataError or DerivativeError, raised where it is known",
            ) from trial.error
    return f"{refused} refused, all by name" if refused else "nothing was refused"


def _of_least(specimen: DerivativeSpecimen) -> Iterator[tuple[str, Trial]]:
    for structure, batch in least(specimen):
        for name in specimen.names:
            yield f"{name} of {structure}", specimen.tried(batch, {name})


def least(specimen: DerivativeSpecimen) -> Iterator[tuple[str, Batch]]:
    """Yield batches with next to nothing in them, and one that has such a system in its midst."""
    for structure in LEAST:
        yield str(structure), specimen.bench.batch(structure)
    for structure, names in specimen.settings[:1]:
        if names:
            yield f"{structure} with no-atoms", specimen.bench.batch(structure, LEAST[1])


def check_least(specimen: DerivativeSpecimen) -> str:
    """Look at shapes and values of what is answered there."""
    answered = 0
    for structure, batch in least(specimen):
        for name in specimen.names:
            trial = specimen.tried(batch, {name})
            if name not in as_mapping(trial.raw) or not specimen.homes(name):
                continue  # how it refuses, and what is wrong of every system, are other checks
            answered += 1
            _check_shape(name, trial, batch, f"{name} of {structure}")
    return f"{answered} answered"


def check_nothing_else(specimen: DerivativeSpecimen) -> None:
    """Compare the names in answers with those asked for."""
    for (structure, name), trial in specimen.trials.items():
        if surplus := sorted(map(str, set(as_mapping(trial.raw)) - trial.asked)):
            raise failure(
                f"{name} of {structure}",
                f"answered {', '.join(surplus)} as well",
                expected=f"{name} alone",
                fix="return {name: out[name] for name in requested}",
            )


def check_shapes(specimen: DerivativeSpecimen) -> str:
    """Compare shape, dtype and device of answers with the quantity table."""
    names = set()
    for structure in STRUCTURES:
        batch = specimen.bench.batch(structure)
        for name in specimen.names:
            trial = specimen.trials[structure, name]
            if name in as_mapping(trial.raw):
                _check_shape(name, trial, batch, f"{name} of {structure}")
                names.add(name)
    return ", ".join(sorted(names))


def _check_shape(name: str, trial: Trial, batch: Batch, what: str) -> None:
    value = as_mapping(trial.raw)[name]
    if not isinstance(value, torch.Tensor):
        raise failure(what, f"is of type {type(value).__name__}", expected="a torch.Tensor")
    quantity = QUANTITIES.get(name)
    if quantity is not None and not quantity.fits(tuple(value.shape), batch.num_atoms, batch.num_systems):
        expected = f"{quantity.written_shape(batch.num_atoms, batch.num_systems)} in {quantity.unit}"
        raise failure(what, f"has shape {list(value.shape)}", expected=expected)
    if quantity is None and (not value.dim() or value.shape[0] not in (batch.num_atoms, batch.num_systems)):
        raise failure(what, f"has shape {list(value.shape)}", expected="a row for each atom or system")
    if value.dtype is not batch.dtype or value.device != batch.device:
        raise failure(what, f"is {value.dtype} on {value.device}", expected=f"{batch.dtype} on {batch.device}")


def check_samples(specimen: DerivativeSpecimen) -> str:
    """Compare what was sampled, over all structures and names, with what it says."""
    sampled = frozenset(name for trial in specimen.trials.values() for name in trial.sampled)
    if surplus := sorted(specimen.samples - sampled):
        raise failure(
            specimen.name,
            f"never samples {', '.join(surplus)}",
            expected="what it evaluates at other geometries, and nothing more: planning refuses models without it",
            fix=f"samples = frozenset({sorted(sampled)})",
        )
    return ", ".join(sorted(sampled)) or "nothing"


PROMISES = (
    Promise("declaration", "it says in attributes what it is called, gives and samples", check_declaration),
    Promise("answers", "what it serves it gives, on some structure at least", check_answers),
    Promise("refusals", "what it cannot give it refuses by an error that says why", check_refusals),
    Promise("nothing-else", "it gives what is asked and no more", check_nothing_else),
    Promise("shapes", "shapes, dtypes and devices are those of the quantity table", check_shapes),
    Promise("smallest-systems", "one atom and no atoms are systems, or refused", check_least),
    Promise("samples", "it evaluates other geometries for what it says, and for all of it", check_samples),
)
