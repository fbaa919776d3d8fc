"""What a pipeline returns: a mapping of tensors that explains itself where a key is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import MissingOutputError

if TYPE_CHECKING:
    from torch import Tensor


@attrs.frozen(eq=False)
class Contribution:
    """What one step added to one output.

    Parameters
    ----------
    step : int
        Number of the step.
    label : str
        Its printed name.
    name : str
        The output.
    value : Tensor
        Weighted, in the shape and unit of the output.
    """

    step: int
    label: str
    name: str
    value: Tensor


class Outputs(Mapping[str, "Tensor"]):
    """Outputs by name, in the order of the quantity table.

    Attributes
    ----------
    contributions : tuple of Contribution
        What each step reported of each additive output, when asked for.
    """

    __slots__ = ("_notes", "_values", "contributions")

    def __init__(
        self,
        values: Mapping[str, Tensor],
        contributions: tuple[Contribution, ...] = (),
        notes: Mapping[str, str] | None = None,
    ) -> None:
        self._values, self.contributions, self._notes = values, contributions, notes or {}

    def with_contributions(self, name: str) -> Outputs:
        """Return the same outputs with contributions to one of them only."""
        kept = tuple(one for one in self.contributions if one.name == name)
        return Outputs(self._values, kept, self._notes)

    def with_values(self, values: Mapping[str, Tensor], contributions: tuple[Contribution, ...]) -> Outputs:
        """Return other values and contributions of the same request, such as those of one system of a batch."""
        return Outputs(values, contributions, self._notes)

    def __getitem__(self, name: str) -> Tensor:
        try:
            return self._values[name]
        except KeyError:
            raise self._missing(name) from None

    def _missing(self, name: str) -> MissingOutputError:
        return MissingOutputError(
            self._notes.get(name, f"{name!r} was not computed"),
            expected="one of " + ", ".join(self._values),
            who="outputs",
            fix=f"pipe(batch, requested={{{name!r}}})" if name not in self._notes else "",
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {list(value.shape)}" for name, value in self._values.items())
        return f"Outputs({shapes})"
