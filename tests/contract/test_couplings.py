"""Weights that are functions of λ: every output weighted as written, and nothing of λ forgotten."""

import copy

import pytest
import torch
from support import byhand
from support.pipelines import autograd, direct, pipeline
from support.structures import batch_of, mixed, water
from support.toys import Gaussians, Kernel, Shift, with_config

from alchemi_core.algebra import differentiate
from alchemi_core.errors import CompositionError, DataError, DoubleCountingError, LostTermError, UnknownOutputError
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.quantities import DerivativeOf
from alchemi_core.topology import PipelineStep
from alchemi_core.weights import Coupling

LAM = Coupling()
VALUES = torch.tensor([[0.3], [0.8]], dtype=torch.float64)
ALL = ("energy", "forces", "stress")


class ByCoupling:
    """dE/dλ by autograd, and forces with it."""

    name = "by-coupling"
    serves = FrozenMap({"dE_dlambda": DerivativeOf(through="coupling"), "forces": DerivativeOf()})

    def prepare(self, state):
        data = state.data
        leaves = data.with_leaves(data.positions.detach().requires_grad_(True), data.cell)
        lam = data.fields["coupling"].detach().requires_grad_(True)
        data = leaves.with_fields(coupling=lam)
        return data, data

    def finish(self, energy, tape, requested):
        of = {"dE_dlambda": tape.fields["coupling"], "forces": tape.positions}
        names = sorted(requested)
        found = torch.autograd.grad(energy.sum(), [of[name] for name in names], allow_unused=True)
        zero = {name: torch.zeros_like(of[name]) for name in names}
        sign = {"dE_dlambda": 1.0, "forces": -1.0}
        return {n: sign[n] * (zero[n] if f is None else f) for n, f in zip(names, found, strict=True)}


def batch(values=VALUES):
    return mixed().with_fields(coupling=values)


def energies(data):
    return byhand.gaussians(data), byhand.gaussians(data, strength=-0.3, cutoff=3.5)


def switched(data):
    """(1 − λ) E_1 + λ(2 − λ) E_2 by hand."""
    one, two = energies(data)
    lam = data.fields["coupling"]
    return (1 - lam) * one + lam * (2 - lam) * two


def models(reporting=False):
    second = Kernel(-0.3, 3.5) if reporting else Gaussians(-0.3, 3.5)
    return Gaussians(), second


GROUPINGS = {
    "two groups": lambda a, b: pipeline(direct(a), direct(b)),
    "one direct group": lambda a, b: pipeline(direct(a, b)),
    "one autograd group": lambda a, b: pipeline(autograd(a, b)),
    "differences": lambda a, b: pipeline(autograd(a, b, derivative_fn="finite-difference")),
    "nested": lambda a, b: pipeline(autograd(pipeline(direct(a)), b)),
}


@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("reporting", [False, True])
def test_every_output_is_weighted(grouping, reporting):
    a, b = models(reporting)
    first, second = PipelineStep(a, weight=1 - LAM), PipelineStep(b, weight=LAM * (2 - LAM))
    out = GROUPINGS[grouping](first, second)(batch(), requested=ALL)
    expected = byhand.reference(switched, batch(), ALL[1:])
    byhand.assert_outputs(out, {"energy": switched(batch()), **expected})


def test_algebra_multiplies_weights():
    a, b = models()
    pipe = (1 - LAM) * a + LAM * (0.5 * (2 * (2 - LAM) * b))
    torch.testing.assert_close(pipe(batch())["energy"], switched(batch()))
    assert "energy = (1 − coupling)·[0] + coupling·(2 − coupling)·[1]" in str(pipe.plan)
    assert "coupling [B,1]" in str(pipe.plan)


def test_a_pipeline_is_weighted_whole():
    a, b = models()
    out = (LAM * (a + b))(batch(), requested=ALL)
    one, two = energies(batch())
    torch.testing.assert_close(out["energy"], VALUES * (one + two))


def test_each_system_has_its_own():
    ends = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    a, b = models()
    out = ((1 - LAM) * a + LAM * b)(batch(ends))["energy"]
    one, two = energies(batch())
    torch.testing.assert_close(out, torch.stack([one[0], two[1]]))


def by_coupling(data):
    step = 1e-5
    ahead, behind = (switched(data.with_fields(coupling=data.fields["coupling"] + s)) for s in (step, -step))
    return (ahead - behind) / (2 * step)


@pytest.mark.parametrize("reporting", [False, True])
def test_the_derivative_by_it_holds_every_term(reporting):
    a, b = models(reporting)
    pipe = differentiate((1 - LAM) * a + LAM * (2 - LAM) * b, ByCoupling())
    out = pipe(batch(), requested={"dE_dlambda", "forces"})
    torch.testing.assert_close(out["dE_dlambda"], by_coupling(batch()), rtol=1e-7, atol=1e-9)
    byhand.assert_outputs({"forces": out["forces"]}, byhand.reference(switched, batch(), ["forces"]))


