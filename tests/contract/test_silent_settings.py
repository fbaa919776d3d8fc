"""Settings and edits that get lost in silence elsewhere (numbers 19 and 20): kept here, or refused."""

import itertools
import math

import attrs
import pytest
from support import byhand
from support.pipelines import ALL, GRAPH, autograd, direct, pipeline
from support.structures import mixed
from support.toys import Charges, Gaussians, Kernel, with_config

from alchemi_core.contract import Analytic
from alchemi_core.errors import CompositionError, LostTermError, WiringError
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.topology import PipelineGroup, PipelineStep


def test_19_sums_are_associative():
    a, b, c = Gaussians(name="a"), Kernel(-0.3, 3.5, name="b"), Gaussians(0.2, 3.0, name="c")
    sums = [(a + b) + c, a + (b + c), sum([a, b, c]), pipeline(direct(a), direct(b), direct(c))]
    assert len({str(s.plan) for s in sums}) == 1
    assert len({s.plan for s in sums}) == 1
    for one, other in itertools.pairwise(sums):
        byhand.assert_outputs(one(mixed()), other(mixed()), rtol=0, atol=0)


SETTINGS = {
    "additive_keys": {"energy", "charges"},
    "neighbor_adaptation": "never",
    "max_cutoff_ratio": 3.0,
    "skin": 0.7,
}


@pytest.mark.parametrize("left", [True, False])
def test_19_sums_keep_the_settings_of_either_side(left):
    pipe, model = pipeline(autograd(Gaussians()), **SETTINGS), Kernel()
    total = pipe + model if left else model + pipe
    assert attrs.asdict(total.topology.settings) == attrs.asdict(pipe.topology.settings)
    assert all(value is not None for name, value in attrs.asdict(total.topology.settings).items() if name in SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_19_settings_that_contradict_are_refused(name):
    other = {"additive_keys": {"energy"}, "neighbor_adaptation": "auto", "max_cutoff_ratio": 1.0, "skin": 0.0}
    one, two = (pipeline(autograd(Gaussians()), **{name: values[name]}) for values in (SETTINGS, other))
    with pytest.raises(CompositionError, match=name):
        one + two
    assert attrs.asdict((one + one).topology.settings)[name] == getattr(one.topology.settings, name)


def test_19_edited_outputs_survive_a_sum():
    narrow = pipeline(autograd(Gaussians()), active_outputs={"energy"})
    assert (narrow + narrow).active_outputs == {"energy"}
    assert (narrow + Kernel()).active_outputs == ALL


def test_19_an_empty_set_of_additive_keys_means_none():
    pipe = pipeline(autograd(Gaussians()), autograd(Gaussians()), additive_keys=set())
    with pytest.raises(WiringError, match="'energy' is produced by"):
        pipe(mixed(), requested={"energy"})
    with pytest.raises(WiringError, match="forces"):
        pipe(mixed(), requested={"forces"})


def test_19_a_weight_acts_on_the_energy_whatever_is_summed():
    """Energy and forces of a lone weighted step stay those of one function."""
    for keys in (None, set(), {"energy"}, {"charges"}):
        pipe = pipeline(autograd(PipelineStep(Gaussians(), weight=0.5)), additive_keys=keys)
        expected = byhand.reference(lambda batch: 0.5 * byhand.gaussians(batch), mixed(), ("forces", "stress"))
        byhand.assert_outputs(pipe(mixed(), requested=ALL), expected)
        reported = pipeline(direct(PipelineStep(Kernel(), weight=0.5)), additive_keys=keys)
        byhand.assert_outputs(reported(mixed(), requested=ALL), expected)


def test_19_additive_keys_may_sum_what_is_not_summed_by_default():
    two = [PipelineStep(Charges(), weight=2.0), PipelineStep(Charges(), weight=-0.5)]
    total = pipeline(direct(*two), additive_keys={"charges"})(mixed(), requested={"charges"})
    byhand.assert_outputs(total, {"charges": 1.5 * byhand.charges(mixed())})


def test_20_a_config_replaced_after_planning_is_noticed():
    model = Gaussians()
    pipe = pipeline(direct(model))
    before = pipe(mixed(), requested={"energy"})
    byhand.assert_outputs(before, {"energy": byhand.gaussians(mixed())})
    model.cutoff = 3.0
    with_config(model, neighbor_config=attrs.evolve(model.model_config.neighbor_config, cutoff=3.0))
    assert pipe.plan.lists[0].config.cutoff == 3.0
    after = pipe(mixed(), requested={"energy"})
    byhand.assert_outputs(after, {"energy": byhand.gaussians(mixed(), cutoff=3.0)})
    assert not math.isclose(float(before["energy"][0]), float(after["energy"][0]))


def test_20_a_replaced_config_is_noticed_through_nesting():
    model = Kernel()
    pipe = PipelineModelWrapper([PipelineGroup([pipeline(autograd(model)), Gaussians()], **GRAPH)])
    pipe(mixed(), requested={"forces"})
    with_config(model, outputs={"energy": Analytic()})
    with pytest.raises(LostTermError):
        pipe(mixed(), requested={"forces"})
