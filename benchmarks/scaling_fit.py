"""Least squares with coefficients that are not negative, and how well they predict what was not fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from scipy.optimize import nnls


@attrs.frozen
class Fit:
    """Seconds as a sum of terms.

    Parameters
    ----------
    seconds : mapping
        Of each term, per unit of it.
    fitted, predicted : float
        Median of the relative error of samples that were fitted, and of others.
    worst : float
        Largest relative error of the others.
    bias : float
        Sum of the predictions of the others over the sum of what they took, less 1: what is left over many batches.
    samples : int
        How many there were in all.
    """

    seconds: Mapping[str, float]
    fitted: float
    predicted: float
    worst: float
    bias: float
    samples: int

    def of(self, **units: float) -> float:
        """Return the seconds of something."""
        return sum(self.seconds[name] * units[name] for name in self.seconds)

    def line(self, title: str) -> str:
        """Return it as a line of a report."""
        terms = "  ".join(f"{1e6 * value:10.3f} µs/{name}" for name, value in self.seconds.items())
        errors = f"fitted ±{self.fitted:.0%}, predicted ±{self.predicted:.0%}, worst {self.worst:.0%}"
        return f"  {title:<28} {terms}   {errors}, in sum {self.bias:+.1%} of {self.samples}"

    def described(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return attrs.asdict(self)


def fit(samples: Sequence[Mapping[str, float]]) -> Fit:
    """Fit two of three samples, weighted so that relative errors count, and predict the third.

    Parameters
    ----------
    samples : sequence of mapping
        Units of each term, and ``seconds``.
    """
    names = [name for name in samples[0] if name != "seconds"]
    units = np.array([[one[name] for name in names] for one in samples], dtype=float)
    seconds = np.array([one["seconds"] for one in samples])
    held = np.arange(len(samples)) % 3 == 2
    found = _solve(units[~held], seconds[~held])
    errors = units @ found / seconds - 1.0
    bias = float((units @ found)[held].sum() / seconds[held].sum()) - 1.0
    fitted, others = np.abs(errors[~held]), np.abs(errors[held])
    terms = dict(zip(names, map(float, found), strict=True))
    return Fit(terms, float(np.median(fitted)), float(np.median(others)), float(others.max()), bias, len(samples))


def _solve(units: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    weighted = units / seconds[:, None]
    # Terms differ by many orders of magnitude; scaled, the solver's tolerance means the same for each.
    scale = np.maximum(np.abs(weighted).max(axis=0), 1e-300)
    return np.asarray(nnls(weighted / scale, np.ones(len(seconds)))[0] / scale)
