"""What a derivative strategy is. It never sees models, the plan or the registry, so no import cycle can arise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Set

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.quantities import DerivativeOf


@attrs.frozen(eq=False)
class GroupState:
    """What a group starts from.

    Parameters
    ----------
    data : Batch
        The batch, its geometry off the graph unless the caller differentiates through the pipeline.
    sample : callable
        ``sample(batch, names)`` evaluates the group's steps on another batch, lists built anew, and returns what is
        named: the energy [B, 1] in eV and other outputs, on the graph of that batch where it requires grad and no
        derivative is named; forces, stress and virial, complete. All is detached beside these, unless `differentiable`.
        Only what the strategy declares in ``samples`` can be had.
    differentiable : bool
        Whether the derivatives themselves must stay on the graph.
    """

    data: Batch
    sample: Callable[[Batch, Set[str]], Mapping[str, Tensor]]
    differentiable: bool

    def energy_at(self, batch: Batch) -> Tensor:
        """Energy [B, 1] in eV of the group's steps on another batch."""
        return self.sample(batch, {"energy"})["energy"]


@runtime_checkable
class Derivative(Protocol):
    """A derivative strategy.

    A strategy that evaluates the group at other geometries has one more attribute, ``samples``: the names, a frozenset
    of str, of the quantities it calls `GroupState.sample` for.

    Where ``serves`` says that a derivative is taken of something else than the energy, such as the charges, `finish` is
    called with a fourth argument: a mapping of these values, on the graph of the batch that `prepare` returned.

    Attributes
    ----------
    name : str
        Printed in plans.
    serves : frozenset of str, mapping of str to DerivativeOf, or None
        Names of the derivatives it can return, or each with how it is taken, which is what planning checks models
        against: names alone stand for what the quantity table says, else for a first derivative of the energy by
        positions. None for whatever it is asked.
    """

    @property
    def name(self) -> str:
        """Printed in plans."""
        ...

    @property
    def serves(self) -> frozenset[str] | Mapping[str, DerivativeOf] | None:
        """Names of the derivatives it can return, or each with how it is taken; None for whatever it is asked."""
        ...

    def prepare(self, state: GroupState) -> tuple[Batch, Any]:
        """Return the batch on which the steps run, and a tape of whatever `finish` needs; change nothing."""
        ...

    @property
    def finish(self) -> Callable[..., Mapping[str, Tensor]]:
        """Return exactly the requested derivatives: ``finish(energy, tape, requested)``.

        The energy is summed over the group's steps, [B, 1] in eV; None where nothing that is asked is taken of it.
        """
        ...
