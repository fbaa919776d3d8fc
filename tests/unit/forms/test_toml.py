"""TOML: what people write is read as they mean it, mistakes are named with their place, and comments survive."""

import os

import pytest
import torch
from support.toys import Charges, Coulomb

from alchemi_core import (
    Coupling,
    PipelineGroup,
    PipelineModelWrapper,
    PipelineStep,
    create_derivative,
    create_model,
    load_pipeline,
)
from alchemi_core.errors import OptionError, SerializationError
from alchemi_core.forms.option_values import as_options, as_toml
from alchemi_core.forms.recipes import recipe_of
from alchemi_core.forms.texts import pipeline_text
from alchemi_core.forms.toml_reader import read_toml
from alchemi_core.forms.toml_writer import rewritten

from .conftest import OFFERED

WHOLE = """\
# what it is for
format = 1
title = "charges and more"
units = { length = "angstrom", energy = "eV" }

[settings]
skin = "0.05 nm"  # thin
accept = "coulomb"
active_outputs = ["forces", "energy"]

[models.soft]
model = "gaussians"
options = { strength = "0.5 eV" }

# first the charges
[[groups]]
use_autograd = true
derivative = { name = "finite-difference", options = { step = 1e-3 } }
steps = [
  "charge_model(output='q') >> {'q': 'charges'}",  # as in an expression
  { model = "coulomb", weight = 0.7 },
]

[[groups]]
[[groups.steps]]
model = "soft"
weight = "0.5 * (1 - lam)"
detach = true

[[groups.steps]]
[groups.steps.pipeline]
settings = { neighbor_adaptation = "always" }
[[groups.steps.pipeline.groups]]
steps = ["soft", "kernel(outputs=['energy'])"]
"""


def by_hand(registry):
    """The same in Python."""
    soft = create_model("gaussians", registry=registry, strength=0.5)
    kernel = create_model("kernel", registry=registry, outputs=("energy",))
    inner = PipelineModelWrapper([PipelineGroup([soft, kernel])], neighbor_adaptation="always", registry=registry)
    charges = PipelineStep(create_model("charge-model", registry=registry, output="q"), wire={"q": "charges"})
    coulomb = PipelineStep(create_model("coulomb", registry=registry), weight=0.7)
    strategy = create_derivative("finite-difference", step=1e-3, registry=registry)
    first = PipelineGroup([charges, coulomb], use_autograd=True, derivative_fn=strategy)
    last = PipelineGroup([PipelineStep(soft, weight=0.5 * (1 - Coupling("lam")), detach=True), inner])
    settings = {"skin": 0.5, "accept": {"coulomb"}, "active_outputs": {"energy", "forces"}}
    return PipelineModelWrapper([first, last], **settings, registry=registry)


def test_it_declares_what_python_does(tmp_path, registry, crystal):
    path = tmp_path / "whole.toml"
    path.write_text(WHOLE)
    ours, same = by_hand(registry), load_pipeline(path, registry=registry)
    assert same.topology.settings == ours.topology.settings
    assert str(same.plan_for({"energy"})) == str(ours.plan_for({"energy"}))
    batch = crystal.with_fields(lam=torch.full((1, 1), 0.3, dtype=torch.float64))
    assert torch.equal(same(batch, {"energy"})["energy"], ours(batch, {"energy"})["energy"])
    steps = same.topology.groups[1].steps
    assert steps[0].model is steps[1].model.topology.groups[0].steps[0].model


def test_what_is_written_is_read_as_the_same(registry):
    recipe = read_toml(WHOLE, registry)
    text = pipeline_text(by_hand(registry), "toml", registry)
    again = read_toml(text, registry)
    assert pipeline_text(again.build(registry), "toml", registry) == text
    assert again.topology == {**recipe.topology, "groups": again.topology["groups"]}
    assert again.build(registry).topology.settings == by_hand(registry).topology.settings


def test_rewriting_the_same_changes_no_letter(tmp_path, registry):
    path = tmp_path / "whole.toml"
    path.write_text(WHOLE)
    load_pipeline(path, registry=registry).save(path)
    assert path.read_text() == WHOLE


@pytest.mark.parametrize("change", [{"skin": 0.25}, {"accept": None}, {"reductions": {"charges": "mean"}}])
def test_rewriting_changes_what_has_to_be_and_keeps_comments(registry, change):
    changed = read_toml(WHOLE, registry).build(registry).with_settings(**change)
    text = rewritten(WHOLE, recipe(changed, registry), registry)
    assert read_toml(text, registry) == recipe(changed, registry)
    kept = [line for line in WHOLE.splitlines() if line and not line.startswith(("skin", "accept"))]
    assert [line for line in kept if line not in text.splitlines()] == []
    assert "# thin" in text or "skin" not in change
    assert "0.5 eV" in text


