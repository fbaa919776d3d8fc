"""Nothing of what is in a file is run, and what comes out is the model that was saved."""

import copy
import sys
import types
from pathlib import Path

import pytest
import torch
from alchemi_mace import restoring
from alchemi_mace.restoring import restore, unknown_names
from alchemi_mace.upstream import o3
from mace.modules import ScaleShiftMACE

from alchemi_core import Batch, create_model
from alchemi_core.errors import InputFileError

KINDS = ["scaled", "plain", "zbl", "non-linear", "heads", "states", "attention", "dipoles"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_models_of_mace_torch_are_plain(saved, kind, dtype):
    assert unknown_names(saved(kind, dtype)) == []


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_state_is_that_of_the_file(saved, kind):
    """Tensors and their names, and every number, name and class of a layer, as mace-torch reads them."""
    own, original = restore(saved(kind)), torch.load(saved(kind), weights_only=False)
    theirs = original.state_dict()
    assert {name for name in theirs if "_compiled_main_right" not in name} == own.state_dict().keys()
    assert all(torch.allclose(one, theirs[name], rtol=1e-15, atol=0) for name, one in own.state_dict().items())
    pairs = dict(own.named_modules())
    for name, layer in original.named_modules():
        if "_compiled_main" in name or "graph_opt" in name or "contractions_" in name:
            continue
        assert type(pairs[name]) is type(layer)
        assert plain(pairs[name]) == plain(layer)


def plain(layer):
    """What a layer holds beside tensors, layers and generated code."""
    hidden = {"__codegen__", "_parameters", "_buffers", "_modules"}
    return {key: repr(value) for key, value in vars(layer).items() if key not in hidden}


def test_generated_code_is_not_that_of_the_file(saved):
    """Otherwise it would be TorchScript."""
    layers = list(restore(saved()).modules())
    assert sum(isinstance(layer, torch.fx.GraphModule) for layer in layers) > 10
    assert not any(isinstance(layer, torch.jit.ScriptModule) for layer in layers)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_trusted_gives_the_same(saved, structures, pipeline, make):
    trusted = create_model("mace", checkpoint=saved(), trusted=True)
    assert any(isinstance(layer, torch.jit.ScriptModule) for layer in trusted.modules())
    batch = Batch.from_ase(structures["rock salt"])
    one, other = (pipeline(model)(batch, {"energy", "forces"}) for model in (trusted, make()))
    torch.testing.assert_close(one["forces"], other["forces"], rtol=1e-11, atol=1e-12)


class Evil:
    """Creates a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("place", ["alone", "in a layer", "in the model"])
def test_code_in_a_file_does_not_run(saved, tmp_path, place):
    marker, file = tmp_path / "ran", tmp_path / "evil.model"
    content = torch.load(saved(), weights_only=False)
    if place == "alone":
        content = Evil(marker)
    elif place == "in a layer":
        content.products[0].note = Evil(marker)
    else:
        content.note = Evil(marker)
    torch.save(content, file)
    with pytest.raises(InputFileError, match=r"pathlib.*Path\.touch|Path.touch|getattr") as caught:
        create_model("mace", checkpoint=file)
    assert "trusted=True" in caught.value.fix
    assert not marker.exists()


class EvilGraph(torch.nn.Module):
    """Is saved as a generated function whose source creates a file."""

    def __init__(self, path):
        super().__init__()
        self.path = path

    def __reduce__(self):
        source = f"import pathlib; pathlib.Path({str(self.path)!r}).touch()\ndef forward(self, x):\n    return x\n"
        body = {"_code": source, "_modules": {}, "_parameters": {}, "_buffers": {}}
        return torch.fx.graph_module.reduce_graph_module, (body, "")


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_source_of_generated_functions_does_not_run(saved, tmp_path, structures, pipeline, make):
    """Reading the same file as torch does by default, with weights_only off, would run it."""
    marker, file = tmp_path / "ran", tmp_path / "evil.model"
    content = torch.load(saved(), weights_only=False)
    content.products[0].symmetric_contractions.contractions[0].graph_opt_main = EvilGraph(marker)
    torch.save(content, file)
    model = create_model("mace", checkpoint=file)
    assert not marker.exists()
    batch = Batch.from_ase(structures["molecule"])
    assert torch.equal(pipeline(model)(batch, {"energy"})["energy"], pipeline(make())(batch, {"energy"})["energy"])
    torch.load(file, weights_only=False)
    assert marker.exists()


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_torchscript_of_generated_functions_is_not_read(saved, tmp_path, structures, pipeline, make, monkeypatch):
    loaded = []
    monkeypatch.setattr(torch.jit, "load", lambda *given, **options: loaded.append(given))
    model = create_model("mace", checkpoint=saved())
    assert loaded == []
    batch = Batch.from_ase(structures["molecule"])
    assert torch.equal(pipeline(model)(batch, {"energy"})["energy"], pipeline(make())(batch, {"energy"})["energy"])


class Constructed:
    """Asks for a constructor of a known layer to be run."""

    def __reduce__(self):
        from mace.modules.blocks import ScaleShiftBlock

        return ScaleShiftBlock, (1.0, 2.0)


def test_constructors_do_not_run(tmp_path):
    torch.save(Constructed(), tmp_path / "x.model")
    with pytest.raises(InputFileError, match="ScaleShiftBlock is made by its constructor"):
        create_model("mace", checkpoint=tmp_path / "x.model")


def with_value(saved, path, place, value):
    """Save a model one of whose layers holds something else than numbers where its code is generated from."""
    content = torch.load(saved(), weights_only=False)
    layer = content.interactions[0].linear
    if place == "irreps":
        layer.irreps_in = value
    else:
        first, *rest = layer.instructions
        layer.instructions = [first._replace(path_weight=value), *rest]
    torch.save(content, path)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("value", ["1); import os; (1", torch.ones(2), torch.nn.Linear(1, 1), o3.Irrep("1o")])
@pytest.mark.parametrize("place", ["irreps", "instructions"])
def test_code_is_generated_from_numbers_only(saved, tmp_path, place, value):
    with_value(saved, tmp_path / "x.model", place, value)
    with pytest.raises(InputFileError, match=f"a layer has {place} that are none"):
        create_model("mace", checkpoint=tmp_path / "x.model")


def test_model_without_state(tmp_path):
    torch.save(ScaleShiftMACE.__new__(ScaleShiftMACE), tmp_path / "x.model")
    with pytest.raises(InputFileError, match="lacks r_max"):
        create_model("mace", checkpoint=tmp_path / "x.model")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mace.modules.lora.LoRAO3Linear", "merge_lora_weights"),
        ("cuequivariance_torch.primitives.Linear", "mace_cueq_to_e3nn"),
        ("mace.modules.extensions.PolarMACE", "holds a PolarMACE"),
        ("mace.modules.extensions.MACELES", "holds a MACELES"),
        ("mace.calculators.lammps_mliap_mace.LAMMPS_MLIAP_MACE", "LAMMPS"),
        ("somewhere.Else", "trusted=True"),
    ],
)
def test_files_of_other_kinds_say_what_they_are(tmp_path, monkeypatch, name, said):
    module, _, last = name.rpartition(".")
    made = type(last, (), {"__module__": module, "__qualname__": last})
    for parent in (".".join(module.split(".")[:depth]) for depth in range(1, module.count(".") + 2)):
        if parent == module or not parent.startswith("mace"):
            monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
    setattr(sys.modules[module], last, made)
    torch.save(made(), tmp_path / "x.model")
    with pytest.raises(InputFileError) as caught:
        create_model("mace", checkpoint=tmp_path / "x.model")
    assert said in str(caught.value)


def test_allowed_modules_hold_no_surprises(saved):
    """Only layers are taken from them, and functions only from a list."""
    assert restoring._stand_in("mace.modules.blocks.simplify_if_compile") is None
    assert restoring._stand_in("mace.modules.models.compile_mode") is None
    assert restoring._stand_in("torch.load") is None
    assert restoring._stand_in("torch.nn.functional.silu") is torch.nn.functional.silu
    assert restoring._stand_in("builtins.eval") is None
    assert restoring._stand_in("mace.modules.blocks.np") is None


def test_restored_model_is_independent_of_the_file(saved):
    first, second = restore(saved()), restore(saved())
    with torch.no_grad():
        for one in first.parameters():
            one.zero_()
    assert any(bool(one.any()) for one in second.parameters())
    assert copy.deepcopy(first) is not first
