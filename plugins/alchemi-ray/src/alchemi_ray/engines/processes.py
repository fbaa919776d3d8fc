"""Processes: several workers on this machine, each with the pipeline in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from contextlib import suppress
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import torch

from alchemi_ray.engines.crew import Job, Outcome
from alchemi_ray.engines.starting import StartingDeaths
from alchemi_ray.worker import ShardWorker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

    from alchemi_ray.worker import Setup

READY, DONE, ERROR = "ready", "done", "error"


class Processes:
    """A crew of processes.

    Parameters
    ----------
    setup : Setup
        Of the run.
    workers : int
        How many.
    """

    def __init__(self, setup: Setup, workers: int) -> None:
        self._setup, self._threads = setup, max(1, (os.cpu_count() or 1) // workers)
        self._starting = StartingDeaths()
        self._members = [self._hire(f"local-{number}") for number in range(workers)]

    @property
    def free(self) -> bool:
        """Whether a job can be given."""
        return any(member.ready and member.job is None for member in self._members)

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return any(member.job is not None for member in self._members)

    def give(self, job: Job) -> None:
        """Give a job to a free worker."""
        member = next(member for member in self._members if member.ready and member.job is None)
        member.job = job
        with suppress(OSError):  # it has died since; collecting finds that out
            member.connection.send(job.shard)

    def collect(self, timeout: float) -> Iterator[Outcome]:
        """Wait for answers and deaths."""
        by_connection: dict[Any, _Member] = {member.connection: member for member in self._members}
        for connection in wait(list(by_connection), timeout):
            yield from self._hear(by_connection[connection])

    def close(self) -> None:
        """End all processes."""
        for member in self._members:
            member.end()

    def _hear(self, member: _Member) -> Iterator[Outcome]:
        try:
            kind, value = member.connection.recv()
        except (EOFError, OSError):
            yield from self._replace(member)
            return
        if kind == ERROR:
            raise value
        if kind == READY:
            member.ready = True
            self._starting.survived()
        elif member.job is not None:
            job, member.job = member.job, None
            yield Outcome(job, value)

    def _replace(self, member: _Member) -> Iterator[Outcome]:
        if not member.ready:
            self._starting.died()
        member.end()
        self._members[self._members.index(member)] = self._hire(member.name)
        if member.job is not None:
            yield Outcome(member.job, None)

    def _hire(self, name: str) -> _Member:
        return _Member(name, self._setup, self._threads)


class _Member:
    """One process, and what it is at."""

    def __init__(self, name: str, setup: Setup, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.name, self.ready = name, False
        self.connection, theirs = context.Pipe()
        self.job: Job | None = None
        self._process = context.Process(target=_serve, args=(theirs, name, setup, threads), name=name, daemon=True)
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the connection

    def end(self) -> None:
        self.connection.close()
        self._process.kill()
        self._process.join()
        self._process.close()


def _serve(connection: Connection, name: str, setup: Setup, threads: int) -> None:
    """Do what comes through the connection, until nobody is at its other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the one who asked decides
    torch.set_num_threads(threads)
    with suppress(EOFError, OSError):
        try:
            worker = ShardWorker(name, setup)
            connection.send((READY, None))
            while True:
                connection.send((DONE, worker.work(connection.recv())))
        except Exception as error:  # noqa: BLE001 - raised again at the other end
            if not isinstance(error, EOFError | BrokenPipeError | ConnectionResetError):
                connection.send((ERROR, _portable(error)))


def _portable(error: Exception) -> Exception:
    """Return an error that can be sent."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own, just made
    except Exception:  # noqa: BLE001 - whatever stands in the way of pickling it
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
