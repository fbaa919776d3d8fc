"""Steps on parts of systems through every form, and texts that declare no region."""

from functools import partial

import pytest
import torch
from support.forms import run_source
from support.structures import batch_of, water

from alchemi_core import PipelineModelWrapper, Region, create_model, load_pipeline, pipeline_text, region
from alchemi_core.errors import ExpressionError, SerializationError
from alchemi_core.expressions import build_expression, parse_expression
from alchemi_core.forms.recipes import recipe_of
from alchemi_core.forms.toml_reader import read_toml
from alchemi_core.forms.toml_writer import rewritten

from .conftest import OFFERED

made = partial(create_model, registry=OFFERED)

PARTS = {
    "condition": "index < 3",
    "quotes": "(element == 'O' or element == \"H\") and index < 3",
    "numbers": [0, 1, 2],
    "mask": [True] * 3 + [False] * 3,
    "all said": Region("index < 3", charge=-1, multiplicity=2, cut_bonds=True),
}


@pytest.fixture
def batch():
    return batch_of(water() + water(4.0))


@pytest.fixture(params=PARTS)
def part(request):
    return PARTS[request.param]


def owned(pipe):
    """A pipeline whose names are looked up among the toys."""
    return PipelineModelWrapper.from_topology(pipe.topology, OFFERED)


def oniom(part):
    low, high = made("gaussians"), made("gaussians", strength=2.0)
    return owned(low + region(high, part) + -1.0 * region(made("gaussians"), part))


def alike(one, other, batch):
    assert str(one.plan) == str(other.plan)
    assert [step.atoms for g in one.topology.groups for step in g.steps] == [
        step.atoms for g in other.topology.groups for step in g.steps
    ]
    expected, given = one(batch), other(batch)
    assert all(torch.equal(given[name], expected[name]) for name in expected)


def test_files(tmp_path, part, batch):
    for name in ("p.alchemi", "p.toml"):
        oniom(part).save(tmp_path / name)
        alike(load_pipeline(tmp_path / name, registry=OFFERED), oniom(part), batch)


@pytest.mark.parametrize("form", ["python", "expression", "toml"])
def test_texts(part, batch, form):
    text = pipeline_text(oniom(part), form, OFFERED)
    if form == "python":
        loaded = run_source(text, create_model=made)
    elif form == "toml":
        loaded = read_toml(text, OFFERED).build(OFFERED)
    else:
        assert str(parse_expression(text)) == text
        loaded = build_expression(parse_expression(text), OFFERED)
    alike(loaded, oniom(part), batch)


def test_expressions_of_groups_sums_and_weights(batch):
    text = "2*region(0.5*gaussians + [charge-model, coulomb], 'index < 3', charge=1)"
    chained = "[2.0*region(charge-model, 'index < 3', charge=1.0), 2.0*region(coulomb, 'index < 3', charge=1.0)]"
    assert str(parse_expression(text)) == f"region(gaussians, 'index < 3', charge=1.0) + {chained}"
    pipe = build_expression(parse_expression(text), OFFERED)
    chain = build_expression(parse_expression("[charge-model, coulomb]"), OFFERED)
    by_hand = region(made("gaussians") + 2.0 * chain, "index < 3")
    torch.testing.assert_close(pipe(batch)["forces"], by_hand(batch)["forces"])


REFUSED = {
    "region(gaussians)": "a region takes a model and its atoms",
    "region(gaussians, index)": "an option takes a value",
    "region(gaussians, 'z < 3')": "the energy would jump",
    "region(gaussians, [-1])": r"atoms are \(-1,\)",
    "region(gaussians, 'qm', chrge=1)": "write 'charge'",
    "region(gaussians, 'qm', charge='a')": "charge is 'a'",
    "region(region(gaussians, 'qm'), 'index < 3')": "a region stands inside a region",
    "region(3, 'qm')": "a number alone is no model",
    "[gaussians, region(gaussians + kernel, 'qm')]": "a sum stands inside square brackets",
}


@pytest.mark.parametrize(("text", "words"), REFUSED.items(), ids=REFUSED)
def test_expressions_that_are_none(text, words):
    with pytest.raises(ExpressionError, match=words) as caught:
        parse_expression(text)
    assert caught.value.who == "model expression"
    assert "^" in caught.value.found


def toml(line):
    return f'[[groups]]\n[[groups.steps]]\nmodel = "gaussians"\n{line}\n'


TABLES = {
    'atoms = "z < 3"': "the energy would jump",
    "atoms = []": r"atoms are \[\]",
    "atoms = 3": "atoms are 3",
    "atoms = [0, true]": "atoms are",
    "atoms = { charge = 1 }": "atoms of a region",
    'atoms = { atoms = "qm", chrge = 1 }': "write 'charge'",
    'atoms = { atoms = "qm", charge = "1" }': "charge is '1'",
}


@pytest.mark.parametrize(("line", "words"), TABLES.items(), ids=TABLES)
def test_tables_that_declare_none(line, words):
    with pytest.raises(SerializationError, match=words) as caught:
        read_toml(toml(line), OFFERED)
    assert "group 0, step 0, atoms" in caught.value.who


def test_a_file_with_a_region_changed_keeps_its_comments():
    text = toml('atoms = "index < 3"  # the molecule')
    pipe = region(made("gaussians"), "index < 3")
    assert rewritten(text, recipe_of(pipe, "TOML", OFFERED), OFFERED) == text
    other = region(made("gaussians"), "index < 3", charge=1)
    changed = rewritten(toml('atoms = "qm"') + "# kept\n", recipe_of(other, "TOML", OFFERED), OFFERED)
    assert 'atoms = {atoms = "index < 3", charge = 1.0}' in changed
    assert "# kept" in changed


def test_a_region_of_a_nested_pipeline(tmp_path, batch):
    inner = owned(region(region(made("gaussians"), "index < 3"), "element in ('O', 'H')"))
    inner.save(tmp_path / "p.alchemi")
    alike(load_pipeline(tmp_path / "p.alchemi", registry=OFFERED), inner, batch)
    with pytest.raises(SerializationError, match="the pipelines nested in it"):
        pipeline_text(inner, "expression", OFFERED)
