"""How one number, the accuracy, decides where the sum is split and how far each half of it goes."""

from __future__ import annotations

import math

import attrs

from alchemi_core.errors import OptionError
from alchemi_electrostatics.options import check_accuracy, check_number

NEIGHBOR_DISTANCE = 3.0
"""Å, about that of ions in a salt. Errors are measured by the energy and the force of two charges this far apart."""

MARGIN = 8.0
"""How much smaller than the accuracy the last terms kept are, so that the sum of all terms dropped stays below it."""

SHORTEST_CUTOFF = 2.0


@attrs.frozen
class Splitting:
    """Where 1/r = erfc(α r)/r + erf(α r)/r is split, and where both parts end.

    Terms of the first part are dropped beyond the cutoff r_c, where they are of the order exp(−α² r_c²); those of the
    second, in reciprocal space, beyond k_c, of the order exp(−k_c²/4α²). Both are made smaller than the accuracy by a
    margin: J. Kolafa and J. W. Perram, Mol. Simul. 9, 351 (1992), doi:10.1080/08927029208049126, give the prefactors,
    which are between 1 and the margin at the densities of matter.

    Parameters
    ----------
    accuracy : float
        Largest error wanted, with s = 3 Å: of the energy per atom in units of k ⟨q²⟩/s, of forces (root mean square)
        in units of k ⟨q²⟩/s², of the virial per atom in units of k ⟨q²⟩/s. For charges of 1 e these are 4.8 eV and
        1.6 eV/Å.
    cutoff : float, Å
        r_c.
    alpha : float, 1/Å
        α.
    """

    accuracy: float
    cutoff: float
    alpha: float

    @property
    def reciprocal_cutoff(self) -> float:
        """k_c in 1/Å."""
        # two charges closer than 1/α meet shorter waves than those of a smooth density
        crowding = max(1.0, (self.alpha * NEIGHBOR_DISTANCE / 2.0) ** 2)
        return 2.0 * self.alpha * _reach(self.accuracy / crowding)


@attrs.frozen
class Limits:
    """What a model can do, and does by default.

    Parameters
    ----------
    who : str
        Name of the model.
    cutoff : float, Å
        Where neither it nor alpha is given.
    accuracy : float
        The smallest that can be held.
    """

    who: str
    cutoff: float
    accuracy: float


def choose(accuracy: object, cutoff: object, alpha: object, limits: Limits) -> Splitting:
    """Return the splitting for the options of a model.

    Parameters
    ----------
    accuracy, cutoff, alpha : float, float or None, float or None
        Options as given.
    limits : Limits
        Of the model.

    Raises
    ------
    OptionError
        If a value is none, or the accuracy cannot be held with them.
    """
    who = limits.who
    wanted = check_accuracy(accuracy, who, limits.accuracy)
    given = None if alpha is None else check_number("alpha", alpha, who, unit="1/Å")
    if cutoff is not None:
        reach = check_number("cutoff", cutoff, who, unit="Å")
    else:
        reach = limits.cutoff if given is None else _reach(wanted) / given
    if reach < SHORTEST_CUTOFF:
        raise OptionError(
            f"a cutoff of {reach:g} Å",
            expected=f"{SHORTEST_CUTOFF:g} Å or more",
            who=who,
            fix=f"cutoff={limits.cutoff:g}",
        )
    least = _reach(wanted) / reach
    if given is not None and given < least * (1.0 - 1e-12):
        raise OptionError(
            f"alpha={given:g}/Å with a cutoff of {reach:g} Å drops terms above the accuracy of {wanted:g}",
            expected=f"alpha of at least {least:.4g}/Å",
            who=who,
            fix=f"leave alpha out, or cutoff={_reach(wanted) / given:.4g}",
        )
    return Splitting(accuracy=wanted, cutoff=reach, alpha=least if given is None else given)


def _reach(accuracy: float) -> float:
    return math.sqrt(math.log(MARGIN / accuracy))
