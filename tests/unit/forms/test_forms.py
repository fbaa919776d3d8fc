"""The forms give the same pipeline; where one cannot hold it, that is said. Random compositions through all of them."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from support.forms import run_source

from alchemi_core import (
    Committee,
    Coupling,
    PipelineGroup,
    PipelineModelWrapper,
    PipelineStep,
    Region,
    committee,
    create_model,
    load_pipeline,
)
from alchemi_core.errors import OptionError, SerializationError
from alchemi_core.expressions import build_expression, parse_expression
from alchemi_core.forms.python_source import literal, python_text
from alchemi_core.forms.recipes import MadeModel, Recipe, recipe_of
from alchemi_core.forms.texts import pipeline_text
from alchemi_core.forms.toml_reader import read_toml
from alchemi_core.forms.toml_writer import rewritten
from alchemi_core.forms.weight_text import read_weight, weight_text
from alchemi_core.weights import Affine, Weight

from .conftest import OFFERED

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6).map(lambda x: x + 0.0)
NAMES = st.sampled_from(["lam", "coupling"])
RAMPS = st.one_of(st.none(), st.tuples(NUMBERS, NUMBERS).filter(lambda ends: ends[0] != ends[1]))
FACTORS = st.builds(Affine, NAMES, NUMBERS, NUMBERS.filter(bool), RAMPS)
PRODUCTS = st.builds(Weight, NUMBERS, st.lists(FACTORS, min_size=1, max_size=3).map(tuple))
SUMS = st.tuples(FACTORS, FACTORS, NUMBERS).map(lambda t: Weight(2.0, t[:1]) * (1 - Weight(t[2], t[:2])))
WEIGHTS = st.one_of(NUMBERS, PRODUCTS, SUMS)
PARTS = st.sampled_from([None, None, None, "index < 3", [0, 2], [True, False], Region("qm", charge=1, cut_bonds=True)])


def run_python(text):
    """Run source with the toys on offer."""
    return run_source(text, create_model=partial(create_model, registry=OFFERED))


@st.composite
def steps(draw, pool, depth):
    inner = depth < 2 and draw(st.integers(0, 4)) == 0
    model = draw(pipelines(pool, depth + 1)) if inner else draw(st.sampled_from(pool))
    return PipelineStep(model, weight=draw(WEIGHTS), detach=draw(st.booleans()), atoms=draw(PARTS))


@st.composite
def pipelines(draw, pool, depth=0):
    groups = draw(st.lists(st.lists(steps(pool, depth), min_size=1, max_size=3), min_size=1, max_size=3))
    chosen = draw(st.sampled_from([{}, {"skin": 0.3}, {"neighbor_adaptation": "never", "accept": {"coulomb"}}]))
    kinds = draw(st.lists(st.booleans(), min_size=3, max_size=3))
    voting = draw(st.sampled_from([None, Committee(), Committee(1.5)]))
    made = [
        PipelineGroup(own, use_autograd=kind, committee=voting if can_vote(own) else None)
        for own, kind in zip(groups, kinds, strict=False)
    ]
    return PipelineModelWrapper(made, registry=OFFERED, **chosen)


def can_vote(own):
    """Whether steps may be members of a committee: several, and none of them another one's twin."""
    return len(own) > 1 and len({id(step.model) for step in own}) == len(own)


def pool():
    options = ({"strength": 0.5}, {"cutoff": 3.5}, {})
    return [create_model("gaussians", registry=OFFERED, **one) for one in options]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_random_compositions_through_all_forms(data):
    pipe = data.draw(pipelines(pool()))
    whole = declared(pipe)
    assert declared(read_toml(pipeline_text(pipe, "toml", OFFERED), OFFERED).build(OFFERED)) == whole
    assert declared(run_python(pipeline_text(pipe, "python", OFFERED))) == whole
    try:
        text = pipeline_text(pipe, "expression", OFFERED)
    except SerializationError as error:
        assert "it would lose" in str(error)  # noqa: PT017 - either is right
        event("no expression")
    else:
        assert declared(build_expression(parse_expression(text), OFFERED)) == whole
        event("an expression")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_text_can_be_rewritten_as_any_pipeline(data):
    models = pool()
    before, after = data.draw(pipelines(models)), data.draw(pipelines(models))
    wanted = recipe_of(after, "a test", OFFERED)
    text = rewritten(pipeline_text(before, "toml", OFFERED), wanted, OFFERED)
    assert read_toml(text, OFFERED) == wanted


def declared(pipe):
    """Return what a pipeline declares, its models numbered in the order they are met in."""
    return unfolded(recipe_of(pipe, "a test", OFFERED), pipe.topology)


def unfolded(recipe, topology):
    groups = [[(step.weight, step.detach, dict(step.wire)) for step in group.steps] for group in topology.groups]
    kinds = [(group.use_autograd, group.derivative_fn, group.committee) for group in topology.groups]
    return topology.settings, kinds, groups, recipe.models, str(recipe.topology)


@given(WEIGHTS.filter(lambda one: isinstance(one, Weight)))
def test_weights_read_back_as_the_same(weight):
    again = read_weight(weight_text(weight), "test")
    point = {"lam": 0.3, "coupling": 0.7}
    assert again.at(point) == pytest.approx(weight.at(point), rel=1e-12, abs=1e-300)


