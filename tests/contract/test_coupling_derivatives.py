"""dE/dλ and d²E/dλ² that weights alone give: against central differences, for black boxes and through wired charges."""

import pytest
import torch
from support import byhand
from support.pipelines import autograd, direct, pipeline
from support.structures import mixed
from support.toys import Charges, Coulomb, Gaussians, HybridCoulomb, Kernel, Shift, with_config

from alchemi_core import Coupling, committee
from alchemi_core.contract import Analytic
from alchemi_core.errors import DataError, LostTermError, UnknownOutputError
from alchemi_core.topology import PipelineStep

LAM = Coupling()
NAMES = frozenset({"dE_dlambda", "d2E_dlambda2"})
VALUES = torch.tensor([[0.3], [0.8]], dtype=torch.float64)
WEIGHTS = {
    "linear": (1 - LAM, LAM),
    "powers": (1 - LAM**3, 0.5 * LAM**2),
    "products": ((1 - LAM) * (2 - LAM**2), LAM * (1 - LAM)),
    "stages": (1 - LAM.ramp(0.0, 0.5), LAM.ramp(0.2, 1.0) ** 2),
}


def batch(values=VALUES):
    return mixed().with_fields(coupling=values)


def differences(pipe, data, step=1e-3):
    """First and second derivatives of the energy by λ, fourth order."""
    lam = data.fields["coupling"]

    def energy(shift):
        return pipe(data.with_fields(coupling=lam + shift), requested={"energy"})["energy"]

    e = {k: energy(k * step) for k in (-2, -1, 0, 1, 2)}
    first = (8 * (e[1] - e[-1]) - (e[2] - e[-2])) / (12 * step)
    second = (16 * (e[1] + e[-1]) - (e[2] + e[-2]) - 30 * e[0]) / (12 * step**2)
    return {"dE_dlambda": first, "d2E_dlambda2": second}


