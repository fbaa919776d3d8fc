"""``alchemi derive``: strategies by name, the summary, the files, and what is refused."""

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

STRATEGIES = """
import attrs
import torch
from typing import ClassVar
from alchemi_core.quantities import DerivativeOf


@attrs.frozen
class Stiffness:
    name: ClassVar[str] = "stiffness"
    serves: ClassVar = {"hessian": DerivativeOf(order=2), "forces": DerivativeOf()}
    samples: ClassVar = frozenset({"forces"})
    step: float = 1e-3
    axes: tuple = (0, 1, 2)
    labels: dict = attrs.field(factory=dict)

    def prepare(self, state):
        assert type(self.labels) is dict, self.labels
        return state.data, state

    def finish(self, energy, tape, requested):
        data = tape.data
        out = {"forces": tape.sample(data, {"forces"})["forces"]}
        rows = data.positions.new_zeros(data.num_atoms, 3, data.num_atoms, 3)
        for atom in range(data.num_atoms):
            for axis in self.axes:
                shift = torch.zeros_like(data.positions)
                shift[atom, axis] = self.step
                ahead, behind = (
                    tape.sample(data.with_fields(positions=data.positions + sign * shift), {"forces"})["forces"]
                    for sign in (1, -1)
                )
                rows[atom, axis] = (behind - ahead) / (2 * self.step)
        out["hessian"] = rows.reshape(1, 3 * data.num_atoms, 3 * data.num_atoms)
        return {name: out[name] for name in requested}


def plain(energy, data, requested):
    return {name: data.positions * 2.0 for name in requested}


plain.serves = {"doubled"}
"""

HOOKS = """
from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import DerivativeOffer

@hookimpl
def alchemi_derivatives():
    return [
        DerivativeOffer(name="pair-stiffness", summary="differences", target="slope_strategies:Stiffness"),
        DerivativeOffer(name="plain", summary="a function", target="slope_strategies:plain"),
    ]
"""


@pytest.fixture
def slopes(site, springs, tmp_path, monkeypatch):
    """A second distribution, with strategies."""
    folder = tmp_path / "slopes"
    info = folder / "alchemi_slopes-0.4.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: alchemi-slopes\nVersion: 0.4\n")
    (info / "entry_points.txt").write_text("[alchemi]\nslopes = slope_hooks\n")
    (folder / "slope_hooks.py").write_text(HOOKS)
    (folder / "slope_strategies.py").write_text(STRATEGIES)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("ALCHEMI_PLUGINS", "alchemi-springs,alchemi-slopes")


@pytest.fixture
def files(here, slopes):
    """Dimers in one file, a crystal in another: Hooke's law gives every figure."""
    write("dimers.xyz", [Atoms("HLi", [[0, 0, 0], [0, 0, length]]) for length in (1.1, 1.2, 1.3)])
    write("cube.cif", Atoms("H", cell=[1.2, 1.2, 1.2], pbc=True))
    return here


def rows(answer):
    """What the table says, by structure and output."""
    lines = [line for line in answer.out.splitlines()[1:] if not line.startswith("wrote")]
    return {tuple(line.split()[:-4]): line.split()[-4:] for line in lines}


def bond(k, length):
    """Hessian of ½ k (r − 1)² for two atoms along z."""
    block = np.diag([k * (length - 1) / length] * 2 + [k])
    return np.block([[block, -block], [-block, block]])


def test_an_offered_strategy_in_a_table(alchemi, files):
    answer = alchemi("derive", "dimers.xyz@1", "--model", "springs(k=2.0)", "--derivative", "pair-stiffness")
    assert (answer.err, answer.code) == ("", 0)
    assert answer.out.splitlines()[0].split() == ["structure", "output", "shape", "unit", "largest", "norm"]
    told = rows(answer)
    assert told["dimers.xyz", "energy"] == ["1", "eV", "0.04", "0.04"]
    shape, unit, largest, norm = told["dimers.xyz", "hessian"]
    assert (shape, unit) == ("6×6", "eV/Å²")
    assert abs(float(largest)) == pytest.approx(2.0, rel=1e-4)
    assert float(norm) == pytest.approx(np.linalg.norm(bond(2.0, 1.2)), rel=1e-4)
    assert set(told) == {("dimers.xyz", "energy"), ("dimers.xyz", "hessian")}