def recipe(pipeline, registry):
    return recipe_of(pipeline, "TOML", registry)


def test_steps_come_and_go_when_rewritten(registry):
    text = "# two\n[[groups]]\n[[groups.steps]]\nmodel = 'kernel' # one\n[[groups.steps]]\nmodel = 'gaussians' # two\n"
    pipe = read_toml(text, registry).build(registry)
    (group,) = pipe.topology.groups
    for steps in (group.steps[:1], (*group.steps, create_model("kernel", registry=registry, strength=2.0))):
        changed = PipelineModelWrapper([PipelineGroup(steps)], registry=registry)
        new = rewritten(text, recipe(changed, registry), registry)
        assert read_toml(new, registry) == recipe(changed, registry)
        assert new.startswith("# two\n")
        assert "# one" in new


SHARED = """\
[models.mine]  # kept
model = "gaussians"
options = { strength = "2 eV" }
[[groups]]
steps = ["mine", "mine"]
[[groups]]
[[groups.steps]]
model = "mine"  # once more
"""


@pytest.mark.parametrize(
    "change",
    [
        lambda pipe: 2.0 * pipe,
        lambda pipe: pipe.with_settings(skin=0.1),
        lambda pipe: PipelineModelWrapper(pipe.topology.groups[1:], registry=OFFERED),
        lambda pipe: pipe + create_model("gaussians", registry=OFFERED, strength=2.0),
        lambda pipe: pipe + create_model("kernel", registry=OFFERED),
        lambda pipe: PipelineModelWrapper(
            [PipelineGroup([create_model("kernel", registry=OFFERED)])], registry=OFFERED
        ),
    ],
)
def test_models_with_names_keep_them_when_rewritten(change):
    pipe = read_toml(SHARED, OFFERED).build(OFFERED)
    changed = recipe(change(pipe), OFFERED)
    text = rewritten(SHARED, changed, OFFERED)
    assert read_toml(text, OFFERED) == changed
    assert ("[models.mine]  # kept" in text) is (changed.models[0].offer == "gaussians")


def test_an_expression_is_enough(registry):
    text = 'expression = "gaussians(strength=2.0) + [charge-model, coulomb]"\n[settings]\nskin = 0.1\n'
    pipe = read_toml(text, registry).build(registry)
    assert [len(group.steps) for group in pipe.topology.groups] == [1, 2]
    assert pipe.topology.settings.skin == 0.1
    changed = pipe.with_settings(skin=0.2)
    assert rewritten(text, recipe(changed, registry), registry) == text.replace("0.1", "0.2")
    other = 0.5 * pipe
    new = rewritten(text, recipe(other, registry), registry)
    assert "expression" not in new
    assert read_toml(new, registry) == recipe(other, registry)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("groups = 3", "groups", "an array"),
        ("", "TOML", "has no groups"),
        ("format = 2\nexpression = 'kernel'", "TOML", "format 2"),
        ("expresion = 'kernel'", "TOML", "write 'expression'"),
        ("expression = 'kernel +'", "TOML", "this is not an expression"),
        ("[[groups]]\nsteps = ['nothing']", "TOML", "no model named 'nothing'"),
        ("[[groups]]\nsteps = ['kernel + kernel']", "group 0, step 0", "one model"),
        ("[[groups]]\nsteps = ['kernel']\n[[groups]]\n[[groups.steps]]\nmodl = 'kernel'", "group 1, step 0", "model"),
        ("[[groups]]\n[[groups.steps]]\nweight = 1", "group 0, step 0", "a model or a pipeline"),
        ("[[groups]]\n[[groups.steps]]\nmodel = 'kernel'\nweight = 'x y'", "step 0, weight", "coupling"),
        ("[[groups]]\n[[groups.steps]]\nmodel = 'kernel'\nweight = '__import__(1)'", "step 0, weight", "coupling"),
        ("[[groups]]\n[[groups.steps]]\nmodel = 'kernel'\nweight = true", "step 0, weight", "a number"),
        ("[[groups]]\n[[groups.steps]]\nmodel = 'kernel'\nweight = inf", "step 0, weight", "finite"),
        ("[[groups]]\n[[groups.steps]]\nmodel = 'kernel'\nweight = nan", "step 0, weight", "finite"),
        (f"[[groups]]\n[[groups.steps]]\nmodel = 'kernel'\nweight = {'9' * 400}", "step 0, weight", "finite"),
        (f"[[groups]]\n[[groups.steps]]\nmodel = 'kernel'\nweight = '{'9' * 400}'", "step 0, weight", "coupling"),
        ("[[groups]]\n[[groups.steps]]\nmodel = 'kernel'\noptions = {strength = '3 Å'}", "strength", "eV"),
        ("[[groups]]\n[[groups.steps]]\nmodel = 'kernel'\noptions = {name = '3 Å'}", "name", "has no unit"),
        ("[[groups]]\n[[groups.steps]]\nmodel = 'kernel'\noptions = {strength = 1979-05-27}", "strength", "date"),
        ("[[groups]]\n[[groups.steps]]\nmodel = 'kernel'\noptions = {trusted = true}", "options", "your word"),
        ("[[groups]]\nuse_autograd = 1\nsteps = ['kernel']", "use_autograd", "true or false"),
        ("[[groups]]\nderivative = 'nothing'\nuse_autograd = true\nsteps = ['kernel']", "", "nothing"),
        ("units = {energy = 'kcal/mol'}\nexpression = 'kernel'", "units", "'eV'"),
        ("units = {length = 'eV'}\nexpression = 'kernel'", "units", "eV"),
        ("[settings]\nskin = '0.5 eV'\n[[groups]]\nsteps = ['kernel']", "settings, skin", "length"),
        ("[settings]\nskn = 0.5\n[[groups]]\nsteps = ['kernel']", "settings", "'skin'"),
        ("[models.mine]\nmodel = 'kernel'\n[[groups]]\nsteps = ['kernel']", "models", "no step uses"),
        ("expression = 'kernel'\n[[groups]]\nsteps = ['kernel']", "TOML", "beside"),
        ("a = [", "TOML", "is no TOML"),
        ('expression = "kernel(trusted=True)"', "expression, model 0", "your word"),
        ("title = 3\nexpression = 'kernel'", "title", "a text"),
        ("format = '1'\nexpression = 'kernel'", "TOML", "format = 1"),
    ],
)
def test_mistakes_are_named_with_their_place(registry, text, place, words):
    with pytest.raises((SerializationError, LookupError)) as caught:
        read_toml(text, registry).build(registry)
    assert place in str(caught.value)
    assert words in str(caught.value)


