"""The motivating pipeline in all of its forms, and files of earlier formats with plugins of today."""

from pathlib import Path

import pytest
import torch
from alchemi_aimnet2.testing import save_random_checkpoint
from ase.build import bulk, molecule
from support.forms import run_source

from alchemi_core import (
    Batch,
    PipelineGroup,
    PipelineModelWrapper,
    create_model,
    differentiate,
    load_pipeline,
    pipeline_text,
)
from alchemi_core.cli.main import main
from alchemi_core.errors import SerializationError
from alchemi_core.serialization.migrations import FORMAT

pytestmark = pytest.mark.usefixtures("prints")  # Warp says on stderr that there is no CUDA driver

FORMATS = Path(__file__).parent / "formats"

TOML = """\
# AIMNet2 gives charges, Ewald sums them up over the lattice; dispersion beside
[settings]
accept = "level_of_theory"

[[groups]]
use_autograd = true
[[groups.steps]]
model = "aimnet2"
options = {{ checkpoint = "{checkpoint}", coulomb = false, dispersion = false }}
[[groups.steps]]
model = "ewald"
options = {{ accuracy = 1e-8 }}

[[groups]]
steps = ["dftd3(functional='wb97x')"]
"""


@pytest.fixture
def checkpoint(tmp_path):
    return save_random_checkpoint(tmp_path / "small.pt", seed=3)


@pytest.fixture
def motivating(checkpoint):
    """In Python, as the README has it."""
    aimnet2 = create_model("aimnet2", checkpoint=str(checkpoint), coulomb=False, dispersion=False)
    chain = PipelineGroup(steps=[aimnet2, create_model("ewald", accuracy=1e-8)], use_autograd=True)
    beside = PipelineGroup(steps=[create_model("dftd3", functional="wb97x")])
    return PipelineModelWrapper(groups=[chain, beside], accept={"level_of_theory"})


@pytest.fixture
def water():
    atoms = molecule("H2O", cell=[6.0, 6.5, 7.0], pbc=True)
    atoms.rattle(0.02, seed=1)
    return Batch.from_ase(atoms)


def alike(one, other, batch):
    outputs = other(batch)
    assert str(one.plan) == str(other.plan)
    assert all(torch.equal(value, outputs[name]) for name, value in one(batch).items())


def test_toml_file_and_python_give_one_plan(tmp_path, motivating, checkpoint, water):
    (tmp_path / "p.toml").write_text(TOML.format(checkpoint=checkpoint))
    from_toml = load_pipeline(tmp_path / "p.toml")
    alike(from_toml, motivating, water)
    alike(run_source(pipeline_text(motivating, "python")), motivating, water)
    from_toml.save(tmp_path / "p.alchemi")
    checkpoint.unlink()
    from_file = load_pipeline(tmp_path / "p.alchemi")
    alike(from_file, motivating, water)
    from_file.save(tmp_path / "again.alchemi")
    alike(load_pipeline(tmp_path / "again.alchemi"), motivating, water)


def test_what_came_without_its_checkpoint_is_no_text(tmp_path, motivating, checkpoint):
    motivating.save(tmp_path / "p.alchemi")
    checkpoint.unlink()
    with pytest.raises(SerializationError, match="model 0"):
        pipeline_text(load_pipeline(tmp_path / "p.alchemi"), "toml")


def test_from_the_command_line(tmp_path, motivating, checkpoint, capsys):
    (tmp_path / "p.toml").write_text(TOML.format(checkpoint=checkpoint))
    file = str(tmp_path / "p.alchemi")
    assert main(["save", file, "--model", str(tmp_path / "p.toml")]) == 0
    capsys.readouterr()
    assert main(["plan", file]) == 0
    assert capsys.readouterr().out == f"{motivating.plan}\n"
    assert main(["diff", file, str(tmp_path / "p.toml")]) == 0
    assert main(["inspect", file]) == 0
    assert "this machine can load it" in capsys.readouterr().out


def test_a_strategy_with_options_and_settings_come_back(tmp_path):
    argon = create_model("lennard-jones", epsilon=0.0104, sigma=3.4) + 0.5 * create_model("dftd3", functional="pbe")
    pipe = differentiate(argon.with_settings(accept={"dispersion", "level_of_theory"}), "finite-difference", step=1e-3)
    batch = Batch.from_ase(bulk("Ar", "fcc", a=5.26))
    pipe.save(tmp_path / "p.alchemi")
    alike(load_pipeline(tmp_path / "p.alchemi"), pipe, batch)
    # Files of each format were written with these very lines by the version that had it.
    for number in range(1, FORMAT + 1):
        alike(load_pipeline(FORMATS / f"format-{number}.alchemi"), pipe, batch)


@pytest.mark.usefixtures("learned")  # importing these packages changes the process, once
@pytest.mark.parametrize("name", ["sevennet", "chgnet"])
def test_weights_by_reference(tmp_path, name):
    model = create_model(name)
    pipe = PipelineModelWrapper([PipelineGroup([model], use_autograd=True)])
    batch = Batch.from_ase(bulk("Si"))
    path = tmp_path / "p.alchemi"
    pipe.save(path, reference_weights=True)
    assert path.stat().st_size < 400_000
    alike(load_pipeline(path), pipe, batch)
    with torch.no_grad():
        next(model.parameters()).mul_(1.5)
    pipe.save(path, reference_weights=True)
    assert path.stat().st_size > 1_000_000
    alike(load_pipeline(path), pipe, batch)
