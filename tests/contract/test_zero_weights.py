"""Steps of weight zero: their models are not called, nothing is asked for them, and what is left of sums is right."""

import pytest
import torch
from support import byhand
from support.pipelines import ALL, autograd, direct, pipeline
from support.strategies import GraphBorn
from support.structures import batch_of, mixed, salt, water
from support.toys import Charges, Coulomb, Gaussians, Kernel, with_config

from alchemi_core import Batch, Coupling, committee
from alchemi_core.errors import DoubleCountingError, UnknownOutputError
from alchemi_core.topology import PipelineStep

LAM = Coupling()
ZEROS = {
    "number": lambda a: 0 * a,
    "nested": lambda a: 0.5 * (0.4 * (0 * a)),
    "times a parameter": lambda a: 0 * (LAM * a),
    "what cancels": lambda a: (LAM - LAM) * a,
    "in a pipeline": lambda a: pipeline(direct(PipelineStep(0 * pipeline(direct(a)), weight=LAM))),
    "in a group": lambda a: pipeline(autograd(PipelineStep(a, weight=0.0))),
    "minus zero": lambda a: -(0 * a),
}


@pytest.mark.parametrize("zero", ZEROS)
@pytest.mark.parametrize("model", [Gaussians, Kernel])
def test_the_model_is_not_called_and_the_rest_is_as_without_it(zero, model):
    a, b = model(-0.3, 3.5), Gaussians()
    pipe = ZEROS[zero](a) + b
    out = pipe(mixed())
    alone = (1.0 * b)(mixed())
    assert not a.calls
    assert list(out) == list(alone)
    byhand.assert_outputs(out, alone, rtol=0, atol=0)
    assert f"idle    [0] {a.model_config.name}   weight 0" in str(pipe.plan)
    assert len(pipe.plan.lists) == 1


def test_constants_are_folded():
    (step,) = (0.5 * (0.4 * (LAM * (5 * Gaussians())))).plan_for({"energy"}).steps
    assert step.weight == pytest.approx(1.0)
    assert [str(factor) for factor in step.factors] == ["coupling"]


def test_nothing_of_it_is_asked_for():
    """No input, parameter, element, periodicity or list of a model that adds nothing."""
    lost = with_config(Coulomb(), elements={1}, supports_pbc=False)
    pipe = 0 * (LAM * lost) + Gaussians()
    config = pipe.model_config
    assert (config.required_inputs, config.elements, config.supports_pbc) == (frozenset(), None, True)
    assert config.neighbor_config.cutoff == 4.0
    assert pipe.plan.needs == ()
    assert pipe(batch_of(salt()))["energy"].isfinite().all()


def test_what_it_contains_is_not_counted():
    one, two = (with_config(Gaussians(), contains={"dispersion"}) for _ in range(2))
    with pytest.raises(DoubleCountingError):
        (one + two)(mixed())
    assert (0 * one + two)(mixed()).keys()


@pytest.mark.parametrize("model", [Gaussians, Kernel])
def test_a_sum_without_terms_is_zero(model):
    a = model()
    pipe = 0 * a
    out = pipe(mixed())
    assert not a.calls
    assert set(out) == ALL
    assert out["energy"].shape == (2, 1)
    assert out["forces"].shape == (5, 3)
    assert not out["energy"].any()
    assert not out["forces"].any()
    text = str(pipe.plan)
    for line in ("plan    0 steps", "idle    [0]", "energy = 0", "forces = 0", "stress = 0"):
        assert line in text


def test_stress_without_a_volume_is_none_then_too():
    expected = (1.0 * Kernel())(mixed(), requested={"stress"})["stress"]
    out = (0 * Kernel())(mixed(), requested={"stress", "virial"})
    torch.testing.assert_close(out["stress"], torch.where(expected.isnan(), expected, 0.0), equal_nan=True)
    assert out["stress"].isnan().any()
    assert not out["virial"].any()


def test_a_sum_whose_shape_is_open_is_refused():
    model = with_config(
        Kernel(), outputs={**Kernel().model_config.kinds, "hessian": Kernel().model_config.kinds["energy"]}
    )
    assert "hessian" not in (0 * model).active_outputs
    with pytest.raises(UnknownOutputError, match="hessian"):
        (0 * model).plan_for({"hessian"})


def test_precision_is_that_of_the_batch():
    out = (0 * Gaussians())(Batch.from_ase(water(), dtype=torch.float32))
    assert {value.dtype for value in out.values()} == {torch.float32}


