"""Evaluation: one call of a pipeline, from a batch that its plan can run on to the outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.finishing import contributions_of, output_values
from alchemi_core.outputs import Outputs
from alchemi_core.provision import check_fixed_widths
from alchemi_core.runtime import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.declaration import Declaration
    from alchemi_core.neighbors.lists import NeighborList
    from alchemi_core.outputs import Contribution
    from alchemi_core.planning.plan import ExecutionPlan
    from alchemi_core.provision import Provision
    from alchemi_core.stacking.stack import Stack


STACKED_SIZE = 300_000
"""Parameters of one member times atoms of the batch, up to which members in one call are faster than one after the
other: what benchmarks/committees.py finds for MACE networks on one core."""


@attrs.frozen(eq=False)
class Call:
    """One call of a pipeline.

    Parameters
    ----------
    declared : Declaration
        The pipeline's models, strategies and rules.
    batch : Batch
        Off the graph, unless the caller differentiates through the pipeline.
    provisions : tuple of Provision
        The one that keeps lists between calls, and one that does not, for displaced geometries.
    differentiable : bool
        Whether outputs stay on the graph.
    """

    declared: Declaration
    batch: Batch
    provisions: tuple[Provision, Provision]
    differentiable: bool

    def outputs(self, plan: ExecutionPlan, notes: Mapping[str, str], *, energies: bool = False) -> Outputs:
        """Run a plan; the notes say why outputs that a caller might expect are missing.

        With `energies`, what each step added to the energy is kept: a plan knows it without being divided.
        """
        lists = self.lists(plan)
        slots = self.slots(plan, lists)
        values = self.finished(plan, slots)
        if lists:
            check_fixed_widths(plan, lists)
        return Outputs(values, self._energies(plan, slots) if energies else (), notes)

    def _energies(self, plan: ExecutionPlan, slots: list[Tensor | None]) -> tuple[Contribution, ...]:
        only = attrs.evolve(plan, outputs=tuple(one for one in plan.outputs if one.name == "energy"))
        return tuple(contributions_of(only, slots, self.batch, differentiable=self.differentiable))

    @property
    def prefers_stacks(self) -> bool:
        """Whether members of some committee are evaluated in one call."""
        return not self.differentiable and any(map(self.stacks, self.declared.stacks.values()))

    def stacks(self, stack: Stack) -> bool:
        """Tell whether members are evaluated in one call, which pays where most of the time goes into starting work.

        On a processor that ends where the values of one member alone fill the caches.
        """
        return self.batch.device.type != "cpu" or stack.size * self.batch.num_atoms <= STACKED_SIZE

    def lists(self, plan: ExecutionPlan) -> tuple[NeighborList, ...]:
        """Return the neighbor lists of a plan, by number."""
        return self.provisions[0].lists(plan, self.batch)

    def values(self, plan: ExecutionPlan, lists: tuple[NeighborList, ...]) -> dict[str, Tensor]:
        """Run a plan on its lists, and return its outputs by name."""
        return self.finished(plan, self.slots(plan, lists))

    def finished(self, plan: ExecutionPlan, slots: list[Tensor | None]) -> dict[str, Tensor]:
        """Return the outputs of a plan that has run, by name."""
        return output_values(plan, slots, self.batch, self.declared.reductions, differentiable=self.differentiable)

    def slots(self, plan: ExecutionPlan, lists: tuple[NeighborList, ...]) -> list[Tensor | None]:
        """Run a plan on its lists, and return all values by slot."""
        fresh = self.provisions[1]

        def lists_for(other: Batch) -> tuple[NeighborList, ...]:
            made = fresh.lists(plan, other)
            check_fixed_widths(plan, made)
            return made

        declared = self.declared
        run = Run(plan, declared.models, declared.strategies, self.batch, lists, lists_for, self.differentiable)
        return run.execute()
