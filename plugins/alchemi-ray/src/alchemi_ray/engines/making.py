"""From what was asked to a crew."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_ray.engines.devices import fitting, gpus_of
from alchemi_ray.engines.in_process import InProcess
from alchemi_ray.engines.processes import Processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alchemi_ray.engines.crew import Crew
    from alchemi_ray.worker import Setup

LOCAL = "local"
"""The address of a cluster of our own, as Ray writes it."""


@attrs.frozen
class Engine:
    """Who does the work.

    Parameters
    ----------
    name : {"local", "ray"}
        Processes of this machine, or actors on a Ray cluster.
    workers : int or None
        How many; None for what there is room for: with ``"local"`` this process alone. Several of ``"local"`` share the
        one device, so that with an accelerator all compute on the same; those on Ray have accelerators of their own.
    address : str or None
        Of a Ray cluster; None for one of our own.
    gpus : float or None
        Accelerators of a worker on Ray; None for one where it computes on such, else none.
    """

    name: str = "local"
    workers: int | None = None
    address: str | None = None
    gpus: float | None = None

    @property
    def is_own_cluster(self) -> bool:
        """Whether a Ray cluster begins and ends with the run."""
        return self.name == "ray" and self.address in (None, LOCAL)


@contextmanager
def crew_of(engine: Engine, setup: Setup) -> Iterator[tuple[Crew, int]]:
    """Give a crew, and how many workers it has; they end with the block."""
    if engine.name == "ray":
        with _on_ray(engine, setup) as (crew, workers):
            yield crew, workers
        return
    workers = engine.workers or 1
    crew = InProcess(setup) if workers == 1 else Processes(setup, workers)
    try:
        yield crew, workers
    finally:
        crew.close()


@contextmanager
def _on_ray(engine: Engine, setup: Setup) -> Iterator[tuple[Crew, int]]:
    # Ray takes seconds to import.
    from alchemi_ray.engines.ray_cluster import cluster, room_for

    gpus = gpus_of(torch.device(setup.settings.device), engine.gpus)
    devices = torch.cuda.device_count() if gpus else 0
    here = fitting([devices], gpus) if gpus else os.cpu_count() or 1
    with cluster(engine, engine.workers or here, devices, len(setup.pipeline)):
        from alchemi_ray.engines.ray_actors import RayActors

        # More than there is room for may be asked for: clusters can grow.
        workers = engine.workers or room_for(gpus)
        crew = RayActors(setup, workers, gpus)
        try:
            yield crew, workers
        finally:
            crew.close()
