"""The structures with the largest or smallest values, with what is needed to find them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

if TYPE_CHECKING:
    from alchemi_ray.report.measures import Measure
    from alchemi_ray.report.rows import Rows

LISTED = 10


@attrs.frozen
class Found:
    """One structure and its value.

    Parameters
    ----------
    value : float
        Of the measure.
    number, index : int
        Place in the dataset, and in the file.
    source : str
        The file.
    formula : str
        Of the structure.
    """

    value: float
    number: int
    source: str
    index: int
    formula: str


@attrs.define(eq=False)
class Extremes:
    """Grows with each block of rows.

    Parameters
    ----------
    measure : Measure
        Of which values.
    highest : bool
        Whether the largest are looked for, else the smallest.
    most : int
        How many are kept.
    """

    measure: Measure
    highest: bool = True
    most: int = LISTED
    found: list[Found] = attrs.field(factory=list)

    def add(self, rows: Rows) -> None:
        """Take in rows; those without a finite value are left out."""
        values = rows.values[self.measure.name] * (-1.0 if self.highest else 1.0)
        first = np.argsort(values, kind="stable")[: self.most]
        first = first[np.isfinite(values[first])]
        if len(self.found) == self.most:
            last = self.found[-1].value * (-1.0 if self.highest else 1.0)
            first = first[values[first] <= last]
        self.found.extend(rows.found(int(row), float(rows.values[self.measure.name][row])) for row in first)
        self.found.sort(key=self._order)
        del self.found[self.most :]

    @property
    def heading(self) -> str:
        """What is looked for, as people read it."""
        return self.measure.highest if self.highest else self.measure.lowest

    def _order(self, one: Found) -> tuple[float, int]:
        return (-one.value if self.highest else one.value, one.number)
