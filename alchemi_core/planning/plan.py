"""The execution plan: frozen, integer-addressed, picklable, printable."""

from __future__ import annotations

from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import attrs

from alchemi_core.quantities import QUANTITIES, Quantity

if TYPE_CHECKING:
    from alchemi_core.planning.planned_lists import PlannedList, PlannedSource
    from alchemi_core.planning.spreads import PlannedSpread
    from alchemi_core.weight_factors import Factor


class Mode(Enum):
    """How a step contributes to the derivatives asked of its group."""

    ENERGY = "energy only"
    """No derivative is asked, or the step has no energy."""

    GRAPH = "graph"
    """Its energy is differentiated together with the group's."""

    REPORTED = "reported"
    """It returns complete derivatives itself."""

    PARTIAL = "partial"
    """It returns derivatives at fixed inputs; the group differentiates through those inputs."""

    RESAMPLED = "resampled"
    """The group evaluates its energy again at displaced geometries."""


@attrs.frozen
class Read:
    """Where one input of a step comes from.

    Parameters
    ----------
    name : str
        Name under which the model declares it.
    slot : int or None
        Slot of the value when an earlier step produces it; None when the batch brings it.
    producer : int or None
        Step that produces it.
    live : bool
        Whether the value stays on the graph.
    optional : bool
        Whether the model runs without it.
    """

    name: str
    slot: int | None
    producer: int | None
    live: bool
    optional: bool


@attrs.frozen
class Write:
    """One output of a step: asked of the model as `output`, known to readers as `name`, kept in `slot`."""

    output: str
    name: str
    slot: int

    @cached_property
    def quantity(self) -> Quantity | None:
        """What the table says of it, if it is a standard quantity."""
        found: Quantity | None = QUANTITIES.get(self.output)
        return found


@attrs.frozen
class PlannedStep:
    """One step of a run.

    Parameters
    ----------
    index, label, group
        Number, printed name and group of the step.
    mode : Mode
        How it contributes to derivatives.
    reads : tuple of Read
        Its declared inputs beyond the geometry.
    neighbors : int or None
        Number of the list it reads.
    asks : frozenset of str
        Outputs requested of the model.
    writes : tuple of Write
        What is kept of its answer.
    weight : float
        Factor on its additive outputs.
    factors : tuple of Factor
        Further factors on them: functions of coupling parameters.
    live : frozenset of str
        Geometry that reaches it on the graph.
    reads_cell : bool
        Whether the model understands cells at all.
    on_graph : frozenset of str
        Outputs that must come back with a graph, or a derivative would miss a term.
    """

    index: int
    label: str
    group: int
    mode: Mode
    reads: tuple[Read, ...]
    neighbors: int | None
    asks: frozenset[str]
    writes: tuple[Write, ...]
    weight: float
    factors: tuple[Factor, ...]
    live: frozenset[str]
    reads_cell: bool
    on_graph: frozenset[str]

    @property
    def couplings(self) -> frozenset[str]:
        """Names of the parameters that its weight is a function of."""
        return frozenset().union(*(factor.names for factor in self.factors))


@attrs.frozen
class PlannedGroup:
    """Steps that are differentiated together.

    Parameters
    ----------
    index : int
        Number of the group among those of the plan.
    steps : tuple of int
        Steps that run, in order.
    derivative : str
        Printed name of the strategy.
    use_autograd : bool
        Whether values keep their graph from step to step.
    serves : tuple of Write
        Derivatives the strategy must return, and their slots.
    energies : tuple of Term
        The energies that are differentiated.
    reads : tuple of Write
        Other values that the strategy differentiates.
    fixed : frozenset of str
        Names of the values that steps detach: the strategy gets these as they are at the geometry of the call.
    sampled : tuple of PlannedOutput
        What each quantity is made of that the strategy evaluates at other geometries.
    resampled : tuple of Write
        Derivatives of `energies` that are taken for this at each geometry, and their slots.
    aside : frozenset of str
        Those of `serves` that are evaluated without the strategy, which does not give them.
    """

    index: int
    steps: tuple[int, ...]
    derivative: str
    use_autograd: bool
    serves: tuple[Write, ...]
    energies: tuple[Term, ...]
    reads: tuple[Write, ...] = ()
    fixed: frozenset[str] = frozenset()
    sampled: tuple[PlannedOutput, ...] = ()
    resampled: tuple[Write, ...] = ()
    aside: frozenset[str] = frozenset()

    @cached_property
    def only(self) -> int | None:
        """Slot of the only energy that is differentiated, where there is one and it is as it comes."""
        one = self.energies[0] if len(self.energies) == 1 else None
        return one.slot if one is not None and one.weight == 1.0 and not one.factors else None

    @cached_property
    def served(self) -> frozenset[str]:
        """Names of the derivatives that the strategy must return."""
        return frozenset(write.name for write in self.serves) - self.aside


