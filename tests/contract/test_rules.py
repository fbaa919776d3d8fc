"""Rules by which several values of an output become one, and what they refuse."""

import pytest
import torch
from support import byhand
from support.pipelines import CORE, direct, pipeline
from support.structures import mixed
from support.toys import Charges

from alchemi_core.errors import CompositionError, DeclarationError, ModelOutputError, OptionError, SerializationError
from alchemi_core.topology import PipelineStep
from alchemi_core.weights import Coupling

VALUES = torch.stack([byhand.charges(mixed(), cutoff=cutoff) for cutoff in (4.0, 3.0, 3.5)])
WEIGHTS = (1.0, 0.5, 2.0)


def models(weights=WEIGHTS, output="charges"):
    steps = [Charges(output, cutoff=cutoff) for cutoff in (4.0, 3.0, 3.5)]
    return direct(*(PipelineStep(model, weight=w) for model, w in zip(steps, weights, strict=True)))


def reduced(rule, weights=WEIGHTS, output="charges", batch=None):
    pipe = pipeline(models(weights, output), reductions={output: rule})
    return pipe(mixed() if batch is None else batch, {output})[output]


def weighted(values=VALUES):
    return torch.tensor(WEIGHTS, dtype=torch.float64).view(-1, 1) * values


RULES = {
    "sum": lambda: weighted().sum(0),
    "mean": lambda: weighted().sum(0) / 3.5,
    "spread": lambda: (weighted((VALUES - weighted().sum(0) / 3.5) ** 2).sum(0) / 3.5 * 1.5).sqrt(),
    "first": lambda: VALUES[0],
    "last": lambda: VALUES[2],
}


@pytest.mark.parametrize("rule", RULES)
def test_against_numbers_written_out(rule):
    torch.testing.assert_close(reduced(rule), RULES[rule](), rtol=1e-12, atol=1e-14)


def test_side_by_side():
    torch.testing.assert_close(reduced("concatenate", output="features"), VALUES.T)
    with pytest.raises(ModelOutputError, match=r"reduction concatenate: made charges of shape \[5, 3\]"):
        reduced("concatenate")


def test_the_deviation_of_what_the_mean_is_taken_of():
    pipe = pipeline(models(), reductions={"charges": "mean"})
    out = pipe(mixed(), {"charges", "charges_std"})
    torch.testing.assert_close(out["charges_std"], RULES["spread"](), rtol=1e-12, atol=1e-14)
    assert "charges_std = spread(" in str(pipe.plan_for({"charges_std"}))


def test_a_function_of_ones_own():
    def largest(values, weights):
        assert list(weights) == [1.0, 0.5, 2.0]
        return torch.stack(list(values)).amax(0)

    torch.testing.assert_close(reduced(largest), VALUES.amax(0))


def test_a_function_is_never_taken_for_an_offered_rule():
    def sum(values, weights):  # noqa: A001 - the name is the point
        return torch.stack(list(values)).amax(0)

    torch.testing.assert_close(reduced(sum), VALUES.amax(0))
    assert "charges = function sum(" in str(pipeline(models(), reductions={"charges": sum}).plan_for({"charges"}))


class Unhashable:
    __hash__ = None

    def __call__(self, values, weights):
        return values[0]


def test_what_can_be_called_need_not_be_hashable():
    torch.testing.assert_close(reduced(Unhashable()), VALUES[0])


@pytest.mark.parametrize("rule", ["first", "last"])
def test_weights_of_any_kind_leave_values_alone(rule):
    lam = Coupling()
    batch = mixed().with_fields(coupling=torch.tensor([[0.3], [0.8]], dtype=torch.float64))
    torch.testing.assert_close(reduced(rule, (lam, 2.0, 1 - lam), batch=batch), RULES[rule]())


@pytest.mark.parametrize("rule", ["mean", "spread", lambda values, weights: values[0]])
def test_weights_that_are_functions_are_for_sums(rule):
    with pytest.raises(CompositionError, match="numbers as weights"):
        reduced(rule, (Coupling(), 1.0, 1.0))


@pytest.mark.parametrize("weights", [(1.0, -0.5, 1.0), (1.0, -1.0, 0.0)])
def test_deviations_want_weights_above_zero(weights):
    with pytest.raises(CompositionError, match="weights above 0"):
        reduced("spread", weights)


def test_the_deviation_of_a_mean_wants_them_too():
    pipe = pipeline(models((1.0, -0.5, 1.0)), reductions={"charges": "mean"})
    with pytest.raises(CompositionError, match="weights above 0"):
        pipe(mixed(), {"charges_std"})


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda values, weights: None, "made None of charges"),
        (lambda values, weights: values[0].mul_(2.0), "changed values of charges in place"),
        (lambda values, weights: values[0][:2], r"made charges of shape \[2\]"),
    ],
)
def test_functions_that_are_no_rule(rule, message):
    with pytest.raises(ModelOutputError, match=message):
        reduced(rule)


@pytest.mark.parametrize("rule", [3, lambda values: values[0], lambda a, b, c: a])
def test_what_cannot_be_called_so_is_refused_when_declared(rule):
    with pytest.raises(DeclarationError, match="reductions give 'charges' the rule"):
        pipeline(models(), reductions={"charges": rule})


def test_results_have_the_precision_of_the_batch():
    assert reduced(lambda values, weights: values[0].float()).dtype == torch.float64


def test_functions_are_not_saved(tmp_path):
    pipe = pipeline(models(), reductions={"charges": lambda values, weights: values[0]})
    with pytest.raises(SerializationError, match="the rule for 'charges' is the function"):
        pipe.save(tmp_path / "a.alchemi")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("contributions", ["forces", {"forces"}, 1.5, None])
def test_contributions_are_all_or_those_to_the_energy(contributions):
    with pytest.raises(OptionError, match="expected: True, False or 'energy'"):
        pipeline(models(), reductions={"charges": "mean"}, registry=CORE)(mixed(), contributions=contributions)
