"""Plans as text: what a user reads before anything runs."""

import pickle

import attrs
import pytest
from support.pipelines import ALL, autograd, direct, pipeline
from support.toys import Charges, Coulomb, Gaussians, HybridCoulomb, Kernel

from alchemi_core.contract import Constant
from alchemi_core.neighbors.routing import REFERENCE_COSTS
from alchemi_core.planning.planner import make_plan
from alchemi_core.topology import PipelineStep


def wired(reader=Coulomb, **producer):
    step = PipelineStep(Charges("q"), wire={"q": "charges"}, **producer)
    return pipeline(autograd(step, reader(), Gaussians()), direct(PipelineStep(Kernel(cutoff=9.0), weight=0.5)))


BUILT = "built: cutting it out of the 9 Å pairs would cost about 1.6 times as much"
CUT = "cut out of the 5 Å pairs, cheaper than building it"
FIXED = "derivatives at fixed inputs"

SNAPSHOTS = {
    "wired": (
        lambda: wired().plan,
        """
plan    4 steps, 2 groups, 3 neighbor lists     wants  energy  forces  stress  charges
needs   positions [N,3] Å   atomic_numbers [N]   cell [B,3,3] Å   pbc [B,3]
list A          9 Å  pairs  full   for kernel
list B          5 Å  pairs  full   for coulomb                   <built>
list C          4 Å  pairs  full   for charge-model, gaussians   <cut>
group 0 autograd
  [0] charge-model   reads positions numbers cell C               writes q→charges
  [1] coulomb        reads positions numbers cell charges←[0] B   writes energy
  [2] gaussians      reads positions numbers cell C               writes energy
group 1 as reported
  [3] kernel         reads positions numbers cell A               writes energy forces stress   weight 0.5
energy = [1] + [2] + 0.5·[3]
forces = −d([1] + [2])/dr + 0.5·[3]
stress = d([1] + [2])/dε / V + 0.5·[3]
charges = [0]
""",
    ),
    "hybrid": (
        lambda: wired(HybridCoulomb).plan_for({"forces", "virial"}),
        """
plan    4 steps, 2 groups, 3 neighbor lists     wants  forces  virial
needs   positions [N,3] Å   atomic_numbers [N]   cell [B,3,3] Å   pbc [B,3]
list A          9 Å  pairs  full   for kernel
list B          5 Å  pairs  full   for hybrid-coulomb            <built>
list C          4 Å  pairs  full   for charge-model, gaussians   <cut>
group 0 autograd
  [0] charge-model     reads positions numbers cell C               writes q→charges
  [1] hybrid-coulomb   reads positions numbers cell charges←[0] B   writes energy forces stress   <fixed>
  [2] gaussians        reads positions numbers cell C               writes energy
group 1 as reported
  [3] kernel           reads positions numbers cell A               writes energy forces stress   weight 0.5
forces = −d([2])/dr − (∂[1]/∂charges)(dcharges/dr) + [1] + 0.5·[3]
virial = −d([2])/dε − (∂[1]/∂charges)(dcharges/dε) + [1] (stress to virial) + 0.5·[3] (stress to virial)
""",
    ),
    "detached": (
        lambda: wired(detach=True).plan_for({"forces"}),
        """
plan    4 steps, 2 groups, 3 neighbor lists     wants  forces
needs   positions [N,3] Å   atomic_numbers [N]   cell [B,3,3] Å   pbc [B,3]
list A          9 Å  pairs  full   for kernel
list B          5 Å  pairs  full   for coulomb                   <built>
list C          4 Å  pairs  full   for charge-model, gaussians   <cut>
group 0 autograd
  [0] charge-model   reads positions numbers cell C                        writes q→charges
  [1] coulomb        reads positions numbers cell charges←[0] detached B   writes energy
  [2] gaussians      reads positions numbers cell C                        writes energy
group 1 as reported
  [3] kernel         reads positions numbers cell A                        writes energy forces   weight 0.5
forces = −d([1] + [2])/dr + 0.5·[3]
""",
    ),
    "finite differences": (
        lambda: pipeline(autograd(Charges(), Coulomb(), Kernel(), derivative_fn="finite-difference")).plan_for(ALL),
        """
plan    3 steps, 1 group, 2 neighbor lists      wants  energy  forces  stress
needs   positions [N,3] Å   atomic_numbers [N]   cell [B,3,3] Å   pbc [B,3]
list A          5 Å  pairs  full   for coulomb
list B          4 Å  pairs  full   for charge-model, kernel   <cut>
group 0 finite-difference
  [0] charge-model   reads positions numbers cell B               writes charges
  [1] coulomb        reads positions numbers cell charges←[0] A   writes energy
  [2] kernel         reads positions numbers cell B               writes energy
energy = [1] + [2]
forces = −d([1] + [2])/dr
stress = d([1] + [2])/dε / V
""",
    ),
    "from the batch": (
        lambda: pipeline(direct(HybridCoulomb(), Charges("unused")), direct(Gaussians())).plan_for(
            {"energy", "forces"}
        ),
        """
plan    2 steps, 2 groups, 2 neighbor lists     wants  energy  forces
needs   positions [N,3] Å   atomic_numbers [N]   cell [B,3,3] Å   pbc [B,3]   charges [N] e
idle    [1] charge-model   since nothing asked for depends on them
list A          5 Å  pairs  full   for hybrid-coulomb
list B          4 Å  pairs  full   for gaussians        <cut>
group 0 as reported
  [0] hybrid-coulomb   reads positions numbers cell charges A   writes energy forces
group 1 each by autograd
  [2] gaussians        reads positions numbers cell B           writes energy
energy = [0] + [2]
forces = [0] − d([2])/dr
""",
    ),
}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_the_printed_plan(name):
    plan, expected = SNAPSHOTS[name]
    expected = expected.replace("<built>", BUILT).replace("<cut>", CUT).replace("<fixed>", FIXED)
    assert str(plan()).splitlines() == expected.strip("\n").splitlines()


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_plans_are_values(name):
    """Equal when made twice, hashable, picklable, frozen."""
    one, two = SNAPSHOTS[name][0](), SNAPSHOTS[name][0]()
    assert one == two
    assert hash(one) == hash(two)
    assert pickle.loads(pickle.dumps(one)) == one
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.requested = ()


