"""The pair curve u(r): 12-6, shifted and switched, with its first derivative in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

if TYPE_CHECKING:
    from torch import Tensor


@attrs.frozen(kw_only=True)
class Curve:
    """Pair energy as a function of the squared distance.

    ::

        v(r) = 4 ε ((σ/r)¹² − (σ/r)⁶) − shift · 4 ε ((σ/r_c)¹² − (σ/r_c)⁶)
        u(r) = v(r) S((r − r_on) / (r_c − r_on))
        S(x) = 1 for x < 0,  1 − 10 x³ + 15 x⁴ − 6 x⁵ for 0 ≤ x ≤ 1

    The switch S has vanishing first and second derivatives at both ends, so that energy, forces and Hessian are
    continuous (van der Spoel and van Maaren, J. Chem. Theory Comput. 2, 1 (2006), doi:10.1021/ct0502256). Without
    it forces jump at r_c.

    Parameters
    ----------
    cutoff : float, Å
        r_c; the curve is only evaluated below it.
    switch_on : float, Å, optional
        r_on, where the switch begins; None for no switch.
    shift : bool
        Whether v(r_c) is subtracted, which makes the energy continuous.
    """

    cutoff: float
    switch_on: float | None
    shift: bool

    def energy(self, squared: Tensor, epsilon: Tensor, sigma: Tensor) -> Tensor:
        """Return u(r).

        Parameters
        ----------
        squared : Tensor [E], Å²
            Squared distances r².
        epsilon : Tensor [E] or [1], eV
            Depth of the well.
        sigma : Tensor [E] or [1], Å
            Where v vanishes when it is not shifted.

        Returns
        -------
        Tensor [E], eV
        """
        return pair_energy(squared, epsilon, sigma, self.cutoff, self.switch_on, self.shift)

    def slope_over_r(self, squared: Tensor, epsilon: Tensor, sigma: Tensor) -> Tensor:
        """Return u'(r) / r in eV/Å², with the arguments of `energy`; times a pair vector it is a force."""
        sixth = (sigma * sigma / squared) ** 3
        slope = -24.0 * epsilon * sixth * (2.0 * sixth - 1.0) / squared
        if self.switch_on is None:
            return slope
        distance = squared.sqrt()
        x = _progress(distance, self.switch_on, self.cutoff)
        fall = -30.0 * x**2 * (1.0 - x) ** 2 / ((self.cutoff - self.switch_on) * distance)
        energy = _unswitched(squared, epsilon, sigma, self.cutoff, self.shift)
        return slope * (1.0 - x**3 * (10.0 - 15.0 * x + 6.0 * x**2)) + energy * fall


# What follows can be compiled by torch.jit.script: `alchemi_lennard_jones.scripting` runs it too.


def pair_energy(  # noqa: D103 - documented as `Curve.energy`
    squared: Tensor,
    epsilon: Tensor,
    sigma: Tensor,
    cutoff: float,
    switch_on: float | None,
    shift: bool,  # noqa: FBT001 - TorchScript has no keyword-only arguments without a default
) -> Tensor:
    energy = _unswitched(squared, epsilon, sigma, cutoff, shift)
    if switch_on is None:
        return energy
    x = _progress(squared.sqrt(), switch_on, cutoff)
    return energy * (1.0 - x**3 * (10.0 - 15.0 * x + 6.0 * x**2))


def _unswitched(squared: Tensor, epsilon: Tensor, sigma: Tensor, cutoff: float, shift: bool) -> Tensor:  # noqa: FBT001
    energy = _twelve_six((sigma * sigma / squared) ** 3, epsilon)
    return energy - _twelve_six((sigma * sigma / cutoff**2) ** 3, epsilon) if shift else energy


def _twelve_six(sixth: Tensor, epsilon: Tensor) -> Tensor:
    return 4.0 * epsilon * sixth * (sixth - 1.0)


def _progress(distance: Tensor, switch_on: float, cutoff: float) -> Tensor:
    return torch.clamp((distance - switch_on) / (cutoff - switch_on), 0.0, 1.0)
