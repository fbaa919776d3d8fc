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
        energy = self._unswitched(squared, epsilon, sigma)
        if self.switch_on is None:
            return energy
        x = self._progress(squared.sqrt(), self.switch_on)
        return energy * (1.0 - x**3 * (10.0 - 15.0 * x + 6.0 * x**2))

    def slope_over_r(self, squared: Tensor, epsilon: Tensor, sigma: Tensor) -> Tensor:
        """Return u'(r) / r in eV/Å², with the arguments of `energy`; times a pair vector it is a force."""
        sixth = (sigma * sigma / squared) ** 3
        slope = -24.0 * epsilon * sixth * (2.0 * sixth - 1.0) / squared
        if self.switch_on is None:
            return slope
        distance = squared.sqrt()
        x = self._progress(distance, self.switch_on)
        fall = -30.0 * x**2 * (1.0 - x) ** 2 / ((self.cutoff - self.switch_on) * distance)
        return slope * (1.0 - x**3 * (10.0 - 15.0 * x + 6.0 * x**2)) + self._unswitched(squared, epsilon, sigma) * fall

    def _unswitched(self, squared: Tensor, epsilon: Tensor, sigma: Tensor) -> Tensor:
        energy = _twelve_six(squared, epsilon, sigma)
        return energy - _twelve_six(self.cutoff**2, epsilon, sigma) if self.shift else energy

    def _progress(self, distance: Tensor, switch_on: float) -> Tensor:
        return torch.clamp((distance - switch_on) / (self.cutoff - switch_on), 0.0, 1.0)


def _twelve_six(squared: Tensor | float, epsilon: Tensor, sigma: Tensor) -> Tensor:
    sixth = (sigma * sigma / squared) ** 3
    return 4.0 * epsilon * sixth * (sixth - 1.0)
