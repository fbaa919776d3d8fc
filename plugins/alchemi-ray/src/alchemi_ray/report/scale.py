"""Scales: where a value lies on an axis, how the axis is cut into bins, and which values are named on it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import numpy as np

from alchemi_ray.report.numerals import count, figure, power_of_ten, with_decimals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

BINS = 48
"""Bars of a histogram."""

FINE = 64
"""Counters of each bar: quantiles are known to this part of a bar."""

TAIL = 0.005
"""Share of values at each end that may lie beyond the axis, so that a few strange ones do not flatten all others."""

FENCE = 3.0
"""How far an even axis reaches beyond the middle nine tenths of the values, as a multiple of their range."""

NOTHING = 1e-30
"""Part of the largest size; what is smaller counts as zero, lest axes have more decades than anybody can read."""

WIDE, WILD = 30.0, 1e3
"""Ratios of the size at nine tenths to that at one tenth: from the first, positive values that may be are shown on a
logarithmic axis; from the second, values of any sign are shown on one that is logarithmic on both sides of zero."""

STEPS, WHOLE_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0), (1.0, 2.0, 5.0, 10.0)


@attrs.frozen
class Scale:
    """An axis from one value to another.

    Parameters
    ----------
    low, high : float
        Its ends; of a logarithmic one both are positive.
    kind : {"even", "log", "signed"}
        Even; logarithmic; or logarithmic on both sides of zero, ``asinh(value / 2 unit)``.
    unit : float
        Of a signed one: what is smaller lies close to zero.
    bins : int
        How many bars a histogram on it has.
    """

    low: float
    high: float
    kind: str = "even"
    unit: float = 1.0
    bins: int = BINS

    def at(self, values: ArrayLike) -> np.ndarray:
        """Return where values lie, as parts of the axis: 0 at its start, 1 at its end."""
        low, high = self._plain(self.low), self._plain(self.high)
        return np.asarray((self._plain(values) - low) / (high - low))

    def edges(self, bins: int) -> np.ndarray:
        """Return the edges of so many bins of equal width, shape [bins + 1]."""
        edges = self._back(np.linspace(self._plain(self.low), self._plain(self.high), bins + 1))
        edges[0], edges[-1] = self.low, self.high
        return np.asarray(edges)

    def _plain(self, values: ArrayLike) -> np.ndarray:
        if self.kind == "log":
            return np.asarray(np.log10(values))
        plain = np.asarray(values, dtype=float)
        return np.arcsinh(plain / (2.0 * self.unit)) if self.kind == "signed" else plain

    def _back(self, plain: np.ndarray) -> np.ndarray:
        if self.kind == "log":
            return np.asarray(10.0**plain)
        return 2.0 * self.unit * np.sinh(plain) if self.kind == "signed" else plain

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """Return values to be named, at most about so many, and their names."""
        return {"log": self._powers, "signed": self._both_sides, "even": self._rounds}[self.kind](most)

    def whole_ticks(self, most: int) -> list[tuple[float, str]]:
        """Return whole numbers to be named on an even axis, at most about so many, and their names."""
        step = round_step(max(1.0, (self.high - self.low) / most), WHOLE_STEPS)
        return [(value, count(value)) for value in self._multiples(step)]

    def _multiples(self, step: float) -> list[float]:
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]

    def _rounds(self, most: int) -> list[tuple[float, str]]:
        step, largest = round_step((self.high - self.low) / most), max(abs(self.low), abs(self.high))
        if not 1e-3 <= largest < 1e6:
            digits = 2 + math.floor(math.log10(largest / step))
            return [(value, figure(value, digits)) for value in self._multiples(step)]
        decimals = next(n for n in range(17) if math.isclose(round(step, n), step, rel_tol=1e-6))
        return [(value, with_decimals(value, decimals)) for value in self._multiples(step)]

    def _powers(self, most: int) -> list[tuple[float, str]]:
        """Powers of ten; with twice and five times these where there are few of them."""
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        decades = math.log10(self.high / self.low)
        factors = (1, 2, 5) if 3.0 * decades <= most else (1, 3) if 2.0 * decades <= most else (1,)
        every = max(1, math.ceil(decades / most))
        powers = range(first, last + 1, every)
        values = [(factor * 10.0**power, factor, power) for power in powers for factor in factors]
        shown = [one for one in values if self.low * (1 - 1e-9) <= one[0] <= self.high * (1 + 1e-9)]
        return [(value, _power_text(value, factor, power)) for value, factor, power in shown]

    def _both_sides(self, most: int) -> list[tuple[float, str]]:
        """Zero, and powers of ten on both sides of it."""
        first = math.ceil(math.log10(self.unit))
        sides = [(sign, math.floor(math.log10(sign * end))) for sign, end in self._ends() if sign * end >= self.unit]
        every = max(1, math.ceil(sum(last - first for _, last in sides) / most))
        powers = [(sign, power) for sign, last in sides for power in _powers_of_side(first, last, every)]
        values = [
            (sign * 10.0**power, ("−" if sign < 0 else "") + _power_text(10.0**power, 1, power))
            for sign, power in powers
        ]
        return sorted([(0.0, "0"), *values]) if self.low <= 0.0 <= self.high else sorted(values)

    def _ends(self) -> tuple[tuple[int, float], tuple[int, float]]:
        return (-1, self.low), (1, self.high)


def _powers_of_side(first: int, last: int, every: int) -> Sequence[int]:
    """Return powers of ten away from the first, which is close to zero; the last where there would be none."""
    return range(first + every, last + 1, every) or (last,)


def _power_text(value: float, factor: int, power: int) -> str:
    if -3 <= power <= 3:
        return with_decimals(value, max(0, -power))
    return power_of_ten(power) if factor == 1 else f"{factor}×{power_of_ten(power)}"


def round_step(least: float, steps: Sequence[float] = STEPS) -> float:
    """Return the smallest round number that is not below this one."""
    power = 10.0 ** math.floor(math.log10(least))
    return power * next(step for step in steps if step * power >= least * (1 - 1e-9))


def whole(sample: np.ndarray) -> Scale:
    """Return an axis of whole numbers, all but the last few at either end: each bar stands for as many of them."""
    low, high = (int(end) for end in np.quantile(sample, (TAIL, 1.0 - TAIL), method="nearest"))
    near = sample[(sample >= low - 0.1 * (high - low)) & (sample <= high + 0.1 * (high - low))]
    low, high = int(near.min()), int(near.max())
    width = math.ceil((high - low + 1) / BINS)
    bins = math.ceil((high - low + 1) / width)
    return Scale(low - 0.5, low - 0.5 + bins * width, bins=bins)


def fitting(sample: np.ndarray, *, log: bool) -> Scale:
    """Return an axis that shows values well, all but the last few at either end.

    Parameters
    ----------
    sample : array [n]
        Finite values, one or more.
    log : bool
        Whether a logarithmic axis may be taken: it is where values are positive and range widely.
    """
    sizes = np.abs(sample)
    sizes = sizes[sizes > NOTHING * sizes.max()]
    if sizes.size > 0.5 * sample.size:
        small, large = (float(one) for one in np.quantile(sizes, (0.1, 0.9)))
        if log and sample.min() >= 0.0 and large >= WIDE * small:
            low, high = (float(end) for end in np.quantile(sizes, (TAIL, 1.0 - TAIL)))
            return Scale(low / 1.05, high * 1.05, "log")
        if large >= WILD * small:
            low, high = (float(end) for end in np.quantile(sample, (TAIL, 1.0 - TAIL)))
            return Scale(min(low, 0.0), max(high, 0.0), "signed", unit=10.0 ** math.floor(math.log10(small)))
    return _even(sample)


def _even(sample: np.ndarray) -> Scale:
    """Return an even axis, neither longer than the middle nine tenths allow, nor cut just before the last values."""
    least, first, last, most = (float(end) for end in np.quantile(sample, (TAIL, 0.05, 0.95, 1.0 - TAIL)))
    room = FENCE * (last - first)
    low, high = max(least, first - room), min(most, last + room)
    width = high - low
    if width <= 1e-9 * max(abs(low), abs(high)) or width == 0.0:
        room = max(abs(low), 1.0) * 0.01
        return Scale(low - room, high + room)
    near = sample[(sample >= low - 0.1 * width) & (sample <= high + 0.1 * width)]
    low, high = float(near.min()), float(near.max())
    edge = 0.01 * (high - low)
    return Scale(0.0 if 0.0 <= low <= edge else low - edge, high + edge)
