"""What code can leave changed in a process: found by comparing before and after."""

from __future__ import annotations

import contextlib
import io
import os
import random
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@attrs.frozen(eq=False)
class ProcessState:
    """State of the process at one moment.

    Parameters
    ----------
    values : dict
        By what each is called in reports.
    """

    values: dict[str, Any]

    @classmethod
    def now(cls) -> ProcessState:
        """Look at everything that code of a plugin is known to leave changed."""
        return cls(
            {
                "torch's default floating type": torch.get_default_dtype(),
                "torch's default device": str(torch.get_default_device()),
                "torch's grad mode": torch.is_grad_enabled(),
                "torch's number of threads": torch.get_num_threads(),
                "torch's deterministic mode": torch.are_deterministic_algorithms_enabled(),
                "torch's anomaly mode": torch.is_anomaly_enabled(),
                "torch's matmul precision": torch.get_float32_matmul_precision(),
                "torch's random numbers": torch.get_rng_state().numpy().tobytes(),
                "numpy's random numbers": repr(np.random.get_state()),  # noqa: NPY002 - the global one is what leaks
                "numpy's error handling": np.geterr(),
                "numpy's printing": repr(np.get_printoptions()),
                "Python's random numbers": random.getstate(),
                "filters of warnings": tuple(warnings.filters),
                "environment variables": dict(os.environ),
                "the working folder": str(Path.cwd()),
            }
        )

    def changed(self, later: ProcessState) -> list[str]:
        """Name what is different later."""
        return [name for name, value in self.values.items() if later.values[name] != value]


SEED = 8_675_309
"""A state of the random numbers that no earlier call can have left, by seeding them itself."""


def left_changed(call: Callable[[], object]) -> list[str]:
    """Run code, and name what of the process is different afterwards, and what was printed.

    Parameters
    ----------
    call : callable
        What to run.
    """
    with seeded(SEED):
        before = ProcessState.now()
        with printed() as said:
            call()
        return [*before.changed(ProcessState.now()), *said]


@contextlib.contextmanager
def printed() -> Iterator[list[str]]:
    """Yield a list that afterwards says whether something was printed."""
    out, err = io.StringIO(), io.StringIO()
    said: list[str] = []
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        yield said
    texts = {"stdout": out.getvalue(), "stderr": err.getvalue()}
    said += [f"{name} ({text[:60]!r})" for name, text in texts.items() if text]


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed all random numbers, and put them back as they were."""
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002 - as code of plugins may
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        random.setstate(before[2])
