"""Names and shapes that go wrong in silence elsewhere (numbers 15 to 18): right here, or refused."""

import pytest
import torch
from support import byhand
from support.pipelines import ALL, autograd, direct, pipeline
from support.structures import batch_of, mixed, salt, water
from support.toys import Charges, Coulomb, Gaussians, Hardness, Kernel, with_config

from alchemi_core.contract import Analytic, OnGraph
from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.errors import (
    DerivativeError,
    LostTermError,
    MissingOutputError,
    ModelOutputError,
    UnknownOutputError,
    WiringError,
)
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.topology import PipelineGroup, PipelineStep


@pytest.mark.parametrize(("asked", "meant"), [("force", "forces"), ("stres", "stress"), ("charge", "charges")])
def test_15_an_output_nobody_gives_is_refused_with_the_nearest_name(asked, meant):
    pipe = pipeline(autograd(Charges(), Coulomb()))
    with pytest.raises(UnknownOutputError, match=f"ask for '{meant}'"):
        pipe(mixed(), requested={"energy", asked})


def test_15_an_output_is_known_by_its_new_name_only():
    pipe = pipeline(autograd(PipelineStep(Charges("q"), wire={"q": "charges"})))
    assert set(pipe(mixed())) == {"charges"}
    with pytest.raises(UnknownOutputError):
        pipe(mixed(), requested={"q"})


def test_15_stress_without_a_cell_is_refused_when_asked_and_explained_when_not():
    pipe, molecule = pipeline(autograd(Gaussians())), batch_of(water())
    with pytest.raises(LostTermError, match=r"(?s)no system of this batch has a cell.*virial"):
        pipe(molecule, requested={"stress"})
    out = pipe(molecule)
    assert set(out) == {"energy", "forces"}
    assert "stress" not in out
    with pytest.raises(MissingOutputError, match="no system of this batch has a cell"):
        out["stress"]
    with pytest.raises(KeyError):
        out["stress"]
    assert out.get("stress") is None


@pytest.mark.parametrize("model", [Gaussians, Kernel])
def test_15_stress_of_a_system_without_a_volume_is_nan_and_no_other(model):
    batch = batch_of(water(), salt(), water(shift=1.0))
    stress = pipeline(direct(model()))(batch)["stress"]
    assert stress.isnan().flatten(1).all(1).tolist() == [True, False, True]
    assert stress[1].isfinite().all()


def test_15_a_virial_made_of_a_stress_needs_a_volume():
    pipe = pipeline(direct(Kernel()))
    virial = pipe(mixed(), requested={"virial"})["virial"]
    expected = byhand.reference(byhand.gaussians, mixed(), ("virial",))["virial"]
    torch.testing.assert_close(virial[0], expected[0], rtol=1e-6, atol=1e-8)
    assert virial[1].isnan().all()
    with pytest.raises(LostTermError, match="made of its stress"):
        pipe(batch_of(water()), requested={"virial"})


def test_15_nothing_requested_is_refused():
    with pytest.raises(UnknownOutputError, match="nothing is requested"):
        pipeline(autograd(Gaussians()))(mixed(), requested=set())


class Misshapen(BaseModelMixin):
    """Returns whatever tensor it is told to."""

    def __init__(self, output, value, name="misshapen"):
        self.output, self.value = output, value
        kinds = {"energy": Analytic(), "forces": Analytic(), "stress": Analytic(), output: Analytic()}
        self.model_config = ModelConfig(name=name, outputs=kinds, supports_pbc=True)

    def compute(self, view, requested):
        right = {
            "energy": view.positions.new_zeros(view.num_systems, 1),
            "forces": torch.zeros_like(view.positions),
            "stress": view.positions.new_zeros(view.num_systems, 3, 3),
        }
        return {**right, self.output: self.value}


@pytest.mark.parametrize(
    ("output", "shape"),
    [("energy", (2,)), ("energy", ()), ("energy", (2, 2)), ("energy", (1, 1)), ("forces", (2, 3)), ("stress", (2, 6)),
     ("charges", (5, 1)), ("node_energies", (5, 1)), ("dipole", (3,))],
)  # fmt: skip
def test_16_shapes_that_would_broadcast_are_refused(output, shape):
    pipe = pipeline(direct(Misshapen(output, torch.zeros(shape, dtype=torch.float64))))
    with pytest.raises(ModelOutputError, match=rf"(?s)misshapen.*returned {output} of shape"):
        pipe(mixed(), requested={output})


def test_16_an_output_left_out_is_refused_with_the_nearest_name():
    class Misspelling(Misshapen):
        def compute(self, view, requested):
            return {"energies": view.positions.new_zeros(view.num_systems, 1)}

    with pytest.raises(ModelOutputError, match="'energies' under the name 'energy'"):
        pipeline(direct(Misspelling("energy", None)))(mixed(), requested={"energy"})


