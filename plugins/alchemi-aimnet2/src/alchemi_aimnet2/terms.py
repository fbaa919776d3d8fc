"""Which terms complete the energy of the network: what the options ask for, held against what the checkpoint says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_aimnet2.checkpoints import WHO
from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from alchemi_aimnet2.facts import Facts

D3_CUTOFF = 15.0
"""Å, where aimnet's D3 ends; from 12 Å on it is switched off smoothly."""

METHODS = ("simple", "dsf")


@attrs.frozen
class Terms:
    """What is added to the energy of the network.

    Parameters
    ----------
    coulomb : str, optional
        ``"simple"``: all pairs; ``"dsf"``: damped and shifted; None: no Coulomb sum.
    dispersion : bool
        Whether D3 is added.
    dsf_cutoff : float, Å
        Range of the damped and shifted sum.
    dsf_alpha : float, 1/Å
        Its damping.
    """

    coulomb: str | None
    dispersion: bool
    dsf_cutoff: float = 15.0
    dsf_alpha: float = 0.2

    @property
    def molecules_only(self) -> bool:
        """Whether there must be no periodic images."""
        return self.coulomb == "simple"

    def reach(self, cutoff: float) -> float:
        """Return the range of the neighbor list, Å, for a network with a cutoff; all pairs need no list."""
        dispersion = D3_CUTOFF if self.dispersion and not self.molecules_only else 0.0
        return max(cutoff, dispersion, self.dsf_cutoff if self.coulomb == "dsf" else 0.0)


def choose_terms(facts: Facts, coulomb: Any, dispersion: Any, dsf_cutoff: Any, dsf_alpha: Any) -> Terms:
    """Return the terms that options ask for; None stands for what the checkpoint says, or aimnet's own value.

    Raises
    ------
    OptionError
        If an option has no meaning for the checkpoint, or none at all.
    """
    method = _coulomb(facts, coulomb)
    given = {"dsf_cutoff": dsf_cutoff, "dsf_alpha": dsf_alpha}
    shape = {name: _positive(name, value) for name, value in given.items() if value is not None}
    if shape and method != "dsf":
        name = next(iter(shape))
        raise OptionError(
            f"{name}={shape[name]:g} with coulomb={coulomb!r}", expected="coulomb='dsf'", who=WHO, fix="coulomb='dsf'"
        )
    return Terms(method, _dispersion(facts, dispersion), **shape)


def _coulomb(facts: Facts, asked: Any) -> str | None:
    if asked is False:
        return None
    if asked is None:
        return "simple" if facts.coulomb else None
    if not isinstance(asked, str) or asked not in METHODS:
        raise OptionError(
            f"coulomb={asked!r}",
            expected="'simple' (all pairs, of molecules), 'dsf' (damped and shifted), or False (none, to add Ewald)",
            who=WHO,
            fix="coulomb='simple'" if asked is True else "coulomb=False",
        )
    if facts.coulomb is None:
        raise OptionError(
            f"coulomb={asked!r}, but this checkpoint has no Coulomb sum to its network",
            expected="coulomb=False, or no such option",
            who=WHO,
            fix="leave the option out",
        )
    return asked


def _dispersion(facts: Facts, asked: Any) -> bool:
    if asked is not None and not isinstance(asked, bool):
        raise OptionError(f"dispersion={asked!r}", expected="True or False", who=WHO, fix="dispersion=False")
    if asked is False and facts.own_dispersion:
        raise OptionError(
            "dispersion=False, but the dispersion of this checkpoint was learned with its network",
            expected="dispersion=True, or no such option",
            who=WHO,
            fix="leave the option out, and add no other dispersion",
        )
    if asked and not (facts.d3_parameters or facts.own_dispersion):
        raise OptionError(
            "dispersion=True, but this checkpoint has no parameters for D3",
            expected="dispersion=False, or no such option",
            who=WHO,
            fix="leave the option out",
        )
    return facts.own_dispersion or (bool(facts.d3_parameters) and asked is not False)


def _positive(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < float("inf"):
        raise OptionError(f"{name}={value!r}", expected="a positive number", who=WHO)
    return float(value)


def contained(facts: Facts, terms: Terms) -> dict[str, str]:
    """Return the physics that the completed energy has in it, with how to leave it out."""
    sums = {"simple": "all pairs", "dsf": "damped and shifted"}
    physics = {}
    if terms.coulomb is not None:
        physics["coulomb"] = f"{sums[terms.coulomb]}; coulomb=False leaves it out"
    if facts.own_dispersion:
        physics["dispersion"] = "learned with the network"
    elif terms.dispersion:
        physics["dispersion"] = "D3(BJ); dispersion=False leaves it out"
    return physics