def test_a_file_says_its_name_in_errors(tmp_path, registry):
    path = tmp_path / "mine.toml"
    path.write_text("expresion = 'kernel'")
    with pytest.raises(SerializationError, match=r"mine\.toml: has 'expresion'"):
        load_pipeline(path, registry=registry)
    path.write_text("expression = 'kernel(strenght=3.0)'")
    with pytest.raises(SerializationError, match=r"mine\.toml: model 'kernel'.*: no option named 'strenght'"):
        load_pipeline(path, registry=registry)
    path.write_text("[[groups]]\nsteps = [\n  kernel,\n]\n")
    with pytest.raises(SerializationError, match=r"mine\.toml: is no TOML: .*\n      kernel,\n      \^"):
        load_pipeline(path, registry=registry)
    with pytest.raises(SerializationError, match="cannot be read"):
        load_pipeline(tmp_path / "none.toml", registry=registry)
    with pytest.raises(OptionError, match="models or functions were given"):
        load_pipeline(path, registry=registry, models=[Charges()])


def test_what_is_no_file_is_not_waited_for(tmp_path, registry):
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(SerializationError, match="it is no file"):
        load_pipeline(tmp_path / "pipe.toml", registry=registry)
    (tmp_path / "endless.toml").symlink_to("/dev/zero")
    with pytest.raises(SerializationError, match="it is no file"):
        load_pipeline(tmp_path / "endless.toml", registry=registry)


def test_no_more_models_than_can_be_planned(registry):
    text = "[[groups]]\nsteps = [" + "'kernel'," * 3000 + "]\n"
    with pytest.raises(SerializationError, match="more models than can be planned"):
        read_toml(text, registry)


def test_what_toml_cannot_hold_is_said_all_at_once(registry):
    trained = create_model("gaussians", registry=registry)
    with torch.no_grad():
        trained.strength.mul_(3.0)
    cast = create_model("gaussians", registry=registry).float()
    frozen = create_model("gaussians", registry=registry)
    frozen.strength.requires_grad_(False)
    own = PipelineGroup([Coulomb(), Charges()], use_autograd=True, derivative_fn=lambda energy, data, requested: {})
    pipe = PipelineModelWrapper([PipelineGroup([trained, cast, frozen]), own], registry=registry)
    with pytest.raises(SerializationError) as caught:
        pipeline_text(pipe, "toml", registry)
    for words in ("other weights", "float32", "frozen", "by hand", "'<lambda>' is your own", "pipe.save("):
        assert words in str(caught.value)


def test_values_that_toml_has_no_form_for_come_back(registry):
    values = {
        "none": None,
        "infinite": float("inf"),
        "keys": {1: 2.0},
        "several": (1, (2.5, "a")),
        "kind": torch.float32,
    }
    written = {name: as_toml(value, "test") for name, value in values.items()}
    assert as_options(written, "test") == values
