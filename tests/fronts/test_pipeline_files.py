"""``alchemi save``, ``inspect`` and ``diff``, and files wherever a model is asked for."""

import json
from pathlib import Path

import pytest
from ase import Atoms
from ase.io import write
from unit.serialization.sealed import Parts, sealed

MODEL = "springs(k=2.0) + 0.5*springs(r0=1.1)"


@pytest.fixture
def saved(alchemi):
    answer = alchemi("save", "p.alchemi", "--model", MODEL)
    assert answer.code == 0, answer.err
    assert answer.out.startswith("wrote p.alchemi: 2 models, 0 with weights")
    return Path("p.alchemi")


@pytest.fixture
def dimer(here):
    write("dimer.xyz", Atoms("H2", positions=[(0, 0, 0), (0, 0, 1.2)]))
    return "dimer.xyz"


def test_inspect_shows_what_is_in_it(alchemi, saved):
    out = alchemi("inspect", saved).out
    for words in ("k=2.0", "alchemi-springs 1.2.3", "weight 0.5", "gives", "this machine can load it", "Hooke"):
        assert words in out
    assert alchemi("inspect", saved, "--bibtex").out.startswith("@misc{")
    about = json.loads(alchemi("inspect", saved, "--json").out)
    assert [model["options"] for model in about["models"]] == [{"k": 2.0}, {"r0": 1.1}]
    assert about["needs"] == [{"plugin": "alchemi-springs", "version": "1.2.3", "offers": [["model", "springs"]]}]


def test_inspect_says_what_is_missing_here(alchemi, saved, monkeypatch):
    from alchemi_core.registry import default_registry

    monkeypatch.setenv("ALCHEMI_PLUGINS", "")
    default_registry.cache_clear()
    out = alchemi("inspect", saved).out
    assert "this machine cannot load it: let alchemi-springs in again" in out
    answer = alchemi("plan", saved)
    assert answer.code == 2
    assert "alchemi-springs 1.2.3 or later" in answer.err
    assert "let alchemi-springs in again" in answer.err


def test_files_stand_where_models_do(alchemi, saved, dimer):
    plain = alchemi("singlepoint", dimer, "--model", MODEL)
    answer = alchemi("singlepoint", dimer, "--model", saved, "--out", "result")
    assert answer.code == 0, answer.err
    assert plain.out.splitlines()[-1] in answer.out
    model = json.loads(Path("result/run.json").read_text())["model"]
    assert model["file"] == "p.alchemi"
    assert len(model["sha256"]) == 64
    assert alchemi("save", "p.toml", "--model", saved).code == 0
    assert alchemi("singlepoint", dimer, "--model", "p.toml").out == plain.out
    assert alchemi("plan", "p.toml").out == alchemi("plan", "--model", MODEL).out
    assert alchemi("save", "--as", "expression", "--model", "p.toml").out == "springs(k=2.0) + 0.5*springs(r0=1.1)\n"


def test_a_run_goes_on_in_another_folder_and_only_with_the_same_file(alchemi, saved, dimer, monkeypatch):
    assert alchemi("md", dimer, "--model", saved, "--steps", 4, "--temperature", 10, "--out", "run").code == 0
    Path("else").mkdir()
    monkeypatch.chdir("else")
    answer = alchemi("md", "--resume", "../run", "--steps", 6)
    assert answer.code == 0, answer.err
    assert alchemi("save", "../p.alchemi", "--model", "springs", "--overwrite").code == 0
    answer = alchemi("md", "--resume", "../run", "--steps", 8)
    assert answer.code == 2
    assert "was changed since the run began" in answer.err


def test_diff(alchemi, saved):
    same = alchemi("diff", saved, MODEL)
    assert (same.code, same.out) == (0, "the same\n")
    other = alchemi("diff", saved, "springs(k=3.0) + 0.25*springs(r0=1.1)")
    assert other.code == 1
    for line in (
        "model 0  springs",
        "  options.k: 2.0 → 3.0",
        "-   1 springs  weight 0.5",
        "+   1 springs  weight 0.25",
    ):
        assert line in other.out.splitlines()
    shorter = alchemi("diff", saved, "springs(k=2.0)")
    assert shorter.code == 1
    assert "- model 1  springs" in shorter.out


