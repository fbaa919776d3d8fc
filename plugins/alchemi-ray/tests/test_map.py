"""``alchemi map`` in this process: the numbers of other ways to compute them, in files that tell what they are."""

import csv
import json

import ase.io
import numpy as np
import pyarrow.parquet as pq
import pytest
from alchemi_derivatives.lattice_dynamics import as_phonopy
from ase.build import bulk
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS

from alchemi_core import create_model
from alchemi_core.expressions import build_expression, parse_expression
from alchemi_core.registry import default_registry

ARGON = "lennard-jones(cutoff=7.0, switch_on=6.0)"


def calculator(expression, **options):
    return build_expression(parse_expression(expression), default_registry()).as_ase(**options)


@pytest.fixture
def dataset(here, tools):
    tools.save("data.extxyz", tools.mixed(24))
    return ase.io.read("data.extxyz", ":")


def test_results_are_those_of_the_calculator(alchemi, dataset, here, tools):
    answer = alchemi("data.extxyz", "--model", tools.MODEL, "--shard-size", 5, "--out", "out")
    assert answer.code == 0, answer.err
    tools.check_exactly_once(here / "out", 24)
    reference = calculator(tools.MODEL)
    for row, atoms in zip(tools.results_of(here / "out"), dataset, strict=True):
        atoms.calc = reference
        assert row["energy"] == pytest.approx(atoms.get_potential_energy(), abs=1e-10)
        np.testing.assert_allclose(row["forces"], atoms.get_forces(), atol=1e-10)
        terms = reference.results["energies_per_term"]
        assert dict(row["energy_terms"]) == pytest.approx(terms, abs=1e-10)
        if atoms.pbc.all():
            np.testing.assert_allclose(row["stress"], atoms.get_stress(), atol=1e-12)
        else:
            assert row["stress"] is None


def test_rows_say_which_structure_they_are_of(alchemi, dataset, here, tools):
    alchemi("data.extxyz", "--model", ARGON, "--shard-size", 10, "--out", "out")
    for number, (row, atoms) in enumerate(zip(tools.results_of(here / "out"), dataset, strict=True)):
        assert (row["number"], row["source"], row["index"]) == (number, "data.extxyz", number)
        assert row["numbers"] == atoms.numbers.tolist()
        np.testing.assert_array_equal(row["positions"], atoms.positions)
        np.testing.assert_array_equal(row["cell"], atoms.cell.array)
        assert row["pbc"] == atoms.pbc.tolist()
        assert json.loads(row["info"]) == {"tag": number}


def test_several_files_are_one_dataset(alchemi, here, tools):
    for name, count in (("a.extxyz", 3), ("b.extxyz", 4)):
        tools.save(name, tools.mixed(count))
    assert alchemi("a.extxyz", "b.extxyz", "--model", ARGON, "--shard-size", 5, "--out", "out").code == 0
    places = [(row["source"], row["index"]) for row in tools.results_of(here / "out")]
    assert places == [("a.extxyz", n) for n in range(3)] + [("b.extxyz", n) for n in range(4)]


def test_results_are_a_dataset(alchemi, dataset, here, tools):
    """Mapped again, they have the same digests and energies."""
    alchemi("data.extxyz", "--model", tools.MODEL, "--shard-size", 7, "--out", "one")
    assert alchemi("one", "--model", tools.MODEL, "--out", "two").code == 0
    one, two = tools.results_of(here / "one"), tools.results_of(here / "two")
    assert [row["digest"] for row in one] == [row["digest"] for row in two]
    np.testing.assert_allclose([row["energy"] for row in one], [row["energy"] for row in two], atol=1e-10)


def test_extended_xyz_has_results_where_ase_looks_for_them(alchemi, dataset, here, tools):
    alchemi("data.extxyz", "--model", tools.MODEL, "--shard-size", 24, "--out", "rows")
    answer = alchemi("data.extxyz", "--model", tools.MODEL, "--shard-size", 9, "--form", "extxyz", "--out", "frames")
    assert answer.code == 0
    files = sorted((here / "frames" / "results").iterdir())
    frames = [atoms for path in files for atoms in ase.io.read(path, ":")]
    for atoms, row, given in zip(frames, tools.results_of(here / "rows"), dataset, strict=True):
        assert atoms.get_potential_energy() == pytest.approx(row["energy"])
        np.testing.assert_allclose(atoms.get_forces(), row["forces"], atol=1e-7)
        kept = atoms.info["alchemi"]
        assert [kept[name] for name in ("number", "index", "digest")] == [row[n] for n in ("number", "index", "digest")]
        assert kept["energy_terms"] == pytest.approx(dict(row["energy_terms"]))
        assert atoms.info["tag"] == given.info["tag"]
    assert alchemi("frames", "--model", tools.MODEL, "--out", "again").code == 0
    digests = [row["digest"] for row in tools.results_of(here / "again")]
    assert digests == [row["digest"] for row in tools.results_of(here / "rows")]


