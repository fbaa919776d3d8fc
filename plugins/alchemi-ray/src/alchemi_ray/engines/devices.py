"""Devices: whether workers can have the one that was asked for, told before anything is made for them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from alchemi_core.cli.composing import usable_device
from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alchemi_ray.engines.making import Engine

FIX = "--device cpu; a run that began with another device goes on where there is one"


def check_device(name: str, engine: Engine) -> None:
    """Refuse a device that workers cannot have, as far as this machine can tell.

    Raises
    ------
    OptionError
        If torch does not know it, it is not there, or it is too few for the workers.
    """
    on_ray = engine.name == "ray"
    device = usable_device(name, tried=not on_ray, fix=FIX)
    if on_ray:
        _check_on_ray(device, engine)


def _check_on_ray(device: torch.device, engine: Engine) -> None:
    gpus = gpus_of(device, engine.gpus)
    if gpus > 1 and gpus != int(gpus):
        expected = "a part of one, or a whole number"
        raise OptionError(f"{gpus:g} accelerators for each worker", expected=expected, who="--gpus")
    if device.index and device.index >= gpus:
        found = f"{str(device)!r} is not there for workers on Ray, each of which sees only its own accelerators"
        raise OptionError(found, expected="cpu or cuda", who="--device", fix="--device cuda, or --engine local")
    if engine.is_own_cluster and gpus:
        # Counted rather than tried: a context of this process would take memory from the workers.
        check_room(fitting([torch.cuda.device_count()], gpus), gpus, engine.workers, "this machine")


def gpus_of(device: torch.device, asked: float | None) -> float:
    """Return how many accelerators a worker on Ray takes."""
    return asked if asked is not None else float(device.type != "cpu")


def fitting(machines: Iterable[float], gpus: float) -> int:
    """Say how many workers find accelerators.

    A worker has its accelerators on one machine, and a part of one on one accelerator, as Ray gives them.

    Parameters
    ----------
    machines : iterable of float
        How many accelerators each machine has.
    gpus : float
        How many each worker takes.
    """
    if gpus > 1:
        return sum(int(has // gpus) for has in machines)
    on_each = math.floor(1 / gpus + 1e-9)  # 1/3 fits three times, whatever it is rounded to
    return sum(int(has) * on_each for has in machines)


def check_room(room: int, gpus: float, workers: int | None, where: str) -> None:
    """Refuse more workers than there are accelerators for: they would be waited for without end.

    Raises
    ------
    OptionError
        If there is no room for so many, or for one where their number is open.
    """
    wanted = workers or 1
    if room >= wanted:
        return
    fix = f"--workers {room}, or a smaller --gpus" if room else FIX
    raise OptionError(
        f"{where} has accelerators for {room} workers that take {gpus:g} each",
        expected=f"accelerators for {wanted} worker{'' if wanted == 1 else 's'}",
        who="--engine ray",
        fix=fix,
    )
