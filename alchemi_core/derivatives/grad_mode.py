"""Recording on the autograd graph, switched only where it is not as wanted already."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def grad_mode(*, enabled: bool) -> AbstractContextManager[object]:
    """Return a context in which grad is enabled or not.

    Entering torch's own context costs microseconds even where it changes nothing, and a pipeline enters some per call.

    Parameters
    ----------
    enabled : bool
        Whether operations are recorded.
    """
    return nullcontext() if torch.is_grad_enabled() is enabled else torch.set_grad_enabled(enabled)
