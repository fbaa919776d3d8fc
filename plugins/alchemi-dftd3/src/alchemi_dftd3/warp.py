"""Whether the Warp backend is there and can do what is asked. Imports nothing of it before it is used."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from alchemi_dftd3.cutoffs import Cutoffs
    from alchemi_dftd3.damping import Damping
    from alchemi_dftd3.kernels import Kernels

WHO = "dftd3"
PACKAGES = {"nvalchemiops": "nvalchemi-toolkit-ops", "tad_dftd3": "tad-dftd3"}
"""Modules the backend needs, and the distributions that bring them."""

RATIONAL = ("bj", "mbj")


def obstacle(damping: Damping, cutoffs: Cutoffs) -> str:
    """Return why the Warp kernels cannot do this, or nothing when they can."""
    if damping.form not in RATIONAL:
        return f"{damping.form} damping; the kernels know rational damping only"
    if damping.atm:
        return "the three-body term; the kernels have two-body terms only"
    if cutoffs.cn > cutoffs.disp2:
        return "cn beyond disp2; the kernels read one list, of range disp2"
    return ""


def missing() -> tuple[str, ...]:
    """Return the distributions that would have to be installed."""
    return tuple(name for module, name in PACKAGES.items() if find_spec(module) is None)


def make_kernels(damping: Damping, cutoffs: Cutoffs) -> Kernels:
    """Make the Warp backend.

    Parameters
    ----------
    damping : Damping
        Damping function with parameters.
    cutoffs : Cutoffs
        Ranges of the sums.

    Raises
    ------
    OptionError
        If it is not installed or cannot do what is asked.
    """
    if reason := obstacle(damping, cutoffs):
        raise OptionError(
            f"backend='warp' with {reason}", expected="what the kernels have", who=WHO, fix="backend='s-dftd3'"
        )
    if lacking := missing():
        raise OptionError(
            f"backend='warp' without {' and '.join(lacking)}",
            expected="the extra of this plugin",
            who=WHO,
            fix="pip install 'alchemi-dftd3[cuda]'",
        )
    from alchemi_dftd3.kernels import Kernels

    return Kernels(damping, cutoffs)