@pytest.mark.parametrize("group", [autograd, direct])
def test_what_it_passes_on_still_comes(group):
    """Charges of weight zero feed a Coulomb sum, with their chain rule."""
    give, read = PipelineStep(Charges(), weight=0.0, detach=group is direct), Coulomb()
    expected = pipeline(group(PipelineStep(Charges(), detach=group is direct), Coulomb()))(mixed())
    pipe = pipeline(group(give, read))
    out = pipe(mixed())
    assert set(out) == {*ALL, "charges"}
    byhand.assert_outputs(out, expected, rtol=0, atol=0)
    assert give.model.calls == [frozenset({"charges"})]
    assert "weight 0" in str(pipe.plan)
    assert "idle" not in str(pipe.plan)


class Charged(Gaussians):
    """An energy and charges in one model."""

    def __init__(self):
        super().__init__()
        with_config(
            self,
            outputs={"energy": self.model_config.kinds["energy"], "charges": Charges().model_config.kinds["charges"]},
        )
        self.charges = Charges()

    def compute(self, view, requested):
        return {**super().compute(view, requested), **self.charges.compute(view, requested)}


def test_only_what_is_passed_on_is_asked():
    model = Charged()
    pipe = pipeline(autograd(PipelineStep(model, weight=0.0), Coulomb()))
    byhand.assert_outputs(
        pipe(mixed(), requested=ALL), pipeline(autograd(Charges(), Coulomb()))(mixed(), requested=ALL), rtol=1e-12
    )
    assert model.calls == [frozenset({"charges"})]
    pipe.train()
    pipe(mixed(), requested={"forces"})["forces"].square().sum().backward()
    assert model.charges.scale.grad.abs() > 0
    assert model.strength.grad is None


def test_outputs_that_weights_do_not_scale_are_given_where_no_other_step_gives_them():
    one, two = Charged(), Charges(cutoff=3.0)
    out = (0 * one + Gaussians())(mixed(), requested={"charges"})
    byhand.assert_outputs(out, {"charges": byhand.charges(mixed())})
    assert one.calls == [frozenset({"charges"})]
    out = (0 * one + two)(mixed())
    torch.testing.assert_close(out["charges"], byhand.charges(mixed(), cutoff=3.0))
    assert len(one.calls) == 1


def test_elements_are_looked_at_where_it_runs_on_request():
    one = with_config(Charged(), elements={1})
    from alchemi_core.errors import UnsupportedElementError

    with pytest.raises(UnsupportedElementError):
        (0 * one + Gaussians())(mixed(), requested={"charges"})


def test_strategies_read_it():
    group = autograd(PipelineStep(Charged(), weight=0.0), derivative_fn=GraphBorn())
    plain = autograd(Charges(), derivative_fn=GraphBorn())
    byhand.assert_outputs(
        pipeline(group)(mixed(), requested={"dipole"}), pipeline(plain)(mixed(), requested={"dipole"}), rtol=1e-12
    )


def test_a_weight_is_zero_only_where_it_is_a_constant():
    """λ may be 0 in a batch: models run then, and the result is right."""
    a, b = Gaussians(), Gaussians(-0.3, 3.5)
    data = mixed().with_fields(coupling=torch.zeros(2, 1, dtype=torch.float64))
    torch.testing.assert_close(((1 - LAM) * a + LAM * b)(data)["energy"], byhand.gaussians(data))
    assert b.calls


def test_contributions_leave_it_out():
    a, b = Gaussians(), Kernel()
    out = (0 * a + b)(mixed(), requested=ALL, contributions=True)
    assert {(one.step, one.name) for one in out.contributions} == {(1, name) for name in ALL}
    empty = (0 * a)(mixed(), requested=ALL, contributions=True)
    assert empty.contributions == ()
    assert not empty["energy"].any()
    assert empty["stress"].isnan().any()
    assert not a.calls


def test_a_committee_of_weight_zero_has_no_spread():
    one, two = Gaussians(), Gaussians(-0.3, 3.5)
    pipe = 0 * committee([one, two]) + Kernel()
    assert set(pipe.active_outputs) == ALL
    assert not pipe(mixed())["energy"].isnan().any()
    assert not one.calls
    with pytest.raises(UnknownOutputError, match="energy_std"):
        pipe.plan_for({"energy_std"})
