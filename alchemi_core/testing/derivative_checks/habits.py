"""What a strategy must leave alone: batch, models and process; and that nothing of a call is kept for the next."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import torch

from alchemi_core.testing.comparing import compare, noted
from alchemi_core.testing.derivative_checks.bench_models import BenchModel
from alchemi_core.testing.failures import failure
from alchemi_core.testing.process_state import left_changed, seeded
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.testing.derivative_checks.trials import DerivativeSpecimen

WAIT = 20.0
"""Seconds after which a thread goes on alone: the other has ended."""


def _tensors(batch: Batch) -> dict[str, Tensor]:
    named = {name: batch.get(name) for name in ("positions", "cell", "pbc", "atomic_numbers", "batch_idx")}
    return {name: value for name, value in {**named, **batch.fields}.items() if value is not None}


def check_inputs(specimen: DerivativeSpecimen) -> None:
    """Compare all tensors of the batch before and after."""
    for structure, names in specimen.settings:
        batch = specimen.bench.batch(structure)
        before = {name: (value.clone(), value._version) for name, value in _tensors(batch).items()}
        specimen.run(batch, names)
        for name, value in _tensors(batch).items():
            same = torch.equal(value, before[name][0]) and value._version == before[name][1]
            if not same or value.requires_grad or value.grad is not None:
                raise failure(
                    f"{', '.join(names)} of {structure}",
                    f"{name} of the batch was changed, or put on a graph",
                    expected="a batch left as it was: others read the same tensors",
                    fix="with_leaves(state) makes leaves of its own; work on copies",
                )


def check_models(specimen: DerivativeSpecimen) -> None:
    """Compare parameters, their gradients and modes before and after."""
    for structure, names in specimen.settings:
        every = specimen.bench.models()
        models = [one for one in every if isinstance(one, BenchModel)]
        pipe = specimen.bench.pipe(specimen.make(), every)
        modes = [(one.training, one.strength.detach().clone()) for one in models]
        pipe(specimen.bench.batch(structure), requested=frozenset(names))
        for model, (training, strength) in zip(models, modes, strict=True):
            own = model.strength
            same = torch.equal(own, strength) and own.requires_grad
            if not same or own.grad is not None or model.training is not training:
                raise failure(
                    f"{', '.join(names)} of {structure}",
                    f"parameters of {type(model).__name__}, their gradients or its mode were changed",
                    expected="models left as they were",
                    fix="torch.autograd.grad(energy, leaves) in place of energy.backward()",
                )


def check_process(specimen: DerivativeSpecimen) -> None:
    """Compare the state of the process before and after."""
    for structure, names in specimen.settings:
        batch = specimen.bench.batch(structure)
        specimen.run(batch, names)  # what libraries do once, when they are first used, is not the strategy's
        if changed := left_changed(partial(specimen.run, batch, names)):
            raise failure(
                f"{', '.join(names)} of {structure}",
                f"a call changed {', '.join(changed)}",
                expected="a process that is left as it was",
                fix="with torch.enable_grad(): around what needs it; raise errors rather than print",
            )


def check_deterministic(specimen: DerivativeSpecimen) -> None:
    """Ask twice, after different seeds, and compare bit by bit."""
    for structure, names in specimen.settings:
        pipe, outputs = specimen.bench.pipe(specimen.make()), []
        for seed in (1, 2):
            with seeded(seed):
                outputs.append(dict(pipe(specimen.bench.batch(structure), requested=frozenset(names))))
        compare(outputs[1], outputs[0], f"{', '.join(names)} of {structure}, asked twice", within=0.0)


def check_keeps_nothing(specimen: DerivativeSpecimen) -> str:
    """Ask for a second geometry, and look at the results of both."""
    deviations = []
    for structure, names in specimen.settings:
        pipe, batch = specimen.bench.pipe(specimen.make()), specimen.bench.batch(structure)
        first = dict(pipe(batch, requested=frozenset(names)))
        kept = {name: value.clone() for name, value in first.items()}
        second = dict(pipe(_moved(batch), requested=frozenset(names)))
        fix = "keep nothing on self; return tensors of its own"
        compare(first, kept, f"{', '.join(names)} of {structure}, after a second call", within=0.0, fix=fix)
        expected, what = specimen.run(_moved(batch), names), f"{', '.join(names)} of {structure}, elsewhere"
        deviations.append((compare(second, expected, what, within=specimen.again, fix=fix), structure.name))
    return noted(deviations)


def _moved(batch: Batch) -> Batch:
    """Return the batch as if a bit hotter, so that a value that is kept is not right any more."""
    if batch.cell is None:
        return batch.with_fields(positions=1.02 * batch.positions)
    return batch.with_fields(positions=1.02 * batch.positions, cell=1.02 * batch.cell)


def check_threads(specimen: DerivativeSpecimen) -> str:
    """Ask for two geometries in two threads, each of which begins before the other ends."""
    deviations = []
    for structure, names in specimen.settings:
        batches = [specimen.bench.batch(structure), _moved(specimen.bench.batch(structure))]
        expected = [specimen.run(batch, names) for batch in batches]
        for found, wanted in zip(_at_once(specimen, batches, names), expected, strict=True):
            what, fix = f"{', '.join(names)} of {structure}, in two threads", "pass values on in the tape, not on self"
            deviations.append((compare(found, wanted, what, within=specimen.again, fix=fix), structure.name))
    return noted(deviations)


def _at_once(specimen: DerivativeSpecimen, batches: list[Batch], names: tuple[str, ...]) -> list[dict[str, Tensor]]:
    """Evaluate batches in a thread each, which wait for each other in the first step of the first evaluation."""
    barrier, seen = threading.Barrier(len(batches)), threading.local()

    def meet() -> None:
        if not getattr(seen, "has_met", False):
            seen.has_met = True
            try:
                barrier.wait(WAIT)
            except threading.BrokenBarrierError:
                return

    pipe = specimen.bench.pipe(specimen.make(), specimen.bench.models(meet=meet))
    with ThreadPoolExecutor(len(batches)) as pool:
        return list(pool.map(lambda batch: dict(pipe(batch, requested=frozenset(names))), batches))


PROMISES = (
    Promise("inputs-unchanged", "positions, cells and other inputs are only read", check_inputs),
    Promise("models-unchanged", "parameters, their gradients and modes are left alone", check_models),
    Promise("global-state", "a call leaves the process alone and prints nothing", check_process),
    Promise("deterministic", "the same call gives the same bits", check_deterministic),
    Promise("keeps-nothing", "results share no buffer, and nothing of a call is kept", check_keeps_nothing),
    Promise("threads", "threads may share the strategy", check_threads),
)