def test_every_structure_gets_a_file(alchemi, files, load):
    words = ("--model", "springs", "--derivative", "pair_stiffness(step=0.002)", "--outputs", "forces,hessian")
    answer = alchemi("derive", "dimers.xyz", "cube.cif", *words, "--out", "o")
    assert answer.code == 0
    assert sorted(rows(answer)) == [
        *(("cube.cif", name) for name in ("forces", "hessian")),
        *(("dimers.xyz", f"#{n}", name) for n in range(3) for name in ("forces", "hessian")),
    ]
    names = [f"structure-{n:04d}.npz" for n in range(4)]
    assert sorted(one.name for one in (files / "o").iterdir()) == ["run.json", *names]
    for length, name in zip((1.1, 1.2, 1.3), names, strict=False):
        with np.load(files / "o" / name) as found:
            np.testing.assert_allclose(found["hessian"], bond(1.0, length), atol=1e-5)
            np.testing.assert_allclose(found["forces"][:, 2], [length - 1, 1 - length], atol=1e-9)
            np.testing.assert_allclose(found["positions"], [[0, 0, 0], [0, 0, length]])
            assert found["atomic_numbers"].tolist() == [1, 3]
            assert set(found) == {"forces", "hessian", "positions", "atomic_numbers", "cell", "pbc"}
    record = load("o/run.json")
    assert (record["status"], record["derivative"]) == ("done", "pair_stiffness(step=0.002)")
    assert [one["file"] for one in record["results"]] == names
    assert record["results"][1]["outputs"]["hessian"]["shape"] == [6, 6]
    assert record["results"][1]["outputs"]["hessian"]["unit"] == "eV/Å²"
    assert "hessian = d²([0])/dr²" in record["model"]["plan"]
    assert record["versions"]["plugins"]["alchemi-slopes"]["version"] == "0.4"
    assert answer.out.splitlines()[-1] == "wrote o/structure-0000.npz to structure-0003.npz and o/run.json"


def test_literal_options_reach_the_strategy_as_plain_values(alchemi, files):
    options = "pair-stiffness(axes=(2,), labels={'a': {'b': 1}})"
    answer = alchemi("derive", "dimers.xyz@0", "--model", "springs", "--derivative", options)
    assert (answer.err, answer.code) == ("", 0)
    assert float(rows(answer)["dimers.xyz", "hessian"][3]) == pytest.approx(2.0, rel=1e-4)


def test_differences_of_the_core_need_no_other_plugin(alchemi, files):
    """Nothing is only theirs, so the default is what the model gives: forces taken by differences, and the stress."""
    words = ("--model", "springs(k=2.0)", "--derivative", "finite-difference")
    told = rows(alchemi("derive", "dimers.xyz@1", "cube.cif", *words))
    shape, unit, largest, norm = told["dimers.xyz", "forces"]
    assert (shape, unit) == ("2×3", "eV/Å")
    assert (abs(float(largest)), float(norm)) == pytest.approx((0.4, 0.4 * 2**0.5), rel=1e-5)
    assert ("dimers.xyz", "stress") not in told
    assert float(told["cube.cif", "stress"][2]) == pytest.approx(2.0 * 0.2 / 1.2**2, rel=1e-6)


def test_values_that_pass_between_models_are_differentiated(alchemi, files):
    """q = ±s(Z_j − Z_i)exp(−r) in E = −C q²/r: F = −dE/dr has a term through the charges."""
    words = ("--model", "[flow(scale=0.1), coulomb]", "--outputs", "forces", "--out", "o")
    assert alchemi("derive", "dimers.xyz@1", *words, "--derivative", "autograd").code == 0
    with np.load("o/results.npz") as found:
        pull = found["forces"][1, 2]
    charge, r, constant = 0.2 * np.exp(-1.2), 1.2, 14.3996454785
    assert pull == pytest.approx(-constant * charge**2 * (1 / r**2 + 2 / r), rel=1e-9)


def test_an_output_that_no_table_knows(alchemi, files):
    told = rows(alchemi("derive", "dimers.xyz@1", "--model", "[flow, coulomb]", "--derivative", "plain"))
    assert told["dimers.xyz", "doubled"] == ["2×3", "–", "2.4", "2.4"]


def test_what_is_no_number_is_a_dash_and_null(alchemi, files, load):
    words = ("--model", "blind", "--derivative", "autograd", "--outputs", "energy", "--out", "o")
    assert rows(alchemi("derive", "dimers.xyz@0", *words))["dimers.xyz", "energy"] == ["1", "eV", "–", "–"]
    assert load("o/run.json")["results"][0]["outputs"]["energy"]["largest"] is None


