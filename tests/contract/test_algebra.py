"""Sums, multiples and nesting of models and pipelines."""

import itertools

import numpy as np
import pytest
from support import byhand
from support.pipelines import ALL, autograd, direct, pipeline
from support.structures import mixed
from support.toys import Charges, Coulomb, Gaussians, Hardness, Kernel

from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.errors import CompositionError, DeclarationError, WiringError
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.topology import PipelineGroup, PipelineStep


def pair(**settings):
    return pipeline(autograd(Charges(), Coulomb()), **settings)


def test_any_bracketing_of_many_gives_one_plan():
    parts = [Gaussians(name="a"), 0.5 * Kernel(-0.3, 3.5, name="b"), pair(), Gaussians(0.2, 3.0, name="d")]
    a, b, c, d = parts
    brackets = [a + b + c + d, a + (b + (c + d)), (a + b) + (c + d), a + (b + c) + d, sum(parts)]
    for one, other in itertools.pairwise(brackets):
        assert one.plan == other.plan
        byhand.assert_outputs(one(mixed()), other(mixed()), rtol=0, atol=0)
    assert len(sum(parts).topology.groups) == 4


def test_a_sum_is_the_sum():
    a, b = Gaussians(), Kernel(-0.3, 3.5)
    expected = byhand.reference(
        lambda batch: 0.5 * byhand.gaussians(batch) - 2 * byhand.gaussians(batch, -0.3, 3.5),
        mixed(),
        ("forces", "stress"),
    )
    for total in (0.5 * a + b * -2, -2 * (b * 0.5 * 2) + a * 0.5, 0.25 * (2 * a + b * -8)):
        byhand.assert_outputs(total(mixed(), requested=ALL), expected)


def test_differences_and_quotients():
    a, b = Gaussians(), pair()
    expected = byhand.reference(
        lambda batch: (byhand.gaussians(batch) - byhand.coulomb(batch, byhand.charges(batch))) / 2,
        mixed(),
        ("forces", "stress"),
    )
    for total in ((a - b) / 2, a / 2 - b / 2, -(b - a) / 2, a / 2 + -b / 2, sum([a / 4, -b / 2, a / 4])):
        byhand.assert_outputs(total(mixed(), requested=ALL), expected)
    assert (-a).topology.groups[0].steps[0].weight == -1.0


def test_numbers_of_numpy_are_numbers():
    for pipe in (np.float64(0.5) * Gaussians(), Gaussians() * np.float32(0.5), Gaussians() / np.int64(2)):
        assert pipe.topology.groups[0].steps[0].weight == 0.5


