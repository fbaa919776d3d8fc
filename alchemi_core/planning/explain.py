"""The printed plan: who reads what, which lists there are and why, and what each output is made of."""

from __future__ import annotations

from string import ascii_uppercase
from typing import TYPE_CHECKING

from alchemi_core.planning.plan import ExecutionPlan, Mode, PlannedGroup, PlannedOutput, PlannedStep
from alchemi_core.quantities import QUANTITIES
from alchemi_core.weights import Weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from alchemi_core.planning.planned_lists import PlannedList

_ALWAYS = ("positions", "atomic_numbers")
_DESCRIBED = 24  # columns of most descriptions of lists, so that those of one list stand as those of many


def explain(plan: ExecutionPlan) -> str:
    """Return the text of a plan."""
    return "\n".join(
        [*_head(plan), *_lists(plan), *_groups(plan), *map(_formula, plan.outputs), *map(str, plan.spreads)]
    )


def list_name(number: int) -> str:
    """Letter of a neighbor list: A, B, ..., Z, A1, B1, ..."""
    turn, letter = divmod(number, len(ascii_uppercase))
    return ascii_uppercase[letter] + (str(turn) if turn else "")


def _head(plan: ExecutionPlan) -> Iterator[str]:
    counts = [(len(plan.steps), "step"), (len(plan.groups), "group"), (len(plan.lists), "neighbor list")]
    told = ", ".join(f"{n} {noun}{'' if n == 1 else 's'}" for n, noun in counts)
    yield f"plan    {told:<40}wants  {'  '.join(plan.requested)}"
    cell = ("cell", "pbc") if any(step.reads_cell for step in plan.steps) else ()
    yield "needs   " + "   ".join(_described(name) for name in (*_ALWAYS, *cell, *plan.needs))
    if plan.accepts:
        yield "takes   " + "   ".join(_described(name) for name in plan.accepts) + "   where the batch brings them"
    if plan.held:
        yield f"holds   {'   '.join(plan.held)}"
    yield from _idle(plan)
    yield from (f"accepts {text}" for text in plan.accepted)
    for members in plan.stackable:
        told = " ".join(f"[{step}]" for step in members)
        yield f"members {told}   in one call where they are alike and that is faster"


def _idle(plan: ExecutionPlan) -> Iterator[str]:
    """Say which steps do not run, and why."""
    running = {step.index for step in plan.steps}
    idle = {i: f"[{i}] {label}" for i, label in enumerate(plan.labels) if i not in running}
    if light := [text for i, text in idle.items() if i in plan.weightless]:
        yield f"idle    {', '.join(light)}   weight 0"
    if others := [text for i, text in idle.items() if i not in plan.weightless]:
        yield f"idle    {', '.join(others)}   since nothing asked for depends on them"


def _described(name: str) -> str:
    quantity = QUANTITIES.get(name)
    return f"{name} {quantity.axes} {quantity.unit}".rstrip() if quantity else name


def _lists(plan: ExecutionPlan) -> Iterator[str]:
    labels = dict(enumerate(plan.labels))
    rows = [
        (f"list {list_name(number)}", planned.config.describe(), _readers(planned, labels), _origin(planned))
        for number, planned in enumerate(plan.lists)
    ]
    described, readers = (max((len(row[column]) for row in rows), default=0) for column in (1, 2))
    for name, description, who, origin in rows:
        yield f"{name}  {description:>{max(described, _DESCRIBED)}}   for {who:<{readers}}   {origin}".rstrip()


def _origin(planned: PlannedList) -> str:
    """Why its pairs are built or cut, and by which conversions they become the list."""
    told = planned.reason or ("built" if planned.route else "")
    return ", then ".join([told, *planned.route])


def _readers(planned: PlannedList, labels: dict[int, str]) -> str:
    return ", ".join(labels[step] for step in planned.readers)


def _groups(plan: ExecutionPlan) -> Iterator[str]:
    steps = {step.index: step for step in plan.steps}
    rows = {i: (step.label, _reads(step), _writes(step)) for i, step in steps.items()}
    label, reads = (max((len(row[column]) for row in rows.values()), default=0) for column in (0, 1))
    for group in plan.groups:
        yield f"group {group.index} {group.derivative}"
        yield from (_step(i, rows[i], label, reads, steps[i], group) for i in group.steps)


def _step(index: int, row: tuple[str, str, str], label: int, reads: int, step: PlannedStep, group: PlannedGroup) -> str:
    written = Weight(step.weight, step.factors)
    weight = "" if written == Weight() else f"   weight {written}"
    fixed = "   derivatives at fixed inputs" if step.mode is Mode.PARTIAL and group.energies else ""
    return f"  [{index}] {row[0]:<{label}}   reads {row[1]:<{reads}}   writes {row[2]}{weight}{fixed}"


def _reads(step: PlannedStep) -> str:
    words = ["positions", "numbers", *(["cell"] if step.reads_cell else [])]
    for read in step.reads:
        arrow = "" if read.producer is None else f"←[{read.producer}]" + ("" if read.live else " detached")
        words.append(read.name + ("?" if read.optional and read.producer is None else "") + arrow)
    if step.neighbors is not None:
        words.append(list_name(step.neighbors))
    return " ".join(words)


def _writes(step: PlannedStep) -> str:
    return _joined(w.output if w.output == w.name else f"{w.output}→{w.name}" for w in step.writes)


def _joined(words: Iterable[str]) -> str:
    return " ".join(words)


def _formula(output: PlannedOutput) -> str:
    texts = [term.text + (f" ({term.convert})" if term.convert else "") for term in output.terms]
    if output.rule != "sum":
        return f"{output.name} = {output.rule}({', '.join(texts)})"
    return f"{output.name} = " + (" + ".join(texts) or "0").replace(" + −", " − ")
