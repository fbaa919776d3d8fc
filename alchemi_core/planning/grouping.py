"""Grouping: what the strategy of each group is asked for, and what it differentiates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.planning.plan import Mode, PlannedGroup, Term, Write
from alchemi_core.planning.requests import in_table_order
from alchemi_core.quantities import DERIVATIVES

if TYPE_CHECKING:
    from alchemi_core.planning.contributions import Contributions
    from alchemi_core.planning.flat import FlatGroup
    from alchemi_core.planning.plan import PlannedStep
    from alchemi_core.planning.slots import Slots
    from alchemi_core.planning.terms import TermsOf


@attrs.frozen(eq=False)
class Grouping:
    """Plans the groups of one plan.

    Parameters
    ----------
    contributions : Contributions
        The flattened pipeline.
    terms : TermsOf
        Writes down terms.
    wanted, of_energy : frozenset of str
        Requested derivatives, and those of them to which every step with an energy contributes.
    """

    contributions: Contributions
    terms: TermsOf
    wanted: frozenset[str]
    of_energy: frozenset[str]

    def planned(self, group: FlatGroup, steps: tuple[PlannedStep, ...], slots: Slots) -> PlannedGroup:
        """Return the plan of a group, of whose steps some may run."""
        own = [step for step in steps if step.group == group.index]
        coupled = self.contributions.couplings(group.index, self.wanted)
        energies = [step for step in own if self._is_differentiated(step) or _is_coupled(step, coupled)]
        sampled = self.contributions.sampled_derivatives(group.index, self.wanted)
        names = in_table_order(self._served_by(group, own))
        bare = PlannedGroup(
            index=group.index,
            steps=tuple(step.index for step in own),
            derivative=_derivative_name(group, has_graph=bool(energies), asked=bool(names)),
            use_autograd=group.use_autograd,
            serves=tuple(Write(name, name, slots.new(-1 - group.index, name)) for name in names),
            energies=tuple(_energy_term(step) for step in energies),
            reads=self._strategy_reads(own, group),
            fixed=frozenset(known for step in group.steps if step.detach for _, known in step.names),
        )
        if not self.contributions.samples(group.index, self.wanted) or not names:
            return bare
        # Where all steps report, nothing is differentiated at any geometry.
        graph = in_table_order(sampled) if energies else ()
        inner = [Write(name, name, slots.new(-1 - group.index, f"sampled {name}")) for name in graph]
        aside = frozenset(name for name in names if not group.service.can_serve(name))
        kept = aside | (group.service.samples if aside < set(names) else frozenset())
        return attrs.evolve(bare, sampled=self.terms.sampled(kept, own, inner), resampled=tuple(inner), aside=aside)

    def _served_by(self, group: FlatGroup, own: list[PlannedStep]) -> frozenset[str]:
        """Names that the group's strategy is asked for."""
        served = frozenset(name for name in self.wanted if group.service.can_serve(name))
        coupled = self.contributions.couplings(group.index, self.wanted)
        differentiated = any(self._is_differentiated(step) or _is_coupled(step, coupled) for step in own)
        samples = self.contributions.samples(group.index, self.wanted)
        sampled = samples and any("energy" in step.asks for step in own)
        if sampled:
            served |= self.wanted & DERIVATIVES
        return served if differentiated or sampled else served - self.of_energy if own else frozenset()

    def _strategy_reads(self, own: list[PlannedStep], group: FlatGroup) -> tuple[Write, ...]:
        names = self.contributions.read(group.index, self.wanted)
        return tuple(write for step in own for write in step.writes if write.name in names)

    def _is_differentiated(self, step: PlannedStep) -> bool:
        """Tell whether a step's energy is part of what its group differentiates."""
        return step.mode is Mode.RESAMPLED or "energy" in step.on_graph


def _energy_term(step: PlannedStep) -> Term:
    slot = next(write.slot for write in step.writes if write.output == "energy")
    return Term(slot, step.weight, "", factors=step.factors)


def _is_coupled(step: PlannedStep, names: frozenset[str]) -> bool:
    """Tell whether the weight of a step's energy is a function of what the group differentiates by."""
    return "energy" in step.asks and bool(step.couplings & names)


def _derivative_name(group: FlatGroup, *, has_graph: bool, asked: bool) -> str:
    if group.service.samples or (group.derivative_fn is not None and asked):
        return group.service.name
    if group.use_autograd:
        return "autograd"
    return "each by autograd" if has_graph else "as reported"
