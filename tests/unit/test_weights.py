"""Weights: arithmetic of coupling parameters, and what is refused."""

import pickle

import pytest
import torch
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
        (LAM**3, lambda x: x**3),
        (2 * LAM**0, lambda x: 2),
        (1 - LAM**2, lambda x: 1 - x**2),
        (LAM + LAM, lambda x: 2 * x),
        ((1 - LAM) + LAM, lambda x: 1),
        (LAM * LAM + 1, lambda x: x**2 + 1),
        ((LAM**2 - LAM) * (2 - LAM**2) - 3, lambda x: (x**2 - x) * (2 - x**2) - 3),
        ((1 - LAM) ** 2 - (1 - 2 * LAM), lambda x: x**2),
        (LAM.ramp(0.0, 0.5), lambda x: min(max(x / 0.5, 0), 1)),
        (1 - LAM.ramp(0.25, 1.0) ** 2, lambda x: 1 - min(max((x - 0.25) / 0.75, 0), 1) ** 2),
        (LAM.ramp(1.0, 0.0), lambda x: min(max(1 - x, 0), 1)),
        ((1 - LAM).ramp(0.0, 0.5), lambda x: min(max((1 - x) / 0.5, 0), 1)),
        (LAM.ramp(0.0, 0.5) + LAM.ramp(0.5, 1.0), lambda x: min(max(2 * x, 0), 1) + min(max(2 * x - 1, 0), 1)),
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


@pytest.mark.parametrize(
    ("weight", "text"),
    [
        (1 - LAM**2, "(1 − coupling²)"),
        (LAM**2 - 0.5 * LAM, "(coupling² − 0.5·coupling)"),
        (LAM.ramp(0, 0.5), "coupling.ramp(0, 0.5)"),
        (2 * (1 - LAM.ramp(0, 0.5)) ** 2, "2·(1 − coupling.ramp(0, 0.5))²"),
        (1 + LAM**2, "(1 + coupling²)"),
        (LAM - LAM, "0"),
        ((1 - LAM) + LAM, "1"),
        (3 * LAM - LAM, "2·coupling"),
        (LAM**12, "coupling¹²"),
    ],
)
def test_they_are_printed_as_they_are_written(weight, text):
    assert str(weight) == text


def slope(weight, at, step=1e-6):
    return (weight.at({"coupling": at + step}) - weight.at({"coupling": at - step})) / (2 * step)


@pytest.mark.parametrize(
    "weight",
    [LAM, 3 * (1 - 2 * LAM), LAM**4, 1 - LAM**2, (1 - LAM) * LAM.ramp(0.1, 0.6), (1 - LAM.ramp(0.9, 0.2)) ** 3 * LAM],
)
@pytest.mark.parametrize("value", [-0.4, 0.05, 0.3, 0.7, 1.2])
def test_derivatives_are_slopes(weight, value):
    first, second = weight.derivative("coupling"), weight.derivative("coupling").derivative("coupling")
    assert first.at({"coupling": value}) == pytest.approx(slope(weight, value), abs=1e-8)
    assert second.at({"coupling": value}) == pytest.approx(slope(first, value), abs=1e-7)
    assert weight.derivative("another") == Weight(0.0)


def test_the_slope_of_a_ramp_at_its_ends_is_that_inside():
    first = LAM.ramp(0.25, 0.75).derivative("coupling")
    assert [first.at({"coupling": x}) for x in (0.2, 0.25, 0.5, 0.75, 0.8)] == [0.0, 2.0, 2.0, 2.0, 0.0]


def test_it_is_the_slope_that_torch_takes():
    values = torch.tensor([0.2, 0.25, 0.5, 0.75, 0.8], dtype=torch.float64, requires_grad=True)
    ramp = LAM.ramp(0.25, 0.75)
    (found,) = torch.autograd.grad(ramp.at({"coupling": values}).sum(), values)
    torch.testing.assert_close(found, ramp.derivative("coupling").at({"coupling": values.detach()}))


@pytest.mark.parametrize(
    "make", [lambda: LAM.ramp(0.5, 0.5), lambda: (LAM**2).ramp(0, 1), lambda: Weight(2.0).ramp(0, 1)]
)
def test_no_ramps(make):
    with pytest.raises(DeclarationError, match="the ramp of"):
        make()


@pytest.mark.parametrize("power", [-1, 65])
def test_no_powers(power):
    with pytest.raises(DeclarationError, match="the power"):
        LAM**power


@pytest.mark.parametrize("power", [0.5, True, "2"])
def test_powers_are_whole(power):
    with pytest.raises(TypeError):
        LAM**power


@pytest.mark.parametrize("other", ["a", None, True, 1j, [1.0]])
def test_other_operands_are_refused_by_python_itself(other):
    for operation in (lambda: LAM + other, lambda: other - LAM, lambda: LAM / other, lambda: LAM - other):
        with pytest.raises(TypeError):
            operation()


def test_there_are_not_too_many_factors():
    with pytest.raises(DeclarationError, match="factors"):
        LAM**40 * LAM**40


def test_zero_has_no_factors():
    assert PipelineStep(Gaussians(), weight=0 * (1 - LAM)).weight == 0.0
    assert PipelineStep(Gaussians(), weight=(LAM - LAM) * LAM).weight == 0.0


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
    for weight in (1 - LAM, 1 - LAM**2, 0.5 * LAM.ramp(0.0, 0.5)):
        assert pickle.loads(pickle.dumps(weight)) == weight
        assert hash(weight) == hash(pickle.loads(pickle.dumps(weight)))
    assert LAM.ramp(0, 0.5) != LAM.ramp(0, 0.6)


def test_powers_beyond_floats_are_refused():
    with pytest.raises(DeclarationError, match="the power 2 of"):
        (1e300 * Coupling()) ** 2


def test_sums_of_products_of_sums_have_an_end():
    def grown(times):
        weight = Coupling()
        for _ in range(times):
            weight = (weight + 1) * (weight + 0.5)
        return weight

    assert grown(5).at({"coupling": 0.0}) > 0.5
    with pytest.raises(DeclarationError, match="functions of parameters"):
        grown(40)


@pytest.mark.parametrize("zero", [0, 0.0, -0.0])
def test_nothing_is_divided_by_zero(zero):
    with pytest.raises(DeclarationError, match="/ 0"):
        Coupling() / zero