@attrs.frozen
class Term:
    """One summand of an output: a slot, its weight, how it is printed and converted, and functions of λ on it."""

    slot: int
    weight: float
    text: str
    convert: Literal["", "stress to virial", "virial to stress"] = ""
    factors: tuple[Factor, ...] = ()


@attrs.frozen
class PlannedOutput:
    """An output of the pipeline and the terms it is made of.

    Parameters
    ----------
    name : str
        Output.
    terms : tuple of Term
        Summands; of a sum in which every weight is zero none.
    reported : bool
        Whether all of it comes from steps themselves and none from a derivative strategy.
    rule : str
        Offered reduction that makes one value of the terms.
    summed : bool
        Whether steps add to it, so that each has a contribution.
    """

    name: str
    terms: tuple[Term, ...]
    reported: bool
    rule: str = "sum"
    summed: bool = False

    @cached_property
    def single(self) -> int | None:
        """Slot of the only term, where the output is just that and nothing has to be done to it."""
        one = self.terms[0] if len(self.terms) == 1 else None
        untouched = one is not None and one.weight == 1.0 and not (one.convert or one.factors) and self.rule == "sum"
        return one.slot if one is not None and untouched and not (self.reported and self.name == "stress") else None


@attrs.frozen
class ExecutionPlan:
    """All that a run does, in the order it does it.

    Parameters
    ----------
    requested : tuple of str
        Outputs, in the order of the quantity table.
    steps, groups, lists, outputs
        What runs.
    sources : tuple of PlannedSource
        Pairs that are built or cut out of larger lists, in order of falling cutoff.
    needs : tuple of str
        Inputs beyond the geometry that the batch must bring.
    accepts : tuple of str
        Inputs beyond the geometry that are used where the batch brings them.
    num_slots : int
        Number of values kept during a run.
    labels : tuple of str
        Printed names of all declared steps, whether they run or not.
    accepted : tuple of str
        What would have been refused, had the user not accepted it.
    spreads : tuple of PlannedSpread
        Standard deviations over members of committees, asked for beside `outputs`.
    stackable : tuple of tuple of int
        Steps of committees whose members are evaluated in one call where they are alike and that is faster.
    weightless : tuple of int
        Declared steps whose weight is zero.
    held : tuple of str
        Tensors in weights, by the names of the fields that they become.
    """

    requested: tuple[str, ...]
    steps: tuple[PlannedStep, ...]
    groups: tuple[PlannedGroup, ...]
    lists: tuple[PlannedList, ...]
    sources: tuple[PlannedSource, ...]
    outputs: tuple[PlannedOutput, ...]
    needs: tuple[str, ...]
    accepts: tuple[str, ...]
    num_slots: int
    labels: tuple[str, ...]
    accepted: tuple[str, ...] = ()
    spreads: tuple[PlannedSpread, ...] = ()
    stackable: tuple[tuple[int, ...], ...] = ()
    weightless: tuple[int, ...] = ()
    held: tuple[str, ...] = ()

    @cached_property
    def runs_weightless(self) -> bool:
        """Whether steps of weight zero run, for what others or a request read of them."""
        return any(step.index in self.weightless for step in self.steps)

    @cached_property
    def steps_by_group(self) -> tuple[tuple[PlannedStep, ...], ...]:
        """The steps of each group, in order."""
        by_index = {step.index: step for step in self.steps}
        return tuple(tuple(by_index[index] for index in group.steps) for group in self.groups)

    def __str__(self) -> str:
        from alchemi_core.planning.explain import explain

        return explain(self)
