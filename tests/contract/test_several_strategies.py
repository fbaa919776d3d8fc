"""Strategies beside each other, beside models that give the same, and beside what they do not give themselves."""

import pytest
import torch
from support import byhand
from support.pipelines import autograd, direct, pipeline
from support.structures import batch_of, mixed, water
from support.toys import Charges, Gaussians, Kernel, with_config

from alchemi_core.algebra import differentiate
from alchemi_core.contract import Analytic
from alchemi_core.errors import DeclarationError, UnknownOutputError, WiringError
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.quantities import DerivativeOf
from alchemi_core.topology import PipelineStep
from alchemi_core.weights import Coupling


class Dipole:
    """Σ q r of the charges."""

    name = "dipole"
    serves = FrozenMap({"dipole": DerivativeOf("charges", order=0)})

    def prepare(self, state):
        return state.data, state.data

    def finish(self, energy, tape, requested, values):
        each = values["charges"].unsqueeze(1) * tape.positions
        return {"dipole": each.new_zeros(tape.num_systems, 3).index_add(0, tape.batch_idx, each)}


class ByField:
    """dE/dλ of a named field."""

    name = "by-field"

    def __init__(self, field):
        self.field = field
        self.serves = FrozenMap({"dE_dlambda": DerivativeOf(through=field)})

    def prepare(self, state):
        leaf = state.data.fields[self.field].detach().requires_grad_(True)
        return state.data.with_fields(**{self.field: leaf}), leaf

    def finish(self, energy, tape, requested):
        return {"dE_dlambda": torch.autograd.grad(energy.sum(), tape)[0]}


class Displaced:
    """Curvature along x of everything at once, by differences of forces."""

    name = "displaced"
    serves = FrozenMap({"curvature": DerivativeOf(order=2)})
    samples = frozenset({"forces"})

    def prepare(self, state):
        return state.data, state

    def finish(self, energy, tape, requested):
        data, step = tape.data, 1e-4
        shift = torch.zeros_like(data.positions)
        shift[0, 0] = step
        ahead, behind = (
            tape.sample(data.with_fields(positions=data.positions + s * shift), {"forces"})["forces"][0, 0]
            for s in (1, -1)
        )
        return {"curvature": (behind - ahead) / (2 * step)}


def test_two_parameters_under_one_name_are_refused():
    groups = [
        autograd(PipelineStep(Gaussians(), weight=Coupling(name)), derivative_fn=ByField(name))
        for name in ("first", "second")
    ]
    with pytest.raises(WiringError, match=r"first by group 0 .*second by group 1"):
        pipeline(*groups).plan_for({"dE_dlambda"})


def test_a_dipole_of_a_model_is_not_lost_beside_a_strategy():
    own = with_config(Kernel(), outputs={"energy": Analytic(), "forces": Analytic(), "dipole": Analytic()})
    pipe = pipeline(direct(own), autograd(Charges(), derivative_fn=Dipole()))
    with pytest.raises(WiringError, match=r"'dipole' is given by .*\[0\]"):
        pipe.plan_for({"dipole"})


def test_what_a_strategy_gives_is_not_renamed():
    inner = differentiate(Charges(), Dipole())
    with pytest.raises(WiringError, match="only a derivative strategy inside gives"):
        pipeline(direct(PipelineStep(inner, wire={"dipole": "mu"})))


@pytest.mark.parametrize("request_", [("stress",), ("forces", "stress"), ("curvature", "forces", "stress")])
@pytest.mark.parametrize("model", [Gaussians, Kernel])
def test_forces_and_stress_are_there_beside_what_is_sampled(model, request_):
    out = differentiate(0.5 * model(), Displaced())(mixed(), requested=request_)
    expected = byhand.reference(lambda data: 0.5 * byhand.gaussians(data), mixed())
    standard = {name: value for name, value in out.items() if name != "curvature"}
    byhand.assert_outputs(standard, {name: expected[name] for name in standard})
    assert set(out) == set(request_)


def test_a_derivative_through_what_nobody_reads_says_so():
    with pytest.raises(UnknownOutputError, match=r"(?s)depends on 'field'.*expected: a model that reads 'field'"):
        differentiate(Gaussians(), ByField("field")).plan_for({"dE_dlambda"})


def grouped(strategy):
    return pipeline(autograd(Gaussians(), derivative_fn=strategy))


@pytest.mark.parametrize("make", [lambda strategy: differentiate(Gaussians(), strategy), grouped])
def test_a_class_that_needs_options_is_named(make):
    with pytest.raises(DeclarationError, match=r"(?s)ByField is a class that needs field.*ByField\(field=...\)"):
        make(ByField)


@pytest.mark.parametrize("serves", [5, [1, 2], {"forces": 3}, {"energy"}])
def test_what_is_no_set_of_names_is_refused(serves):
    def function(energy, data, requested):
        return {}

    function.serves = serves
    with pytest.raises(DeclarationError, match="derivative function"):
        pipeline(autograd(Gaussians(), derivative_fn=function))


def test_a_name_alone_is_one_name():
    def function(energy, data, requested):
        return {"virial": torch.zeros(1, 3, 3, dtype=torch.float64)}

    function.serves = "virial"
    assert differentiate(Gaussians(), function)(batch_of(water()), requested={"virial"})["virial"].shape == (1, 3, 3)
