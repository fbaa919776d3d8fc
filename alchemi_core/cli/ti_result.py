"""Result of a thermodynamic integration: averages of windows, their integral, and what tells how far to trust it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from ase import units

from alchemi_core.cli.ti_blocking import block_average, half_difference
from alchemi_core.cli.ti_quadrature import combine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.cli.ti_blocking import Average
    from alchemi_core.cli.ti_quadrature import Quadrature
    from alchemi_core.cli.ti_series import Series

DRIFTING = 3.0
"""Standard errors by which the halves of a window may differ."""

Figure = tuple[float, float]
"""A number and its standard error."""


@attrs.frozen(eq=False, kw_only=True)
class Window:
    """What a window gave.

    Parameters
    ----------
    coupling, weight : float
        λ, and how the average counts in the integral.
    average : Average
        Of dE/dλ, eV.
    halves : (float, float), eV
        Average of the second half minus that of the first, and its standard error.
    temperature : float, K
        Mean kinetic temperature.
    """

    coupling: float
    weight: float
    average: Average
    halves: Figure
    temperature: float

    @property
    def drifts(self) -> bool:
        """Whether its halves differ by more than their errors explain."""
        difference, error = self.halves
        return abs(difference) > DRIFTING * error

    @property
    def notes(self) -> str:
        """What is wrong with it."""
        said = [] if self.average.plateau else ["no plateau: longer"]
        return ", ".join([*said, *(["drifts"] if self.drifts else [])])

    def described(self) -> dict[str, Any]:
        """Return the figures in a form that JSON can hold."""
        return {
            "lambda": self.coupling,
            "weight": self.weight,
            "dE_dlambda_eV": {
                "mean": self.average.mean,
                "error": self.average.error,
                "error_uncertainty": self.average.level.uncertainty,
            },
            "samples": self.average.samples,
            "effective_samples": self.average.effective,
            "statistical_inefficiency": self.average.inefficiency,
            "plateau": self.average.plateau,
            "block_length": self.average.level.length,
            "blocks": self.average.level.blocks,
            "levels": [attrs.asdict(level) for level in self.average.levels],
            "half_difference_eV": _described(self.halves),
            "temperature_K": self.temperature,
        }


@attrs.frozen
class Piece:
    """What is between two corners of the weights.

    Parameters
    ----------
    low, high : float
        Limits of λ.
    windows : int
        How many.
    free_energy : (float, float), eV
        Integral and its statistical error.
    """

    low: float
    high: float
    windows: int
    free_energy: Figure

    def described(self) -> dict[str, Any]:
        """Return the figures in a form that JSON can hold."""
        figures = {"from": self.low, "to": self.high, "windows": self.windows}
        return {**figures, "free_energy_eV": _described(self.free_energy)}


@attrs.frozen(eq=False, kw_only=True)
class Integration:
    """The integral over windows.

    Parameters
    ----------
    windows : tuple of Window
        As far as they are done.
    quadrature : Quadrature
        The rule.
    temperature : float, K
        Of the bath.
    atoms : int
        In the structure.
    """

    windows: tuple[Window, ...]
    quadrature: Quadrature
    temperature: float
    atoms: int

    @property
    def complete(self) -> bool:
        """Whether every window is done."""
        return len(self.windows) == len(self.quadrature.nodes)

    @property
    def means(self) -> np.ndarray:
        """Average of dE/dλ in each window, eV."""
        return np.array([window.average.mean for window in self.windows])

    @property
    def errors(self) -> np.ndarray:
        """Their standard errors, eV."""
        return np.array([window.average.error for window in self.windows])

    @property
    def free_energy(self) -> Figure:
        """ΔF and its statistical error, eV."""
        return combine(self.quadrature.weights, self.means, self.errors)

    @property
    def pieces(self) -> list[Piece]:
        """The parts between corners of the weights; one where these have none."""
        rule = self.quadrature
        return [
            Piece(low, high, one.stop - one.start, combine(rule.weights[one], self.means[one], self.errors[one]))
            for one, (low, high) in zip(rule.pieces, pairwise(rule.edges), strict=True)
        ]

    @property
    def running(self) -> list[Figure]:
        """Integral from the lower limit to each window, eV."""
        return [combine(weights, self.means, self.errors) for weights in self.quadrature.running]

    @property
    def discretisation(self) -> Figure | None:
        """What the coarser rule gives more, with the statistical error of that, eV; None where there is none."""
        coarse = self.quadrature.coarse
        return None if coarse is None else combine(coarse - self.quadrature.weights, self.means, self.errors)

    @property
    def halves(self) -> Figure:
        """What the second halves of all windows give more than the first ones, eV."""
        pairs = np.array([window.halves for window in self.windows])
        return combine(self.quadrature.weights, pairs[:, 0], pairs[:, 1])

    @property
    def warnings(self) -> list[str]:
        """What speaks against the result."""
        said = [f"lambda = {one.coupling:g}: {one.notes}" for one in self.windows if one.notes]
        off = self.discretisation if self.complete else None
        if off is not None and abs(off[0]) > DRIFTING * float(np.hypot(off[1], self.free_energy[1])):
            said.append(f"{self.quadrature.coarse_name} gives {off[0]:+.2g} eV: more windows may be needed")
        return said

    def described(self) -> dict[str, Any]:
        """Return the figures in a form that JSON can hold."""
        quadrature = self.quadrature
        described = {
            "rule": quadrature.rule,
            "lambdas": quadrature.nodes.tolist(),
            "weights": quadrature.weights.tolist(),
            "windows": [window.described() for window in self.windows],
            "warnings": self.warnings,
        }
        if not self.complete:
            return described
        value, error = self.free_energy
        kt = units.kB * self.temperature
        off = self.discretisation
        return described | {
            "free_energy_eV": _described((value, error)),
            "free_energy_kT": _described((value / kt, error / kt)),
            "free_energy_eV_per_atom": _described((value / self.atoms, error / self.atoms)),
            "pieces": [piece.described() for piece in self.pieces],
            "discretisation_eV": None if off is None else {**_described(off), "against": quadrature.coarse_name},
            "half_difference_eV": _described(self.halves),
            "running_eV": [_described(figure) for figure in self.running],
        }


def integrate(series: Sequence[Series], quadrature: Quadrature, temperature: float, atoms: int) -> Integration:
    """Average the series of the windows that are done, and integrate.

    Parameters
    ----------
    series : sequence of Series
        In the order of the nodes.
    quadrature : Quadrature
        The rule.
    temperature : float, K
        Of the bath.
    atoms : int
        In the structure.
    """
    pairs = zip(series, quadrature.nodes, quadrature.weights, strict=False)
    windows = tuple(_window(one, float(node), float(weight)) for one, node, weight in pairs)
    return Integration(windows=windows, quadrature=quadrature, temperature=temperature, atoms=atoms)


def _window(series: Series, node: float, weight: float) -> Window:
    average = block_average(series.slope)
    return Window(
        coupling=node,
        weight=weight,
        average=average,
        halves=half_difference(series.slope, average.error),
        temperature=float(series.temperature.mean()),
    )


def _described(figure: Figure) -> dict[str, float]:
    return {"value": figure[0], "error": figure[1]}
