"""A Ray cluster: one of our own that ends with the run, or one that is there already."""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOCAL = "local"

QUIET: dict[str, Any] = {
    "include_dashboard": False,
    "log_to_driver": False,
    "logging_level": logging.ERROR,
    "configure_logging": False,
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
    import ray

    with tempfile.TemporaryDirectory(prefix="alchemi-ray-", ignore_cleanup_errors=True) as folder:
        own: dict[str, Any] = {"num_cpus": workers, "object_store_memory": STORE + 2 * pipeline, "_temp_dir": folder}
        own |= {"num_gpus": int(-(-gpus * workers // 1))} if gpus else {}
        is_own = address in (None, LOCAL)
        with _environment(_own_environment() if is_own else {}):
            try:
                ray.init(address=address or LOCAL, **QUIET, **(own if is_own else {}))
            except (ConnectionError, ValueError, RuntimeError) as error:
                reason = " ".join(str(error).split())
                expected = "the address of a cluster, such as HOST:6379 or auto"
                raise OptionError(f"no Ray cluster there: {reason}", expected=expected, who="--address") from error
            try:
                yield
            finally:
                ray.shutdown()


def _own_environment() -> dict[str, str]:
    """Variables that Ray reads when it starts a cluster.

    It reports nothing to anybody, and lets nobody in without the token of this run, which no file holds.
    """
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    given = {name: value for name, value in os.environ.items() if name.startswith("RAY_AUTH_")}
    return {"RAY_USAGE_STATS_ENABLED": "0", **(given or token)}


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

    found: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    cores = int(found.get("CPU", 1))
    return max(1, min(cores, int(found.get("GPU", 0) / gpus)) if gpus else cores)
