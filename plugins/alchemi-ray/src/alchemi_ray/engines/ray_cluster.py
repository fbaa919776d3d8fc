"""A Ray cluster: one of our own that ends with the run, or one that is there already."""

from __future__ import annotations

import logging
import math
import os
import secrets
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOCAL = "local"

QUIET: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "configure_logging": False}

QUIET_VARIABLES = {
    "RAY_USAGE_STATS_ENABLED": "0",
    # A worker's death is told in words of ours.
    "RAY_DEDUP_LOGS_SKIP_REGEX": "A worker died or was killed while executing a task",
}

STORE = 512 * 2**20
"""Bytes of the object store of a cluster of our own, beside the pipeline: results stay there until they are written."""


@contextmanager
def cluster(address: str | None, workers: int, gpus: float, pipeline: int) -> Iterator[None]:
    """Be connected to a cluster inside the block.

    Parameters
    ----------
    address : str or None
        Of a cluster, as Ray writes it; None or ``"local"`` starts one on this machine, which ends with the block.
    workers : int
        How many workers a cluster of our own has room for.
    gpus : float
        How many accelerators each of them takes.
    pipeline : int
        Bytes that each worker gets.

    Raises
    ------
    OptionError
        If there is no cluster at the address.
    """
    with tempfile.TemporaryDirectory(prefix="alchemi-ray-", ignore_cleanup_errors=True) as folder:
        is_own = address in (None, LOCAL)
        own = _own_options(workers, gpus, pipeline, folder) if is_own else {}
        with _environment(QUIET_VARIABLES | (_own_environment() if is_own else {})):
            import ray  # reads some of these variables when it is imported

            _connect(address or LOCAL, own)
            try:
                yield
            finally:
                ray.shutdown()


def _own_options(workers: int, gpus: float, pipeline: int, folder: str) -> dict[str, Any]:
    options: dict[str, Any] = {"num_cpus": workers, "object_store_memory": STORE + 2 * pipeline}
    options |= {"include_dashboard": False, "_temp_dir": folder}
    return options | ({"num_gpus": math.ceil(gpus * workers)} if gpus else {})


def _connect(address: str, options: Mapping[str, Any]) -> None:
    import ray

    try:
        ray.init(address=address, **QUIET, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        expected = "the address of a cluster, such as HOST:6379 or auto"
        raise OptionError(f"no Ray cluster there: {reason}", expected=expected, who="--address") from error


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
    """Say how many workers the cluster that this process is connected to has room for."""
    import ray

    untyped: Any = ray
    found: dict[str, float] = untyped.cluster_resources()
    cores = int(found.get("CPU", 1))
    return max(1, min(cores, int(found.get("GPU", 0) / gpus)) if gpus else cores)