def test_contributions_add_up(alchemi, dataset, here, tools):
    alchemi("data.extxyz", "--model", tools.MODEL, "--contributions", "--out", "out")
    for row in tools.results_of(here / "out"):
        parts = dict(row["forces_terms"])
        assert set(parts) == {"lennard-jones", "dftd3"}
        np.testing.assert_allclose(sum(map(np.array, parts.values())), row["forces"], atol=1e-12)
        if row["stress"] is not None:
            parts = dict(row["stress_terms"])
            np.testing.assert_allclose(sum(map(np.array, parts.values())), row["stress"], atol=1e-14)


def test_further_outputs_are_columns(alchemi, dataset, here, tools):
    model = f"committee({ARGON}, lennard-jones(epsilon=0.02, cutoff=7.0, switch_on=6.0))"
    assert alchemi("data.extxyz", "--model", model, "--out", "spread").code == 0
    reference = calculator(model, outputs=["energy_std", "forces_std"])
    for row, atoms in zip(tools.results_of(here / "spread"), dataset, strict=True):
        atoms.calc = reference
        atoms.get_potential_energy()
        assert row["energy_std"] == pytest.approx(reference.results["energy_std"], abs=1e-12)
        np.testing.assert_allclose(row["forces_std"], reference.results["forces_std"], atol=1e-12)
    assert alchemi("data.extxyz", "--model", ARGON, "--outputs", "virial", "--out", "few").code == 0
    row = tools.results_of(here / "few")[1]
    assert row["forces"] is None
    assert np.array(row["virial"]).shape == (3, 3)


def test_relaxed_structures_are_at_the_minimum_that_ase_finds(alchemi, here, tools):
    structures = [bulk("Ar", cubic=True, a=a) for a in (5.1, 5.4)]
    for number, atoms in enumerate(structures):
        atoms.rattle(0.05, seed=number)
    tools.save("argon.extxyz", structures)
    answer = alchemi("argon.extxyz", "--model", ARGON, "--task", "relax", "--fmax", 0.001, "--out", "out")
    assert answer.code == 0, answer.err
    for row, atoms in zip(tools.results_of(here / "out"), ase.io.read("argon.extxyz", ":"), strict=True):
        start = row["digest"]
        atoms.calc = calculator(ARGON)
        before = atoms.get_potential_energy()
        optimizer = BFGS(FrechetCellFilter(atoms), logfile=None)
        optimizer.run(fmax=0.001)
        assert row["energy_before"] == pytest.approx(before)
        assert row["energy"] == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
        assert (row["converged"], row["steps"]) == (True, optimizer.nsteps)
        assert row["largest_force"] <= 0.001
        np.testing.assert_allclose(row["positions"], atoms.positions, atol=1e-8)
        np.testing.assert_allclose(row["cell"], atoms.cell.array, atol=1e-8)
        assert start != ""


def test_relaxations_that_run_out_of_steps_are_counted(alchemi, here, tools):
    tools.save("argon.extxyz", [bulk("Ar", cubic=True, a=5.0), bulk("Ar", cubic=True, a=5.25)])
    answer = alchemi("argon.extxyz", "--model", ARGON, "--task", "relax", "--steps", 1, "--fix-cell", "--out", "out")
    assert answer.code == 0  # fcc is at rest at any volume
    atoms = bulk("Ar", cubic=True, a=5.25)
    atoms.rattle(0.1, seed=1)
    tools.save("argon.extxyz", [atoms, bulk("Ar", cubic=True, a=5.25)])
    answer = alchemi("argon.extxyz", "--model", ARGON, "--task", "relax", "--steps", 1, "--fix-cell", "--out", "more")
    assert answer.code == 1
    assert [row["converged"] for row in tools.results_of(here / "more")] == [False, True]
    assert "not converged" in answer.out
    assert json.loads((here / "more" / "run.json").read_text())["totals"]["not_converged"] == 1


def test_phonons_are_those_of_phonopy(alchemi, here, tools):
    argon = bulk("Ar", "fcc", a=5.26)
    tools.save("argon.extxyz", [argon])
    answer = alchemi("argon.extxyz", "--model", ARGON, "--task", "phonons", "--supercell", 2, 2, 2, "--out", "out")
    assert answer.code == 0, answer.err
    (row,) = tools.results_of(here / "out")
    model = create_model("lennard-jones", cutoff=7.0, switch_on=6.0)
    phonon = as_phonopy(model, argon, supercell=(2, 2, 2))
    gamma = phonon.run_qpoints([[0.0, 0.0, 0.0]]).frequencies[0]
    np.testing.assert_allclose(row["frequencies_at_gamma_THz"], gamma, atol=1e-5)
    assert (row["supercell_atoms"], row["primitive_atoms"], row["imaginary_modes"]) == (8, 1, False)
    phonon.run_mesh([12, 12, 12], is_gamma_center=True)
    phonon.run_thermal_properties(temperatures=[300.0], exclude_gamma_acoustic=True)
    entropy = phonon.thermal_properties.entropy[0]
    assert row["entropy_300K_J_per_K_mol"] == pytest.approx(entropy, rel=0.02)


