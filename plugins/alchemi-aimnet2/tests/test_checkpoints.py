"""Names and paths: which file they stand for, and what is known of it."""

import hashlib
import os
import shutil
import socket
from pathlib import Path

import pytest
import torch
from alchemi_aimnet2 import checkpoints as ours
from alchemi_aimnet2.checkpoints import Checkpoint, cache_folder, find_checkpoint, read_registry
from alchemi_aimnet2.families import FAMILIES
from alchemi_aimnet2.testing import save_random_checkpoint
from hypothesis import given
from hypothesis import strategies as st

from alchemi_core import create_model
from alchemi_core.errors import InputFileError, OptionError

REGISTRY = read_registry()


@pytest.fixture
def cache(monkeypatch, tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("AIMNET_CACHE_DIR", str(folder))
    return folder


@pytest.fixture
def offline(monkeypatch):
    """Fail at any attempt to reach another machine."""

    def refuse(*args, **kwargs):
        raise AssertionError("something tried to open a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def publish(monkeypatch):
    """Let the registry say that a file is what was published under a name."""

    def declare(name, path):
        import attrs

        content = hashlib.sha256(path.read_bytes()).hexdigest()
        entry = attrs.evolve(REGISTRY.named(name), sha256=content)
        changed = attrs.evolve(REGISTRY, models={**REGISTRY.models, entry.name: entry})
        monkeypatch.setattr("alchemi_aimnet2.loading.read_registry", lambda: changed)
        return entry

    return declare


def test_names_are_those_of_aimnet(monkeypatch):
    from aimnet.calculators import model_registry as theirs

    content = theirs.load_model_registry()
    monkeypatch.setattr(theirs, "load_model_registry", lambda: content)  # it would read the file every time
    for name in [*content["models"], *content["aliases"]]:
        entry = REGISTRY.named(name)
        assert entry.name == theirs.resolve_registry_model_name(name)
        assert entry.family == theirs.get_registry_model_family(name)
        policy = theirs.get_family_policy(entry.family)
        assert REGISTRY.d3_parameters.get(entry.family) == policy.posthoc_d3_params
        assert (entry.family in REGISTRY.neutral_only) is (policy.supports_charged_systems is False)
        assert entry.family in FAMILIES
    assert str(cache_folder()) == theirs.get_cache_dir()


def test_cache_where_nothing_is_set(monkeypatch):
    from aimnet.calculators import model_registry as theirs

    monkeypatch.delenv("AIMNET_CACHE_DIR")
    monkeypatch.setattr(os, "makedirs", lambda *args, **kwargs: None)
    assert str(cache_folder()) == theirs.get_cache_dir()


@pytest.mark.parametrize("name", ["aimnet2", "aimnet2-nse", "aimnet2_2025", "aimnet2-wb97m-d3_3"])
def test_empty_cache(cache, offline, name):
    with pytest.raises(OptionError, match="not on this machine") as caught:
        create_model("aimnet2", checkpoint=name)
    entry = REGISTRY.named(name)
    assert str(cache / entry.file) in caught.value.found
    assert f"aimnet download {name}" in caught.value.fix
    assert entry.url in caught.value.fix
    assert "checkpoint='path/to/" in caught.value.fix
    assert list(cache.iterdir()) == []


def test_no_name_means_the_default(cache):
    with pytest.raises(OptionError, match=r"aimnet2_wb97m_d3_0\.pt"):
        create_model("aimnet2")


@pytest.mark.parametrize(
    ("name", "level", "citation"),
    [
        ("aimnet2", "wB97M-D3", "10.1039/D4SC08572H"),
        ("aimnet2-2025", "B97-3c", "10.1088/2632-2153/aea39f"),
        ("aimnet2-nse", "wB97M-D3", "10.1002/anie.202516763"),
        ("aimnet2-pd", "B97-3c", "10.26434/chemrxiv-2025-n36r6"),
    ],
)
def test_file_in_the_cache(cache, offline, publish, checkpoints, molecules, pipeline, batches, name, level, citation):
    entry = publish(name, checkpoints["full"])
    shutil.copy(checkpoints["full"], cache / entry.file)
    model = create_model("aimnet2", checkpoint=name)
    assert model.model_config.level_of_theory == level
    assert citation in model.model_config.citations
    assert ("solvation" in model.model_config.contains) is (name == "aimnet2-pd")
    batch, other = batches(molecules["water"]), create_model("aimnet2", checkpoint=checkpoints["full"])
    assert torch.equal(pipeline(model)(batch)["energy"], pipeline(other)(batch)["energy"])


def test_published_weights_are_known_by_their_content(publish, checkpoints, tmp_path):
    renamed = shutil.copy(checkpoints["full"], tmp_path / "mine.pt")
    assert create_model("aimnet2", checkpoint=renamed).model_config.level_of_theory == ""
    publish("aimnet2-2025", renamed)
    assert create_model("aimnet2", checkpoint=renamed).model_config.level_of_theory == "B97-3c"


@pytest.mark.parametrize(
    ("family", "level"), [("wb97m-d3", "wB97M-D3"), ("b973c-2025-d3", "B97-3c"), ("rxn", "wB97M-D3"), ("", "")]
)
def test_random_checkpoint_of_a_family(tmp_path, family, level):
    path = save_random_checkpoint(tmp_path / "x.pt", family=family)
    assert create_model("aimnet2", checkpoint=path).model_config.level_of_theory == level
    bare = create_model("aimnet2", checkpoint=path, coulomb=False, dispersion=False).model_config
    assert (bare.level_of_theory, bare.contains) == (level, {})


def test_random_checkpoint_of_no_family(tmp_path):
    with pytest.raises(OptionError, match="family='wb97m-d4'") as caught:
        save_random_checkpoint(tmp_path / "x.pt", family="wb97m-d4")
    assert caught.value.fix == "family='wb97m-d3'"
    assert list(tmp_path.iterdir()) == []


def test_other_content_in_the_cache(cache, checkpoints):
    shutil.copy(checkpoints["full"], cache / REGISTRY.named("aimnet2").file)
    with pytest.raises(InputFileError, match="SHA-256") as caught:
        create_model("aimnet2", checkpoint="aimnet2")
    assert "aimnet download" in caught.value.fix


def test_weights_that_come_with_aimnet(cache, monkeypatch, publish, checkpoints, tmp_path):
    entry = publish("aimnet2", checkpoints["full"])
    (tmp_path / "assets").mkdir()
    shutil.copy(checkpoints["full"], tmp_path / "assets" / entry.file)
    monkeypatch.setattr(ours, "_folder", lambda: tmp_path)
    assert create_model("aimnet2").model_config.level_of_theory == "wB97M-D3"


def test_a_family_to_which_d3_is_added(publish, tmp_path, molecules, calculate, evaluate, pipeline, batches):
    """Files of aimnet2-rxn may say nothing of the D3 that goes with them, nor that they know no ions."""
    path = save_random_checkpoint(tmp_path / "rxn.pt", dispersion=False, family="rxn", elements=(1, 6, 7, 8))
    from aimnet.calculators import AIMNet2Calculator

    atoms = molecules["ethanol"]
    data = {"coord": atoms.positions, "numbers": atoms.numbers, "charge": 0.0}
    expected = AIMNet2Calculator(str(path), device="cpu")(data)["energy"].item()
    model = create_model("aimnet2", checkpoint=path)
    assert pipeline(model)(batches(atoms))["energy"].item() == pytest.approx(expected, rel=1e-6)
    assert "dispersion" in model.model_config.contains
    from alchemi_core.errors import DataError

    with pytest.raises(DataError, match="total_charge") as caught:
        pipeline(model)(batches([atoms, atoms], total_charge=[0.0, 1.0]))
    assert "neutral" in caught.value.expected


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz-_0123456789", min_size=1, max_size=20))
def test_other_texts_are_refused(text):
    if REGISTRY.named(text) is None and not Path(text).exists():
        with pytest.raises(OptionError, match="is no file"):
            find_checkpoint(text, REGISTRY)


def test_likely_names_are_suggested():
    with pytest.raises(OptionError) as caught:
        create_model("aimnet2", checkpoint="aimnet2-nsee")
    assert caught.value.fix == "checkpoint='aimnet2-nse'"
    assert "aimnet2-2025" in caught.value.expected


def test_names_go_before_files(cache, checkpoints, tmp_path, monkeypatch):
    """As in aimnet: what a name means does not depend on the folder one works in."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(checkpoints["full"], "aimnet2")
    with pytest.raises(OptionError, match="not on this machine"):
        create_model("aimnet2", checkpoint="aimnet2")
    assert create_model("aimnet2", checkpoint="./aimnet2").model_config.name == "aimnet2"


@pytest.mark.parametrize("kind", [str, Path])
def test_file(checkpoints, kind):
    assert find_checkpoint(kind(checkpoints["full"]), REGISTRY) == Checkpoint(checkpoints["full"], None)


def test_folder(tmp_path):
    with pytest.raises(OptionError, match="is a folder"):
        create_model("aimnet2", checkpoint=tmp_path)
