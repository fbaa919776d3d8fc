"""Prepared: all that a pipeline derives from what was declared, replaced as a whole when a model's config changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.declaration import Declaration, declare
from alchemi_core.neighbors.verlet import ListKeeper
from alchemi_core.planning.planner import make_plan
from alchemi_core.provision import Provision
from alchemi_core.toolkits import costs_for, toolkit_for

if TYPE_CHECKING:
    import torch

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

    def provisions(self, device: torch.device) -> tuple[Provision, Provision]:
        """Return provisions for a device: one that keeps lists between calls, and one that does not."""
        made = self._provisions.get(device)
        if made is None:
            toolkit = toolkit_for(device.type, self.registry)
            pair = Provision(toolkit, self._keeper, self.declaration.skin), Provision(toolkit, None, 0.0)
            made = self._provisions.setdefault(device, pair)
        return made