def test_models_of_several_steps_stay_one(tmp_path):
    shared = create_model("gaussians", registry=OFFERED)
    pipe = PipelineModelWrapper([PipelineGroup([shared, PipelineStep(shared, weight=0.5)])], registry=OFFERED)
    pipe.save(tmp_path / "p.toml")
    for again in (load_pipeline(tmp_path / "p.toml", registry=OFFERED), run_python(pipeline_text(pipe, "python"))):
        first, second = again.topology.groups[0].steps
        assert first.model is second.model
    with pytest.raises(SerializationError, match="that model 0 is one for several steps"):
        pipeline_text(pipe, "expression")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a, b: (a + b).with_settings(skin=0.1), "the setting skin"),
        (lambda a, b: 0.5 * committee([a + b, b + a]), "the weight of member 0"),
        (lambda a, b: committee([0.5 * a, b]), "the pipeline around the only model of member 0"),
        (lambda a, b: committee([a + b, (b + a).with_settings(skin=0.1)]), "the setting skin of member 1 of group 0"),
        (lambda a, b: wrapped([PipelineGroup([a, b], use_autograd=True, committee=Committee())]), "share a derivative"),
        (lambda a, b: wrapped([PipelineGroup([a, b])]), "several steps without autograd"),
        (lambda a, b: wrapped([PipelineGroup([PipelineStep(a, detach=True)])]), "detached"),
        (
            lambda a, b: wrapped([PipelineGroup([a], use_autograd=True, derivative_fn="finite-difference")]),
            "derivative",
        ),
        (lambda a, b: wrapped([PipelineGroup([a + b])]), "nested"),
    ],
)
def test_what_expressions_cannot_say(change, words):
    a, b, *_ = pool()
    with pytest.raises(SerializationError, match=words):
        pipeline_text(change(a, b), "expression", OFFERED)


def wrapped(groups):
    return PipelineModelWrapper(groups, registry=OFFERED)


def test_wires_and_weights_stand_in_expressions():
    text = "0.5*gaussians(strength=2.0) + [charge-model(output='q') >> {'q': 'charges'}, 2.0*coulomb]"
    pipe = build_expression(parse_expression(text), OFFERED)
    assert pipeline_text(pipe, "expression", OFFERED) == text


LAMBDA = "(1.0 - coupling)*gaussians(strength=2.0) + [0.5*coupling**2*gaussians, Coupling('mix')*kernel]"
COMMITTEES = (
    "0.5*kernel + committee(gaussians, gaussians(strength=2.0) + kernel, [charge-model, coulomb], calibration=1.5)"
)


@pytest.mark.parametrize("text", [LAMBDA, COMMITTEES, f"committee(kernel, {COMMITTEES})"])
def test_parameters_and_committees_through_expressions_and_files(text, tmp_path):
    pipe = build_expression(parse_expression(text), OFFERED)
    assert pipeline_text(pipe, "expression", OFFERED) == text
    file = tmp_path / "p.toml"
    file.write_text(f'expression = """{text}"""')
    loaded = load_pipeline(file, registry=OFFERED)
    assert recipe_of(loaded, "a test", OFFERED) == recipe_of(pipe, "a test", OFFERED)
    assert str(loaded.plan) == str(pipe.plan)


def test_committees_of_expressions_are_those_of_python():
    one = build_expression(parse_expression(COMMITTEES), OFFERED)
    chain = build_expression(parse_expression("[charge-model, coulomb]"), OFFERED)
    made = partial(create_model, registry=OFFERED)
    members = [made("gaussians"), made("gaussians", strength=2.0) + made("kernel"), chain]
    other = 0.5 * made("kernel") + committee(members, calibration=1.5)
    wanted = {"energy", "forces", "energy_std", "forces_std"}
    assert str(one.plan_for(wanted)) == str(other.plan_for(wanted))


def test_weights_that_outgrow_their_text_are_refused():
    with pytest.raises(SerializationError, match=r"functions of parameters|factors, those of its sums included"):
        read_weight("((((1 + coupling**2)**9 + 1)**9 + 1)**9 + 1)**9", "test")


def test_python_is_written_as_a_file(tmp_path):
    pipe = wrapped([PipelineGroup(pool()[:2])])
    pipe.save(tmp_path / "p.py")
    again = run_python((tmp_path / "p.py").read_text())
    assert torch.equal(again.models[0].strength, pipe.models[0].strength)


def test_there_are_three_forms():
    with pytest.raises(OptionError, match="form is 'tomle'"):
        pipeline_text(pool()[0] + pool()[1], "tomle", OFFERED)


def test_numbers_of_numpy_and_words_of_python_have_literals():
    assert literal((np.float64(0.5), np.int64(2), np.float32(0.25), float("inf"))) == "(0.5, 2, 0.25, float('inf'))"
    recipe = Recipe((MadeModel("gaussians", {"lambda": 1}),), {"settings": {}, "groups": []})
    assert "create_model('gaussians', **{'lambda': 1})" in python_text(recipe)


LAM = Coupling()


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("coupling**2", LAM**2),
        ("1 - coupling.ramp(0, 0.5) ** 2", 1 - LAM.ramp(0, 0.5) ** 2),
        ("-(1 - coupling).ramp(-0.5, 1) / 4", -(1 - LAM).ramp(-0.5, 1) / 4),
        ("coupling + coupling * other - 1/2", LAM + LAM * Coupling("other") - 0.5),
    ],
)
def test_weights_are_written_as_in_python(text, weight):
    assert read_weight(text, "test") == weight


@pytest.mark.parametrize(
    "text",
    [
        *("coupling.ramp(0)", "coupling.ramp(0, coupling)", "coupling.ramp(0, 0)", "coupling.ramp(0, 1, 2)"),
        *("coupling.clip(0, 1)", "ramp(0, 1)", "coupling**coupling", "coupling**-1", "coupling**0.5", "coupling**True"),
        *("coupling / coupling", "coupling / 0", "2**3**99999", "coupling.at"),
    ],
)
def test_other_texts_are_no_weights(text):
    with pytest.raises(SerializationError, match="weight"):
        read_weight(text, "test")