def test_16_energies_come_back_in_the_dtype_of_the_batch():
    pipe = pipeline(direct(Misshapen("energy", torch.ones(2, 1, dtype=torch.float32)), Gaussians()))
    assert pipe(mixed(), requested={"energy"})["energy"].dtype == torch.float64


def test_17_wired_values_do_not_end_up_on_the_batch():
    batch = mixed()
    pipe = pipeline(autograd(Charges(), Coulomb()))
    pipe(batch)
    assert dict(batch.fields) == {}
    with pytest.raises(WiringError, match=r"(?s)needs 'charges' \[N\] in e.*with_fields\(charges="):
        pipeline(autograd(Coulomb()))(batch)


def test_17_a_missing_input_suggests_the_rename():
    pipe = pipeline(autograd(Charges("partial_charges"), Coulomb()))
    with pytest.raises(WiringError) as caught:
        pipe(mixed())
    assert caught.value.who == "step 1 (coulomb)"
    assert caught.value.fix == "PipelineStep(charge_model, wire={'partial_charges': 'charges'})"


def test_17_an_earlier_step_comes_before_the_batch():
    zeros = torch.zeros(5, dtype=torch.float64)
    pipe = pipeline(autograd(Charges(), Coulomb()))
    out = pipe(mixed().with_fields(charges=zeros), requested={"energy"})
    byhand.assert_outputs(out, {"energy": byhand.coulomb(mixed(), byhand.charges(mixed()))})


@pytest.mark.parametrize("on_batch", [True, False])
def test_17_optional_inputs_of_the_batch(on_batch):
    q = byhand.charges(mixed())
    batch = mixed().with_fields(charges=q) if on_batch else mixed()
    pipe = pipeline(autograd(Hardness(optional=True), Gaussians()))
    assert pipe.model_config.optional_inputs == {"charges"}
    assert pipe.model_config.required_inputs == frozenset()
    expected = byhand.gaussians(mixed()) + (byhand.hardness(mixed(), q) if on_batch else 0.0)
    byhand.assert_outputs(pipe(batch, requested={"energy"}), {"energy": expected})


def test_17_two_producers_of_one_name_are_refused():
    with pytest.raises(WiringError, match=r"(?s)'charges' is produced by step 0 \(charge-model\), step 1.*rename one"):
        pipeline(autograd(Charges(), Charges(), Coulomb())).plan_for({"energy"})
    with pytest.raises(WiringError, match="produced by"):
        pipeline(autograd(Charges(), Charges())).plan_for({"charges"})


def test_17_a_producer_in_the_same_group_comes_first():
    two = pipeline(autograd(Charges(), Coulomb()), autograd(PipelineStep(Charges()), Coulomb()))
    one = pipeline(autograd(Charges(), Coulomb()))
    twice = {name: 2 * value for name, value in one(mixed(), requested=ALL).items()}
    byhand.assert_outputs(two(mixed(), requested=ALL), twice, rtol=1e-12)


@pytest.mark.parametrize("key", ["partial_charge", "qq", "enrgy"])
def test_17_misspelt_wire_keys_are_refused_when_declared(key):
    with pytest.raises(WiringError, match=f"wire names '{key}'"):
        pipeline(autograd(PipelineStep(Charges("partial_charges"), wire={key: "charges"})))


def test_17_the_nearest_wire_key_is_suggested():
    with pytest.raises(WiringError, match=r"wire=\{'partial_charges'"):
        pipeline(autograd(PipelineStep(Charges("partial_charges"), wire={"partial_charge": "charges"})))


@pytest.mark.parametrize("name", ["energy", "forces", "stress", "virial", "positions", "cell", "pbc", "atomic_numbers"])
def test_17_renames_to_names_that_are_not_wired_are_refused(name):
    """Renamed to the energy it would be summed without its forces; renamed to the positions it would be ignored."""
    with pytest.raises(WiringError, match=f"'{name}'"):
        pipeline(autograd(PipelineStep(Charges("q"), wire={"q": name})))


def test_17_renames_of_summed_outputs_are_refused():
    with pytest.raises(WiringError, match="summed under its own name"):
        pipeline(autograd(PipelineStep(Gaussians(), wire={"energy": "other_energy"})))


def test_17_two_outputs_of_one_name_are_refused():
    model = with_config(Charges("q"), outputs={"q": OnGraph(), "charges": OnGraph()})
    with pytest.raises(WiringError, match="two of its outputs are called 'charges'"):
        pipeline(autograd(PipelineStep(model, wire={"q": "charges"})))


