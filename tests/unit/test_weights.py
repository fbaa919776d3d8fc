"""Weights: arithmetic of coupling parameters, and what is refused."""

import pickle

import pytest
from support.toys import Gaussians

from alchemi_core.errors import DeclarationError
from alchemi_core.topology import PipelineStep
from alchemi_core.weights import Coupling, Weight, as_weight

LAM = Coupling()


@pytest.mark.parametrize(
    ("weight", "function"),
    [
        (LAM, lambda x: x),
        (1 - LAM, lambda x: 1 - x),
        (LAM - 1, lambda x: x - 1),
        (-LAM, lambda x: -x),
        (0.5 * LAM, lambda x: 0.5 * x),
        (LAM * 3, lambda x: 3 * x),
        ((1 - LAM) / 4, lambda x: (1 - x) / 4),
        (2 * LAM + 0.25, lambda x: 2 * x + 0.25),
        (1 - 2 * (1 - LAM), lambda x: 1 - 2 * (1 - x)),
        (0.5 * LAM * (2 - LAM), lambda x: 0.5 * x * (2 - x)),
        (-(LAM * LAM) * LAM, lambda x: -(x**3)),
    ],
)
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0, -2.0])
def test_arithmetic_is_that_of_numbers(weight, function, value):
    assert weight.at({"coupling": value}) == pytest.approx(function(value), abs=1e-15)


def test_two_parameters_multiply():
    both = Coupling("first") * (1 - Coupling("second"))
    assert both.names == {"first", "second"}
    assert both.at({"first": 0.5, "second": 0.2}) == pytest.approx(0.4)
    assert str(both) == "first·(1 − second)"


@pytest.mark.parametrize("weight", [LAM * LAM, Coupling("first") * Coupling("second")])
def test_products_are_not_added_to(weight):
    with pytest.raises(DeclarationError, match="no sums"):
        weight + 1


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), "half", True, None])
def test_no_weights(weight):
    with pytest.raises(DeclarationError, match="weight"):
        PipelineStep(Gaussians(), weight=weight)


@pytest.mark.parametrize("name", ["", "two words", "1st", "a-b", "lambda", "positions", "cell"])
def test_no_names(name):
    with pytest.raises(DeclarationError, match="no name"):
        Coupling(name)


def test_a_number_stays_a_number():
    assert PipelineStep(Gaussians(), weight=2).weight == 2.0
    assert PipelineStep(Gaussians(), weight=as_weight(0.5)).weight == 0.5
    assert isinstance(PipelineStep(Gaussians(), weight=LAM).weight, Weight)


def test_weights_are_values():
    assert 1 - Coupling() == 1 - LAM
    assert pickle.loads(pickle.dumps(1 - LAM)) == 1 - LAM