def test_plans_are_made_once_per_request_and_mode():
    pipe = wired()
    assert pipe.plan_for({"forces", "energy"}) is pipe.plan_for(["energy", "forces"])
    assert pipe.plan_for("energy") is pipe.plan_for({"energy"})
    assert pipe.plan is pipe.plan_for(pipe.active_outputs)


def test_training_takes_from_the_graph_what_it_can():
    model = Kernel()
    both = pipeline(direct(Gaussians()), direct(model))
    assert both.plan_for({"forces"}, differentiable=True).outputs[0].terms[0].text == "−d([0])/dr"
    constant = pipeline(autograd(Charges(kind=Constant())), direct(Coulomb()))
    assert "detached" not in str(constant.plan_for({"forces"}))


def built(pipe):
    return [source.cutoff for source in pipe.plan.sources if source.parent is None]


@pytest.mark.parametrize("policy", ["auto", "always", "never"])
def test_sharing_follows_the_policy(policy):
    cutoffs = [9.0, 6.0, 5.0, 3.0]
    pipe = pipeline(*(direct(Kernel(cutoff=c, name=f"k{c:g}")) for c in cutoffs), neighbor_adaptation=policy)
    assert built(pipe) == {"auto": [9.0, 3.0], "always": [9.0], "never": cutoffs}[policy]
    assert [planned.config.cutoff for planned in pipe.plan.lists] == cutoffs


def test_a_list_is_cut_out_of_the_next_larger_one():
    cutoffs = [9.0, 6.0, 5.0, 3.0]
    pipe = pipeline(*(direct(Kernel(cutoff=c, name=f"k{c:g}")) for c in cutoffs), neighbor_adaptation="always")
    assert [source.parent for source in pipe.plan.sources] == [None, 0, 1, 2]


def test_the_ratio_of_sharing_is_the_users():
    models = [Kernel(cutoff=9.0), Kernel(cutoff=3.0, name="near")]
    assert built(pipeline(*map(direct, models))) == [9.0, 3.0]
    assert built(pipeline(*map(direct, models), max_cutoff_ratio=3.0)) == [9.0]
    assert built(pipeline(*map(direct, models), max_cutoff_ratio=2.99)) == [9.0, 3.0]


@pytest.mark.parametrize(("filtering", "expected"), [(1.0, [9.0]), (30.0, [9.0, 5.0]), (1e6, [9.0, 8.0, 5.0])])
def test_fast_backends_share_more(filtering, expected):
    """A filter reads (R/r)³ times the pairs that a builder writes, so it has to be that much faster."""
    models = [Kernel(cutoff=c, name=f"k{c:g}") for c in (9.0, 8.0, 5.0)]
    declared = pipeline(*map(direct, models))._current().declaration
    costs = {**REFERENCE_COSTS, "builder": 100.0, "filter": filtering}
    plan = make_plan(declared.groups, declared.settings, {"energy"}, costs=costs)
    assert [source.cutoff for source in plan.sources if source.parent is None] == expected


def test_the_plan_says_why_a_list_is_shared_or_not():
    models = [Kernel(cutoff=c, name=f"k{c:g}") for c in (9.0, 8.0, 4.0)]
    text = str(pipeline(*map(direct, models)).plan)
    assert "cut out of the 9 Å pairs, cheaper than building it" in text
    assert "built: cutting it out of the 8 Å pairs would cost about 2.2 times as much" in text
    ratio = str(pipeline(*map(direct, models), max_cutoff_ratio=1.2).plan)
    assert "cut out of the 9 Å pairs, which max_cutoff_ratio=1.2 allows" in ratio
    assert "built: the 8 Å pairs reach further than max_cutoff_ratio=1.2 allows" in ratio
    always, never = (str(pipeline(*map(direct, models), neighbor_adaptation=p).plan) for p in ("always", "never"))
    assert always.count("since the policy is always to share") == 2
    assert never.count("built, since the policy is never to share") == 2
