"""The derivative contract applied: how each step contributes to the derivatives asked of its group.

A derivative of the total is a sum over steps. A step's term comes from the graph, from the step itself, or from both;
where none of these can be complete, the request is refused here with the term that would be missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.contract import Analytic, Constant, OnGraph, Partial
from alchemi_core.errors import LostTermError
from alchemi_core.planning.coupled import Coupled, taken_in
from alchemi_core.planning.lost_terms import cut_term, lost_term, unserved_beside
from alchemi_core.planning.plan import Mode
from alchemi_core.planning.reporting import leaves, reported_as, reports_any
from alchemi_core.planning.wiring import Wire
from alchemi_core.quantities import DERIVATIVES, GEOMETRY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alchemi_core.planning.flat import FlatGroup, FlatStep
    from alchemi_core.quantities import DerivativeOf

Wires = tuple[tuple[Wire, ...], ...]


@attrs.frozen(eq=False)
class Contributions:
    """Answers questions about derivative terms of one flattened pipeline.

    Parameters
    ----------
    groups : tuple of FlatGroup
        The pipeline.
    wires : tuple of tuple of Wire
        Its wiring.
    prefer_graph : bool
        Whether terms are taken from the graph where a step could also report them, as training needs.
    """

    groups: tuple[FlatGroup, ...]
    wires: Wires
    prefer_graph: bool = False

    @property
    def steps(self) -> tuple[FlatStep, ...]:
        """All steps by number."""
        return tuple(step for group in self.groups for step in group.steps)

    def mode(self, step: FlatStep, wanted: frozenset[str]) -> Mode:
        """Decide how a step contributes to the wanted derivatives.

        Raises
        ------
        LostTermError
            If the step has an energy but no way to contribute.
        CutGradientError
            If a value it is fed depends on positions but reaches it without its graph.
        """
        if not step.counts:
            return Mode.ENERGY
        self._refuse_lost_couplings(step, wanted)
        asked, wanted = wanted, frozenset(name for name in wanted if self._depends(step, name))
        if not wanted or "energy" not in step.config.kinds:
            return self._without_energy(step, wanted)
        service = self.groups[step.group].service
        if self.samples(step.group, asked):
            if lacking := frozenset(name for name in wanted - DERIVATIVES if not service.can_serve(name)):
                raise unserved_beside(step, lacking, service)
            self._refuse_cuts(step, wanted, same_group_is_fine=True)
            if not (wanted := self.sampled_derivatives(step.group, asked)):
                return Mode.RESAMPLED
        mode = next((mode for mode in self._preference(step) if self._capable(step, mode, wanted)), None)
        if mode is None and isinstance(step.config.kinds["energy"], Constant) and not reports_any(step):
            mode = Mode.ENERGY
        if mode is None:
            raise lost_term(self, step, wanted)
        self._refuse_cuts(step, wanted, same_group_is_fine=False, mode=mode)
        return mode

    def _without_energy(self, step: FlatStep, wanted: frozenset[str]) -> Mode:
        """A step that reports forces of no energy adds them, and then has to add to every derivative asked."""
        if not wanted or not reports_any(step) or "energy" in step.config.kinds:
            return Mode.ENERGY
        lost = sorted(name for name in wanted & DERIVATIVES if reported_as(step, name) is None)
        if not lost:
            return Mode.REPORTED
        raise LostTermError(
            f"reports {', '.join(sorted(step.config.outputs & DERIVATIVES))} of no energy, but not {', '.join(lost)}",
            expected="all derivatives asked, or none",
            who=f"step {step.index} ({step.label})",
            fix=f"do not ask for {', '.join(lost)}",
        )

    def _preference(self, step: FlatStep) -> tuple[Mode, ...]:
        if self.groups[step.group].use_autograd or self.prefer_graph:
            return (Mode.GRAPH, Mode.PARTIAL, Mode.REPORTED)
        return (Mode.REPORTED, Mode.GRAPH, Mode.PARTIAL)

    def _capable(self, step: FlatStep, mode: Mode, wanted: frozenset[str]) -> bool:
        """Tell whether the step's own declaration allows the mode, wires aside."""
        if mode is Mode.GRAPH:
            energy = step.config.kinds["energy"]
            return isinstance(energy, OnGraph) and all(
                self.leaves(step, name) <= energy.through and self._served(step, name) for name in wanted
            )
        kind = Analytic if mode is Mode.REPORTED else Partial
        return all(isinstance(step.config.kinds.get(reported_as(step, name) or ""), kind) for name in wanted)

    def _depends(self, step: FlatStep, name: str) -> bool:
        """Tell whether the step's energy can depend on what a derivative is taken through, as a report says too."""
        if self.coupled.left_to_weights(step.group, name):
            return name in step.config.kinds
        return bool(self.leaves(step, name)) or name in step.config.kinds or any(True for _ in self.dependent(step))

    def _served(self, step: FlatStep, name: str) -> bool:
        """Tell whether the step's group can differentiate its energy so; while sampling, each group does the usual."""
        service = self.groups[step.group].service
        return service.can_serve(name) or (bool(service.samples) and name in DERIVATIVES)

    def leaves(self, step: FlatStep, name: str) -> frozenset[str]:
        """Inputs of a step through which a derivative is taken."""
        return leaves(step, self.taken(name))

    def taken(self, name: str) -> DerivativeOf:
        """Return how a derivative is taken: as the strategy that serves it says, else as the table has it."""
        return taken_in(self.groups, name)

    @property
    def coupled(self) -> Coupled:
        """What derivatives by coupling parameters are made of where no strategy takes them."""
        return Coupled(self.groups, self.wires)

    def read(self, group: int, wanted: frozenset[str]) -> frozenset[str]:
        """Names of values, beside the energy, that a group's strategy needs for what is wanted."""
        service = self.groups[group].service
        served = frozenset(name for name in wanted if service.can_serve(name))
        samples = service.samples - DERIVATIVES if served else frozenset()
        return (frozenset(self.taken(name).of for name in served) | samples) - {"energy"}

    def couplings(self, group: int, wanted: frozenset[str]) -> frozenset[str]:
        """Names of coupling parameters by which a group's strategy differentiates for what is wanted."""
        service = self.groups[group].service
        return frozenset(n for name in wanted if service.can_serve(name) for n in self.taken(name).inputs) - GEOMETRY

    def _refuse_lost_couplings(self, step: FlatStep, wanted: frozenset[str]) -> None:
        """Refuse a step whose weight, or energy, is a function of what its group does not differentiate by."""
        names = step.couplings
        for name in sorted(wanted):
            if self.coupled.left_to_weights(step.group, name):
                self.coupled.refuse_lost(step, name)
            elif names & self.taken(name).inputs and not self.groups[step.group].service.can_serve(name):
                raise lost_term(self, step, frozenset([name]))

    def sampled_derivatives(self, group: int, wanted: frozenset[str]) -> frozenset[str]:
        """Return the derivatives that are evaluated geometry by geometry in a group whose strategy samples.

        These are the strategy's samples, and what is wanted beside its own outputs: stress beside a Hessian.
        """
        service = self.groups[group].service
        served = frozenset(filter(service.can_serve, wanted))
        samples = service.samples if served else frozenset()
        return (samples | (wanted - served)) & DERIVATIVES if self.samples(group, wanted) else frozenset()

    def samples(self, group: int, wanted: frozenset[str]) -> bool:
        """Tell whether a group is evaluated geometry by geometry for what is wanted: its strategy samples."""
        service = self.groups[group].service
        return bool(service.samples and wanted) and (any(map(service.can_serve, wanted)) or wanted <= DERIVATIVES)

    def live(self, step: FlatStep, mode: Mode, passed: frozenset[str] = frozenset()) -> frozenset[str]:
        """Names of the inputs that the step is given on the graph; `passed` are its outputs that others read."""
        through = self._passed_on(step, passed) if self.groups[step.group].use_autograd else frozenset()
        energy = step.config.kinds.get("energy")
        if isinstance(energy, OnGraph) and mode in (Mode.GRAPH, Mode.RESAMPLED):
            return through | energy.through
        if isinstance(energy, OnGraph) and mode is Mode.PARTIAL:
            return through | (energy.through & self._fixed(step))
        return through

    def _passed_on(self, step: FlatStep, passed: frozenset[str]) -> frozenset[str]:
        kinds = [kind for name, kind in step.config.kinds.items() if name in passed]
        return frozenset(name for kind in kinds if isinstance(kind, OnGraph) for name in kind.through)

    def _fixed(self, step: FlatStep) -> frozenset[str]:
        kinds = step.config.kinds.values()
        return frozenset(name for kind in kinds if isinstance(kind, Partial) for name in kind.at_fixed)

    def on_graph(
        self, step: FlatStep, modes: Mapping[int, Mode], passed: frozenset[str], wanted: frozenset[str]
    ) -> frozenset[str]:
        """Outputs of a step that must carry a graph, or a derivative of the group would miss a term."""
        group = self.groups[step.group]
        energies = any(self._differentiated(s, modes[s.index]) for s in group.steps if s.index in modes)
        if not energies and not self._reads_on_graph(group, wanted):
            return frozenset()
        names = {o for o in passed if self._from_geometry(step, o)} if group.use_autograd else set()
        return frozenset(names | ({"energy"} if self._differentiated(step, modes[step.index]) else set()))

    def _reads_on_graph(self, group: FlatGroup, wanted: frozenset[str]) -> bool:
        """Tell whether the group's strategy differentiates something else than the energy."""
        taken = [self.taken(name) for name in wanted if group.service.can_serve(name)]
        return not group.service.samples and any(one.of != "energy" and one.order > 0 for one in taken)

    def _differentiated(self, step: FlatStep, mode: Mode) -> bool:
        feeds = any(wire.name in self.live(step, mode) for wire in self.dependent(step))
        return mode is Mode.GRAPH or (mode is Mode.PARTIAL and feeds)

    def refuse_double_counting(self, step: FlatStep, live: frozenset[str]) -> None:
        """Refuse a step that reports at fixed inputs while values it passes on put further inputs on the graph."""
        surplus = sorted(live - self._fixed(step))
        if surplus:
            raise LostTermError(
                f"reports derivatives at fixed {', '.join(sorted(self._fixed(step)))}, but what it passes on needs "
                f"{', '.join(surplus)} on the graph, where its energy would be differentiated once more",
                expected="one kind of derivative per step",
                who=f"step {step.index} ({step.label})",
                fix=f"PipelineStep({step.variable}, detach=True), or split the model into two",
            )

    def _from_geometry(self, step: FlatStep, output: str) -> bool:
        """Tell whether an output surely has a graph: what is computed from detached inputs alone has none."""
        kind = step.config.kinds[output]
        if step.detach or not isinstance(kind, OnGraph) or "positions" not in kind.through:
            return False
        return len(self.wires[step.index]) == sum(wire.name in kind.through for wire in self.dependent(step))

    def dependent(self, step: FlatStep) -> Iterator[Wire]:
        """Yield the wires that bring the step values which depend on positions and were not detached on purpose."""
        for wire in self.wires[step.index]:
            if wire.producer is None:
                continue
            producer = self.steps[wire.producer]
            if not producer.detach and not isinstance(producer.config.kinds[wire.output], Constant):
                yield wire

    def carried(self, wire: Wire, reader: FlatStep, derivative: str) -> bool:
        """Tell whether a wired value reaches its reader with the whole graph back to the geometry."""
        if wire.producer is None:
            return True
        producer = self.steps[wire.producer]
        kind = producer.config.kinds[wire.output]
        if producer.group != reader.group or not isinstance(kind, OnGraph):
            return False
        if not self.groups[reader.group].use_autograd or not self.leaves(producer, derivative) <= kind.through:
            return False
        return all(w.name in kind.through and self.carried(w, producer, derivative) for w in self.dependent(producer))

    def _refuse_cuts(
        self, step: FlatStep, wanted: frozenset[str], *, same_group_is_fine: bool, mode: Mode = Mode.RESAMPLED
    ) -> None:
        for wire in self.dependent(step):
            for name in sorted(wanted):
                if same_group_is_fine and self.inside(wire, step.group):
                    continue
                through = self.live(step, mode)
                if same_group_is_fine or wire.name not in through or not self.carried(wire, step, name):
                    raise cut_term(self, wire, step, name, through)

    def upstream(self, step: FlatStep) -> Iterator[tuple[FlatStep, str]]:
        """Yield the steps, and which output of them, that what the step is fed depends on, all the way."""
        for wire in self.dependent(step):
            if wire.producer is not None:
                producer = self.steps[wire.producer]
                yield producer, wire.output
                yield from self.upstream(producer)

    def inside(self, wire: Wire, group: int) -> bool:
        """Tell whether a value is computed, all the way from the geometry, by steps of one group."""
        if wire.producer is None:
            return True
        producer = self.steps[wire.producer]
        return producer.group == group and all(self.inside(w, group) for w in self.dependent(producer))

    def serves(self, step: FlatStep, name: str) -> bool:
        """Tell whether a step can contribute to a derivative in some way."""
        wanted = frozenset([name])
        return any(self._capable(step, mode, wanted) for mode in (Mode.GRAPH, Mode.PARTIAL, Mode.REPORTED))
