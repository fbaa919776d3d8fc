"""How the interaction is split into a part that ends at the cutoff and a part that is smooth."""

from __future__ import annotations

import math

import attrs

from alchemi_core.errors import OptionError
from alchemi_core.quantities import BOHR

WHO = "eeq"

SHORTEST = 25.0
"""Least cutoff, Bohr: there the two widest charge distributions are points to 2e-12 Hartree/e², and there coordination
numbers of the reference program end."""

REAL, RECIPROCAL = 5.0, 4.8
"""α times the cutoff, and the longest reciprocal vector over 2α: erfc(5) = 2e-12, exp(−4.8²) = 1e-10."""


@attrs.frozen
class Splitting:
    """1/r = erfc(α r)/r + erf(α r)/r, the first summed over pairs and the second over reciprocal vectors.

    Parameters
    ----------
    cutoff : float, Bohr
        Where pairs end.
    """

    cutoff: float = SHORTEST

    @property
    def alpha(self) -> float:
        """α in 1/Bohr."""
        return REAL / self.cutoff

    @property
    def longest(self) -> float:
        """Longest reciprocal vector, 1/Bohr."""
        return 2.0 * self.alpha * RECIPROCAL

    @property
    def self_interaction(self) -> float:
        """What the second part holds of an atom with itself at r = 0: 2α/√π, Hartree/e²."""
        return 2.0 * self.alpha / math.sqrt(math.pi)

    def waves(self, volume: float) -> float:
        """Return about how many reciprocal vectors a box of that volume in Bohr³ needs: half of those in a sphere."""
        return volume * self.longest**3 / (12.0 * math.pi**2)


def read_cutoff(cutoff: float | None) -> float:
    """Return the cutoff in Å, 25 Bohr by default.

    Raises
    ------
    OptionError
        If it is no length, or shorter.
    """
    least = SHORTEST * BOHR
    if cutoff is None:
        return least
    if isinstance(cutoff, bool) or not isinstance(cutoff, int | float) or not least <= cutoff < math.inf:
        raise OptionError(
            f"cutoff={cutoff!r}",
            expected=f"a length of {least:.4f} Å (25 Bohr) or more",
            who=WHO,
            fix="leave it out; a longer one is faster for cells of many hundred atoms, and changes no charge",
        )
    return float(cutoff)