def test_files_say_what_they_were_made_with(alchemi, dataset, here, tools):
    alchemi("data.extxyz", "--model", tools.MODEL, "--shard-size", 10, "--dtype", "float64", "--out", "out")
    record = json.loads((here / "out" / "run.json").read_text())
    assert record["status"] == "done"
    assert record["structures"] == 24
    assert record["totals"]["done"] == 24
    assert record["model"]["labels"] == ["lennard-jones", "dftd3"]
    assert record["parts"][0]["structures"] == 24
    assert [line["worker"] for line in tools.ledger_of(here / "out")] == ["local-0"] * 3
    for path in (here / "out" / "results").iterdir():
        kept = json.loads(pq.read_schema(path).metadata[b"alchemi"])
        assert kept["shard"] == int(path.stem)
        assert kept["pipeline"] == record["pipeline"]
        assert kept["model"]["plan"] == record["model"]["plan"]
        assert kept["versions"]["alchemi-core"] == record["versions"]["alchemi-core"]
        assert {"alchemi-ray", "alchemi-dftd3"} <= kept["versions"]["plugins"].keys()
    with (here / "out" / "failures.csv").open() as file:
        assert list(csv.DictReader(file)) == []


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "DATASET is missing"),
        (("data.extxyz",), "--model is missing"),
        (("data.extxyz", "--model", ARGON, "--fmax", "0.1"), "--fmax is of --task relax"),
        (("data.extxyz", "--model", ARGON, "--task", "relax", "--mesh", "1", "1", "1"), "--mesh is of --task phonons"),
        (("data.extxyz", "--model", ARGON, "--address", "auto"), "--address without --engine ray"),
        (("data.extxyz", "--model", ARGON, "--outputs", "enrgy"), "no quantity is called 'enrgy'"),
        (("data.extxyz", "--model", ARGON, "--outputs", "charges"), "charges"),
        (("data.extxyz", "--model", "nothing"), "no model named 'nothing'"),
        (("data.extxyz", "--model", ARGON, "--device", "nowhere"), "nowhere"),
        (("none.extxyz", "--model", ARGON), "no such file"),
        (("--resume", "nowhere"), "there is no folder nowhere"),
        (("--resume", "."), "shards.json"),
        (("data.extxyz", "--resume", "."), "dataset is given with --resume"),
        (("--resume", ".", "--fmax", "1"), "--fmax is given with --resume"),
    ],
)
def test_what_cannot_be_right_is_refused_before_a_folder_is_made(alchemi, dataset, here, words, text):
    answer = alchemi(*words)
    assert (answer.code, text in answer.err) == (2, True), answer.err
    assert [path.name for path in here.iterdir()] == ["data.extxyz"]


def test_occupied_folders_are_kept_unless_told_otherwise(alchemi, dataset, here, tools):
    words = ("data.extxyz", "--model", ARGON, "--shard-size", 5, "--out", "out")
    assert alchemi(*words).code == 0
    assert "holds a run already" in alchemi(*words).err
    tools.save("data.extxyz", tools.mixed(7))
    assert alchemi(*words, "--overwrite").code == 0
    tools.check_exactly_once(here / "out", 7)


def test_a_report_is_written_where_it_is_wanted(alchemi, dataset, here):
    answer = alchemi("data.extxyz", "--model", ARGON, "--out", "with", report=True)
    assert (answer.code, "report.html" in answer.out) == (0, True)
    assert "</html>" in (here / "with" / "report.html").read_text()
    alchemi("data.extxyz", "--model", ARGON, "--out", "without")
    assert not (here / "without" / "report.html").exists()


def test_an_empty_dataset_is_none(alchemi, here):
    (here / "a.extxyz").write_text("")
    assert "no structures" in alchemi("a.extxyz", "--model", ARGON).err


def test_pipelines_come_from_files_too(alchemi, dataset, here, tools):
    pipe = build_expression(parse_expression(tools.MODEL), default_registry())
    pipe.save("model.alchemi")
    alchemi("data.extxyz", "--model", tools.MODEL, "--out", "one")
    assert alchemi("data.extxyz", "--model", "model.alchemi", "--out", "two").code == 0
    tools.check_equal(here / "one", here / "two")