def test_diff_shows_weights_in_full(alchemi, here):
    lines = alchemi("diff", "0.1234567*springs", "0.1234568*springs").out.splitlines()
    assert [line for line in lines if line[0] in "+-"] == [
        "-   0 springs  weight 0.1234567",
        "+   0 springs  weight 0.1234568",
    ]


def test_what_is_there_stays_unless_told(alchemi, saved):
    before = saved.read_bytes()
    answer = alchemi("save", saved, "--model", "springs")
    assert (answer.code, saved.read_bytes()) == (2, before)
    assert "--overwrite" in answer.err
    assert alchemi("save", saved, "--model", "springs", "--overwrite").code == 0
    assert saved.read_bytes() != before


def test_comments_survive_overwriting(alchemi, here):
    Path("p.toml").write_text('# mine\nexpression = "springs(k=2.0)"\n[settings]\nskin = 0.1 # thin\n')
    assert alchemi("save", "p.toml", "--model", "p.toml", "--accept", "dispersion", "--overwrite").code == 0
    text = Path("p.toml").read_text()
    assert text.startswith("# mine\nexpression")
    assert "skin = 0.1 # thin" in text
    assert "dispersion" in text


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["save", "--model", MODEL], "FILE or --as"),
        (["save", "a.alchemi", "--as", "toml", "--model", MODEL], "FILE or --as"),
        (["save", "a.json", "--model", MODEL], "ends with '.json'"),
        (["save", "a.toml", "--reference-weights", "--model", MODEL], "no part of a text"),
        (["save", "none/a.alchemi", "--model", MODEL], "none/a.alchemi"),
        (["inspect", "none.alchemi"], "there is no such file"),
        (["inspect", "none.toml"], "alchemi plan none.toml"),
        (["plan"], "FILE or --model"),
        (["plan", "a.toml", "--model", MODEL], "FILE or --model"),
        (["plan", "none.toml"], "cannot be read"),
        (["plan", "none.tml"], "neither a model expression nor a pipeline file"),
        (["plan", "pipe.py"], "a Python text is run"),
    ],
)
def test_wrong_calls(alchemi, words, what):
    answer = alchemi(*words)
    assert answer.code == 2, answer.out
    assert what in answer.err


def test_signs_that_steer_a_terminal_are_not_passed_on(alchemi, here):
    from alchemi_core import PipelineGroup, PipelineModelWrapper, PipelineStep, create_model

    step = PipelineStep(create_model("springs"), wire={"charges": "\x1b[2Jcleared"})
    PipelineModelWrapper([PipelineGroup([step])]).save("p.alchemi")
    out = alchemi("inspect", "p.alchemi").out
    assert "\x1b" not in out
    assert "cleared" in out


def test_functions_of_ones_own_are_named_with_their_group(alchemi, here):
    from alchemi_core import PipelineGroup, PipelineModelWrapper, create_model

    def damped(energy, data, requested):
        return {}

    inner = PipelineModelWrapper([PipelineGroup([create_model("springs")], use_autograd=True, derivative_fn=damped)])
    PipelineModelWrapper([PipelineGroup([create_model("springs")]), PipelineGroup([inner])]).save("p.alchemi")
    assert "the derivative 'damped' of group 1" in alchemi("inspect", "p.alchemi").out
    about = json.loads(alchemi("inspect", "--json", "p.alchemi").out)
    assert about["handed_over"] == {"models": {}, "derivatives": {"1": "damped"}}


@pytest.mark.parametrize("value", [None, 3, "x", [], [3], [["x"]], {}, {"a": 3}], ids=str)
@pytest.mark.parametrize(
    "place", [[], ["groups"], ["groups", 0], ["groups", 0, "steps"], ["groups", 0, "steps", 0]], ids=str
)
def test_strange_topologies_are_one_clear_error(alchemi, saved, place, value):
    parts = Parts.of(saved)
    at, last = parts.document, "topology"
    for name in place:
        at, last = at[last], name
    at[last] = value
    Path("strange.alchemi").write_bytes(sealed(parts))
    for words in (["inspect", "strange.alchemi"], ["diff", "p.alchemi", "strange.alchemi"]):
        answer = alchemi(*words)
        assert answer.code == 2 or (value == [] and answer.code in (0, 1)), (words, answer)
