"""Attempts: a batch is evaluated whole, in halves where it is too large, and down to the culprit where one fails."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Literal

import attrs
import torch

from alchemi_core.batching.allowance import Taken
from alchemi_core.batching.cost import Cost
from alchemi_core.batching.evaluated import Evaluated
from alchemi_core.batching.memory import is_shortage
from alchemi_core.batching.release import release
from alchemi_core.batching.splitting import IndivisibleError, not_finite, split
from alchemi_core.data.from_ase import batch_for
from alchemi_core.errors import ModelOutputError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.batching.allowance import Allowance
    from alchemi_core.batching.candidate import Candidate
    from alchemi_core.batching.memory import Memory
    from alchemi_core.models import ModelConfig
    from alchemi_core.outputs import Outputs
    from alchemi_core.pipeline import PipelineModelWrapper


@attrs.frozen(eq=False)
class Evaluator:
    """Evaluates batches of candidates.

    Parameters
    ----------
    pipe : PipelineModelWrapper
        What to evaluate.
    config : ModelConfig
        Its config.
    requested : frozenset of str or None
        Outputs wanted; None for those of the pipeline.
    contributions : bool or "energy"
        Whether to keep what each step adds.
    dtype, device
        Of the batches.
    memory : Memory
        That of the device.
    allowance : Allowance
        Learns how large batches may be.
    """

    pipe: PipelineModelWrapper
    config: ModelConfig
    requested: frozenset[str] | None
    contributions: bool | Literal["energy"]
    dtype: torch.dtype
    device: torch.device
    memory: Memory
    allowance: Allowance

    def evaluate(self, batch: Sequence[Candidate]) -> list[Evaluated]:
        """Return what comes of each structure, in order; failures are among it, and no batch is lost to one."""
        (first, *others) = batch
        if first.error is not None and not others:
            return [_failed(first, first.error)]
        answer = self._attempt(batch)
        if not isinstance(answer, Exception):
            return self._confirmed(batch, answer)
        if not others:
            return [_failed(first, _too_large(first, answer) if is_shortage(answer) else answer)]
        if isinstance(answer, IndivisibleError):
            self.allowance.one_by_one()
            return [one for alone in batch for one in self.evaluate([alone])]
        return self._in_parts(batch) if is_shortage(answer) else self._in_halves(batch)

    def _in_parts(self, batch: Sequence[Candidate]) -> list[Evaluated]:
        """Evaluate a batch that memory did not suffice for, in parts of half its size or less."""
        allowance, waiting = self.allowance, deque(batch)
        allowance.exceeded(_cost(batch))
        found: list[Evaluated] = []
        while waiting:
            part = [waiting.popleft()]
            total = part[0].cost
            while waiting and allowance.budget.share(total + waiting[0].cost) <= 1.0:
                total += waiting[0].cost
                part.append(waiting.popleft())
            found += self.evaluate(part)
        return found

    def _in_halves(self, batch: Sequence[Candidate]) -> list[Evaluated]:
        """Look for the culprits in both halves; where there is none, the batch was too large."""
        middle = len(batch) // 2
        found = self.evaluate(batch[:middle]) + self.evaluate(batch[middle:])
        if all(one.error is None for one in found):
            self.allowance.exceeded(_cost(batch))
        return found

    def _attempt(self, batch: Sequence[Candidate]) -> list[Outputs | Exception] | Exception:
        """Evaluate a batch, and return its outputs system by system, or the error; frames let go of their tensors."""
        try:
            answer = self._watched(batch) if self.allowance.growing else self._run(batch)
        except Exception as error:  # noqa: BLE001 - whatever a model raises
            return release(error)
        return answer

    def _watched(self, batch: Sequence[Candidate]) -> list[Outputs | Exception]:
        """Evaluate a batch, and tell the allowance what it took."""
        before, earlier, free = self.memory.used(), self.memory.peak(), self.memory.free()
        began = time.thread_time()
        answer = self._run(batch)
        seconds, peak = time.thread_time() - began, self.memory.peak()
        taken = Taken(seconds, max(peak - before, 0), free, exact=peak > earlier)
        self.allowance.fitted(_cost(batch), taken)
        return answer

    def _run(self, batch: Sequence[Candidate]) -> list[Outputs | Exception]:
        for one in batch:
            one.check_unchanged()
        structures = [one.structure for one in batch]
        data = batch_for(self.config, structures, dtype=self.dtype, device=self.device)
        with torch.no_grad():  # numbers, also of a pipeline that is being trained
            outputs = self.pipe(data, requested=self.requested, contributions=self.contributions)
        wrong = not_finite(outputs, data)
        return [_not_a_number(name) if name else one for name, one in zip(wrong, split(outputs, data), strict=True)]

    def _confirmed(self, batch: Sequence[Candidate], answers: Sequence[Outputs | Exception]) -> list[Evaluated]:
        """Evaluate again, alone, what came out not finite in company."""
        return [
            Evaluated(one.index, one.structure, answer)
            if not isinstance(answer, Exception)
            else (self.evaluate([one])[0] if len(batch) > 1 else _failed(one, answer))
            for one, answer in zip(batch, answers, strict=True)
        ]


def _failed(candidate: Candidate, error: Exception) -> Evaluated:
    return Evaluated(candidate.index, candidate.structure, None, error)


def _cost(batch: Sequence[Candidate]) -> Cost:
    return sum((one.cost for one in batch), Cost())


def _not_a_number(name: str) -> ModelOutputError:
    return ModelOutputError(
        f"{name} of this structure is not finite",
        expected="finite numbers",
        who="pipeline",
        fix="look for atoms that nearly touch, or for what the model was not made for; pipe.plan shows its steps",
    )


def _too_large(candidate: Candidate, error: Exception) -> TooLargeError:
    atoms = len(candidate.structure)
    failure = TooLargeError(
        f"a structure of {atoms} atoms does not fit into memory, alone",
        expected="less than there is",
        who="evaluate",
        fix="dtype=torch.float32 takes half; or a device with more memory",
    )
    failure.__cause__ = error
    return failure
