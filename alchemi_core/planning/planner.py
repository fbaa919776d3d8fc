"""The planner: a declaration and a request go in, an execution plan or one clear error comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import UnknownOutputError
from alchemi_core.neighbors.routing import REFERENCE_COSTS
from alchemi_core.planning.contributions import Contributions, Wires
from alchemi_core.planning.double_counting import check_counting
from alchemi_core.planning.plan import (
    ExecutionPlan,
    Mode,
    PlannedGroup,
    PlannedStep,
    Read,
    Term,
    Write,
)
from alchemi_core.planning.reading import check_agreement, check_read
from alchemi_core.planning.reporting import reported_as
from alchemi_core.planning.requests import (
    check_request,
    in_table_order,
    served_names,
)
from alchemi_core.planning.service import derivative_of
from alchemi_core.planning.sharing import Sharing, share
from alchemi_core.planning.slots import Slots
from alchemi_core.planning.terms import TermsOf
from alchemi_core.planning.training import check_order
from alchemi_core.planning.wiring import resolve_wires
from alchemi_core.quantities import DERIVATIVES, FURTHER_DERIVATIVES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from alchemi_core.planning.flat import FlatGroup, FlatStep
    from alchemi_core.topology import PipelineSettings


def make_plan(
    groups: tuple[FlatGroup, ...],
    settings: PipelineSettings,
    requested: Iterable[str],
    *,
    differentiable: bool = False,
    costs: Mapping[str, float] = REFERENCE_COSTS,
) -> ExecutionPlan:
    """Plan one request.

    Parameters
    ----------
    groups : tuple of FlatGroup
        The flattened pipeline.
    settings : PipelineSettings
        Its settings.
    requested : iterable of str
        Outputs wanted.
    differentiable : bool
        Whether outputs stay on the graph, as in training: then terms come from the graph wherever they can.
    costs : mapping of str to float, ns
        Time per pair of the neighbor backends, by role; by default of the core's own.

    Returns
    -------
    ExecutionPlan

    Raises
    ------
    PlanningError
        If the request cannot be served whole and right.
    """
    names = frozenset(requested)
    if not names:
        raise UnknownOutputError("nothing is requested", expected="at least one output", who="requested outputs")
    wires = resolve_wires(groups)
    check_request(names, groups, settings)
    return _Planner(groups, settings, names, wires, differentiable, costs).plan()


@attrs.frozen(eq=False)
class _Planner:
    """One planning run. Answers are recomputed rather than kept: plans are made once and pipelines are short."""

    groups: tuple[FlatGroup, ...]
    settings: PipelineSettings
    requested: frozenset[str]
    wires: Wires
    differentiable: bool
    costs: Mapping[str, float]

    def plan(self) -> ExecutionPlan:
        running = self._running()
        accepted = check_counting(running, self.settings.accept or frozenset()) if self._wants_energy else ()
        check_agreement(self.groups, self._wanted)
        modes = {step.index: self._contributions.mode(step, self._of_energy) for step in running}
        check_read(self._contributions, self._wanted, differentiable=self.differentiable)
        check_order(self._contributions, modes, self._wanted, differentiable=self.differentiable)
        sharing = share(running, self.settings, self.costs)
        slots = Slots()
        steps = tuple(self._step(step, modes, running, sharing, slots) for step in running)
        planned = tuple(g for group in self.groups if (g := self._group(group, steps, slots)).steps)
        return ExecutionPlan(
            requested=in_table_order(self.requested),
            steps=steps,
            groups=planned,
            lists=sharing.lists,
            sources=sharing.sources,
            outputs=tuple(self._terms.output(name, planned, steps) for name in in_table_order(self.requested)),
            needs=self._from_batch(running, optional=False),
            accepts=self._from_batch(running, optional=True),
            num_slots=slots.count,
            labels=tuple(step.label for step in self._contributions.steps),
            accepted=accepted,
        )

    @property
    def _wants_energy(self) -> bool:
        return "energy" in self.requested or bool(self._of_energy)

    @property
    def _contributions(self) -> Contributions:
        return Contributions(self.groups, self.wires, prefer_graph=self.differentiable)

    @property
    def _produced(self) -> frozenset[str]:
        return frozenset(known for group in self.groups for step in group.steps for _, known in step.names)

    @property
    def _wanted(self) -> frozenset[str]:
        """Requested derivatives of the energy: the standard ones, and whatever only a derivative function can give."""
        served = frozenset(name for group in self.groups for name in served_names(group))
        known = DERIVATIVES | served | frozenset(filter(self._of_some_energy, FURTHER_DERIVATIVES))
        return frozenset(name for name in self.requested if name in known or name not in self._produced)

    def _of_some_energy(self, name: str) -> bool:
        """Tell whether a derivative is taken of the energy, through what some energy reads."""
        return derivative_of(name).of == "energy" and any(
            self._contributions.leaves(step, name)
            for step in self._contributions.steps
            if "energy" in step.config.kinds
        )

    @property
    def _of_energy(self) -> frozenset[str]:
        """Those to which every step with an energy has to contribute."""
        return frozenset(name for name in self._wanted if self._contributions.taken(name).of == "energy")

    def _running(self) -> tuple[FlatStep, ...]:
        """Steps that some requested output depends on, in order."""
        steps = self._contributions.steps
        needed = {step.index for step in steps if self._asked_directly(step)}
        for step in reversed(steps):
            if step.index in needed:
                needed |= {wire.producer for wire in self.wires[step.index] if wire.producer is not None}
        return tuple(step for step in steps if step.index in needed)

    def _asked_directly(self, step: FlatStep) -> bool:
        contributes = "energy" in step.config.kinds or bool(step.config.outputs & DERIVATIVES)
        asked = self.requested | self._contributions.read(step.group, self._wanted)
        return (contributes and bool(self._of_energy)) or any(known in asked for _, known in step.names)

    def _step(
        self, step: FlatStep, modes: dict[int, Mode], running: tuple[FlatStep, ...], sharing: Sharing, slots: Slots
    ) -> PlannedStep:
        mode = modes[step.index]
        passed = frozenset(w.output for s in running for w in self.wires[s.index] if w.producer == step.index)
        passed |= self._read(step)
        kept = frozenset() if step.detach else passed
        live = self._contributions.live(step, mode, kept) if self._wanted else frozenset()
        if mode is Mode.PARTIAL:
            self._contributions.refuse_double_counting(step, live)
        asks = self._asks(step, mode) | passed
        names = dict(step.names)
        return PlannedStep(
            index=step.index,
            label=step.label,
            group=step.group,
            mode=mode,
            reads=tuple(self._reads(step, live, slots)),
            neighbors=dict(sharing.list_of_step).get(step.index),
            asks=asks,
            writes=tuple(Write(o, names[o], slots.new(step.index, o)) for o in in_table_order(asks)),
            weight=step.weight,
            factors=step.factors,
            live=live & {"positions", "cell"},
            reads_cell=step.config.supports_pbc,
            on_graph=self._contributions.on_graph(step, modes, passed, self._wanted),
        )

    def _read(self, step: FlatStep) -> frozenset[str]:
        """Outputs of a step that its group's strategy differentiates, or looks at elsewhere."""
        names = self._contributions.read(step.group, self._wanted)
        return frozenset(output for output, known in step.names if known in names)

    def _asks(self, step: FlatStep, mode: Mode) -> frozenset[str]:
        """Outputs asked of the model: what the user wants, the energy under any derivative, and reported terms."""
        asks = {o for o, known in step.names if known in self.requested and known not in self._wanted}
        if "energy" in step.config.kinds and self._of_energy:
            asks.add("energy")
        if mode in (Mode.REPORTED, Mode.PARTIAL):
            wanted = self._contributions.sampled_derivatives(step.group, self._of_energy) or self._of_energy
            asks |= {reported for name in wanted if (reported := reported_as(step, name))}
        return frozenset(asks)

    def _reads(self, step: FlatStep, live: frozenset[str], slots: Slots) -> Iterator[Read]:
        for wire in self.wires[step.index]:
            slot = None if wire.producer is None else slots.of(wire.producer, wire.output)
            detached = wire.producer is not None and self._contributions.steps[wire.producer].detach
            # In training, parameters of the producer are reached through the value even where the geometry is not.
            # Where energies are evaluated again, so is every value that is not detached.
            again = bool(self.groups[step.group].service.samples)
            stays = not detached and (wire.name in live or self.differentiable or again)
            yield Read(wire.name, slot, wire.producer, live=stays, optional=wire.optional)

    def _group(self, group: FlatGroup, steps: tuple[PlannedStep, ...], slots: Slots) -> PlannedGroup:
        own = [step for step in steps if step.group == group.index]
        coupled = self._contributions.couplings(group.index, self._wanted)
        energies = [step for step in own if self._is_differentiated(step) or _is_coupled(step, coupled)]
        sampled = self._contributions.sampled_derivatives(group.index, self._wanted)
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
        if not self._contributions.samples(group.index, self._wanted) or not names:
            return bare
        # Where all steps report, nothing is differentiated at any geometry.
        graph = in_table_order(sampled) if energies else ()
        inner = [Write(name, name, slots.new(-1 - group.index, f"sampled {name}")) for name in graph]
        aside = frozenset(name for name in names if not group.service.can_serve(name))
        kept = aside | (group.service.samples if aside < set(names) else frozenset())
        return attrs.evolve(bare, sampled=self._terms.sampled(kept, own, inner), resampled=tuple(inner), aside=aside)

    def _served_by(self, group: FlatGroup, own: list[PlannedStep]) -> frozenset[str]:
        """Names that the group's strategy is asked for."""
        served = frozenset(name for name in self._wanted if group.service.can_serve(name))
        coupled = self._contributions.couplings(group.index, self._wanted)
        differentiated = any(self._is_differentiated(step) or _is_coupled(step, coupled) for step in own)
        samples = self._contributions.samples(group.index, self._wanted)
        sampled = samples and any("energy" in step.asks for step in own)
        if sampled:
            served |= self._wanted & DERIVATIVES
        return served if differentiated or sampled else served - self._of_energy if own else frozenset()

    def _strategy_reads(self, own: list[PlannedStep], group: FlatGroup) -> tuple[Write, ...]:
        names = self._contributions.read(group.index, self._wanted)
        return tuple(write for step in own for write in step.writes if write.name in names)

    def _is_differentiated(self, step: PlannedStep) -> bool:
        """Tell whether a step's energy is part of what its group differentiates."""
        return step.mode is Mode.RESAMPLED or "energy" in step.on_graph

    @property
    def _terms(self) -> TermsOf:
        return TermsOf(self._contributions, self.settings, self._wanted)

    def _from_batch(self, running: tuple[FlatStep, ...], *, optional: bool) -> tuple[str, ...]:
        wires = [wire for step in running for wire in self.wires[step.index] if wire.producer is None]
        required = {wire.name for wire in wires if not wire.optional}
        required |= {factor.name for step in running for factor in step.factors}
        names = {wire.name for wire in wires if wire.optional} - required if optional else required
        return in_table_order(names)


def _energy_term(step: PlannedStep) -> Term:
    slot = next(write.slot for write in step.writes if write.output == "energy")
    return Term(slot, step.weight, "", factors=step.factors)


def _is_coupled(step: PlannedStep, names: frozenset[str]) -> bool:
    """Tell whether the weight of a step's energy is a function of what the group differentiates by."""
    return "energy" in step.asks and any(factor.name in names for factor in step.factors)


def _derivative_name(group: FlatGroup, *, has_graph: bool, asked: bool) -> str:
    if group.service.samples or (group.derivative_fn is not None and asked):
        return group.service.name
    if group.use_autograd:
        return "autograd"
    return "each by autograd" if has_graph else "as reported"
