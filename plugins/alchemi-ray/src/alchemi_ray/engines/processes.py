"""Processes: several workers on this machine, each with the pipeline in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

import torch

from alchemi_ray.engines.crew import Job, Outcome
from alchemi_ray.engines.starting import StartingDeaths
from alchemi_ray.worker import ShardWorker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from types import FrameType

    from alchemi_ray.worker import Setup

READY, DONE, ERROR = "ready", "done", "error"

STOPS = (signal.SIGINT, signal.SIGTERM)

PARTING = 5.0
"""Seconds that an idle worker has for going home by itself, with the processes that its models have started."""


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
        self._members: list[_Member] = []
        try:
            for number in range(workers):
                self._hire(f"local-{number}")
        except BaseException:
            self.close()
            raise

    @property
    def waits_for(self) -> str:
        """What has to happen before there is a free worker, where there was none yet."""
        return "the processes load the pipeline"

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

    def collect(self, timeout: float, tick: Callable[[int], None]) -> Iterator[Outcome]:  # noqa: ARG002 - others know
        """Wait for answers and deaths."""
        by_connection: dict[Any, _Member] = {member.connection: member for member in self._members}
        for connection in wait(list(by_connection), timeout):
            yield from self._hear(by_connection[connection])

    def close(self) -> None:
        """End all processes."""
        for member in self._members:
            member.leave()
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
        self._members.remove(member)
        member.leave()
        member.end()
        self._hire(member.name)
        if member.job is not None:
            yield Outcome(member.job, None)

    def _hire(self, name: str) -> None:
        self._members.append(_Member(name, self._setup, self._threads))


class _Member:
    """One process, and what it is at."""

    def __init__(self, name: str, setup: Setup, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.name, self.ready = name, False
        self.connection, theirs = context.Pipe()
        self.job: Job | None = None
        # Not daemonic: such a process may have none of its own, and models may start some.
        self._process = context.Process(target=_serve, args=(theirs, name, setup, threads), name=name, daemon=False)
        with _signals_held():
            self._process.start()
        theirs.close()  # so that the end of the process is the end of the connection

    def leave(self) -> None:
        """Part from it: it ends once it looks at the connection again."""
        self.connection.close()

    def end(self) -> None:
        """End it, at once where it is at something; SIGTERM would not do, which workers do not hear."""
        if self.ready and self.job is None:
            self._process.join(PARTING)
        self._process.kill()
        self._process.join()
        self._process.close()


@contextmanager
def _signals_held() -> Iterator[None]:
    """Hold signals back inside the block; what is started there holds them back until it says otherwise."""
    resource_tracker.ensure_running()  # or else it is started inside, and lets signals through at the end of that
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(connection: Connection, name: str, setup: Setup, threads: int) -> None:
    """Do what comes through the connection, until nobody is at its other end."""
    _take_no_signals()
    _keep_from_children(connection)
    torch.set_num_threads(threads)
    kind, worker = _tried(READY, partial(ShardWorker, name, setup))
    with suppress(EOFError, OSError):  # of the connection; those of models are told
        connection.send((kind, None if kind == READY else worker))
        while kind == READY:
            connection.send(_tried(DONE, partial(worker.work, connection.recv())))


def _tried(kind: str, do: Callable[[], Any]) -> tuple[str, Any]:
    """Return what comes of it, or the error."""
    try:
        return kind, do()
    except Exception as error:  # noqa: BLE001 - raised again at the other end
        return ERROR, _portable(error)


def _take_no_signals() -> None:
    """Leave it to the one who asked what Ctrl-C or SIGTERM mean, which may go to all processes at once.

    Processes that a model forks are to hear SIGTERM, by which multiprocessing ends them; those that run another program
    do anyway, since a handler, unlike the wish to ignore, ends with the old program.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _not_heard)
    os.register_at_fork(after_in_child=partial(signal.signal, signal.SIGTERM, signal.SIG_DFL))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def _not_heard(_number: int, _frame: FrameType | None) -> None:
    pass


def _keep_from_children(connection: Connection) -> None:
    """Let nobody else have this end, or else the death of this process is no end of the connection."""
    os.set_inheritable(connection.fileno(), False)
    os.register_at_fork(after_in_child=connection.close)


def _portable(error: Exception) -> Exception:
    """Return an error that can be sent."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own, just made
    except Exception:  # noqa: BLE001 - whatever stands in the way of pickling it
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
