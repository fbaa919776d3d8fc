"""The command ``alchemi relax-many``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.constraints import FixAtoms, FixCartesian
from ase.io import read, write

from alchemi_core.cli.main import main

MODEL = "lennard-jones(cutoff=8.5, switch_on=7.0)"


@pytest.fixture
def many(tmp_path, monkeypatch, perturbed):
    monkeypatch.chdir(tmp_path)
    structures = perturbed(10)
    write("many.extxyz", structures)
    return structures


def rows():
    with Path("out/summary.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_relaxes_all(many, argon, capsys):
    assert main(["relax-many", "many.extxyz", "--model", MODEL, "--fmax", "0.01", "--out", "out"]) == 0
    relaxed = read("out/relaxed.extxyz", ":")
    assert [atoms.info["relaxed_from"] for atoms in relaxed] == [f"many.extxyz #{i}" for i in range(10)]
    assert {atoms.info["relax_status"] for atoms in relaxed} == {"converged"}
    for before, after, row in zip(many, relaxed, rows(), strict=True):
        assert after.get_potential_energy() == pytest.approx(float(row["energy_eV"]), abs=1e-7)
        assert float(row["max_force_eV_per_A"]) < 0.01
        assert (before.cell.array == after.cell.array).all() != before.pbc.all()
        after.calc = argon.as_ase()
        assert after.get_potential_energy() == pytest.approx(float(row["energy_eV"]), abs=1e-6)
    record = json.loads(Path("out/run.json").read_text())
    assert record["structures"] == {"given": 10, "converged": 10}
    assert record["status"] == "done"
    out = capsys.readouterr().out
    assert "10 structures: 10 converged" in out
    assert out.count("\n") > 13


def test_a_fixed_cell(many):
    assert main(["relax-many", "many.extxyz@0", "--model", MODEL, "--fix-cell", "--out", "out"]) == 0
    (relaxed,) = read("out/relaxed.extxyz", ":")
    np.testing.assert_allclose(relaxed.cell.array, many[0].cell.array)


def test_files_hold_the_forces_of_the_model_on_held_atoms(many, argon):
    held = many[0].copy()
    held.set_constraint([FixAtoms([0]), FixCartesian(1, mask=(True, False, True))])
    write("held.extxyz", held)
    assert main(["relax-many", "held.extxyz", "--model", MODEL, "--fix-cell", "--out", "out"]) == 0
    relaxed = read("out/relaxed.extxyz")
    written, again = relaxed.get_forces(apply_constraint=False), relaxed.copy()
    again.calc = argon.as_ase()
    np.testing.assert_allclose(written, again.get_forces(apply_constraint=False), atol=1e-6)
    assert np.abs(written[0]).max() > 0.005
    assert float(rows()[0]["max_force_eV_per_A"]) < 0.005


def test_failures_are_named_and_the_rest_is_done(many, capsys):
    poisoned = many[0].copy()
    poisoned.positions[0] = np.nan
    write("many.extxyz", [many[3], poisoned, many[4]])
    assert main(["relax-many", "many.extxyz", "--model", MODEL, "--out", "out"]) == 2
    assert [row["status"] for row in rows()] == ["converged", "failed", "converged"]
    assert "nan" in rows()[1]["error"]
    assert len(read("out/relaxed.extxyz", ":")) == 2
    captured = capsys.readouterr()
    assert "many.extxyz #1" in captured.err
    assert "2 converged, 1 failed" in captured.out


def test_out_of_steps(many, capsys):
    assert main(["relax-many", "many.extxyz", "--model", MODEL, "--steps", "2", "--out", "out"]) == 1
    assert {row["status"] for row in rows()} == {"not converged"}
    assert "largest force" in capsys.readouterr().out


def test_a_folder_that_is_there_is_not_written_over(many):
    assert main(["relax-many", "many.extxyz@3", "--model", MODEL, "--out", "out"]) == 0
    assert main(["relax-many", "many.extxyz@3", "--model", MODEL, "--out", "out"]) == 2
    assert main(["relax-many", "many.extxyz@4", "--model", MODEL, "--out", "out", "--overwrite"]) == 0
    assert [row["structure"] for row in rows()] == ["many.extxyz"]
    assert main(["relax-many", "many.extxyz@3", "--model", MODEL]) == 0
    assert len(read("relaxed-many/relaxed.extxyz", ":")) == 1


def test_bad_input_makes_no_folder(many, tmp_path, capsys):
    assert main(["relax-many", "none.xyz", "--model", MODEL, "--out", "out"]) == 2
    assert main(["relax-many", "many.extxyz", "--model", "lenard-jones", "--out", "out"]) == 2
    assert not (tmp_path / "out").exists()
    assert "lennard-jones" in capsys.readouterr().err


def test_an_interruption_keeps_what_is_done(many, monkeypatch, capsys):
    from alchemi_torchsim.cli import relax_many_run

    real = relax_many_run.relax

    def stopping(*args, **kwargs):
        results = real(*args, **kwargs)
        yield next(results)
        raise KeyboardInterrupt

    monkeypatch.setattr(relax_many_run, "relax", stopping)
    assert main(["relax-many", "many.extxyz", "--model", MODEL, "--out", "out"]) == 130
    assert len(read("out/relaxed.extxyz", ":")) == 1
    assert json.loads(Path("out/run.json").read_text())["status"] == "interrupted"
    assert "interrupted" in capsys.readouterr().err


def test_it_is_listed(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "relax-many" in capsys.readouterr().out


def test_one_crystal_as_alchemi_relax_has_it(many):
    """The same minimum as the command that takes structures one by one."""
    write("one.extxyz", bulk("Ar", "fcc", a=5.4))
    assert main(["relax-many", "one.extxyz", "--model", MODEL, "--fmax", "0.001", "--out", "out"]) == 0
    assert main(["relax", "one.extxyz", "--model", MODEL, "--fmax", "0.001", "--out", "other"]) == 0
    many_at_once, one_by_one = read("out/relaxed.extxyz"), read("other/final.extxyz")
    assert many_at_once.get_volume() == pytest.approx(one_by_one.get_volume(), rel=2e-3)
    assert many_at_once.get_potential_energy() == pytest.approx(one_by_one.get_potential_energy(), abs=1e-5)
