"""Weights that are tensors: held by the pipeline, learned with its parameters, one for all systems or for each."""

import copy
import pickle

import pytest
import torch
from support import byhand
from support.pipelines import ALL, autograd, direct, pipeline
from support.structures import mixed
from support.toys import Charges, Coulomb, Gaussians, Hardness, Kernel, with_config

from alchemi_core import Coupling, load_pipeline
from alchemi_core.errors import CompositionError, DataError, DeclarationError, SerializationError
from alchemi_core.forms.texts import pipeline_text
from alchemi_core.topology import PipelineStep

F64 = {"dtype": torch.float64}


def learned(value=0.3, **options):
    return torch.nn.Parameter(torch.tensor(value, **(options or F64)))


def models():
    return Gaussians(), Gaussians(-0.3, 3.5, name="second")


def energies(data):
    return byhand.gaussians(data), byhand.gaussians(data, -0.3, 3.5)


def switched(value):
    """x·E_1 + (1 − x)·E_2 with one value shared."""
    mix = Coupling("mix", value=value)
    a, b = models()
    return mix * a + (1 - mix) * b


VALUES = {
    "number": torch.tensor(0.3, **F64),
    "systems": torch.tensor([0.3, 0.8], **F64),
    "column": torch.tensor([[0.3], [0.8]], **F64),
    "float32": torch.tensor(0.25),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("wrap", [torch.nn.Parameter, lambda tensor: tensor])
def test_every_output_is_weighted(value, wrap):
    tensor = wrap(VALUES[value].clone())
    w = tensor.detach().double().reshape(-1, 1)

    def energy(data):
        one, two = energies(data)
        return w * one + (1 - w) * two

    out = switched(tensor)(mixed(), requested=ALL)
    byhand.assert_outputs(out, {"energy": energy(mixed()), **byhand.reference(energy, mixed(), ("forces", "stress"))})
    assert not any(one.requires_grad for one in out.values())


@pytest.mark.parametrize("place", ["step", "left", "right", "over a pipeline"])
def test_a_tensor_alone(place):
    tensor, a = learned(2.0), Gaussians()
    pipe = {
        "step": lambda: pipeline(direct(PipelineStep(a, weight=tensor))),
        "left": lambda: tensor * a,
        "right": lambda: a * tensor,
        "over a pipeline": lambda: tensor * pipeline(autograd(a)),
    }[place]()
    torch.testing.assert_close(pipe(mixed())["energy"], 2 * byhand.gaussians(mixed()))
    assert any(one is tensor for one in pipe.parameters())
    assert "energy = w0·[0]" in str(pipe.plan_for({"energy"}))
    assert "holds   w0" in str(pipe.plan)


GROUPS = {
    "energies": (lambda x, a, b: pipeline(direct(PipelineStep(a, weight=x), b)), {"energy"}),
    "one graph": (lambda x, a, b: pipeline(autograd(PipelineStep(a, weight=x**2), b)), {"energy", "forces", "stress"}),
    "each": (lambda x, a, b: x * (1 - x) * a + b / 2, {"forces"}),
    "differences": (
        lambda x, a, b: pipeline(autograd(PipelineStep(a, weight=x), b, derivative_fn="finite-difference")),
        {"forces"},
    ),
    "dE/dλ": (lambda x, a, b: Coupling() * x * a + b, {"dE_dlambda"}),
}


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("value", [0.4, [0.4, 0.9]])
def test_gradients_are_central_differences(group, value):
    make, names = GROUPS[group]
    parameter = learned(value)
    pipe = make(Coupling("x", value=parameter), *models())
    pipe.train()
    data = mixed().with_fields(coupling=torch.tensor([[0.7], [0.2]], **F64))

    def loss():
        return sum(one.nan_to_num().square().sum() for one in pipe(data, requested=names).values())

    loss().backward()
    step, found = 1e-5, []
    for number in range(parameter.numel()):
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.view(-1)[number] += sign * step
            ends.append(loss().detach())
            with torch.no_grad():
                parameter.view(-1)[number] -= sign * step
        found.append((ends[0] - ends[1]) / (2 * step))
    torch.testing.assert_close(parameter.grad.view(-1), torch.stack(found), rtol=1e-6, atol=1e-7)
    assert parameter.grad.abs().min() > 0


def test_what_is_learned_changes_what_is_computed():
    parameter = learned(0.1)
    pipe = switched(parameter)
    pipe.train()
    before = pipe(mixed(), requested={"energy"})["energy"]
    before.sum().backward()
    with torch.no_grad():
        parameter -= 0.1 * parameter.grad
    w, (one, two) = parameter.detach(), energies(mixed())
    assert w != 0.1
    torch.testing.assert_close(pipe(mixed(), requested={"energy"})["energy"].detach(), w * one + (1 - w) * two)


def test_they_are_parameters_and_buffers():
    parameter, fixed = learned(0.3), torch.tensor(0.5, **F64)
    a, b = models()
    pipe = parameter * a + fixed * b
    assert [name for name, _ in pipe.named_parameters() if "held" in name] == ["held_weights.0.value"]
    assert {"held_weights.0.value", "held_weights.1.value"} <= pipe.state_dict().keys()
    pipe.load_state_dict({**pipe.state_dict(), "held_weights.1.value": torch.tensor(2.0, **F64)})
    one, two = energies(mixed())
    torch.testing.assert_close(pipe(mixed())["energy"], 0.3 * one + 2.0 * two)
    assert not any("held" in name for name in (1.0 * a).state_dict())


def test_frozen_ones_stay_frozen():
    parameter = torch.nn.Parameter(torch.tensor(0.3, **F64), requires_grad=False)
    assert not any(one.requires_grad for name, one in switched(parameter).named_parameters() if "held" in name)


@pytest.mark.parametrize("way", [copy.deepcopy, lambda pipe: pickle.loads(pickle.dumps(pipe))])
def test_copies_have_their_own(way):
    parameter = learned(0.3)
    pipe = switched(parameter)
    twin = way(pipe)
    assert twin.plan == pipe.plan
    assert torch.equal(twin(mixed())["energy"], pipe(mixed())["energy"])
    with torch.no_grad():
        parameter.fill_(0.9)
        (own,) = (one for name, one in twin.named_parameters() if "held" in name)
        own.fill_(0.0)
    torch.testing.assert_close(twin(mixed())["energy"], energies(mixed())[1])
    torch.testing.assert_close((2 * twin)(mixed())["energy"], 2 * energies(mixed())[1])


@pytest.mark.parametrize("wrap", [torch.nn.Parameter, lambda tensor: tensor])
def test_moved_pipelines_and_what_is_made_of_them(wrap):
    mix = Coupling("mix", value=wrap(torch.tensor(0.3, **F64)))
    a, b = models()
    pipe = (mix * a + (1 - mix) * b).to(torch.float32)
    (held,) = pipe.held_weights
    assert held.value.dtype is torch.float32
    expected = pipe(mixed())["energy"]
    torch.testing.assert_close((0.5 * (pipe + pipe))(mixed())["energy"], expected)
    torch.testing.assert_close(pipeline(autograd(pipe))(mixed())["energy"], expected)


def test_plans_hold_no_tensors():
    plan = switched(learned()).plan
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert b"torch" not in pickle.dumps(plan)
    assert hash(plan.steps[0].factors) == hash(pickle.loads(pickle.dumps(plan)).steps[0].factors)
    assert str(plan).count("mix") > 3


def test_pipelines_without_them_hold_nothing():
    pipe = 0.5 * Gaussians() + Coupling() * Kernel()
    assert not hasattr(pipe, "held_weights")
    assert pipe.plan.held == ()


def test_one_parameter_used_twice_is_one():
    parameter = learned(0.3)
    a, b = models()
    pipe = parameter * a + parameter * b
    assert sum(one is parameter for one in pipe.parameters()) == 1
    assert "energy = w0·[0] + w0·[1]" in str(pipe.plan_for({"energy"}))
    torch.testing.assert_close(pipe(mixed())["energy"], 0.3 * sum(energies(mixed())))


def test_names_of_nameless_ones_are_free():
    one = Coupling("w0") * Gaussians() + learned(0.3) * Kernel() + learned(0.4) * Kernel(-0.1)
    assert "energy = w0·[0] + w1·[1] + w2·[2]" in str(one.plan_for({"energy"}))


def test_a_tensor_for_each_system_beside_a_parameter_of_the_batch():
    lam, a = Coupling(), Gaussians()
    data = mixed().with_fields(coupling=torch.tensor([[0.5], [0.25]], **F64))
    out = (torch.tensor([2.0, 4.0], **F64) * lam * a)(data)["energy"]
    torch.testing.assert_close(out, byhand.gaussians(mixed()))


def test_through_wired_charges():
    parameter = learned(0.6)
    pipe = pipeline(autograd(Charges(), PipelineStep(Coulomb(), weight=parameter), Hardness()))
    q = byhand.charges(mixed())
    expected = 0.6 * byhand.coulomb(mixed(), q) + byhand.hardness(mixed(), q)
    torch.testing.assert_close(pipe(mixed())["energy"], expected)


def test_a_model_may_read_it():
    class Reading(Gaussians):
        def compute(self, view, requested):
            return {"energy": view.mix * super().compute(view, requested)["energy"]}

    reading = with_config(Reading(), required_inputs={"mix"})
    pipe = reading + Coupling("mix", value=learned(0.5)) * Kernel()
    assert "mix" not in pipe.model_config.required_inputs
    torch.testing.assert_close(pipe(mixed())["energy"], byhand.gaussians(mixed()))


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (lambda: learned() * 2, DeclarationError, "no parameter, made from others"),
        (lambda: torch.tensor(0.3, requires_grad=True), DeclarationError, "is no parameter"),
        (lambda: torch.tensor(1), DeclarationError, "int64"),
        (lambda: torch.zeros(2, 2), DeclarationError, r"shape \[2, 2\]"),
        (lambda: torch.zeros(1, 1, 1), DeclarationError, r"shape \[1, 1, 1\]"),
    ],
)
def test_what_cannot_be_held(value, error, words):
    for use in (
        lambda t: t * Gaussians(),
        lambda t: PipelineStep(Gaussians(), weight=t),
        lambda t: Coupling("x", value=t),
    ):
        with pytest.raises(error, match=words):
            use(value())


