"""ShardWorker: holds a pipeline on its device, and turns shards into results and failures."""

from __future__ import annotations

import socket
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.serialization.loading import load_pipeline
from alchemi_ray.dataset.reader import Entry, Reader
from alchemi_ray.failing import failure_row
from alchemi_ray.shard_result import ShardResult
from alchemi_ray.storable import Storable
from alchemi_ray.tasks.making import task_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_ray.dataset.shard import Shard
    from alchemi_ray.dataset.source import Source
    from alchemi_ray.tasks.answer import Answer
    from alchemi_ray.tasks.settings import Settings


@attrs.frozen(eq=False)
class Setup:
    """All that a worker needs, in a form that goes to another process or machine.

    Parameters
    ----------
    run : str
        Identity of the run.
    pipeline : bytes
        The pipeline file.
    sources : tuple of Source
        Files of the dataset.
    settings : Settings
        What to do with each structure.
    """

    run: str
    pipeline: bytes
    sources: tuple[Source, ...]
    settings: Settings


class ShardWorker:
    """Does shards, one after the other.

    Parameters
    ----------
    name : str
        For the ledger.
    setup : Setup
        Of the run.
    """

    def __init__(self, name: str, setup: Setup) -> None:
        self.name, self._setup = name, setup
        self._reader = Reader(setup.sources)
        self._task = task_of(setup.settings, _load(setup.pipeline, setup.settings.device))

    def work(self, shard: Shard, tick: Callable[[int], None] | None = None) -> ShardResult:
        """Read a shard, compute it, and return what came of it.

        Parameters
        ----------
        shard : Shard
            What to do.
        tick : callable, optional
            Told after each structure how many are answered.

        Raises
        ------
        InputFileError
            If a file of the dataset is not as it was.
        """
        began, started = time.perf_counter(), _now()
        entries = list(self._reader.read(shard))
        answered, failures = self._answered(entries, tick or _untold)
        storable = Storable.of(answered, self._setup.settings, self._setup.run)
        found = storable.found
        failures = sorted([*failures, *storable.refused], key=lambda one: one[0].number)
        return ShardResult(
            shard=shard.number,
            first=shard.first,
            structures=len(entries),
            content=(storable.content,),
            done=len(found),
            failures=tuple(failure_row(entry, error) for entry, error in failures),
            not_converged=sum(not answer.converged for _, answer in found),
            atoms=sum(len(answer.atoms) for _, answer in found),
            seconds=time.perf_counter() - began,
            started=started,
            finished=_now(),
            worker=self.name,
            host=socket.gethostname(),
        )

    def close(self) -> None:
        """Close the file that is open."""
        self._reader.close()

    def _answered(
        self, entries: list[Entry], tick: Callable[[int], None]
    ) -> tuple[list[tuple[Entry, Answer]], list[tuple[Entry, BaseException]]]:
        """Return results and failures, both in the order of the dataset."""
        found: list[tuple[Entry, Answer]] = []
        failures: list[tuple[Entry, BaseException]] = []
        answers = self._task.answers([one.record.atoms for one in entries if one.record.atoms is not None])
        for entry in entries:
            answer = next(answers) if entry.record.error is None else None
            error = entry.record.error if answer is None else answer.error
            if error is not None:
                failures.append((entry, error))
            elif answer is not None:
                found.append((entry, answer))
            tick(len(found) + len(failures))
        return found, failures


def _untold(_answered: int) -> None:
    pass


def _load(pipeline: bytes, device: str) -> PipelineModelWrapper:
    """Make the pipeline of a file that may be on another machine."""
    with tempfile.TemporaryDirectory(prefix="alchemi-") as folder:
        path = Path(folder) / "pipeline.alchemi"
        path.write_bytes(pipeline)
        loaded = load_pipeline(path)
    return loaded if torch.device(device).type == "cpu" else loaded.to(device)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
