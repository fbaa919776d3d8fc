"""The planner: a declaration and a request go in, an execution plan or one clear error comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import UnknownOutputError
from alchemi_core.neighbors.routing import REFERENCE_COSTS
from alchemi_core.planning.contributions import Contributions, Wires
from alchemi_core.planning.coupled import BY_WEIGHTS, given_by_weights
from alchemi_core.planning.double_counting import check_counting
from alchemi_core.planning.grouping import Grouping
from alchemi_core.planning.held import Brought
from alchemi_core.planning.plan import (
    ExecutionPlan,
    Mode,
    PlannedGroup,
    PlannedOutput,
    PlannedStep,
    Read,
    Write,
)
from alchemi_core.planning.reading import check_agreement, check_read
from alchemi_core.planning.reporting import reported_as
from alchemi_core.planning.requests import (
    available_outputs,
    check_request,
    in_table_order,
    is_of_energy,
    offered,
    producers_of,
    rule_of,
    served_names,
)
from alchemi_core.planning.rules import check_positive
from alchemi_core.planning.service import derivative_of
from alchemi_core.planning.sharing import Sharing, share
from alchemi_core.planning.slots import Slots
from alchemi_core.planning.spreads import derived_spreads, is_of_mean, plan_spread
from alchemi_core.planning.stackable import stackable_committees
from alchemi_core.planning.terms import TermsOf
from alchemi_core.planning.training import check_order
from alchemi_core.planning.wiring import resolve_wires
from alchemi_core.quantities import DERIVATIVES, FURTHER_DERIVATIVES, SPREADS, is_additive

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
    spreads = derived_spreads(names, groups)
    asked = (names - spreads) | {SPREADS[name] for name in spreads}
    wires = resolve_wires(groups)
    check_request(asked, groups, settings)
    plan = _Planner(groups, settings, asked, wires, differentiable, costs).plan()
    return _with_spreads(plan, names, spreads, groups, settings) if spreads else plan


def make_part(
    groups: tuple[FlatGroup, ...],
    settings: PipelineSettings,
    requested: frozenset[str],
    *,
    differentiable: bool,
    costs: Mapping[str, float],
) -> ExecutionPlan:
    """Plan a part of a request that has been planned as a whole; the arguments are those of `make_plan`.

    What the groups given add nothing to is left out rather than refused: other parts give it.
    """
    names = requested & available_outputs(groups)
    return _Planner(groups, settings, names, resolve_wires(groups), differentiable, costs, is_part=True).plan()


def _with_spreads(
    plan: ExecutionPlan,
    names: frozenset[str],
    spreads: frozenset[str],
    groups: tuple[FlatGroup, ...],
    settings: PipelineSettings,
) -> ExecutionPlan:
    steps = [step for group in groups for step in group.steps]

    def weighted(of: str) -> bool:
        return is_of_energy(of) or rule_of(of, producers_of(of, steps, settings), settings) == "sum"

    of_means = [name for name in in_table_order(spreads) if is_of_mean(name, settings)]
    for name in of_means:
        check_positive(SPREADS[name], producers_of(SPREADS[name], steps, settings))
    over_members = [name for name in in_table_order(spreads) if name not in of_means]
    planned = tuple(plan_spread(name, steps, weighted=weighted(SPREADS[name])) for name in over_members)
    made = {output.name: output for output in plan.outputs}
    shown = tuple(output for output in plan.outputs if output.name in names)
    shown += tuple(attrs.evolve(made[SPREADS[name]], name=name, rule="spread") for name in of_means)
    return attrs.evolve(plan, requested=in_table_order(names), outputs=shown, spreads=planned)


@attrs.frozen(eq=False)
class _Planner:
    """One planning run. Answers are recomputed rather than kept: plans are made once and pipelines are short."""

    groups: tuple[FlatGroup, ...]
    settings: PipelineSettings
    requested: frozenset[str]
    wires: Wires
    differentiable: bool
    costs: Mapping[str, float]
    is_part: bool = False

    def plan(self) -> ExecutionPlan:
        running = self._running()
        accepted = check_counting(running, self.settings.accept or frozenset()) if self._wants_energy else ()
        check_agreement(self.groups, self._wanted)
        modes = {step.index: self._contributions.mode(step, self._of_energy) for step in running}
        check_read(self._contributions, self._wanted, differentiable=self.differentiable)
        check_order(self._contributions, modes, self._wanted, differentiable=self.differentiable)
        sharing = share(running, self.settings, self.costs)
        slots, brought = Slots(), Brought.by(running, self.wires, self._contributions.steps)
        steps = tuple(self._step(step, modes, running, sharing, slots) for step in running)
        grouping = Grouping(self._contributions, self._terms, self._wanted, self._of_energy)
        planned = tuple(g for group in self.groups if (g := grouping.planned(group, steps, slots)).steps)
        return ExecutionPlan(
            requested=in_table_order(self.requested),
            steps=steps,
            groups=planned,
            lists=sharing.lists,
            sources=sharing.sources,
            outputs=self._outputs(planned, steps),
            needs=in_table_order(brought.needs),
            accepts=in_table_order(brought.accepts),
            num_slots=slots.count,
            stackable=self._stackable(running),
            labels=tuple(step.label for step in self._contributions.steps),
            accepted=accepted,
            weightless=tuple(step.index for step in self._contributions.steps if not step.counts),
            held=in_table_order(brought.held),
        )

    def _stackable(self, running: tuple[FlatStep, ...]) -> tuple[tuple[int, ...], ...]:
        runs = {step.index for step in running}
        return tuple(members for members in stackable_committees(self.groups) if runs.issuperset(members))

    def _outputs(self, groups: tuple[PlannedGroup, ...], steps: tuple[PlannedStep, ...]) -> tuple[PlannedOutput, ...]:
        terms = self._terms
        given = (
            name for name in in_table_order(self.requested) if not self.is_part or terms.any_of(name, groups, steps)
        )
        return tuple(terms.output(name, groups, steps) for name in given)

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
        known |= frozenset(name for name in BY_WEIGHTS if given_by_weights(self.groups, name))
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
        asked = any(known in self.requested for _, known in self._offered(step))
        return asked or (contributes and self._adds(step)) or bool(self._read(step))

    def _adds(self, step: FlatStep) -> bool:
        """Tell whether a requested derivative of the energy has a part of the step."""
        return any(self._contributions.coupled.adds_to(step, name) for name in self._of_energy)

    def _offered(self, step: FlatStep) -> tuple[tuple[str, str], ...]:
        return offered(step, self._contributions.steps, self.settings)

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
        return frozenset(o for o, known in step.names if known in names and (step.counts or not is_additive(known)))

    def _asks(self, step: FlatStep, mode: Mode) -> frozenset[str]:
        """Outputs asked of the model: what the user wants, the energy under any derivative, and reported terms."""
        asks = {o for o, known in self._offered(step) if known in self.requested and known not in self._wanted}
        if "energy" in step.config.kinds and self._adds(step):
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

    @property
    def _terms(self) -> TermsOf:
        return TermsOf(self._contributions, self.settings, self._wanted)
