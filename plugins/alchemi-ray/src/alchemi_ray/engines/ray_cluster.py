"""A Ray cluster: one of our own that ends with the run, or one that is there already."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from alchemi_core.errors import AlchemiError, OptionError
from alchemi_ray.engines.devices import check_room, fitting
from alchemi_ray.engines.making import LOCAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alchemi_ray.engines.making import Engine

QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}

QUIET_VARIABLES = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # A worker's death is told in words of ours.
    "RAY_DEDUP_LOGS_SKIP_REGEX": "A worker died or was killed while executing a task",
}

STORE = 512 * 2**20
"""Bytes of the object store of a cluster of our own, beside the pipeline: results stay there until they are written."""

LONGEST_SOCKET = 103
"""Bytes of the path of a socket on POSIX: 107 on Linux, 103 on macOS."""

SOCKET = "/alchemi-ray-12345678/session_2026-01-01_00-00-00_000000_1234567/sockets/plasma_store_1"
"""What Ray and we add to the path of the folder for temporary files."""


@contextmanager
def cluster(engine: Engine, workers: int, devices: int, pipeline: int) -> Iterator[None]:
    """Be connected to a cluster inside the block.

    Parameters
    ----------
    engine : Engine
        Where its address is None or ``"local"``, a cluster is started on this machine, which ends with the block.
    workers : int
        How many workers a cluster of our own has room for.
    devices : int
        How many accelerators of this machine are for them.
    pipeline : int
        Bytes that each worker gets.

    Raises
    ------
    AlchemiError
        If there is no cluster at the address, or none can be started.
    """
    is_own = engine.is_own_cluster
    with tempfile.TemporaryDirectory(prefix="alchemi-ray-", dir=_short(), ignore_cleanup_errors=True) as folder:
        own = _own_options(workers, devices, pipeline, folder) if is_own else {}
        with _environment(QUIET_VARIABLES | (_own_environment() if is_own else {})):
            import ray  # reads some of these variables when it is imported

            _connect(engine.address or LOCAL, own)
            try:
                yield
            finally:
                ray.shutdown()


def _short() -> str | None:
    """Return where there is room for the names of sockets, if that is not in the folder for temporary files."""
    needed = len(os.fsencode(tempfile.gettempdir())) + len(SOCKET)
    return "/tmp" if os.name == "posix" and needed > LONGEST_SOCKET else None  # noqa: S108 - a folder of ours in there


def _own_options(workers: int, devices: int, pipeline: int, folder: str) -> dict[str, Any]:
    options: dict[str, Any] = {"num_cpus": workers, "object_store_memory": STORE + 2 * pipeline}
    options |= {"include_dashboard": False, "_temp_dir": folder}
    return options | ({"num_gpus": devices} if devices else {})


def _connect(address: str, options: Mapping[str, Any]) -> None:
    import ray

    try:
        ray.init(address=address, **QUIET, **options)
    except (OSError, ValueError, RuntimeError) as error:
        ray.shutdown()
        reason = " ".join(str(error).split()) or type(error).__name__
        raise (_not_started if options else _not_there)(reason) from error


def _not_started(reason: str) -> AlchemiError:
    return AlchemiError(
        f"it could not be started: {reason}",
        expected="a folder for temporary files with a short path and room, and free memory",
        who="the Ray cluster of the run",
        fix="set TMPDIR to such a folder, or --engine local --workers N",
    )


def _not_there(reason: str) -> AlchemiError:
    expected = "the address of a cluster, such as HOST:6379 or auto"
    return OptionError(f"no Ray cluster there: {reason}", expected=expected, who="--address")


def _own_environment() -> dict[str, str]:
    """Variables that Ray reads when it starts a cluster: it lets nobody in without a token, which no file holds."""
    if any(name.startswith("RAY_AUTH_") for name in os.environ):
        return {}
    token = {"RAY_AUTH_TOKEN": secrets.token_hex(32)}
    # Imported before, Ray does not look at the mode again; it then takes the token all the same, with a word about it.
    return token | ({} if "ray" in sys.modules else {"RAY_AUTH_MODE": "token"})


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables inside the block: Ray takes them from nowhere else."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def room_for(gpus: float) -> int:
    """Say how many workers the cluster that this process is connected to has room for.

    Raises
    ------
    OptionError
        If it has none.
    """
    import ray

    untyped: Any = ray
    found: dict[str, float] = untyped.cluster_resources()
    cores = int(found.get("CPU", 1))
    if not gpus:
        return max(1, cores)
    machines = [node["Resources"].get("GPU", 0) for node in untyped.nodes() if node["Alive"]]
    room = fitting(machines, gpus)
    check_room(room, gpus, None, "the cluster")
    return max(1, min(cores, room))
