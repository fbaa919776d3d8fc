"""Files by path, heads, floating types, and what is refused."""

from pathlib import Path

import pytest
import torch
from alchemi_mace.foundations import FOUNDATIONS

from alchemi_core import Batch, create_model
from alchemi_core.errors import DataError, InputFileError, OptionError


def energy(model, atoms, pipeline):
    return pipeline(model)(Batch.from_ase(atoms), {"energy"})["energy"]


@pytest.mark.parametrize("kind", [str, Path])
def test_file(saved, structures, pipeline, model, kind):
    atoms = structures["rock salt"]
    found = energy(create_model("mace", checkpoint=kind(saved())), atoms, pipeline)
    assert torch.equal(found, energy(model, atoms, pipeline))


def test_config(make):
    config = make("zbl").model_config
    assert config.neighbor_config.cutoff == 4.0
    assert config.elements == {1, 6, 8, 11, 14, 17, 29}
    assert config.contains == {"repulsion": "ZBL"}
    assert config.level_of_theory == ""
    assert make().model_config.contains == {}
    assert make().model_config.optional_inputs == frozenset()
    assert make("states").model_config.optional_inputs == {"total_charge", "multiplicity"}
    assert "node_energies" not in make("states").model_config.outputs
    assert make("dipoles").model_config.outputs == {"energy", "dipole"}


def test_unknown_name(no_network):
    with pytest.raises(OptionError, match="'medium-mpa' is no file") as caught:
        create_model("mace", checkpoint="medium-mpa")
    assert caught.value.fix == "checkpoint='medium-mpa-0'"
    assert all(name in caught.value.expected for name in FOUNDATIONS)
    with pytest.raises(OptionError, match="MACE-POLAR models are not served"):
        create_model("mace", checkpoint="polar-1-s")
    assert no_network == []


def test_folder(tmp_path):
    with pytest.raises(OptionError, match="is no file"):
        create_model("mace", checkpoint=tmp_path)


def test_head_is_missing(saved):
    with pytest.raises(OptionError, match="head is missing") as caught:
        create_model("mace", checkpoint=saved("heads"))
    assert caught.value.expected == "one of 'pbe', 'r2scan', 'wb97m'"


@pytest.mark.parametrize(("kind", "head", "fix"), [("heads", "R2SCANN", "head='r2scan'"), ("scaled", "pbe", "")])
def test_head_is_unknown(saved, kind, head, fix):
    """mace-torch would take the last one."""
    with pytest.raises(OptionError, match=head) as caught:
        create_model("mace", checkpoint=saved(kind), head=head)
    assert caught.value.fix == fix


def test_default_head(make, saved, structures, pipeline):
    atoms = structures["molecule"]
    chosen = create_model("mace", checkpoint=saved("default head"), head="Default")
    assert torch.equal(energy(make("default head"), atoms, pipeline), energy(chosen, atoms, pipeline))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("stored", [torch.float32, torch.float64])
def test_dtype(saved, dtype, stored):
    model = create_model("mace", checkpoint=saved("scaled", stored), dtype=dtype)
    floating = {one.dtype for one in model.state_dict().values() if one.is_floating_point()}
    assert floating == {getattr(torch, dtype)}


@pytest.mark.parametrize("stored", [torch.float32, torch.float64])
def test_dtype_as_stored(make, stored):
    assert next(make("scaled", stored).parameters()).dtype == stored


@pytest.mark.parametrize("dtype", ["float16", torch.float64, 64])
def test_dtype_is_unknown(saved, dtype):
    with pytest.raises(OptionError, match="dtype="):
        create_model("mace", checkpoint=saved(), dtype=dtype)


@pytest.mark.parametrize("fields", [{"total_charge": 6.0}, {"total_charge": 0.5}, {"multiplicity": 5.0}])
def test_charge_beyond_the_embedding(make, structures, pipeline, fields):
    ((name, value),) = fields.items()
    batch = Batch.from_ase([structures["molecule"]] * 2)
    batch = batch.with_fields(**{name: torch.tensor([[1.0], [value]], dtype=torch.float64)})
    with pytest.raises(DataError, match=f"{name} of system 1 is {value:g}"):
        pipeline(make("states"))(batch, {"energy"})


def write_text(path):
    path.write_text("H 0 0 0\n")


def write_nothing(path):
    path.write_bytes(b"")


def write_tensor(path):
    torch.save(torch.zeros(3), path)


def write_layer(path):
    torch.save(torch.nn.Linear(2, 2), path)


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("write", [write_text, write_nothing, write_tensor, write_layer])
def test_file_that_is_no_model(tmp_path, write, trusted):
    write(tmp_path / "x.model")
    with pytest.raises(InputFileError, match=r"x\.model"):
        create_model("mace", checkpoint=tmp_path / "x.model", trusted=trusted)


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_half_a_file(tmp_path, saved, trusted, part):
    whole = saved().read_bytes()
    (tmp_path / "x.model").write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(InputFileError, match=r"x\.model"):
        create_model("mace", checkpoint=tmp_path / "x.model", trusted=trusted)


def test_training_checkpoint(tmp_path):
    torch.save({"model": {}, "optimizer": {}, "epoch": 3}, tmp_path / "x.pt")
    with pytest.raises(InputFileError, match="holds model, optimizer, epoch") as caught:
        create_model("mace", checkpoint=tmp_path / "x.pt")
    assert "the .model file" in caught.value.fix


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_compiled_model(tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "x_compiled.model")
    for trusted in (False, True):
        with pytest.raises(InputFileError, match="compiled to TorchScript"):
            create_model("mace", checkpoint=tmp_path / "x_compiled.model", trusted=trusted)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("trusted", [False, True])
def test_model_without_energy(saved, trusted):
    with pytest.raises(InputFileError, match="AtomicDipolesMACE: it gives dipoles and no energy"):
        create_model("mace", checkpoint=saved("no energy"), trusted=trusted)
