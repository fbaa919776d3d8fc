"""How far the lattice sums reach."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import OptionError, nearest
from alchemi_core.quantities import BOHR

if TYPE_CHECKING:
    from collections.abc import Mapping

WHO = "dftd3"


@attrs.frozen(kw_only=True)
class Cutoffs:
    """Real-space cutoffs in Bohr; the defaults are s-dftd3's.

    Parameters
    ----------
    disp2 : float
        Range of the two-body energy.
    disp3 : float
        Range of each side of a triangle in the three-body energy.
    cn : float
        Range within which neighbors are counted for coordination numbers.
    width2, width3 : float
        Over which length below disp2 and disp3 the energy is switched off smoothly; 0 cuts it off.
    """

    disp2: float = 60.0
    disp3: float = 40.0
    cn: float = 40.0
    width2: float = 0.0
    width3: float = 0.0

    @property
    def reach(self) -> float:
        """The longest of the ranges, Bohr."""
        return max(self.disp2, self.disp3, self.cn)


def read_cutoffs(cutoffs: Mapping[str, float] | None) -> Cutoffs:
    """Make `Cutoffs` of lengths in Å, each optional.

    Raises
    ------
    OptionError
        If a name is unknown, a range is not positive, or a width is not within its range.
    """
    given = dict(cutoffs or {})
    names = tuple(field.name for field in attrs.fields(Cutoffs))
    for name, value in given.items():
        if name not in names:
            close = nearest(name, names)
            raise OptionError(
                f"no cutoff {name!r}",
                expected="some of " + ", ".join(names),
                who=WHO,
                fix=f"cutoffs={{{close!r}: {value!r}}}" if close else "",
            )
        least = 0.0 if name.startswith("width") else math.ulp(0.0)
        if not (isinstance(value, int | float) and math.isfinite(value) and value >= least):
            raise OptionError(f"cutoff {name}={value!r}", expected="a positive length, Å", who=WHO)
    read = attrs.evolve(Cutoffs(), **{name: value / BOHR for name, value in given.items()})
    if read.width2 >= read.disp2 or read.width3 >= read.disp3:
        raise OptionError("a width as large as its cutoff", expected="width2 < disp2 and width3 < disp3", who=WHO)
    return read
