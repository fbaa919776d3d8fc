"""Answer: what a task came to for one structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs
import numpy as np

from alchemi_core.errors import ModelOutputError
from alchemi_core.frozenmap import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ase import Atoms


@attrs.frozen(eq=False)
class Answer:
    """What came of one structure.

    Parameters
    ----------
    atoms : ase.Atoms
        The structure that the results are of.
    columns : mapping of str to object
        Results by the names of `alchemi_ray.layout`; arrays as numpy has them.
    error : Exception, optional
        Why there are none.
    """

    atoms: Atoms
    columns: Mapping[str, Any] = FrozenMap()
    error: Exception | None = None

    @property
    def converged(self) -> bool:
        """False where a relaxation ran out of steps."""
        return bool(self.columns.get("converged", True))


class Task(Protocol):
    """Something that is done with structures."""

    def answers(self, structures: Sequence[Atoms]) -> Iterator[Answer]:
        """Yield one answer for each structure, in order; the structures stay as they are."""


def check_finite(columns: Mapping[str, Any]) -> None:
    """Refuse results that are no numbers.

    Raises
    ------
    ModelOutputError
        Names the first of them.
    """
    for name, value in columns.items():
        if isinstance(value, float | np.ndarray) and not np.isfinite(value).all():
            raise ModelOutputError(
                f"{name} is not finite",
                expected="finite numbers",
                who="the models",
                fix="look for atoms that are too close or a structure far from what the models know",
            )