def answering(answer):
    def function(energy, data, requested):
        return answer(energy_derivatives(energy, data, requested))

    return pipeline(autograd(Gaussians(), derivative_fn=function))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda right: {"force": right["forces"]}, r"(?s)\['force'\].*return 'forces'"),
        (lambda right: {}, r"exactly \['forces'\]"),
        (lambda right: {**right, "energy": torch.zeros(2, 1)}, "energy"),
        (lambda right: {"forces": right["forces"][:1]}, r"shape \[1, 3\]"),
        (lambda right: {"forces": right["forces"].flatten()}, r"shape \[15\]"),
        (lambda right: right["forces"], "a mapping"),
        (lambda right: None, "a mapping"),
    ],
)
def test_18_what_a_derivative_function_returns_is_checked(answer, words):
    with pytest.raises(DerivativeError, match=words):
        answering(answer)(mixed(), requested={"energy", "forces"})


def hessian(energy, data, requested):
    """Second derivatives of one system [1, 3N, 3N] by rows."""
    (gradient,) = torch.autograd.grad(energy.sum(), data.positions, create_graph=True)
    rows = [torch.autograd.grad(g, data.positions, retain_graph=True)[0].flatten() for g in gradient.flatten()]
    return {"hessian": torch.stack(rows).unsqueeze(0)}


def test_18_hessians_of_two_groups_are_added():
    def group(model):
        return PipelineGroup([model], use_autograd=True, derivative_fn=hessian)

    batch = batch_of(water())
    both = pipeline(group(Gaussians()), group(Gaussians(-0.3, 3.5)))(batch, requested={"hessian"})["hessian"]

    def row(k, sign):
        moved = batch.positions.clone()
        moved.view(-1)[k] += sign * 1e-4
        pipe = pipeline(autograd(Gaussians(), Gaussians(-0.3, 3.5)))
        return pipe(batch.with_fields(positions=moved), requested={"forces"})["forces"].flatten()

    expected = torch.stack([(row(k, -1) - row(k, 1)) / 2e-4 for k in range(9)])
    torch.testing.assert_close(both[0], expected, rtol=1e-6, atol=1e-7)


def test_18_a_hessian_that_one_group_cannot_give_is_refused():
    pipe = pipeline(PipelineGroup([Gaussians()], use_autograd=True, derivative_fn=hessian), autograd(Gaussians()))
    with pytest.raises(LostTermError, match="hessian"):
        pipe(batch_of(water()), requested={"hessian"})


@pytest.mark.parametrize(
    "group", [autograd, lambda *steps: PipelineGroup(steps, use_autograd=True, derivative_fn=hessian)]
)
def test_18_a_hessian_reported_by_one_step_is_not_taken_for_the_whole(group):
    class Reported(Kernel):
        def compute(self, view, requested):
            full = torch.eye(9, dtype=torch.float64).unsqueeze(0)
            return {
                name: full if name == "hessian" else super(Reported, self).compute(view, {name})[name]
                for name in requested
            }

    model = with_config(Reported(), outputs={name: Analytic() for name in ("energy", "forces", "hessian")})
    alone = pipeline(direct(PipelineStep(model, weight=0.5)))
    torch.testing.assert_close(alone(batch_of(water()))["hessian"][0], 0.5 * torch.eye(9, dtype=torch.float64))
    pipe = pipeline(direct(model), group(Gaussians()))
    assert "hessian" not in pipe.active_outputs
    if group is autograd:
        with pytest.raises(LostTermError, match="hessian"):
            pipe(batch_of(water()), requested={"hessian"})
    else:
        own = pipeline(group(Gaussians()))(batch_of(water()), requested={"hessian"})["hessian"]
        both = pipe(batch_of(water()), requested={"hessian"})["hessian"]
        torch.testing.assert_close(both, own + torch.eye(9, dtype=torch.float64))


def test_18_a_hessian_of_an_energy_that_is_differentiable_once_is_refused():
    once = with_config(Gaussians(), outputs={"energy": OnGraph(order=1)})
    pipe = pipeline(PipelineGroup([once], use_autograd=True, derivative_fn=hessian))
    with pytest.raises(LostTermError, match="once only"):
        pipe(batch_of(water()), requested={"hessian"})


def test_18_a_derivative_of_no_energy_is_refused():
    pipe = pipeline(PipelineGroup([Charges()], use_autograd=True, derivative_fn=hessian))
    with pytest.raises(UnknownOutputError, match="hessian"):
        pipe(mixed(), requested={"hessian"})
    resampled = pipeline(PipelineGroup([Charges()], use_autograd=True, derivative_fn="finite-difference"))
    with pytest.raises(UnknownOutputError, match="forces"):
        resampled(mixed(), requested={"forces"})
