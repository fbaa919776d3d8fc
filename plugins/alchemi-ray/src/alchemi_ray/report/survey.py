"""Figures of one measure over any number of structures, in memory that does not grow with them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np

from alchemi_ray.report.scale import BINS, FINE, fitting, whole

if TYPE_CHECKING:
    from alchemi_ray.report.measures import Measure
    from alchemi_ray.report.scale import Scale

FEWEST = 8
"""Bars that a histogram has at least."""

SAMPLE = 100_000
"""Values that are kept: all of a smaller run, else as many, each equally likely to be among them."""


@attrs.define(eq=False)
class Survey:
    """Grows with each block of values.

    Counts, mean, smallest and largest are those of all values.

    Parameters
    ----------
    measure : Measure
        What is measured.
    kept : int
        Size of the sample.
    """

    measure: Measure
    kept: int = SAMPLE
    count: int = 0
    missing: int = 0
    total: float = 0.0
    size: float = 0.0
    least: float = math.inf
    most: float = -math.inf
    _blocks: list[np.ndarray] = attrs.field(factory=list)
    _bar: float = 1.0
    _draws: np.random.Generator = attrs.field(factory=lambda: np.random.default_rng(0))

    def add(self, values: np.ndarray) -> None:
        """Take in values, shape [n]; those that are no finite numbers are counted as missing."""
        finite = values[np.isfinite(values)]
        self.missing += values.size - finite.size
        if not finite.size:
            return
        self.count += finite.size
        self.total += math.fsum(finite)
        self.size += math.fsum(np.abs(finite))
        self.least = min(self.least, float(finite.min()))
        self.most = max(self.most, float(finite.max()))
        self._keep(finite)

    def _keep(self, values: np.ndarray) -> None:
        """Keep the values with the smallest random keys: a sample of all values, each as likely as any other."""
        keys = self._draws.random(values.size)
        low = keys < self._bar
        self._blocks.append(np.stack([keys[low], values[low]]))
        if sum(block.shape[1] for block in self._blocks) > 2 * self.kept:
            self._drop()

    def _drop(self) -> None:
        """Drop the values with the largest keys; what comes later needs a smaller key than any that is kept."""
        joined = np.hstack(self._blocks)
        if joined.shape[1] > self.kept:
            joined = joined[:, np.argpartition(joined[0], self.kept)[: self.kept]]
            self._bar = float(joined[0].max())
        self._blocks = [joined]

    @property
    def sample(self) -> np.ndarray:
        """Values that are kept, shape [at most kept]."""
        if self._blocks:
            self._drop()
        return self._blocks[0][1] if self._blocks else np.empty(0)

    @property
    def complete(self) -> bool:
        """Whether the sample is all values."""
        return self.count <= self.kept

    @property
    def mean(self) -> float:
        """Mean value."""
        return self.total / self.count

    @property
    def mean_size(self) -> float:
        """Mean absolute value."""
        return self.size / self.count

    def scale(self) -> Scale:
        """Return the axis on which to show the values."""
        values = self.sample
        if self.measure.whole:
            return whole(values)
        # Of few structures more bars would hardly have more than one each.
        bins = min(BINS, max(FEWEST, math.ceil(2.0 * math.sqrt(self.count))))
        return attrs.evolve(fitting(values, log=self.measure.log), bins=bins)


@attrs.define(eq=False)
class Histogram:
    """Counts of values along an axis; each value is counted once, also beyond its ends.

    Parameters
    ----------
    scale : Scale
        The axis.
    """

    scale: Scale
    fine: np.ndarray = attrs.field(init=False)
    below: int = 0
    above: int = 0

    def __attrs_post_init__(self) -> None:
        self.fine = np.zeros(self.scale.bins * FINE, dtype=np.int64)

    def add(self, values: np.ndarray) -> None:
        """Count values, shape [n]; those that are no finite numbers are left out."""
        finite = values[np.isfinite(values)]
        low, high = finite < self.scale.low, finite > self.scale.high
        self.below += int(low.sum())
        self.above += int(high.sum())
        edges = self.scale.edges(self.fine.size)
        self.fine += np.histogram(finite[~low & ~high], bins=edges)[0]

    @property
    def bars(self) -> np.ndarray:
        """How many values each bar stands for, shape [bins]."""
        return np.asarray(self.fine.reshape(self.scale.bins, FINE).sum(1))

    def quantile(self, share: float) -> float:
        """Return the value below which this share of all lies, to one counter's width.

        Beyond the axis nothing is known of where values lie: its end is given.
        """
        among = np.cumsum(np.concatenate([[self.below], self.fine]))
        wanted = share * (among[-1] + self.above)
        if wanted <= among[0]:
            return self.scale.low
        edges = self.scale.edges(self.fine.size)
        return float(np.interp(wanted, among, edges)) if wanted <= among[-1] else self.scale.high


@attrs.frozen(eq=False)
class Distribution:
    """What is known of the values of one measure.

    Parameters
    ----------
    survey : Survey
        Count, mean, ends and a sample.
    histogram : Histogram
        Counts along an axis.
    """

    survey: Survey
    histogram: Histogram

    @property
    def measure(self) -> Measure:
        """What is measured."""
        return self.survey.measure

    @property
    def scale(self) -> Scale:
        """Axis of the counts."""
        return self.histogram.scale

    def quantile(self, share: float) -> float:
        """Return the value below which this share of all lies: exact of smaller runs, else to one counter's width."""
        if self.survey.complete:
            found = float(np.quantile(self.survey.sample, share))
        else:
            found = min(max(self.histogram.quantile(share), self.survey.least), self.survey.most)
        return float(round(found)) if self.measure.whole else found
