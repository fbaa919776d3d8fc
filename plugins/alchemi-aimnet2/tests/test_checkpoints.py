"""Names and files: what is found where, and what is refused."""

import hashlib
import json
import os
import shutil
import socket
import zipfile
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


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("trusted", [False, True])
def test_code_in_a_file_does_not_run(tmp_path, checkpoints, trusted):
    """Trusted or not: aimnet's checkpoints need no objects."""
    marker, file = tmp_path / "ran", tmp_path / "evil.pt"
    content = torch.load(checkpoints["full"], weights_only=True)
    torch.save({**content, "extra": Evil(marker)}, file)
    with pytest.raises(InputFileError, match="plain tensors"):
        create_model("aimnet2", checkpoint=file, trusted=trusted)
    assert not marker.exists()


def with_output(content, name, **output):
    description = json.loads(content["model_yaml"])
    description["kwargs"]["outputs"][name] = output
    return {**content, "model_yaml": json.dumps(description)}


def test_classes_of_other_packages(tmp_path, checkpoints, molecules, pipeline, batches):
    content = torch.load(checkpoints["full"], weights_only=True)
    strange = with_output(content, "nothing", **{"class": "torch.nn.Identity", "kwargs": {}})
    torch.save(strange, tmp_path / "strange.pt")
    with pytest.raises(InputFileError, match=r"torch\.nn\.Identity") as caught:
        create_model("aimnet2", checkpoint=tmp_path / "strange.pt")
    assert "trusted=True" in caught.value.fix
    batch = batches(molecules["water"])
    one = create_model("aimnet2", checkpoint=tmp_path / "strange.pt", trusted=True)
    other = create_model("aimnet2", checkpoint=checkpoints["full"])
    assert torch.equal(pipeline(one)(batch)["energy"], pipeline(other)(batch)["energy"])


def test_functions_in_a_description_are_not_called(tmp_path, checkpoints):
    content = torch.load(checkpoints["full"], weights_only=True)
    marker = tmp_path / "ran"
    torch.save(
        with_output(content, "touch", **{"class": "os.mkdir", "kwargs": {"path": str(marker)}}), tmp_path / "evil.pt"
    )
    with pytest.raises(InputFileError, match=r"os\.mkdir"):
        create_model("aimnet2", checkpoint=tmp_path / "evil.pt")
    assert not marker.exists()


def write_text(path, content):
    path.write_text("H 0 0 0\n")


def write_nothing(path, content):
    path.write_bytes(b"")


def write_half(path, content):
    torch.save(content, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def write_tensor(path, content):
    torch.save(torch.zeros(3), path)


def write_other_keys(path, content):
    torch.save({"state_dict": {}}, path)


def write_no_zip(path, content):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "nothing")


def write_no_class(path, content):
    torch.save({**content, "model_yaml": "kwargs: {}"}, path)


def write_no_yaml(path, content):
    torch.save({**content, "model_yaml": "{class: ["}, path)


def write_other_class(path, content):
    torch.save({**content, "model_yaml": "{class: aimnet.modules.AtomicSum, kwargs: {key_in: a, key_out: b}}"}, path)


def write_missing_weight(path, content):
    weights = {name: one for name, one in content["state_dict"].items() if name != "conv_a.agh"}
    torch.save({**content, "state_dict": weights}, path)


def write_weight_too_many(path, content):
    torch.save({**content, "state_dict": {**content["state_dict"], "more": torch.zeros(2)}}, path)


def write_other_shape(path, content):
    torch.save({**content, "state_dict": {**content["state_dict"], "conv_a.agh": torch.zeros(2)}}, path)


def write_silly_cutoff(path, content):
    torch.save({**content, "cutoff": -1.0}, path)


def write_embedded_d3(path, content):
    kwargs = {"s8": 0.4, "a1": 0.5, "a2": 3.0}
    torch.save(with_output(content, "dftd3", **{"class": "aimnet.modules.DFTD3", "kwargs": kwargs}), path)


def write_without_short_range(path, content):
    description = json.loads(content["model_yaml"])
    del description["kwargs"]["outputs"]["srcoulomb"]
    torch.save({**content, "model_yaml": json.dumps(description)}, path)


def write_contradiction(path, content):
    torch.save({**content, "needs_coulomb": False}, path)


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize(
    "write",
    [
        write_text,
        write_nothing,
        write_half,
        write_tensor,
        write_other_keys,
        write_no_zip,
        write_no_class,
        write_no_yaml,
        write_other_class,
        write_missing_weight,
        write_weight_too_many,
        write_other_shape,
        write_silly_cutoff,
        write_embedded_d3,
        write_without_short_range,
        write_contradiction,
    ],
)
def test_file_that_is_no_checkpoint(tmp_path, checkpoints, write, trusted):
    write(tmp_path / "x.pt", torch.load(checkpoints["full"], weights_only=True))
    with pytest.raises(InputFileError, match=r"x\.pt"):
        create_model("aimnet2", checkpoint=tmp_path / "x.pt", trusted=trusted)
