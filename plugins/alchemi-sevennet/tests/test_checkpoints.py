"""Names, files, levels of theory, and what is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from alchemi_sevennet.checkpoints import SHIPPED, canonical, find_checkpoint, read_checkpoint
from hypothesis import given
from hypothesis import strategies as st

from alchemi_core import create_model
from alchemi_core.errors import InputFileError, OptionError


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("sevennet-0", "7net-0"),
        ("7net-0", "7net-0"),
        ("SevenNet-0_11July2024", "7net-0"),
        ("7net-0_22May2024", "7net-0_22may2024"),
        ("7net-l3i5", "7net-l3i5"),
        ("SEVENNET-MF-0", "7net-mf-0"),
    ],
)
def test_names_are_those_of_sevenn(name, file, shipped):
    assert find_checkpoint(name)[0].samefile(shipped(file))


@given(st.sampled_from(sorted(SHIPPED)), st.booleans(), st.data())
def test_case_does_not_matter(name, short, data):
    spelled = name.replace("sevennet", "7net") if short else name
    mixed = "".join(data.draw(st.sampled_from((letter.lower(), letter.upper()))) for letter in spelled)
    assert canonical(mixed) == name


def test_unknown_name():
    with pytest.raises(OptionError) as caught:
        create_model("sevennet", checkpoint="sevenet-l3i5")
    assert "'sevenet-l3i5' is no file" in caught.value.found
    assert all(name in caught.value.expected for name in SHIPPED)
    assert caught.value.fix == "checkpoint='sevennet-l3i5'"


@pytest.mark.parametrize("name", ["7net-omni", "sevennet-mf-ompa", "7net-omat", "SevenNet-omni-i12"])
def test_names_that_sevenn_would_download(name):
    with pytest.raises(OptionError, match="never downloaded"):
        create_model("sevennet", checkpoint=name)


@pytest.mark.parametrize("kind", [str, Path])
def test_file(tmp_path, shipped, structures, evaluate, kind):
    copied = shutil.copy(shipped("7net-0"), tmp_path / "mine.pth")
    atoms = structures["perovskite"]
    energy = evaluate(atoms, "energy", checkpoint=kind(copied))["energy"]
    assert torch.equal(energy, evaluate(atoms, "energy")["energy"])


def test_level_of_theory_and_citations(make, shipped, tmp_path):
    config = make(checkpoint="7net-mf-0", modal="r2scan").model_config
    assert config.level_of_theory == "r2SCAN"
    assert "10.1021/jacs.4c14455" in config.citations
    assert "10.1021/acs.jctc.4c00190" in config.citations
    unknown = shutil.copy(shipped("7net-0"), tmp_path / "tuned.pth")
    assert make(checkpoint=unknown).model_config.level_of_theory == ""


def test_modal_is_missing():
    with pytest.raises(OptionError, match="modal is missing") as caught:
        create_model("sevennet", checkpoint="sevennet-mf-0")
    assert sorted(caught.value.expected.removeprefix("one of ").split(", ")) == ["'PBE'", "'R2SCAN'"]


def test_modal_is_unknown():
    with pytest.raises(OptionError, match="r2scann") as caught:
        create_model("sevennet", checkpoint="sevennet-mf-0", modal="r2scann")
    assert caught.value.fix == "modal='R2SCAN'"


def test_modal_of_a_model_that_has_none():
    with pytest.raises(OptionError, match="modal='PBE'"):
        create_model("sevennet", modal="PBE")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_files_are_plain(name):
    path, provenance = find_checkpoint(name)
    assert provenance.shipped is SHIPPED[name]
    assert {"config", "model_state_dict"} <= read_checkpoint(path).keys()


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_code_in_a_file_does_not_run(tmp_path):
    marker, file = tmp_path / "ran", tmp_path / "evil.pth"
    torch.save({"config": Evil(marker), "model_state_dict": {}}, file)
    with pytest.raises(InputFileError, match="plain tensors") as caught:
        create_model("sevennet", checkpoint=file)
    assert "trusted=True" in caught.value.fix
    assert not marker.exists()
    with pytest.raises(InputFileError):  # it is no checkpoint, trusted or not
        create_model("sevennet", checkpoint=file, trusted=True)
    assert marker.exists()


def write_text(path):
    path.write_text("H 0 0 0\n")


def write_nothing(path):
    path.write_bytes(b"")


def write_half(path):
    torch.save({"config": {"cutoff": 5.0}, "model_state_dict": {"w": torch.zeros(9)}}, path)
    path.write_bytes(path.read_bytes()[:300])


def write_tensor(path):
    torch.save(torch.zeros(3), path)


def write_other_keys(path):
    torch.save({"state_dict": {}}, path)


def write_empty_config(path):
    torch.save({"config": {"version": "0.13.0", "rows": np.zeros(2)}, "model_state_dict": {}}, path)


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("write", [write_text, write_nothing, write_half, write_tensor, write_empty_config])
def test_file_that_is_no_checkpoint(tmp_path, write, trusted):
    write(tmp_path / "x.pth")
    with pytest.raises(InputFileError, match=r"x\.pth"):
        create_model("sevennet", checkpoint=tmp_path / "x.pth", trusted=trusted)


@pytest.mark.parametrize("trusted", [False, True])
def test_file_of_another_program(tmp_path, trusted):
    write_other_keys(tmp_path / "x.pth")
    with pytest.raises(InputFileError, match="holds no 'config'"):
        create_model("sevennet", checkpoint=tmp_path / "x.pth", trusted=trusted)


def test_a_trusted_file_with_objects_in_it(tmp_path, shipped, structures, evaluate):
    content = torch.load(shipped("7net-0"), map_location="cpu", weights_only=False)
    content["config"]["author"] = Evil(tmp_path / "ran")
    torch.save(content, tmp_path / "x.pth")
    energy = evaluate(structures["perovskite"], "energy", checkpoint=tmp_path / "x.pth", trusted=True)["energy"]
    assert torch.equal(energy, evaluate(structures["perovskite"], "energy")["energy"])
    assert (tmp_path / "ran").exists()


def test_a_plain_file_is_read_as_one_even_when_trusted(shipped, monkeypatch):
    load, ways = torch.load, []

    def watched(*args, **options):
        ways.append(options["weights_only"])
        return load(*args, **options)

    monkeypatch.setattr(torch, "load", watched)
    monkeypatch.setattr("sevenn.checkpoint.torch_load", watched)
    create_model("sevennet", checkpoint=shipped("7net-0"), trusted=True)
    create_model("sevennet")
    assert ways == [True, True]


def test_trust_is_true_or_false():
    with pytest.raises(OptionError, match="trusted='yes'"):
        create_model("sevennet", trusted="yes")


def test_weights_of_another_network(tmp_path, shipped):
    content = torch.load(shipped("7net-0"), map_location="cpu", weights_only=False)
    content["model_state_dict"] = {"edge_embedding.basis_function.coeffs": torch.zeros(3)}
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(InputFileError, match="describes no network"):
        create_model("sevennet", checkpoint=tmp_path / "x.pth")


def test_folder(tmp_path):
    with pytest.raises(OptionError, match="is no file"):
        create_model("sevennet", checkpoint=tmp_path)


@pytest.mark.parametrize("name", ["tuned.pth", "~tuned.pth", "C:\\models\\tuned.pth"])
def test_names_of_files_are_no_paths(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert find_checkpoint(tmp_path / name)[1].source == "tuned.pth"
