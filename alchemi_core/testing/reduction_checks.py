"""What every reduction keeps: a rule that makes one value of several, element by element."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.contract import Analytic
from alchemi_core.data.batch import Batch
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.testing.comparing import DIFFERENCED, SAME, compare, noted
from alchemi_core.testing.failures import failure
from alchemi_core.testing.process_state import left_changed
from alchemi_core.testing.promises import Promise
from alchemi_core.testing.structures import structure_named
from alchemi_core.topology import PipelineGroup, PipelineStep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_core.reductions import Reduction
    from alchemi_core.registry import Registry

SHAPES = ((5,), (5, 3), (2, 3, 3), (2, 1))
WEIGHTS = (0.5, 1.5, 1.0)
SINGLE = 1e-5
"""Relative: a few operations in float32 against float64."""


@attrs.frozen(eq=False)
class ReductionSpecimen:
    """A reduction under check.

    Parameters
    ----------
    name : str
        What it is called in reports.
    reduce : callable
        The reduction.
    rule : str, optional
        Under which name pipelines find it; None where they cannot.
    registry : Registry, optional
        Where they find it.
    """

    name: str
    reduce: Reduction
    rule: str | None
    registry: Registry | None

    def of(self, values: Sequence[Tensor], weights: Sequence[float] = WEIGHTS) -> Tensor:
        """Reduce copies of values, and return a copy of the result; lists are what pipelines give."""
        return self.reduce([value.clone() for value in values], list(weights)).clone()


def some_values(shape: tuple[int, ...], dtype: torch.dtype = torch.float64, count: int = 3) -> list[Tensor]:
    """Return values of no symmetry, no two of them alike, that are exact in float32 as well."""
    size = int(torch.tensor(shape).prod())
    steps = torch.arange(1, size + 1, dtype=torch.float64)
    rounded = [torch.sin((1.3 + 0.7 * k) * steps + k).mul(2**20).round().div(2**20) for k in range(count)]
    return [one.reshape(shape).to(dtype) for one in rounded]


def _same(found: Tensor, expected: Tensor, what: str, *, within: float = SAME, fix: str = "") -> float:
    return compare({"the result": found}, {"the result": expected}, what, within=within, fix=fix)


def check_one(specimen: ReductionSpecimen) -> str:
    """Reduce a single value of weight one."""
    worst: list[tuple[float, str]] = []
    for shape in SHAPES:
        (value,) = some_values(shape, count=1)
        found = specimen.of([value.clone()], [1.0])
        what = f"one value {list(shape)} of weight 1"
        worst.append((_same(found, value, what, fix="divide by the sum of weights"), str(list(shape))))
    return noted(worst)


def check_kind(specimen: ReductionSpecimen) -> str:
    """Look at shape, dtype and device of the result."""
    for shape in SHAPES:
        for dtype in (torch.float64, torch.float32):
            found = specimen.reduce(some_values(shape, dtype), list(WEIGHTS))
            what, expected = f"three values {list(shape)} {dtype}", f"a tensor {list(shape)} {dtype} on cpu"
            _check_kind(found, shape, dtype, what, expected)
    return "float64 and float32"


def _check_kind(found: object, shape: tuple[int, ...], dtype: torch.dtype, what: str, expected: str) -> None:
    if not isinstance(found, torch.Tensor):
        raise failure(what, f"gave {type(found).__name__}", expected=expected)
    kind = (tuple(found.shape), found.dtype, found.device.type)
    if kind != (shape, dtype, "cpu"):
        text = f"gave {list(found.shape)} {found.dtype} on {found.device}"
        raise failure(what, text, expected=expected, fix="no tensor of another kind: value.new_tensor(weights)")


def check_order(specimen: ReductionSpecimen) -> str:
    """Give the same values in other orders."""
    worst: list[tuple[float, str]] = []
    for shape in SHAPES:
        values = some_values(shape)
        expected = specimen.of(values)
        for order in ((2, 0, 1), (2, 1, 0)):
            found = specimen.of([values[k] for k in order], [WEIGHTS[k] for k in order])
            what = f"three values {list(shape)} in the order {order}"
            fix = "a rule that depends on the order of steps is exempt, with that as the reason"
            worst.append((_same(found, expected, what, fix=fix), str(list(shape))))
    return noted(worst)


def check_gradients(specimen: ReductionSpecimen) -> str:
    """Differentiate by every value, and compare with central differences."""
    values = [value.requires_grad_() for value in some_values((3, 2))]
    found = specimen.of(values)
    what = "three values [3, 2] that require grad"
    if not found.requires_grad:
        raise failure(what, "the result is off the graph", expected="a result on it", fix="no .detach(), no .data")
    weights = torch.linspace(0.5, 1.5, found.numel(), dtype=found.dtype).reshape(found.shape)
    grads = torch.autograd.grad((found * weights).sum(), values, allow_unused=True)
    worst: list[tuple[float, str]] = []
    for number, (value, grad) in enumerate(zip(values, grads, strict=True)):
        own = torch.zeros_like(value) if grad is None else grad
        expected, name = _slopes(specimen, values, number, weights), f"gradient by value {number}"
        worst.append((compare({name: own}, {name: expected}, what, within=DIFFERENCED), f"value {number}"))
    return noted(worst)


def _slopes(specimen: ReductionSpecimen, values: Sequence[Tensor], number: int, weights: Tensor) -> Tensor:
    plain, step = [value.detach() for value in values], 1e-5
    out = torch.zeros_like(plain[number])
    for place in range(out.numel()):
        shift = torch.zeros_like(out).flatten()
        shift[place] = step
        sides = [
            (specimen.of([one + sign * shift.view_as(one) if k == number else one for k, one in enumerate(plain)]))
            for sign in (1.0, -1.0)
        ]
        out.view(-1)[place] = ((sides[0] - sides[1]) * weights).sum() / (2.0 * step)
    return out


def check_inputs(specimen: ReductionSpecimen) -> None:
    """Look at values and weights after the call, with grad enabled and not."""
    for grad in (True, False):
        values, weights = some_values((5, 3)), list(WEIGHTS)
        lists, copies = list(values), [value.clone() for value in values]
        with torch.set_grad_enabled(grad):
            specimen.reduce(lists, weights)
        same = len(lists) == len(values) and all(one is other for one, other in zip(lists, values, strict=True))
        if not same or weights != list(WEIGHTS):
            raise failure("the lists of values and weights", "were changed", expected="lists that are left as given")
        if not all(torch.equal(one, copy) for one, copy in zip(values, copies, strict=True)):
            raise failure("values", "were changed", expected="values left as given", fix="total = total + value")


def check_deterministic(specimen: ReductionSpecimen) -> None:
    """Reduce the same values twice."""
    first = specimen.of(some_values((5, 3)))
    if not torch.equal(specimen.of(some_values((5, 3))), first):
        raise failure("the same values again", "gave something else", expected="the same bits", fix="keep no state")


def check_keeps_nothing(specimen: ReductionSpecimen) -> None:
    """Look at a result, and at that of other values of the same shape, after both calls."""
    first = specimen.reduce(some_values((5, 3)), list(WEIGHTS))
    kept = first.clone()
    second = specimen.of([value.flip(0) for value in some_values((5, 3))])
    if not torch.equal(first, kept):
        raise failure("a second call", "changed the first result", expected="a result of its own", fix="no buffer")
    _same(second, kept.flip(0), "the same rows in reverse after that", fix="keep nothing of a call")


def check_global_state(specimen: ReductionSpecimen) -> None:
    """Look at the settings of the process after a call."""
    if changed := left_changed(lambda: specimen.of(some_values((5, 3)))):
        raise failure(specimen.name, f"a call changed {', '.join(changed)}", expected="a process left as it was")


def check_not_a_number(specimen: ReductionSpecimen) -> None:
    """Put NaN into one place of one value."""
    for number in range(len(WEIGHTS)):
        values = some_values((5, 3))
        values[number][2, 1] = torch.nan
        found = specimen.of(values)
        expected = torch.zeros(5, 3, dtype=torch.bool)
        expected[2, 1] = True
        if not torch.equal(found.isnan(), expected):
            where = found.isnan().nonzero().tolist()
            raise failure(
                f"NaN at [2, 1] of value {number}",
                f"NaN in the result at {where or 'no place'}",
                expected="NaN at [2, 1] and nowhere else",
                fix="a rule that takes one value only, or skips NaN on purpose, is exempt, with that as the reason",
            )


def check_single_precision(specimen: ReductionSpecimen) -> str:
    """Compare float32 with float64."""
    worst: list[tuple[float, str]] = []
    for shape in SHAPES:
        found = specimen.of(some_values(shape, torch.float32))
        expected = specimen.of(some_values(shape))
        what = f"three values {list(shape)} in float32 against float64"
        worst.append((_same(found, expected, what, within=SINGLE), str(list(shape))))
    return noted(worst)


def check_empty(specimen: ReductionSpecimen) -> None:
    """Reduce values without rows, as of a batch without atoms."""
    for shape in ((0,), (0, 3)):
        found = specimen.of(some_values(shape))
        if tuple(found.shape) != shape:
            raise failure(f"three values {list(shape)}", f"gave {list(found.shape)}", expected=f"{list(shape)}")


def check_rows(specimen: ReductionSpecimen) -> str:
    """Compare rows reduced together with rows reduced one by one: rows are atoms or systems."""
    worst: list[tuple[float, str]] = []
    for shape in SHAPES:
        values = some_values(shape)
        alone = [specimen.of([value[row : row + 1] for value in values]) for row in range(shape[0])]
        what = f"three values {list(shape)}, row by row"
        fix = "take rows one by one: torch.stack(values) and reduce the new axis only"
        worst.append((_same(specimen.of(values), torch.cat(alone), what, fix=fix), str(list(shape))))
    return noted(worst)


def check_tuples(specimen: ReductionSpecimen) -> None:
    """Give tuples in place of lists."""
    found = specimen.reduce(tuple(some_values((5, 3))), WEIGHTS)
    _same(found, specimen.of(some_values((5, 3))), "tuples of values and weights, against lists")


class Charged(BaseModelMixin):
    """Gives charges that depend on elements alone."""

    def __init__(self, name: str, factor: float) -> None:
        self.factor = factor
        self.model_config = ModelConfig(name=name, outputs={"charges": Analytic()}, supports_pbc=True)

    def compute(self, view: ModelView, requested: frozenset[str]) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Return charges [N]."""
        return {"charges": torch.sin(self.factor * view.atomic_numbers.to(view.positions.dtype))}


