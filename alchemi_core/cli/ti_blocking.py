"""Standard errors of correlated series, by averaging over blocks of growing length.

H. Flyvbjerg and H. G. Petersen, J. Chem. Phys. 91, 461 (1989), doi:10.1063/1.457480: halving the number of blocks again
and again, the error that independent blocks would have grows until the blocks are longer than the correlation, and
stays on a plateau. Where the plateau begins is decided as by R. M. Lee et al., Phys. Rev. E 83, 066706 (2011),
doi:10.1103/PhysRevE.83.066706: at the first length B with ``B³ > 2 n (σ_B/σ_1)⁴``, where the bias of short blocks and
the scatter of few blocks are of one size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FEWEST = 16
"""Blocks that a plateau has to have: with fewer, its height is uncertain by more than a fifth."""

FEW = 4
"""Blocks below which an error is not looked at any more."""


@attrs.frozen
class Level:
    """Blocks of one length.

    Parameters
    ----------
    length, blocks : int
        Values in a block, and how many blocks.
    error, uncertainty : float
        Standard error of the mean, were the blocks independent, and how uncertain that is.
    """

    length: int
    blocks: int
    error: float
    uncertainty: float


@attrs.frozen
class Average:
    """Mean of a correlated series.

    Parameters
    ----------
    mean, error : float
        And its standard error: on the plateau, else the largest found, which is a lower bound.
    samples : int
        Length n of the series.
    level : Level
        Where the error was taken.
    plateau : bool
        Whether the error had stopped growing there; False for a series that is too short.
    levels : tuple of Level
        All of them.
    """

    mean: float
    error: float
    samples: int
    level: Level
    plateau: bool
    levels: tuple[Level, ...]

    @property
    def inefficiency(self) -> float:
        """How many values count as much as one that is independent; twice the correlation time where that is long."""
        first = self.levels[0].error
        return max(1.0, (self.error / first) ** 2) if first > 0.0 else 1.0

    @property
    def effective(self) -> float:
        """Number of independent values."""
        return self.samples / self.inefficiency


def block_average(series: ArrayLike) -> Average:
    """Average a series.

    Parameters
    ----------
    series : array [n]
        Values at equal intervals, two or more.
    """
    values = np.asarray(series, dtype=float)
    levels = block_levels(values)
    found = next((level for level in levels if _on_plateau(level, levels[0], len(values))), None)
    level = found or max((one for one in levels if one.blocks >= FEW), key=lambda one: one.error, default=levels[0])
    return Average(
        mean=float(values.mean()),
        error=level.error,
        samples=len(values),
        level=level,
        plateau=found is not None,
        levels=levels,
    )


def block_levels(values: np.ndarray) -> tuple[Level, ...]:
    """Return all levels of a series, the blocks twice as long from one to the next; an odd one at the end is left."""
    levels, blocks, length = [], values, 1
    while len(blocks) > 1:
        # a constant is what it is: rounding of its mean is no scatter
        error = 0.0 if np.ptp(blocks) == 0.0 else float(blocks.std(ddof=1) / np.sqrt(len(blocks)))
        levels.append(Level(length, len(blocks), error, error / np.sqrt(2.0 * (len(blocks) - 1))))
        even = len(blocks) // 2 * 2
        blocks, length = 0.5 * (blocks[0:even:2] + blocks[1:even:2]), 2 * length
    return tuple(levels)


def _on_plateau(level: Level, first: Level, samples: int) -> bool:
    # Neighbours that avoid each other make the error of single values too large: they need blocks as well.
    ratio = max(1.0, level.error / first.error) if first.error > 0.0 else 0.0
    return level.blocks >= FEWEST and level.length**3 > 2.0 * samples * ratio**4


def half_difference(series: ArrayLike, error: float) -> tuple[float, float]:
    """Return the mean of the second half of a series minus that of the first, and its standard error.

    Parameters
    ----------
    series : array [n]
        The values.
    error : float
        Standard error of the mean of the whole; that of each half is √2 times it, and of the difference 2 times.
    """
    values = np.asarray(series, dtype=float)
    middle = len(values) // 2
    return float(values[middle:].mean() - values[:middle].mean()), 2.0 * error
