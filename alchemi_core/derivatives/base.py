"""What a derivative strategy is. It never sees models, the plan or the registry, so no import cycle can arise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from alchemi_core.data.batch import Batch


@attrs.frozen(eq=False)
class GroupState:
    """What a group starts from.

    Parameters
    ----------
    data : Batch
        The batch, its geometry off the graph unless the caller differentiates through the pipeline.
    energy_at : callable
        Energy [B, 1] in eV of the group's steps at another geometry of the same systems, lists rebuilt.
    differentiable : bool
        Whether the derivatives themselves must stay on the graph.
    """

    data: Batch
    energy_at: Callable[[Batch], Tensor]
    differentiable: bool


@runtime_checkable
class Derivative(Protocol):
    """A derivative strategy.

    Attributes
    ----------
    name : str
        Printed in plans.
    serves : frozenset of str or None
        Names of the derivatives it can return; None for whatever it is asked.
    resamples : bool
        True when it evaluates energies at other geometries instead of using the graph.
    """

    @property
    def name(self) -> str:
        """Printed in plans."""
        ...

    @property
    def serves(self) -> frozenset[str] | None:
        """Names of the derivatives it can return; None for whatever it is asked."""
        ...

    @property
    def resamples(self) -> bool:
        """True when it evaluates energies at other geometries."""
        ...

    def prepare(self, state: GroupState) -> tuple[Batch, Any]:
        """Return the batch on which the steps run, and a tape of whatever `finish` needs; change nothing."""
        ...

    def finish(self, energy: Tensor, tape: Any, requested: frozenset[str]) -> Mapping[str, Tensor]:
        """Return exactly the requested derivatives of the summed energy [B, 1]."""
        ...
