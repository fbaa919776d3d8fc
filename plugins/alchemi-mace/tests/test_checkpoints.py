"""Files, names of foundation models, heads, floating types, and what is refused."""

import shutil
import urllib.request
import warnings
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from alchemi_mace.foundations import FOUNDATIONS, HEADS, canonical
from hypothesis import given
from hypothesis import strategies as st

from alchemi_core import Batch, create_model
from alchemi_core.errors import DataError, InputFileError, OptionError


@pytest.fixture
def no_network(monkeypatch):
    """Count what is asked of the network, and answer that there is none."""
    asked = []

    def fail(url, *_, **__):
        asked.append(url)
        raise URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    return asked


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


def test_names_and_addresses_are_those_of_mace_torch():
    from mace.calculators import foundations_models as upstream

    for name, url in upstream.mace_mp_urls.items():
        assert FOUNDATIONS[name].url == url
        assert FOUNDATIONS[name].family == "mp"
    for size, url in upstream.mace_off_urls.items():
        assert FOUNDATIONS[f"{size}_off"].url == url
    others = [f"{size}_off" for size in upstream.mace_off_urls] + ["mace_omol", "mace_anicc"]
    assert FOUNDATIONS.keys() == upstream.mace_mp_urls.keys() | set(others)
    source = Path(upstream.__file__).read_text()
    assert all(FOUNDATIONS[name].url in source for name in ("mace_omol", "mace_anicc"))


@given(st.sampled_from(sorted(FOUNDATIONS)), st.data())
def test_case_and_dashes_do_not_matter(name, data):
    mixed = (data.draw(st.sampled_from((letter.lower(), letter.upper()))) for letter in name)
    dashed = (data.draw(st.sampled_from("-_")) if letter in "-_" else letter for letter in mixed)
    assert canonical("".join(dashed)) == name


@pytest.mark.parametrize("name", ["medium-mpa-0", "large", "mh-1"])
def test_name_whose_file_is_where_mace_torch_keeps_it(
    name, saved, cache, no_network, monkeypatch, structures, pipeline
):
    """mace-torch's own function finds the file there as well, and asks for nothing."""
    from mace.calculators import foundations_models as upstream

    cache.mkdir(parents=True)
    kind = "default head" if name == "mh-1" else "scaled"
    shutil.copy(saved(kind), FOUNDATIONS[name].path)
    assert FOUNDATIONS[name].path.parent == cache
    assert upstream.download_mace_mp_checkpoint(name) == str(FOUNDATIONS[name].path)
    model = create_model("mace", checkpoint=name)
    again = create_model("mace", checkpoint=str(saved(kind)))
    atoms = structures["rock salt"]
    assert torch.equal(energy(model, atoms, pipeline), energy(again, atoms, pipeline))
    assert no_network == []


@pytest.mark.parametrize("name", ["medium_off", "mace_omol"])
def test_cached_files_of_other_families(name, saved, cache, no_network):
    """Again mace-torch's own functions find the file there."""
    from mace.calculators import foundations_models as upstream

    cache.mkdir(parents=True)
    shutil.copy(saved(), FOUNDATIONS[name].path)
    function = {"medium_off": upstream.mace_off, "mace_omol": upstream.mace_omol}[name]
    size = {"medium_off": "medium", "mace_omol": "extra_large"}[name]
    with warnings.catch_warnings(action="ignore"):
        assert function(model=size, device="cpu", return_raw_model=True) is not None
    config = create_model("mace", checkpoint=name).model_config
    assert config.contains == {"dispersion": {"medium_off": "D3(BJ)", "mace_omol": "VV10"}[name]}
    assert config.level_of_theory == {"medium_off": "wB97M-D3(BJ)", "mace_omol": "wB97M-V"}[name]
    assert no_network == []


def test_level_of_theory(saved, cache):
    cache.mkdir(parents=True)
    shutil.copy(saved("zbl"), FOUNDATIONS["medium-0b3"].path)
    config = create_model("mace", checkpoint="medium-0b3").model_config
    assert config.level_of_theory == "PBE / PBE+U"
    assert config.contains == {"repulsion": "ZBL"}


def test_theory_by_head():
    assert FOUNDATIONS["mh-1"].theory_of("omol").dispersion == "VV10"
    assert FOUNDATIONS["mh-1"].theory_of("matpes_r2scan").level == "r2SCAN"
    assert FOUNDATIONS["mh-1"].theory_of("of my own").level == ""
    assert {name for name, theory in HEADS.items() if theory.dispersion} == {"omol", "spice_wB97M", "rgd1_b3lyp"}


def test_name_without_file_or_network(cache, no_network, capsys):
    with pytest.raises(OptionError) as caught:
        create_model("mace", checkpoint="small-0b")
    assert no_network == [FOUNDATIONS["small-0b"].url]
    path = cache / "mace_agnesi_smallmodel"
    assert str(path) in caught.value.found
    assert "no network" in caught.value.found
    assert FOUNDATIONS["small-0b"].url in caught.value.expected
    assert f"copy the file to {path}" in caught.value.fix
    assert "checkpoint='path/to/file'" in caught.value.fix
    assert not path.exists()


@pytest.mark.parametrize(
    ("name", "function"),
    [("small_off", "mace_off('small')"), ("mace_omol", "mace_omol()"), ("mace_anicc", "mace_anicc('cpu')")],
)
def test_models_with_conditions_are_left_to_the_user(name, function, cache, no_network):
    with pytest.raises(OptionError, match="not on this machine") as caught:
        create_model("mace", checkpoint=name)
    assert function in caught.value.fix
    assert str(FOUNDATIONS[name].path) in caught.value.found
    assert no_network == []


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


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("trusted", [False, True])
def test_model_without_energy(saved, trusted):
    with pytest.raises(InputFileError, match="AtomicDipolesMACE: it gives dipoles and no energy"):
        create_model("mace", checkpoint=saved("no energy"), trusted=trusted)
