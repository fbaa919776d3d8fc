"""Options, files and structures that cannot be right."""

import pickle
from pathlib import Path

import pytest
import torch
from alchemi_chgnet.checkpoints import find_checkpoint
from ase import Atoms
from ase.build import molecule
from chgnet.model.composition_model import CompositionModel

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model
from alchemi_core.errors import DataError, GeometryError, InputFileError, OptionError, UnsupportedElementError
from alchemi_core.neighbors.building import build


class Marker:
    """What a hostile file could do: make a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"checkpoint": "0.3"}, "checkpoint='0.3.0'"),
        ({"checkpoint": "r2scann"}, "checkpoint='r2scan'"),
        ({"checkpoint": "no/such/file.pth.tar"}, "is no file"),
        ({"checkpoint": 3}, "is no file"),
        ({"trusted": "yes"}, "trusted='yes'"),
        ({"chekpoint": "0.3.0"}, "checkpoint='0.3.0'"),
    ],
)
def test_options(options, words):
    with pytest.raises(OptionError) as caught:
        create_model("chgnet", **options)
    assert words in str(caught.value)


@pytest.mark.parametrize("symbol", ["Po", "Ra", "Am", "X"])
def test_elements_the_weights_never_saw(evaluate, structures, symbol):
    atoms = structures["perovskite"]
    atoms.symbols[2] = symbol
    with pytest.raises(UnsupportedElementError) as caught:
        evaluate([molecule("H2O"), atoms], "energy")
    assert f"atom 2 of system 1 is {'no element' if symbol == 'X' else symbol}" in caught.value.found
    assert caught.value.who == "chgnet"
    assert "89 elements" in caught.value.expected


def test_r2scan_never_saw_ytterbium(evaluate):
    with pytest.raises(UnsupportedElementError, match="Yb"):
        evaluate(Atoms("Yb", [[0, 0, 0]]), "energy", checkpoint="r2scan")
    assert evaluate(Atoms("Yb", [[0, 0, 0]]), "energy")["energy"].isfinite().all()


def test_two_atoms_at_one_place_in_a_list_that_was_brought():
    """Lists that the core builds are looked through there."""
    batch = Batch.from_ase(Atoms("Si3", [[0, 0, 0], [1, 0, 0], [9, 0, 0]], cell=[8, 8, 8], pbc=True))
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model("chgnet")])])
    with pytest.raises(GeometryError, match="atoms 1 and 2"):
        pipe(batch.with_neighbors(build(batch, 6.0, 0.0)), requested={"energy"})


def test_a_file_like_the_shipped_ones(saved, structures):
    tuned, shipped = create_model("chgnet", checkpoint=saved()), create_model("chgnet")
    batch = Batch.from_ase(structures["perovskite"])
    energies = [PipelineModelWrapper(groups=[PipelineGroup([m])])(batch)["energy"].item() for m in (tuned, shipped)]
    assert energies[0] == energies[1]
    assert tuned.model_config.level_of_theory == ""
    assert tuned.model_config.elements == frozenset(range(1, 95))


def test_elements_without_reference_energy_are_left_out(saved):
    table = torch.full((1, 94), -1.0)
    table[0, [1, 91]] = 1e-15
    model = create_model("chgnet", checkpoint=saved(tensors={"composition_model.fc.weight": table}))
    assert model.model_config.elements == frozenset(range(1, 95)) - {2, 92}


def test_code_in_a_file_runs_only_when_trusted(saved, tmp_path):
    mark = tmp_path / "mark"
    file = saved(author=Marker(mark))
    with pytest.raises(InputFileError) as caught:
        create_model("chgnet", checkpoint=file)
    assert "trusted=True" in caught.value.fix
    assert not mark.exists()
    create_model("chgnet", checkpoint=file, trusted=True)
    assert mark.exists()


def test_plain_files_are_read_as_such_even_when_trusted(saved, monkeypatch):
    load, ways = torch.load, []

    def watched(*args, **options):
        ways.append(options["weights_only"])
        return load(*args, **options)

    file = saved()
    monkeypatch.setattr(torch, "load", watched)
    create_model("chgnet", checkpoint=file, trusted=True)
    create_model("chgnet")
    assert ways == [True, True]


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("content", [b"", b"no checkpoint", pickle.dumps([1, 2], protocol=2)])
def test_files_that_are_no_checkpoints(tmp_path, content, trusted):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputFileError) as caught:
        create_model("chgnet", checkpoint=tmp_path / "file", trusted=trusted)
    assert str(tmp_path / "file") in caught.value.found


@pytest.mark.parametrize("content", [{"weights": 1}, {"model": {"state_dict": {}}}, [1]])
def test_files_without_a_network(tmp_path, content):
    torch.save(content, tmp_path / "file")
    with pytest.raises(InputFileError, match="model_args"):
        create_model("chgnet", checkpoint=tmp_path / "file")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"num_radial": 9}, "size mismatch"),
        ({"atom_fea_dim": "wide"}, "tuple of ints"),
        ({"non_linearity": "sine"}, "chgnet 0.4"),
        ({"mlp_first": False}, "mlp_first=False"),
    ],
)
def test_networks_that_do_not_fit(saved, arguments, words):
    with pytest.raises(DataError, match=words):
        create_model("chgnet", checkpoint=saved(**arguments))


def test_composition_models_that_are_no_sum_over_atoms(saved):
    model = CompositionModel()
    file = saved(composition_model=model)
    content = torch.load(file, weights_only=False)
    tensors = content["model"]["state_dict"]
    del tensors["composition_model.fc.weight"]
    tensors |= {f"composition_model.{name}": one for name, one in model.state_dict().items()}
    torch.save(content, file)
    with pytest.raises(DataError, match="CompositionModel"):
        create_model("chgnet", checkpoint=file, trusted=True)


def test_without_reference_energies(saved, structures):
    content = torch.load(saved(composition_model=None), weights_only=True)
    table = content["model"]["state_dict"].pop("composition_model.fc.weight")
    torch.save(content, file := saved())
    atoms = structures["perovskite"]
    models = [create_model("chgnet", checkpoint=one) for one in ("0.3.0", file)]
    batch = Batch.from_ase(atoms)
    energies = [PipelineModelWrapper(groups=[PipelineGroup([m])])(batch)["energy"].item() for m in models]
    expected = table[0, torch.from_numpy(atoms.numbers) - 1].sum().item()
    assert energies[0] - energies[1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["tuned.pth", "~tuned.pth", "C:\\models\\tuned.pth"])
def test_names_of_files_are_no_paths(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    assert find_checkpoint(tmp_path / name)[1].source == "tuned.pth"
