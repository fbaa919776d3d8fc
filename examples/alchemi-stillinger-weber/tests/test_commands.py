"""What users type, as they type it: the model is there, is right, relaxes silicon and runs from a file."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import read, write

ALCHEMI = Path(sysconfig.get_path("scripts"), "alchemi")
LATTICE_CONSTANT = 5.431  # Å


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with silicon, stretched and out of order."""
    silicon = bulk("Si", "diamond", a=5.5, cubic=True)
    silicon.rattle(0.05, seed=1)
    write(tmp_path / "si.cif", silicon)
    return tmp_path


def alchemi(folder: Path, *arguments: str) -> str:
    """Run a command of alchemi that must succeed, with this plugin and no other, and return what it prints."""
    done = subprocess.run(
        [ALCHEMI, *arguments],
        cwd=folder,
        env={**os.environ, "ALCHEMI_PLUGINS": "stillinger-weber"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def relaxed(folder: Path) -> Atoms:
    atoms = read(folder / "final.extxyz")
    assert isinstance(atoms, Atoms)
    return atoms


def test_models_and_check(tmp_path: Path) -> None:
    assert "Stillinger-Weber potential of silicon" in alchemi(tmp_path, "models")
    report = alchemi(tmp_path, "check", "stillinger-weber", "--only", "forces,stress,cutoff")
    assert "model stillinger-weber" in report
    assert report.count("  passed  ") == 4
    assert "4 passed of 4 checks" in report


def test_silicon_relaxes_to_the_lattice_constant_and_from_a_file_as_well(folder: Path) -> None:
    named = alchemi(folder, "relax", "si.cif", "--model", "stillinger-weber", "--out", "named")
    assert "converged in" in named
    assert relaxed(folder / "named").cell.lengths() == pytest.approx([LATTICE_CONSTANT] * 3, abs=1e-3)
    alchemi(folder, "save", "sw.alchemi", "--model", "stillinger-weber")
    alchemi(folder, "relax", "si.cif", "--model", "sw.alchemi", "--out", "loaded")
    assert (relaxed(folder / "loaded").positions == relaxed(folder / "named").positions).all()
    assert (relaxed(folder / "loaded").cell == relaxed(folder / "named").cell).all()
