"""TorchScript archives: refused unless trusted, then as aimnet's own calculator runs them."""

import copy
import pickle
import warnings

import pytest
import torch

from alchemi_core import Batch, create_model, load_pipeline
from alchemi_core.errors import DataError, InputFileError, OptionError, SerializationError


def lengths(vectors: torch.Tensor) -> torch.Tensor:
    return (vectors.pow(2).sum(2) + 1e-12).sqrt()


class Coulomb(torch.nn.Module):
    def forward(self, data: dict[str, torch.Tensor], charges: torch.Tensor) -> torch.Tensor:
        others = data["nbmat_lr"].long()
        distances = lengths(data["coord"][others] - data["coord"].unsqueeze(1))
        terms = 7.2 * charges[others] * charges.unsqueeze(1) / distances
        return terms.masked_fill(others == charges.shape[0] - 1, 0.0).sum(1)


class Dispersion(torch.nn.Module):
    def forward(self, data: dict[str, torch.Tensor]) -> torch.Tensor:
        others = data["nbmat_lr"].long()
        distances = lengths(data["coord"][others] - data["coord"].unsqueeze(1))
        return -(1.0 / (5.0 + distances.pow(6))).masked_fill(others == others.shape[0] - 1, 0.0).sum(1)


class Outputs(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lrcoulomb = Coulomb()
        self.dftd3 = Dispersion()

    def forward(self, data: dict[str, torch.Tensor], charges: torch.Tensor) -> torch.Tensor:
        return self.lrcoulomb(data, charges) + self.dftd3(data)


class Published(torch.nn.Module):
    """Takes and gives what the archives of 2023 do, and is as strict as they are."""

    cutoff: float

    def __init__(self) -> None:
        super().__init__()
        self.cutoff = 5.0
        self.afv = torch.nn.Embedding(20, 3, padding_idx=0)
        self.outputs = Outputs()

    def forward(self, data: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        data["coord"] = data["coord"].float()
        near, index = data["nbmat"].long(), data["mol_idx"].long()
        here = (torch.arange(index.shape[0]) < index.shape[0] - 1).float()
        features = self.afv(data["numbers"])
        distances = lengths(data["coord"][near] - data["coord"].unsqueeze(1))
        weights = torch.exp(-distances).masked_fill(near == index.shape[0] - 1, 0.0)
        messages = features + (weights.unsqueeze(2) * features[near]).sum(1)
        charges = messages[:, 0] * here
        systems = int(index[-1]) + 1
        sizes = torch.zeros(systems).index_add(0, index, here)
        missing = (data["charge"] - torch.zeros(systems).index_add(0, index, charges)) / sizes
        charges = (charges + missing[index]) * here
        atoms = (messages[:, 1].tanh() + self.outputs(data, charges)) * here
        data["energy"] = torch.zeros(systems).index_add(0, index, atoms)
        data["charges"] = charges
        return data


class Other(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


for one in (lengths, Coulomb, Dispersion, Outputs, Published, Other):
    one.__module__ = "published"  # the folder of this file has a dash in its name, which TorchScript cannot read back


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("archives") / "published.jpt"
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore", DeprecationWarning)  # torch advises against the format
        torch.manual_seed(5)
        program = torch.jit.script(Published())
        program.afv.weight.data[2:6] = torch.nan
        torch.jit.save(program, path)
    return path


@pytest.fixture
def model(archive):
    return create_model("aimnet2", checkpoint=str(archive), trusted=True)


def test_it_is_not_run_without_trust(archive, tmp_path):
    renamed = tmp_path / "model.pt"
    renamed.write_bytes(archive.read_bytes())
    for path in (archive, renamed):
        with pytest.raises(InputFileError, match="a program") as caught:
            create_model("aimnet2", checkpoint=path)
        assert "trusted=True" in caught.value.fix
        assert "aimnet convert" in caught.value.fix


def test_what_it_says(model):
    config = model.model_config
    assert config.elements == {1, *range(6, 20)}
    assert set(config.contains) == {"coulomb", "dispersion"}
    assert config.neighbor_config.cutoff == 5.0
    assert config.outputs == {"energy", "charges"}


def test_against_aimnet(model, archive, molecules, pipeline, batches):
    from aimnet.calculators import AIMNet2Calculator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        calculator = AIMNet2Calculator(str(archive), device="cpu")
    for name in ("ethanol", "water", "far apart"):
        atoms = molecules[name]
        out = pipeline(model)(batches(atoms, total_charge=[1.0]), {"energy", "charges", "forces"})
        expected = calculator({"coord": atoms.positions, "numbers": atoms.numbers, "charge": 1.0}, forces=True)
        for key, value in out.items():
            reference = expected[key].detach().double().reshape(value.shape)
            torch.testing.assert_close(
                value, reference, rtol=2e-6, atol=2e-6, msg=lambda text, key=key: f"{key}: {text}"
            )


def test_batch(model, molecules, pipeline, batches):
    from ase import Atoms

    batch = [Atoms(), molecules["water"], Atoms(), molecules["ethanol"], Atoms()]
    charges = [0.0, 1.0, 0.0, -1.0, 0.0]
    out = pipeline(model)(batches(batch, total_charge=charges), {"energy", "forces"})
    assert out["energy"][[0, 2, 4]].flatten().tolist() == [0.0] * 3
    for system in (1, 3):
        alone = pipeline(model)(batches(batch[system], total_charge=[charges[system]]), {"energy"})
        torch.testing.assert_close(out["energy"][[system]], alone["energy"], rtol=1e-6, atol=1e-6)


def test_periodic_systems(model, crystals, pipeline):
    with pytest.raises(DataError, match="periodic"):
        pipeline(model)(Batch.from_ase(crystals["ice"]))


@pytest.mark.parametrize(
    "options", [{"coulomb": False}, {"coulomb": "dsf"}, {"dispersion": False}, {"dtype": "float64"}, {"dsf_alpha": 0.1}]
)
def test_nothing_in_it_can_be_switched(archive, options):
    with pytest.raises(OptionError, match="TorchScript") as caught:
        create_model("aimnet2", checkpoint=str(archive), trusted=True, **options)
    assert "aimnet convert" in caught.value.fix


def test_what_it_is_anyway_may_be_asked_for(archive):
    options = {"coulomb": "simple", "dispersion": True, "dtype": "float32"}
    assert create_model("aimnet2", checkpoint=str(archive), trusted=True, **options)


def test_it_cannot_be_made_float64(model, molecules, pipeline):
    with pytest.raises(OptionError, match="float64"):
        pipeline(model.double())(Batch.from_ase(molecules["water"]))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies(model, molecules, pipeline, copied):
    batch = Batch.from_ase(molecules["ethanol"])
    one, other = (pipeline(each)(batch, {"energy", "forces"}) for each in (model, copied(model)))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_saved_pipeline(model, molecules, pipeline, tmp_path):
    batch, pipe = Batch.from_ase(molecules["ethanol"]), pipeline(model)
    expected = pipe(batch)["energy"]
    pipe.save(tmp_path / "pipe.alchemi")
    with torch.no_grad():
        model.network.program.afv.weight.zero_()
    loaded = load_pipeline(tmp_path / "pipe.alchemi", models=[model])
    assert torch.equal(loaded(batch)["energy"], expected)


def test_saved_pipelines_hold_no_program(model, pipeline, tmp_path):
    pipeline(model).save(tmp_path / "pipe.alchemi")
    with pytest.raises(SerializationError, match="model 0") as caught:
        load_pipeline(tmp_path / "pipe.alchemi")
    assert "models=" in caught.value.fix


def test_other_archives(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.jit.save(torch.jit.script(Other()), tmp_path / "other.jpt")
    with pytest.raises(InputFileError, match="is no AIMNet2"):
        create_model("aimnet2", checkpoint=tmp_path / "other.jpt", trusted=True)
