"""Plans of derivative strategies as text: the formula of each output, with its terms."""

import pickle

import pytest
from support.pipelines import autograd, direct, pipeline
from support.strategies import FieldResponse, GraphBorn, GraphHessian, Polarizable, SampledBorn, SampledHessian
from support.toys import Charges, Coulomb, Doubling, Gaussians, HybridCoulomb, Kernel, Shift

from alchemi_core.topology import PipelineStep


def weighted(reader=Coulomb):
    return Charges(), PipelineStep(reader(), weight=0.5), Gaussians(), Shift()


SNAPSHOTS = {
    "hessian by the graph": (
        lambda: pipeline(autograd(*weighted(), derivative_fn=GraphHessian())),
        {"energy", "forces", "stress", "hessian"},
        """
group 0 graph-hessian
energy = 0.5·[1] + [2] + [3]
forces = −d(0.5·[1] + [2])/dr
stress = d(0.5·[1] + [2])/dε / V
hessian = d²(0.5·[1] + [2])/dr²
""",
    ),
    "hessian by differences": (
        lambda: pipeline(autograd(*weighted(HybridCoulomb), Kernel(), derivative_fn=SampledHessian())),
        {"forces", "hessian"},
        """
group 0 sampled-hessian
forces = −d(0.5·[1] + [2] + [3] + [4])/dr
hessian = d²(0.5·[1] + [2] + [3] + [4])/dr²
""",
    ),
    "hessian in two groups": (
        lambda: pipeline(
            autograd(Gaussians(), derivative_fn=GraphHessian()),
            autograd(PipelineStep(Kernel(), weight=-2.0), derivative_fn=SampledHessian()),
        ),
        {"hessian"},
        """
group 0 graph-hessian
group 1 sampled-hessian
hessian = d²([0])/dr² + d²(-2·[1])/dr²
""",
    ),
    "of charges": (
        lambda: pipeline(autograd(Charges("q0"), Doubling(), Coulomb(), derivative_fn=GraphBorn())),
        {"born_charges", "dipole", "forces"},
        """
group 0 graph-born
forces = −d([2])/dr
dipole = graph-born(charges←[1])
born_charges = graph-born(charges←[1])
""",
    ),
    "of charges alone": (
        lambda: pipeline(autograd(Charges(), Coulomb(), derivative_fn=SampledBorn()), direct(Kernel())),
        {"born_charges"},
        """
group 0 sampled-born
born_charges = sampled-born(charges←[0])
""",
    ),
    "by a field": (
        lambda: pipeline(autograd(PipelineStep(Polarizable(), weight=0.5), Gaussians(), derivative_fn=FieldResponse())),
        {"polarizability", "forces"},
        """
group 0 field-response
forces = −d(0.5·[0] + [1])/dr
polarizability = −d²(0.5·[0] + [1])/dF²
""",
    ),
    "a function": (
        lambda: pipeline(autograd(Gaussians(), Kernel(), derivative_fn=curvature)),
        {"forces"},
        """
group 0 curvature
forces = −d([0])/dr + [1]
""",
    ),
}


def curvature(energy, data, requested):
    raise AssertionError("only planned")


def told(plan):
    """The lines about derivatives."""
    return [line for line in str(plan).splitlines() if line.startswith("group") or " = " in line]


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_formulas(name):
    pipe, names, expected = SNAPSHOTS[name]
    assert told(pipe().plan_for(names)) == expected.strip().splitlines()


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_plans_with_strategies_are_values(name):
    pipe, names, _ = SNAPSHOTS[name]
    one, two = pipe().plan_for(names), pipe().plan_for(names)
    assert one == two
    assert hash(one) == hash(two)
    assert pickle.loads(pickle.dumps(one)) == one


def test_what_only_a_strategy_reads_is_no_idle_step():
    plan = str(pipeline(autograd(Charges(), Gaussians(), derivative_fn=GraphBorn())).plan_for({"born_charges"}))
    assert "idle    [1] gaussians   since nothing asked for depends on them" in plan
    assert "writes charges" in plan