def check_pipeline(specimen: ReductionSpecimen) -> str:
    """Use it as the rule for the charges of three models in a pipeline."""
    factors = (0.3, 0.5, 0.7)
    steps = [PipelineStep(Charged(f"charges-{f}", f), weight=w) for f, w in zip(factors, WEIGHTS, strict=True)]
    groups, rules = [PipelineGroup(steps)], {"charges": str(specimen.rule)}
    pipe = PipelineModelWrapper(groups, reductions=rules, registry=specimen.registry)
    batch = Batch.from_ase([structure_named("water").make(), structure_named("rock-salt").make()])
    numbers = batch.atomic_numbers.double()
    expected = specimen.of([torch.sin(factor * numbers) for factor in factors])
    found = dict(pipe(batch, requested={"charges"}))
    off = compare(found, {"charges": expected}, "charges of three models in a pipeline")
    return noted([(off, "charges")])


PROMISES = (
    Promise("one-value", "one value of weight 1 is itself", check_one),
    Promise("shape-and-dtype", "results have shape, dtype and device of the values", check_kind),
    Promise("order", "the order of the values means nothing", check_order),
    Promise("gradients", "gradients reach every value that counts, and are right", check_gradients),
    Promise("inputs-unchanged", "values and weights are left as given", check_inputs),
    Promise("deterministic", "the same values give the same bits", check_deterministic),
    Promise("keeps-nothing", "results share no buffer, and nothing of a call is kept", check_keeps_nothing),
    Promise("global-state", "the settings of the process are left alone", check_global_state),
    Promise("not-a-number", "NaN is seen where it is, and nowhere else", check_not_a_number),
    Promise("float32", "float32 gives what float64 gives", check_single_precision),
    Promise("empty", "values without rows give a result without rows", check_empty),
    Promise("rows", "each row is reduced by itself: systems of a batch are apart", check_rows),
    Promise("tuples", "values and weights may be any sequences", check_tuples),
    Promise("pipeline", "a pipeline uses it as the rule of an output", check_pipeline, lambda one: bool(one.rule)),
)
"""The checks of reductions."""
