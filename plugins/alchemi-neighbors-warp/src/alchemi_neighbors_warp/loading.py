"""Compiling and loading kernels, once per process and device, without Warp's messages about it."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING

import warp as wp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    import torch

# Warp keeps one message level for the process; two threads must not restore it in the wrong order.
_lock = RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Warp's banner and its lines on loaded modules off standard output, unless the user set another level."""
    with _lock:
        level = wp.config.log_level
        with wp.ScopedLogLevel(wp.LOG_WARNING if level == wp.LOG_INFO else level):
            yield


@cache
def load(module: ModuleType, device: torch.device) -> wp.Device:
    """Compile and load the kernels of a module on a device, and return that device in Warp's terms.

    Compiled kernels are kept in Warp's cache on disk. After the first call nothing is loaded any more, so that launches
    may be captured in a CUDA graph.

    Parameters
    ----------
    module : module
        Whose kernels are to run.
    device : torch.device
        A CPU, or a CUDA device with its number.
    """
    with quiet():
        found: wp.Device = wp.get_device(str(device))
        wp.load_module(module, device=found)
    return found