def assert_derivatives(pipe, data=None):
    data = batch() if data is None else data
    out = pipe(data, requested=NAMES)
    expected = differences(pipe, data)
    torch.testing.assert_close(out["dE_dlambda"], expected["dE_dlambda"], rtol=1e-8, atol=1e-9)
    torch.testing.assert_close(out["d2E_dlambda2"], expected["d2E_dlambda2"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("second", [Gaussians, Kernel])
def test_one_lambda_for_each_system(weights, second):
    one, two = WEIGHTS[weights]
    assert_derivatives(one * Gaussians() + two * second(-0.3, 3.5) + Shift())


GROUPINGS = {
    "one direct group": lambda a, b: pipeline(direct(a, b)),
    "one autograd group": lambda a, b: pipeline(autograd(a, b)),
    "differences": lambda a, b: pipeline(autograd(a, b, derivative_fn="finite-difference")),
    "nested": lambda a, b: pipeline(direct(PipelineStep(pipeline(autograd(a)), weight=2 - LAM), b)),
}


@pytest.mark.parametrize("grouping", GROUPINGS)
def test_whatever_the_groups(grouping):
    assert_derivatives(
        GROUPINGS[grouping](PipelineStep(Gaussians(), weight=1 - LAM), PipelineStep(Kernel(-0.3, 3.5), weight=LAM**2))
    )


@pytest.mark.parametrize("coulomb", [Coulomb, HybridCoulomb])
def test_weights_of_steps_that_are_fed(coulomb):
    """Charges of a step, weighted or not, reach a Coulomb sum whose weight depends on λ."""
    pipe = pipeline(autograd(PipelineStep(Charges(), weight=0.0), PipelineStep(coulomb(), weight=LAM.ramp(0.0, 0.9))))
    assert_derivatives(pipe)
    out = pipe(batch(), requested={"dE_dlambda", "forces"})
    torch.testing.assert_close(out["forces"], pipe(batch(), requested={"forces"})["forces"])
    q = byhand.charges(batch())
    slope = torch.tensor([[1 / 0.9], [1 / 0.9]], dtype=torch.float64)
    torch.testing.assert_close(out["dE_dlambda"], slope * byhand.coulomb(batch(), q))


def test_the_plan_tells_and_runs_what_it_needs():
    a, b, rest = Gaussians(), Kernel(-0.3, 3.5), Gaussians(0.2, 3.0, name="rest")
    pipe = (1 - LAM) * a + LAM**2 * b + rest
    text = str(pipe.plan_for(NAMES))
    assert "dE_dlambda = −[0] + 2·coupling·[1]" in text
    assert "d2E_dlambda2 = 2·[1]" in text
    assert "idle    [2] rest" in text
    pipe(batch(), requested=NAMES)
    assert not rest.calls
    assert b.calls == [frozenset({"energy"})]


def test_a_second_derivative_of_what_is_linear_is_zero():
    a = Gaussians()
    pipe = (1 - LAM) * a + LAM * Kernel(-0.3, 3.5)
    out = pipe(batch(), requested={"d2E_dlambda2"})["d2E_dlambda2"]
    assert out.shape == (2, 1)
    assert not out.any()
    assert not a.calls
    assert "d2E_dlambda2 = 0" in str(pipe.plan_for({"d2E_dlambda2"}))


def test_it_is_an_output_that_is_asked_for():
    pipe = LAM * Gaussians()
    assert pipe.model_config.outputs >= NAMES
    assert not NAMES & pipe.active_outputs


def test_no_order_of_the_model_is_needed():
    """A model that can be differentiated once gives forces and dE/dλ in training, since λ stands before it."""
    pipe = LAM**2 * Gaussians()
    pipe.train()
    lam = VALUES.clone().requires_grad_(True)
    out = pipe(batch(lam), requested=NAMES)
    out["dE_dlambda"].sum().backward()
    torch.testing.assert_close(lam.grad, 2 * byhand.gaussians(batch()))
    assert pipe.models[0].strength.grad.abs() > 0


class SoftCharges(Charges):
    """Charges times λ, on the graph through it."""

    def __init__(self):
        super().__init__()
        kind = type(self.model_config.kinds["charges"])({"positions", "cell", "coupling"})
        with_config(self, outputs={"charges": kind}, required_inputs={"coupling"})

    def compute(self, view, requested):
        return {"charges": super().compute(view, requested)["charges"] * view.coupling[view.batch_idx].squeeze(1)}


class Reading(Gaussians):
    """An energy that λ scales inside the model."""

    def __init__(self, **config):
        super().__init__(required_inputs={"coupling"}, **config)

    def compute(self, view, requested):
        return {"energy": view.coupling * super().compute(view, requested)["energy"]}


@pytest.mark.parametrize(
    ("pipe", "words"),
    [
        (lambda: Reading() + LAM * Kernel(), r"step 0 \(gaussians\): its energy depends on 'coupling'; dE_dlambda"),
        (lambda: LAM * Reading(), "its energy depends on 'coupling'"),
        (
            lambda: pipeline(autograd(SoftCharges(), Coulomb()), direct(PipelineStep(Kernel(), weight=LAM))),
            r"step 1 \(coulomb\): .*, which step 0 \(charge-model\) reads",
        ),
    ],
)
def test_energies_that_depend_on_it_by_themselves_need_the_strategy(pipe, words):
    with pytest.raises(LostTermError, match=words) as raised:
        pipe()(batch(), requested={"dE_dlambda"})
    assert "dE-dlambda of alchemi-derivatives" in str(raised.value)
    assert "differentiate(pipeline, 'dE-dlambda')" in str(raised.value)


def test_what_is_detached_on_purpose_is_left_out():
    group = autograd(PipelineStep(SoftCharges(), detach=True), PipelineStep(Coulomb(), weight=LAM))
    out = pipeline(group)(batch(), requested={"dE_dlambda"})
    q = byhand.charges(batch()) * VALUES[batch().batch_idx].squeeze(1)
    torch.testing.assert_close(out["dE_dlambda"], byhand.coulomb(batch(), q))


def test_what_a_model_reports_is_part_of_it():
    reporting = Shift()
    with_config(reporting, outputs={**reporting.model_config.kinds, "dE_dlambda": Analytic()})
    given = torch.full((2, 1), 2.0, dtype=torch.float64)
    reporting.compute = lambda _view, requested: dict.fromkeys(requested, given)
    out = (0.5 * reporting + LAM * Gaussians())(batch(), requested={"dE_dlambda"})
    torch.testing.assert_close(out["dE_dlambda"], 1.0 + byhand.gaussians(batch()))


def test_without_a_parameter_there_is_none():
    for pipe, words in (
        (Gaussians() + Kernel(), "no weight depends on 'coupling'"),
        (Coupling("torsion") * Gaussians(), "only on 'torsion'"),
        (1.0 * Reading(), "models read it"),
    ):
        with pytest.raises(UnknownOutputError, match=words):
            pipe.plan_for({"dE_dlambda"})


def test_another_parameter_counts_as_a_number():
    data = batch().with_fields(torsion=torch.full((2, 1), 0.5, dtype=torch.float64))
    pipe = LAM * Coupling("torsion") * Gaussians() + Coupling("torsion") * Kernel()
    torch.testing.assert_close(pipe(data, requested={"dE_dlambda"})["dE_dlambda"], 0.5 * byhand.gaussians(data))


def test_its_value_is_asked_for():
    with pytest.raises(DataError, match="'coupling' is not there"):
        (LAM**2 * Gaussians())(mixed(), requested={"dE_dlambda"})


def test_contributions_add_up_to_it():
    pipe = (1 - LAM) * Gaussians() + LAM**2 * Kernel(-0.3, 3.5) + Shift()
    out = pipe(batch(), requested=NAMES, contributions=True)
    plain = pipe(batch(), requested=NAMES)
    for name in NAMES:
        parts = [one.value for one in out.contributions if one.name == name]
        torch.testing.assert_close(out[name], plain[name])
        torch.testing.assert_close(sum(parts), plain[name])
    assert {(one.step, one.name) for one in out.contributions} == {
        (0, "dE_dlambda"),
        (1, "dE_dlambda"),
        (1, "d2E_dlambda2"),
    }


def test_members_of_a_committee_have_theirs():
    pipe = LAM**2 * committee([Gaussians(), Gaussians(0.4, 3.5)])
    torch.testing.assert_close(
        pipe(batch(), requested=NAMES)["dE_dlambda"], differences(pipe, batch())["dE_dlambda"], rtol=1e-8, atol=1e-9
    )
