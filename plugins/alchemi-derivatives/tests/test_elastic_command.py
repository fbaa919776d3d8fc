"""``alchemi elastic``: what it prints, writes and refuses."""

import json

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.io import read
from PIL import Image

from alchemi_core import Batch, create_model, differentiate
from alchemi_core.cli.main import main

LJ = "lennard-jones(cutoff=8.0, switch_on=6.0)"


@pytest.fixture
def hcp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bulk("Ar", "hcp", a=3.71).write("hcp.extxyz")
    return "hcp.extxyz"


def loaded(folder, name):
    return json.loads((folder / name).read_text())


def expected(atoms):
    pipe = differentiate(create_model("lennard-jones", cutoff=8.0, switch_on=6.0), "elastic")
    out = pipe(Batch.from_ase(atoms), requested={"elastic_tensor", "clamped_elastic_tensor"})
    return out["elastic_tensor"][0].numpy(), out["clamped_elastic_tensor"][0].numpy()


def test_all_of_it(hcp, tmp_path, capsys):
    assert main(["elastic", hcp, "--model", LJ]) == 0
    printed, errors = capsys.readouterr()
    assert not errors
    relaxed, clamped = expected(read(hcp))
    folder = tmp_path / "elastic-hcp"
    assert {one.name for one in folder.iterdir()} == {"elastic.json", "elastic.png", "run.json"}
    found = loaded(folder, "elastic.json")
    np.testing.assert_allclose(found["elastic_tensor_GPa"], relaxed, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["clamped_elastic_tensor_GPa"], clamped, rtol=0, atol=1e-12)
    assert found["stable"]
    assert found["moduli"]["hill"]["bulk_GPa"] == pytest.approx(relaxed[:3, :3].sum() / 9, rel=1e-3)
    run = loaded(folder, "run.json")
    assert run["status"] == "done"
    assert run["results"]["method"] == "graph"
    assert run["model"]["plan"][0].endswith("clamped_elastic_tensor")
    for line in (
        "Ar2, 2 atoms: second derivatives on the graph",
        "elastic constants, ions clamped, GPa",
        "elastic constants, ions relaxed, GPa",
        f"xx  {relaxed[0, 0]:.2f}  {relaxed[0, 1]:.2f}  {relaxed[0, 2]:.2f}  0.00  0.00  0.00",
        f"xy  0.00  0.00  0.00  0.00  0.00  {clamped[5, 5]:.2f}",
        "stable: all eigenvalues of C between",
        "wrote elastic-hcp",
    ):
        assert line in printed
    picture = np.asarray(Image.open(folder / "elastic.png").convert("RGB"))
    assert picture.shape[1] > 1000
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100, "an empty picture"


def test_differences_for_black_boxes(hcp, tmp_path, capsys):
    expression = "0.5*lennard-jones(derivatives='analytic', cutoff=8.0, switch_on=6.0) + 0.5*" + LJ
    assert main(["elastic", hcp, "--model", expression, "--out", "here"]) == 0
    printed = capsys.readouterr().out
    assert "differences of forces and stress\n  not on the graph: step 0 (lennard-jones)" in printed
    found = loaded(tmp_path / "here", "elastic.json")
    np.testing.assert_allclose(found["elastic_tensor_GPa"], expected(read(hcp))[0], rtol=0, atol=2e-3)
    assert loaded(tmp_path / "here", "run.json")["results"]["step"] == 1e-3
    assert main(["elastic", hcp, "--model", expression, "--method", "graph"]) == 2
    assert "--method differences" in capsys.readouterr().err


def test_step_and_clamped(hcp, tmp_path, capsys):
    words = ["--method", "differences", "--step", "1e-4", "--clamped"]
    assert main(["elastic", hcp, "--model", LJ, *words]) == 0
    printed = capsys.readouterr().out
    found = loaded(tmp_path / "elastic-hcp", "elastic.json")
    assert found["elastic_tensor_GPa"] is None
    assert "ions relaxed" not in printed
    np.testing.assert_allclose(found["clamped_elastic_tensor_GPa"], expected(read(hcp))[1], rtol=0, atol=2e-5)


def test_residual_load_is_told_and_taken_away(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    bulk("Ar", "fcc", a=5.5, cubic=True).write("argon.extxyz")
    assert main(["elastic", "argon.extxyz", "--model", LJ]) == 0
    assert "not at rest (beyond 0.01 eV/Å or 0.1 GPa)" in capsys.readouterr().out
    assert main(["elastic", "argon.extxyz", "--model", LJ, "--relax"]) == 0
    printed = capsys.readouterr().out
    assert "argon.extxyz: relaxing" in printed
    assert "not at rest" not in printed
    assert "the same with ions clamped and relaxed" in printed
    relaxed = read(tmp_path / "elastic-argon-2" / "relaxed.extxyz")
    found = loaded(tmp_path / "elastic-argon-2", "elastic.json")
    assert relaxed.get_volume() < read("argon.extxyz").get_volume()
    np.testing.assert_allclose(found["elastic_tensor_GPa"], expected(relaxed)[0], rtol=0, atol=1e-6)
    assert loaded(tmp_path / "elastic-argon-2", "run.json")["results"]["relaxation"]["converged"]


def test_a_relaxation_that_does_not_end_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    bulk("Ar", "fcc", a=5.5).write("argon.extxyz")
    assert main(["elastic", "argon.extxyz", "--model", LJ, "--relax", "--steps", "1"]) == 1
    assert "the relaxation did not converge; wrote elastic-argon" in capsys.readouterr().out


def test_a_crystal_that_is_not_stable(tmp_path, monkeypatch, capsys):
    """Argon in a simple cubic lattice: it yields to shear."""
    monkeypatch.chdir(tmp_path)
    bulk("Ar", "sc", a=3.75).write("sc.extxyz")
    assert main(["elastic", "sc.extxyz", "--model", LJ]) == 0
    printed = capsys.readouterr().out
    assert "not stable: eigenvalues of C between -" in printed
    found = loaded(tmp_path / "elastic-sc", "elastic.json")
    assert not found["stable"]
    assert found["moduli"]["reuss"]["bulk_GPa"] is None
    assert found["universal_anisotropy"] is None
    assert (tmp_path / "elastic-sc" / "elastic.png").stat().st_size > 10_000


def test_what_cannot_be_is_refused(hcp, tmp_path, capsys):
    molecule("H2O").write("water.xyz")
    assert main(["elastic", "water.xyz", "--model", LJ]) == 2
    assert "periodic in all three directions" in capsys.readouterr().err
    assert main(["elastic", hcp, "--model", LJ, "--step", "0.01", "--method", "graph"]) == 2
    assert "--method differences" in capsys.readouterr().err
    assert not list(tmp_path.glob("elastic-*"))