OPERATIONS = {
    "a + x": lambda a, x: a + x,
    "x + a": lambda a, x: x + a,
    "a - x": lambda a, x: a - x,
    "x - a": lambda a, x: x - a,
    "a * x": lambda a, x: a * x,
    "x * a": lambda a, x: x * a,
    "a / x": lambda a, x: a / x,
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("operand", [True, False, "a", None, 1j, [1.0], np.ones(2)], ids=str)
def test_nonsense_is_refused_by_python_itself(operation, operand):
    with pytest.raises(TypeError):
        OPERATIONS[operation](Gaussians(), operand)


@pytest.mark.parametrize("operation", ["a + x", "a - x", "x - a"])
def test_numbers_are_no_summands(operation):
    with pytest.raises(TypeError):
        OPERATIONS[operation](Gaussians(), 1.0)
    with pytest.raises(TypeError):
        OPERATIONS["x - a"](Gaussians(), 0)


def test_models_are_neither_multiplied_nor_divided():
    for operation in ("a * x", "a / x"):
        with pytest.raises(TypeError):
            OPERATIONS[operation](Gaussians(), Kernel())
    with pytest.raises(TypeError):
        2 / Gaussians()
    with pytest.raises(DeclarationError, match="divided by 0"):
        Gaussians() / 0


def test_two_pipelines_that_wire_the_same_name_do_not_mix():
    one, two = pair(), pipeline(autograd(Charges(cutoff=3.0), Hardness()))
    total = one + two
    assert [s.reads[0].producer for s in total.plan_for({"energy"}).steps if s.reads] == [0, 2]

    def energy(batch):
        q = byhand.charges(batch)
        return byhand.coulomb(batch, q) + byhand.hardness(batch, byhand.charges(batch, cutoff=3.0))

    byhand.assert_outputs(total(mixed(), requested=ALL), byhand.reference(energy, mixed(), ("forces", "stress")))
    nested = pipeline(autograd(one, two))
    byhand.assert_outputs(nested(mixed(), requested=ALL), total(mixed(), requested=ALL), rtol=1e-10)
    with pytest.raises(WiringError, match="'charges' is produced by"):
        total(mixed())


def test_two_groups_that_both_reach_for_one_name_are_refused():
    across = pipeline(direct(PipelineStep(Charges(), detach=True)), direct(Hardness()))
    with pytest.raises(WiringError, match="'charges' is produced by step 0"):
        (across + across).plan_for({"energy"})


@pytest.mark.parametrize("inner", [autograd, direct])
@pytest.mark.parametrize("outer", [autograd, direct])
def test_nesting_changes_nothing(inner, outer):
    flat = pipeline(autograd(Gaussians(), Kernel(-0.3, 3.5), Gaussians(0.2, 3.0)))
    nested = pipeline(outer(pipeline(inner(Gaussians(), pipeline(direct(Kernel(-0.3, 3.5))))), Gaussians(0.2, 3.0)))
    byhand.assert_outputs(nested(mixed(), requested=ALL), flat(mixed(), requested=ALL), rtol=1e-10)


def test_weights_multiply_through_nesting():
    inner = pipeline(autograd(PipelineStep(Gaussians(), weight=3.0)))
    outer = pipeline(autograd(PipelineStep(pipeline(direct(PipelineStep(inner, weight=-0.5))), weight=2.0)))
    expected = byhand.reference(lambda batch: -3 * byhand.gaussians(batch), mixed(), ("forces", "stress"))
    byhand.assert_outputs(outer(mixed(), requested=ALL), expected)


def test_weights_reach_a_users_own_derivative():
    def function(energy, data, requested):
        return energy_derivatives(energy, data, requested)

    pipe = -0.5 * pipeline(autograd(Gaussians(), PipelineStep(Kernel(-0.3, 3.5), weight=4.0), derivative_fn=function))
    expected = byhand.reference(
        lambda batch: -0.5 * byhand.gaussians(batch) - 2 * byhand.gaussians(batch, -0.3, 3.5),
        mixed(),
        ("forces", "stress"),
    )
    byhand.assert_outputs(pipe(mixed(), requested=ALL), expected)


def test_renames_reach_through_nesting():
    inner = pipeline(direct(PipelineStep(Charges("a"), wire={"a": "b"})))
    pipe = pipeline(autograd(PipelineStep(inner, wire={"b": "charges"}), Coulomb()))
    byhand.assert_outputs(pipe(mixed(), requested=ALL), pair()(mixed(), requested=ALL), rtol=1e-12)
    with pytest.raises(WiringError, match="wire names 'a'"):
        pipeline(autograd(PipelineStep(inner, wire={"a": "charges"}), Coulomb()))


def test_detach_reaches_through_nesting():
    inner = pipeline(direct(Charges()))
    pipe = pipeline(autograd(PipelineStep(inner, detach=True), Coulomb()))
    q = byhand.charges(mixed())
    expected = byhand.reference(lambda batch: byhand.coulomb(batch, q), mixed(), ("forces", "stress"))
    byhand.assert_outputs(pipe(mixed(), requested=ALL), expected)


def test_a_derivative_of_its_own_cannot_sit_inside_another():
    inner = pipeline(autograd(Gaussians(), derivative_fn="finite-difference"))
    with pytest.raises(CompositionError, match="one derivative per group"):
        pipeline(autograd(inner))
    beside = pipeline(direct(inner), autograd(Kernel(-0.3, 3.5)))
    flat = pipeline(autograd(Gaussians(), Kernel(-0.3, 3.5)))
    byhand.assert_outputs(beside(mixed(), requested=ALL), flat(mixed(), requested=ALL), rtol=1e-6, atol=1e-7)


def test_settings_of_nested_pipelines_hold_where_the_outer_one_is_silent():
    inner = pair(neighbor_adaptation="never", skin=0.0)
    assert [source.parent for source in pipeline(direct(inner)).plan.sources] == [None, None]
    shared = pipeline(direct(inner), neighbor_adaptation="always").plan
    assert [source.parent for source in shared.sources] == [None, 0]
    with pytest.raises(CompositionError, match="neighbor_adaptation"):
        pipeline(direct(inner), direct(pair(neighbor_adaptation="always")))
    keys = pipeline(direct(pipeline(direct(Charges(), Charges()), additive_keys={"charges"})))
    byhand.assert_outputs(keys(mixed(), requested={"charges"}), {"charges": 2 * byhand.charges(mixed())})


def test_a_sum_leaves_its_operands_alone():
    one, two = pair(skin=0.2), Kernel()
    before = one.topology
    one + two, 0.5 * one, two + one
    assert one.topology is before
    assert isinstance(two + one, PipelineModelWrapper)
    assert [type(g) for g in before.groups] == [PipelineGroup]
