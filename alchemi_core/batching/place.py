"""Place: where structures are computed and in which floating type, checked before the first of them is read."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import torch

from alchemi_core.data.checks import FLOATING
from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from alchemi_core.pipeline import PipelineModelWrapper


def device_of(pipe: PipelineModelWrapper) -> torch.device:
    """Return where the weights of a pipeline are; the CPU where it has none."""
    first = next(chain(pipe.parameters(), pipe.buffers()), None)
    return torch.device("cpu") if first is None else first.device


def checked_device(device: torch.device | str, who: str) -> torch.device:
    """Return a device that is there.

    Parameters
    ----------
    device : torch.device or str
        As given.
    who : str
        Whose argument it is.

    Raises
    ------
    OptionError
        If torch does not know it, or finds none here.
    """
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, TypeError) as error:  # torch has no class of its own for either
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        found = f"device={device!r}: {reason}"
        raise OptionError(found, expected="a device of this machine", who=who, fix="device='cpu'") from error


def checked_dtype(dtype: torch.dtype, who: str) -> torch.dtype:
    """Return a floating type that batches can have.

    Raises
    ------
    OptionError
        If it is another one.
    """
    if dtype not in FLOATING:
        expected = " or ".join(map(str, FLOATING))
        raise OptionError(f"dtype={dtype!r}", expected=expected, who=who, fix="dtype=torch.float64")
    return dtype