def test_another_number_of_systems():
    with pytest.raises(DataError, match="3 systems"):
        (torch.ones(3) * Gaussians())(mixed())


def test_a_batch_that_brings_it_too_is_refused():
    data = mixed().with_fields(mix=torch.ones(2, 1, **F64))
    with pytest.raises(DataError, match="'mix', which is also a weight"):
        switched(learned())(data)


def test_one_name_for_two_values():
    a, b = models()
    with pytest.raises(CompositionError, match="'mix' stands for two tensors"):
        Coupling("mix", value=learned()) * a + Coupling("mix", value=learned()) * b
    with pytest.raises(CompositionError, match="'mix' stands for a tensor in one weight and a field"):
        Coupling("mix", value=learned()) * a + Coupling("mix") * b


@pytest.mark.parametrize("wrap", ["learned", "frozen", "fixed"])
@pytest.mark.parametrize("value", [0.3, [0.3, 0.8]])
def test_files_keep_them(tmp_path, wrap, value):
    tensor = torch.tensor(value, **F64)
    if wrap != "fixed":
        tensor = torch.nn.Parameter(tensor, requires_grad=wrap == "learned")
    a, b = models()
    mix = Coupling("mix", value=tensor)
    pipe = mix * a + pipeline(direct(PipelineStep(b, weight=1 - mix**2))) + tensor * Kernel()
    pipe.save(tmp_path / "pipe.alchemi")
    again = load_pipeline(tmp_path / "pipe.alchemi", models=[a, b, Kernel()])
    assert again.plan == pipe.plan
    assert torch.equal(again(mixed())["energy"], pipe(mixed())["energy"])
    held = {name: one for name, one in again.named_parameters() if "held" in name}
    assert len(held) == (0 if wrap == "fixed" else 1)
    assert all(one.requires_grad == (wrap == "learned") for one in held.values())


def test_a_weight_that_is_a_parameter_of_a_model_stays_one(tmp_path):
    a = Gaussians()
    pipe = a.strength * a
    pipe.save(tmp_path / "pipe.alchemi")
    given = Gaussians()
    again = load_pipeline(tmp_path / "pipe.alchemi", models=[given])
    assert again.held_weights[0].value is given.strength


@pytest.mark.parametrize("form", ["toml", "python", "expression"])
def test_texts_hold_no_tensors(form):
    with pytest.raises(SerializationError, match="the weight mix is a tensor"):
        pipeline_text(switched(learned()), form)


def test_single_precision():
    out = switched(learned(0.5))(mixed(dtype=torch.float32))
    assert {one.dtype for one in out.values()} == {torch.float32}
