"""Files that are damaged, hold something else, or would run code."""

import json
import zipfile
from pathlib import Path

import pytest
import torch

from alchemi_core import create_model
from alchemi_core.errors import InputFileError


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
