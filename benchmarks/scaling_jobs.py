"""Shards as a simulation takes them: of equal structures, or of structures drawn from measured ones."""

from __future__ import annotations

import attrs
import numpy as np
from scaling_model import Run

TRIES = 2
"""Workers that may die of a shard before it is cut."""


@attrs.frozen
class Job:
    """A shard, or a part of one: its structures, what it takes of a core and of a device, and who died of it."""

    structures: float
    host: float
    device: float
    deaths: int = 0

    def again(self) -> list[Job]:
        """Return what is given out after one more worker died of it."""
        if self.deaths + 1 < TRIES or self.structures < 2:
            return [attrs.evolve(self, deaths=self.deaths + 1)]
        return 2 * [Job(self.structures / 2, self.host / 2, self.device / 2)]


def regular(run: Run) -> list[Job]:
    """Cut a dataset of equal structures into shards."""
    full, rest = divmod(run.structures, run.shard)
    counts = [run.shard] * full + [rest] * bool(rest)
    return [Job(count, count * run.host, count * run.device) for count in counts]


def drawn(run: Run, sizes: np.ndarray, seed: int = 0, *, by_size: bool = False) -> list[Job]:
    """Cut a dataset into shards whose structures are drawn from measured ones.

    Parameters
    ----------
    run : Run
        Its `host` and `device` are those of a structure of mean size.
    sizes : np.ndarray [structures, 2]
        Of each measured structure, seconds of a core and of the device, each as a share of the mean.
    seed : int
        Of the draw.
    by_size : bool
        Whether the dataset is in order of size, as such sets often are: small structures first.
    """
    random = np.random.default_rng(seed)
    picked = random.integers(len(sizes), size=run.structures)
    if by_size:
        picked = np.argsort(sizes[:, 1], kind="stable")[np.sort(picked)]
    starts = np.arange(0, run.structures, run.shard)
    sums = np.add.reduceat(sizes[picked], starts)
    counts = np.diff(np.append(starts, run.structures))
    return [Job(int(n), host * run.host, device * run.device) for n, (host, device) in zip(counts, sums, strict=True)]