def test_single_precision(alchemi, files):
    words = ("--model", "springs", "--derivative", "finite-difference", "--dtype", "float32", "--out", "o")
    assert alchemi("derive", "dimers.xyz@1", *words).code == 0
    with np.load("o/results.npz") as found:
        assert found["forces"].dtype == np.float32
        np.testing.assert_allclose(found["forces"][:, 2], [0.2, -0.2], rtol=1e-3)


def test_without_a_folder_nothing_is_written(alchemi, files):
    before = sorted(files.iterdir())
    assert alchemi("derive", "dimers.xyz", "--model", "springs", "--derivative", "pair-stiffness").code == 0
    assert sorted(files.iterdir()) == before


def test_writing_over_removes_results_of_before_and_nothing_else(alchemi, files):
    words = ("--model", "springs", "--derivative", "pair-stiffness", "--out", "o")
    assert alchemi("derive", "dimers.xyz", *words).code == 0
    (files / "o" / "notes.txt").write_text("mine")
    refused = alchemi("derive", "dimers.xyz@0", *words)
    assert refused.code == 2
    assert "--overwrite" in refused.err
    assert alchemi("derive", "dimers.xyz@0", *words, "--overwrite").code == 0
    assert sorted(one.name for one in (files / "o").iterdir()) == ["notes.txt", "results.npz", "run.json"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--derivative", "pair-stifness"], "did you mean 'pair-stiffness'?"),
        (["--derivative", "pair-stiffness(steps=1)"], "no option named 'steps'"),
        (["--derivative", "plain(step=1)"], "none: it is not a class"),
        (["--derivative", "2*pair-stiffness"], "weights, sums and renames go into --model"),
        (["--derivative", "pair-stiffness + plain"], "weights, sums and renames go into --model"),
        (["--derivative", "[pair-stiffness]"], "weights, sums and renames go into --model"),
        (["--derivative", "(pair-stiffness >> {'hessian': 'h'})"], "weights, sums and renames go into --model"),
        (["--derivative", "pair-stiffness("], "--derivative: brackets do not match"),
        (["--derivative", ""], "--derivative: the expression is empty"),
        (["--derivative", "pair-stiffness(step=open('x'))"], "not something to compute"),
        (["--derivative", "pair-stiffness", "--outputs", "polarizability"], "no step can give 'polarizability'"),
        (["--derivative", "pair-stiffness", "--outputs", "hesian"], "ask for 'hessian'"),
        (["--derivative", "plain", "--outputs", "doubled"], "doubled"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_computed(alchemi, files, words, said):
    answer = alchemi("derive", "dimers.xyz", "--model", "brittle(after=0, own=False)", *words, "--out", "o")
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.err
    assert "Traceback" not in answer.err
    assert not (files / "o").exists()


def test_a_strategy_and_a_model_are_needed(alchemi, files):
    assert "--derivative" in alchemi("derive", "dimers.xyz", "--model", "springs").err
    assert "--model" in alchemi("derive", "dimers.xyz", "--derivative", "plain").err


def test_a_missing_strategy_quotes_the_plugins_that_are_kept_out(alchemi, files, monkeypatch):
    from alchemi_core.registry import default_registry

    monkeypatch.setenv("ALCHEMI_BLOCK_PLUGINS", "alchemi-slopes")
    default_registry.cache_clear()
    answer = alchemi("derive", "dimers.xyz", "--model", "springs", "--derivative", "pair-stiffness")
    assert answer.code == 2
    assert "alchemi-slopes 0.4 (blocked by ALCHEMI_BLOCK_PLUGINS)" in answer.err


def test_a_structure_that_fails_is_named_and_spoils_no_file(alchemi, files):
    words = ("--model", "brittle(after=3)", "--derivative", "finite-difference", "--outputs", "energy", "--out", "o")
    write("four.xyz", [Atoms("HLi", [[0, 0, 0], [0, 0, length]]) for length in (1.1, 1.2, 1.3, 1.35)])
    answer = alchemi("derive", "four.xyz", *words)
    assert answer.code == 2
    assert "four.xyz #3" in answer.err
    assert not (files / "o").exists()


def test_the_plan_shows_what_a_strategy_is_made_of(alchemi, files):
    answer = alchemi("plan", "--model", "springs + 0.5*springs", "--derivative", "pair-stiffness")
    assert answer.code == 0
    assert answer.out.splitlines()[-1] == "hessian = d²([0] + 0.5·[1])/dr²"
    forces = alchemi("plan", "--model", "springs", "--derivative", "finite-difference", "--outputs", "forces")
    assert forces.out.splitlines()[-1] == "forces = −d([0])/dr"
    assert "finite-difference" not in alchemi("plan", "--model", "springs").out