def test_the_formula_has_reported_forces_once():
    a, b = models(reporting=True)
    pipe = differentiate((1 - LAM) * a + LAM * b, ByCoupling())
    text = str(pipe.plan_for({"dE_dlambda", "forces"}))
    assert "forces = −d((1 − coupling)·[0])/dr + coupling·[1]" in text
    assert "dE_dlambda = d((1 − coupling)·[0] + coupling·[1])/dλ" in text


def test_a_term_outside_the_group_is_that_of_its_weight():
    a, b = models(reporting=True)
    group = autograd(PipelineStep(a, weight=1 - LAM), derivative_fn=ByCoupling())
    pipe = pipeline(group, direct(PipelineStep(b, weight=LAM * (2 - LAM))))
    out = pipe(batch(), requested={"dE_dlambda"})
    torch.testing.assert_close(out["dE_dlambda"], by_coupling(batch()), rtol=1e-7, atol=1e-9)


def test_a_term_outside_the_group_that_another_derivative_would_miss_is_refused():
    """Only dE/dλ and d²E/dλ² are known to be taken of weights."""
    a, b = models(reporting=True)
    strategy = ByCoupling()
    strategy.serves = FrozenMap({"slope": DerivativeOf(through="coupling")})
    group = autograd(PipelineStep(a, weight=1 - LAM), derivative_fn=strategy)
    pipe = pipeline(group, direct(PipelineStep(b, weight=LAM)))
    with pytest.raises(LostTermError, match=r"step 1 .*slope"):
        pipe(batch(), requested={"slope"})


def test_a_term_without_it_may_stand_outside():
    a, _ = models()
    group = autograd(PipelineStep(a, weight=LAM), derivative_fn=ByCoupling())
    out = pipeline(group, direct(Shift()))(batch(), requested={"dE_dlambda"})
    torch.testing.assert_close(out["dE_dlambda"], byhand.gaussians(batch()))


def test_nothing_to_differentiate_is_refused():
    a, _ = models()
    with pytest.raises(UnknownOutputError, match="dE_dlambda"):
        pipeline(direct(PipelineStep(a, weight=0.5)))(batch(), requested={"dE_dlambda"})


def test_gradients_reach_it_in_training():
    a, b = models()
    pipe = (1 - LAM) * a + LAM * b
    pipe.train()
    lam = VALUES.clone().requires_grad_(True)
    pipe(batch(lam), requested={"energy"})["energy"].sum().backward()
    one, two = energies(batch())
    torch.testing.assert_close(lam.grad, (two - one).detach())


@pytest.mark.parametrize("name", ["coupling", "other"])
def test_one_that_is_missing_is_named(name):
    with pytest.raises(DataError, match=f"'{name}' is not there"):
        (Coupling(name) * Gaussians())(batch_of(water()))


@pytest.mark.parametrize("shape", [(1,), (), (2, 1), (3, 3)])
def test_another_shape_is_refused(shape):
    data = batch_of(water()).with_fields(other=torch.zeros(shape, dtype=torch.float64))
    with pytest.raises(DataError, match=r"has the shape.*\n.*\[1, 1\]"):
        (Coupling("other") * Gaussians())(data)


def test_both_ends_are_counted():
    one, two = (with_config(Gaussians(), contains={"dispersion"}) for _ in range(2))
    assert ((1 - LAM) * one + LAM * two)(batch()).keys()
    with pytest.raises(DoubleCountingError):
        ((1 - LAM) * one + two)(batch())


def test_a_mean_by_them_is_refused():
    a, b = (
        with_config(Gaussians(), outputs={"energy": model.kinds["energy"], "dipole": model.kinds["energy"]})
        for model in (Gaussians().model_config,) * 2
    )
    pipe = pipeline(direct(PipelineStep(a, weight=LAM), PipelineStep(b)), reductions={"dipole": "mean"})
    with pytest.raises(CompositionError, match="coupling"):
        pipe.plan_for({"dipole"})


def test_pipelines_with_them_are_copied_and_written(tmp_path):
    a, b = models()
    pipe = (1 - LAM) * a + LAM * (2 - LAM) * b
    assert copy.deepcopy(pipe).plan == pipe.plan
    pipe.save(tmp_path / "switch.alchemi")
    loaded = type(pipe).load(tmp_path / "switch.alchemi", models=[a, b])
    assert torch.equal(loaded(batch())["energy"], pipe(batch())["energy"])
