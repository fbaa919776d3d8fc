"""What a call must leave alone: its inputs, the model, the process; and that nothing else decides its result."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch

from alchemi_core.testing.comparing import compare, noted
from alchemi_core.testing.failures import failure
from alchemi_core.testing.model_checks.answers import declared_for
from alchemi_core.testing.process_state import left_changed, seeded
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.testing.specimens import Specimen

THREADS = 4
EXACT = 0.0


def _tensors(batch: Batch) -> dict[str, Tensor]:
    """Return every tensor that a call is given, by name."""
    named: dict[str, Tensor | None] = {name: batch.get(name) for name in ("positions", "atomic_numbers", "batch_idx")}
    named |= {"cell": batch.cell, "pbc": batch.pbc, **batch.fields}
    for one in batch.neighbors:
        fields = (field for field in one.__attrs_attrs__)
        named |= {field.name: getattr(one, field.name) for field in fields}
    return {name: value for name, value in named.items() if isinstance(value, torch.Tensor)}


def check_inputs_unchanged(specimen: Specimen) -> None:
    """Compare all tensors of the batch and its list before and after."""
    for structure in specimen.structures:
        batch = specimen.listed(specimen.of(structure))
        before = {name: (value.clone(), value._version) for name, value in _tensors(batch).items()}
        specimen.raw(batch, declared_for(specimen, batch))
        for name, value in _tensors(batch).items():
            if not _same_bits(value, before[name][0]) or value._version != before[name][1]:
                raise failure(
                    f"{structure}",
                    f"{name} was changed in place",
                    expected="inputs left as they are: others read the same tensors",
                    fix="work on a copy: avoid x += ..., x[...] = ..., out=x and names that end in _",
                )


def _same_bits(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors are equal, NaN for NaN: networks fill rows of elements that they do not know with it."""
    return torch.equal(one.isnan(), other.isnan()) and torch.equal(one.nan_to_num(), other.nan_to_num())


def check_model_unchanged(specimen: Specimen) -> None:
    """Compare config, parameters, buffers and mode before and after."""
    before_config, before = specimen.config, _state(specimen)
    for structure in specimen.structures:
        specimen.run(specimen.of(structure))
    if specimen.config != before_config:
        raise failure(specimen.name, "model_config changed during a call", expected="a config that never changes")
    for name, value in _state(specimen).items():
        if name not in before or not _same_bits(value, before[name]):
            raise failure(
                specimen.name,
                f"{name} changed during a call",
                expected="a model that is the same afterwards",
                fix="pass values on as arguments; a running average belongs into training",
            )


def _state(specimen: Specimen) -> dict[str, Tensor]:
    if not isinstance(specimen.model, torch.nn.Module):
        return {}
    state = {f"buffer {name}": value.clone() for name, value in specimen.model.named_buffers()}
    for name, value in specimen.model.named_parameters():
        state[f"parameter {name}"] = value.detach().clone()
        state[f"requires_grad of {name}"] = torch.tensor(value.requires_grad)
        state[f"gradient of {name}"] = torch.tensor(value.grad is not None)
    modes = {name: module.training for name, module in specimen.model.named_modules()}
    return state | {f"mode of {name or 'the model'}": torch.tensor(mode) for name, mode in modes.items()}


def check_global_state(specimen: Specimen) -> None:
    """Compare the state of the process before and after: floating type, grad mode, random numbers, printing, ..."""
    batch = specimen.listed(specimen.of(specimen.structures[0]))
    if changed := left_changed(lambda: specimen.raw(batch, declared_for(specimen, batch))):
        raise failure(
            specimen.name,
            f"a call changed {', '.join(changed)}",
            expected="a process that is left as it was",
            fix="pass dtype=, device= and generator= as arguments; raise errors rather than print",
        )


def check_deterministic(specimen: Specimen) -> None:
    """Evaluate twice, after different seeds, and compare bit by bit."""
    for structure in specimen.structures:
        batch = specimen.of(structure)
        outputs = []
        for seed in (1, 2):
            with seeded(seed):
                outputs.append(specimen.run(batch))
        fix = "call .eval() where the model is made; no random numbers, no dropout, no sums in an order that varies"
        compare(outputs[1], outputs[0], f"{structure}, the same call twice", within=EXACT, fix=fix)


def check_keeps_nothing(specimen: Specimen) -> None:
    """Look whether a second call, of something else, changes the first one's results; whether the batch is let go."""
    first, second = specimen.structures[0], specimen.structures[-1]
    batch = specimen.of(first)
    names = declared_for(specimen, batch)
    answer = specimen.raw(batch, names)
    kept = {name: value.detach().clone() for name, value in answer.items() if name in names}
    other = specimen.of(second)
    specimen.raw(other, declared_for(specimen, other))
    for name, value in kept.items():
        if not torch.equal(answer[name].detach().nan_to_num(), value.nan_to_num()):
            raise failure(
                f"{first}, then {second}",
                f"the second call changed {name} of the first result",
                expected="tensors of its own in every answer",
                fix="do not return a buffer that the next call writes to",
            )
    _check_let_go(specimen)


def _check_let_go(specimen: Specimen) -> None:
    watched: dict[str, weakref.ref[Tensor]] = {}
    for structure in specimen.structures:
        batch = specimen.of(structure)
        watched |= {f"{name} of {structure}": weakref.ref(value) for name, value in _tensors(batch).items()}
        specimen.raw(batch, declared_for(specimen, batch))
        del batch
    gc.collect()
    if kept := [name for name, value in watched.items() if value() is not None]:
        raise failure(
            specimen.name,
            f"the model keeps {', '.join(kept)}",
            expected="nothing kept between calls: threads share the model, and memory is not freed",
            fix="keep values in local variables, not on self",
        )


def check_threads(specimen: Specimen) -> str:
    """Evaluate all structures in several threads at once, and compare with one after the other."""
    batches = [specimen.of(structure) for structure in specimen.structures]
    alone = [specimen.run(batch) for batch in batches]
    with ThreadPoolExecutor(THREADS) as pool:
        together = list(pool.map(specimen.run, batches * THREADS))
    deviations = []
    for index, found in enumerate(together):
        structure = specimen.structures[index % len(batches)]
        fix = "keep values of a call in local variables, not on self"
        off = compare(found, alone[index % len(batches)], f"{structure}, beside other threads", within=1e-9, fix=fix)
        deviations.append((off, structure.name))
    return noted(deviations)


CHECKS = (
    Promise("inputs-unchanged", "positions, cells, lists and other inputs are only read", check_inputs_unchanged),
    Promise("model-unchanged", "a call leaves config, parameters, buffers and mode alone", check_model_unchanged),
    Promise("global-state", "a call leaves the process alone and prints nothing", check_global_state),
    Promise("deterministic", "the same call gives the same bits", check_deterministic),
    Promise("keeps-nothing", "results share no buffer, and nothing of a call is kept", check_keeps_nothing),
    Promise("threads", "threads may share the model", check_threads),
)
