"""Expressions to pipelines: the same plans and values as of those written by hand in Python."""

import pytest
import torch
from ase.build import molecule
from support.toys import Charges, Coulomb, Gaussians, Hardness, Kernel

from alchemi_core.data.batch import Batch
from alchemi_core.errors import CutGradientError, WiringError
from alchemi_core.expressions import build_expression, parse_expression
from alchemi_core.offers import ModelOffer
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.plugin_records import PluginRecord
from alchemi_core.registry import Registry
from alchemi_core.topology import PipelineGroup, PipelineStep

TOYS = {"charges": Charges, "coulomb": Coulomb, "gauss-ians": Gaussians, "kernel": Kernel, "hardness": Hardness}
OFFERS = tuple(ModelOffer(name=name, summary="s", target=f"support.toys:{toy.__name__}") for name, toy in TOYS.items())
REGISTRY = Registry((PluginRecord("toys", "alchemi-toys", "1.0", OFFERS),))


def built(text):
    return build_expression(parse_expression(text), REGISTRY)


def by_hand(*groups):
    return PipelineModelWrapper([PipelineGroup(steps, use_autograd=graph) for steps, graph in groups])


def assert_same_plans(one, other, *more):
    for names in ({"energy"}, {"energy", "forces"}, {"energy", "forces", "stress"}, *more):
        assert str(one.plan_for(names)) == str(other.plan_for(names))


def test_the_plan_is_that_of_the_pipeline_written_by_hand():
    one = built("[charges(cutoff=3.5), coulomb] + kernel(strength=0.5)")
    other = by_hand(([Charges(cutoff=3.5), Coulomb()], True), ([Kernel(strength=0.5)], False))
    assert_same_plans(one, other, {"charges"})
    assert "autograd" in str(one.plan)
    assert [group.use_autograd for group in one.topology.groups] == [True, False]


def test_renames_and_weights_are_those_of_steps():
    text = "[charges(output='q') >> {'q': 'charges'}, 0.5*coulomb, hardness(eta=2.0)] + 0.25*gauss_ians + kernel"
    steps = [PipelineStep(Charges(output="q"), wire={"q": "charges"}), PipelineStep(Coulomb(), weight=0.5)]
    steps += [Hardness(eta=2.0)]
    other = by_hand((steps, True), ([PipelineStep(Gaussians(), weight=0.25)], False), ([Kernel()], False))
    assert_same_plans(built(text), other, {"charges"})


def test_a_weight_before_brackets_is_that_of_algebra():
    group = by_hand(([Charges(), Coulomb()], True))
    assert_same_plans(built("0.5*[charges, coulomb] + 2*(kernel)"), 0.5 * group + 2 * Kernel())


def test_a_rename_outside_brackets_makes_no_group_of_its_own_kind():
    steps = [PipelineStep(Charges(), wire={"charges": "q"})]
    assert_same_plans(
        built("(charges >> {'charges': 'q'}) + kernel"), by_hand((steps, False), ([Kernel()], False)), {"q"}
    )


def test_a_sum_of_the_same_is_refused_where_brackets_are_needed():
    """Across groups the gradient is cut: the error of the plan is the same as in Python, and brackets are the fix."""
    with pytest.raises(CutGradientError):
        built("charges + coulomb").plan_for({"forces"})


def test_a_rename_of_what_the_model_does_not_give_names_what_it_gives():
    with pytest.raises(WiringError, match="charges"):
        built("[charges >> {'chrages': 'q'}, kernel]")


def test_values_are_those_of_the_pipeline_written_by_hand():
    batch = Batch.from_ase([molecule("CH3OH"), molecule("H2O")])
    one = built("[charges(cutoff=3.5), 0.7*coulomb] + kernel")(batch)
    steps = [Charges(cutoff=3.5), PipelineStep(Coulomb(), weight=0.7)]
    other = by_hand((steps, True), ([Kernel()], False))(batch)
    for name in ("energy", "forces"):
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=0)
