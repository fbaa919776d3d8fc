"""Prepared: all that a pipeline derives from what was declared, replaced as a whole when a model's config changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import attrs

from alchemi_core.declaration import Declaration, declare
from alchemi_core.errors import OptionError
from alchemi_core.evaluation import Call
from alchemi_core.neighbors.verlet import ListKeeper
from alchemi_core.partitioned import partitioned_outputs
from alchemi_core.planning.partition import make_partition
from alchemi_core.planning.planner import make_plan
from alchemi_core.provision import Provision
from alchemi_core.toolkits import costs_for, toolkit_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from alchemi_core.data.batch import Batch
    from alchemi_core.outputs import Outputs
    from alchemi_core.planning.partition import Partition
    from alchemi_core.planning.plan import ExecutionPlan
    from alchemi_core.registry import Registry
    from alchemi_core.topology import Topology


@attrs.frozen(eq=False)
class Prepared:
    """A declaration with the plans and neighbor lists kept for it.

    A call takes one of these and uses it throughout, so that plans, models and lists of two declarations never mix,
    whatever other threads do meanwhile.

    Parameters
    ----------
    declaration : Declaration
        The flattened topology.
    registry : Registry
        Where neighbor backends come from.
    """

    declaration: Declaration
    registry: Registry
    _plans: dict[tuple[frozenset[str], bool, str], ExecutionPlan] = attrs.field(factory=dict, init=False)
    _partitions: dict[tuple[frozenset[str], bool, str, bool], Partition] = attrs.field(factory=dict, init=False)
    _provisions: dict[torch.device, tuple[Provision, Provision]] = attrs.field(factory=dict, init=False)
    _keeper: ListKeeper = attrs.field(factory=ListKeeper, init=False)

    @classmethod
    def of(cls, topology: Topology, registry: Registry) -> Prepared:
        """Flatten a topology and look up what it names.

        Raises
        ------
        PlanningError
            If it cannot be right whatever is requested.
        """
        return cls(declare(topology, registry), registry)

    def plan(self, names: frozenset[str], *, differentiable: bool, device: str) -> ExecutionPlan:
        """Return the plan of a request on a type of device; plans are made once and kept."""
        key = (names, differentiable, device)
        plan = self._plans.get(key)
        if plan is None:
            declared = self.declaration
            costs = costs_for(device, self.registry)
            plan = make_plan(declared.groups, declared.settings, names, differentiable=differentiable, costs=costs)
            plan = self._plans.setdefault(key, plan)
        return plan

    def partition(self, names: frozenset[str], *, differentiable: bool, device: str, by_step: bool) -> Partition:
        """Return the plan of a request in parts; see `plan` and `make_partition`."""
        key = (names, differentiable, device, by_step)
        made = self._partitions.get(key)
        if made is None:
            declared, costs = self.declaration, costs_for(device, self.registry)
            whole = self.plan(names, differentiable=differentiable, device=device)
            made = make_partition(
                declared.groups, declared.settings, whole, by_step=by_step, differentiable=differentiable, costs=costs
            )
            made = self._partitions.setdefault(key, made)
        return made

    def outputs(
        self,
        plan: ExecutionPlan,
        names: frozenset[str],
        batch: Batch,
        notes: Mapping[str, str],
        *,
        contributions: bool | Literal["energy"],
        differentiable: bool,
    ) -> Outputs:
        """Run a plan, in parts where these are asked for.

        Parameters
        ----------
        plan : ExecutionPlan
            What to do.
        names : frozenset of str
            The request that it is for.
        batch : Batch
            Off the graph, unless the caller differentiates through the pipeline.
        notes : mapping of str to str
            Why outputs that a caller might expect are missing.
        contributions : bool or "energy"
            Whether to return what each step added, to the energy at least.
        differentiable : bool
            Whether outputs stay on the graph.
        """
        device = batch.positions.device
        call = Call(self.declaration, batch, self.provisions(device), differentiable)
        if contributions not in (True, False, "energy"):
            raise OptionError(
                f"contributions={contributions!r}", expected="True, False or 'energy'", who="call of a pipeline"
            )
        kept = bool(contributions)
        if contributions is not True and not plan.spreads and not call.prefers_stacks:
            return call.outputs(plan, notes, energies=kept)
        parts = self.partition(names, differentiable=differentiable, device=device.type, by_step=kept)
        outputs = partitioned_outputs(call, plan, parts, notes, contributions=kept)
        return outputs if contributions is True else outputs.with_contributions("energy")

    def provisions(self, device: torch.device) -> tuple[Provision, Provision]:
        """Return provisions for a device: one that keeps lists between calls, and one that does not."""
        made = self._provisions.get(device)
        if made is None:
            toolkit = toolkit_for(device.type, self.registry)
            pair = Provision(toolkit, self._keeper, self.declaration.skin), Provision(toolkit, None, 0.0)
            made = self._provisions.setdefault(device, pair)
        return made
