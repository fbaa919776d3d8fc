"""The plugin in examples/, begun by `alchemi new-plugin`, beside D3: counted once, or twice where that is asked for."""

import json

import ase.io
import pytest
import torch
from ase.build import bulk

from alchemi_core import Batch, create_model, load_pipeline
from alchemi_core.cli.main import main
from alchemi_core.errors import DoubleCountingError

pytestmark = pytest.mark.usefixtures("prints")  # Warp says on stderr that there is no CUDA driver

SUM = "stillinger-weber + dftd3(functional='pbe')"


@pytest.fixture
def silicon():
    crystal = bulk("Si", "diamond", a=5.5, cubic=True)
    crystal.rattle(0.05, seed=1)
    return crystal


def test_what_was_fitted_to_measurements_gets_no_dispersion_unasked(d3):
    with pytest.raises(DoubleCountingError, match="stillinger-weber: fitted to silicon as measured"):
        _ = (create_model("stillinger-weber") + d3).plan


def test_accepted_the_sum_is_the_sum(silicon, d3, tmp_path):
    batch, names = Batch.from_ase(silicon), {"energy", "forces", "stress"}
    single = create_model("stillinger-weber")
    both = (single + d3).with_settings(accept={"dispersion"})
    together, parts = both(batch, names), [(1.0 * model)(batch, names) for model in (single, d3)]
    both.save(tmp_path / "both.alchemi")
    loaded = load_pipeline(tmp_path / "both.alchemi")(batch, names)
    for name in names:
        torch.testing.assert_close(together[name], parts[0][name] + parts[1][name], rtol=1e-12, atol=1e-12)
        assert torch.equal(loaded[name], together[name])


def test_relaxation_on_the_command_line(silicon, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ase.io.write("si.cif", silicon)
    assert main(["relax", "si.cif", "--model", SUM]) == 2
    assert "dispersion is counted twice" in capsys.readouterr().err
    assert main(["relax", "si.cif", "--model", SUM, "--accept", "dispersion", "--out", "both"]) == 0
    assert json.loads((tmp_path / "both" / "run.json").read_text())["convergence"]["converged"]
    lengths = ase.io.read(tmp_path / "both" / "final.extxyz").cell.lengths()
    # D3 attracts: 0.046 Å less than the potential alone, whose 5.431 Å are those of silicon
    assert lengths == pytest.approx([5.385] * 3, abs=2e-3)
