"""Models of TorchSim as steps: their numbers against TorchSim's own, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch_sim as ts
from alchemi_torchsim import TorchSimModel, TorchSimStep
from ase.build import bulk, molecule
from torch_sim.models.interface import ModelInterface
from torch_sim.models.lennard_jones import LennardJonesModel
from torch_sim.models.morse import MorseModel
from torch_sim.models.soft_sphere import SoftSphereModel

from alchemi_core import Batch, create_model, load_pipeline
from alchemi_core.errors import (
    DataError,
    DeclarationError,
    GeometryError,
    LostTermError,
    OptionError,
    SerializationError,
)

CPU = torch.device("cpu")
PAIRS = {
    "lennard-jones": (LennardJonesModel, {"sigma": 3.4, "epsilon": 0.0104}, 2),
    "morse": (MorseModel, {"sigma": 3.8, "epsilon": 0.01, "alpha": 1.5}, 2),
    "soft-sphere": (SoftSphereModel, {"sigma": 4.2, "epsilon": 0.1, "alpha": 2.5}, -2),
}


class Harmonic(ModelInterface):
    """A model of TorchSim in closed form: each atom tied to the origin, with what was asked for."""

    def __init__(self, strength=1.0, dtype=torch.float64, *, stress=False, forces=True):
        super().__init__()
        self._device, self._dtype, self._compute_stress, self._compute_forces = CPU, dtype, stress, forces
        self.strength, self.seen = strength, []

    def forward(self, state, **_):
        self.seen.append(state)
        each = 0.5 * self.strength * state.positions.square().sum(1)
        energy = each.new_zeros(state.n_systems).index_add(0, state.system_idx, each)
        found = {"energy": energy, "forces": -self.strength * state.positions}
        if self._compute_stress:
            tensor = self.strength * state.positions[:, :, None] * state.positions[:, None]
            found["stress"] = tensor.new_zeros(state.n_systems, 3, 3).index_add(0, state.system_idx, tensor)
        return found


def crystal():
    atoms = bulk("Ar", "fcc", a=5.2, cubic=True)
    atoms.rattle(0.1, seed=3)
    return atoms


@pytest.mark.parametrize("name", PAIRS)
def test_energies_are_those_of_torchsim_and_its_forces_are_doubled(name):
    """What this plugin's documentation says of TorchSim 0.3.0, measured; its stress of soft spheres is turned too."""
    kind, options, factor = PAIRS[name]
    atoms = crystal()
    theirs = kind(**options, dtype=torch.float64, compute_forces=True, compute_stress=True)
    theirs = theirs(ts.io.atoms_to_state([atoms, atoms], CPU, torch.float64))
    ours = (0 + create_model("torchsim", model=name, **options))(Batch.from_ase([atoms, atoms]))
    torch.testing.assert_close(ours["energy"][:, 0], theirs["energy"], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(2 * ours["forces"], theirs["forces"], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(factor * ours["stress"], theirs["stress"], rtol=1e-10, atol=1e-12)


def test_torchsim_places_images_by_the_transposed_cell():
    """The other thing said of it: a crystal with other lattice vectors is another one to TorchSim, not to us."""
    cubic, options = bulk("Ar", "fcc", a=5.2), {"sigma": 3.4, "epsilon": 0.0104}
    skewed = cubic.copy()
    skewed.set_cell([[1, 1, 0], [0, 1, 0], [0, 0, 1]] @ cubic.cell.array)  # the same lattice
    theirs = LennardJonesModel(**options, dtype=torch.float64)
    one, other = (theirs(ts.io.atoms_to_state([atoms], CPU, torch.float64))["energy"] for atoms in (cubic, skewed))
    assert (one - other).abs() > 1e-3
    ours = (0 + create_model("torchsim", model="lennard-jones", **options))(Batch.from_ase([cubic, skewed]))["energy"]
    torch.testing.assert_close(ours[0], ours[1])
    torch.testing.assert_close(ours[0], one)


def test_energies_of_lennard_jones_against_the_closed_form():
    pipe = 0 + create_model("torchsim", model="lennard-jones", sigma=3.4, epsilon=0.0104, cutoff=9.0)
    pair = molecule("N2")
    for distance in (3.5, 4.0, 6.0):
        pair.set_distance(0, 1, distance)
        expected = 4 * 0.0104 * ((3.4 / distance) ** 12 - (3.4 / distance) ** 6)
        assert pipe(Batch.from_ase(pair))["energy"].item() == pytest.approx(expected, rel=1e-12)


def test_alchemi_and_torchsim_agree_through_each_other(mixture):
    """A pipeline as a model of TorchSim as a step of a pipeline gives what the pipeline gives."""
    inner = 0 + create_model("lennard-jones", epsilon=0.05, sigma=2.2)
    model = TorchSimModel(inner, compute_stress=True)
    outer = 0 + TorchSimStep(model, cutoff=6.6)
    batch, names = Batch.from_ase(mixture), {"energy", "forces", "stress"}
    found, expected = outer(batch, names), inner(batch, names)
    for name in names:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-9, atol=1e-9, equal_nan=True)


def test_an_instance_gives_what_it_reports():
    model = Harmonic(2.0, stress=True)
    batch = Batch.from_ase([crystal(), molecule("H2O"), bulk("Cu")])
    found = (0 + TorchSimStep(model))(batch, {"energy", "forces", "stress"})
    torch.testing.assert_close(found["forces"], -2.0 * batch.positions)
    torch.testing.assert_close(found["energy"][1, 0], batch.positions[4:7].square().sum())
    assert [state.pbc for state in model.seen] == [True, False]
    assert torch.equal(model.seen[0].cell[0], batch.cell[0].T)
    assert found["stress"][1].isnan().all()  # a molecule has no volume
    outer = 2.0 * batch.positions[:4, :, None] * batch.positions[:4, None]
    torch.testing.assert_close(found["stress"][0], outer.sum(0))


@pytest.mark.parametrize("own", [torch.float64, torch.float32])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_types(own, dtype):
    model = Harmonic(dtype=own)
    found = (0 + TorchSimStep(model))(Batch.from_ase(crystal(), dtype=dtype))
    assert found["forces"].dtype == dtype
    assert model.seen[0].positions.dtype == own


def test_systems_without_atoms():
    none = bulk("Cu")[:0]
    found = (0 + TorchSimStep(Harmonic()))(Batch.from_ase([none, crystal(), none]), {"energy", "forces"})
    assert found["energy"][[0, 2]].tolist() == [[0.0], [0.0]]
    assert found["energy"][1] > 0
    assert (0 + TorchSimStep(Harmonic()))(Batch.from_ase([none]), {"energy"})["energy"].tolist() == [[0.0]]


def test_a_term_beside_others():
    plain = 0 + create_model("lennard-jones")
    batch = Batch.from_ase(crystal())
    both = plain + TorchSimStep(Harmonic())
    found, alone = both(batch, {"forces"})["forces"], plain(batch, {"forces"})["forces"]
    torch.testing.assert_close(found, alone - batch.positions)
    with pytest.raises(LostTermError, match="Harmonic"):
        both(batch, {"stress"})


def test_two_kinds_of_directions_in_one_system(mixture):
    with pytest.raises(GeometryError, match="system 2 is periodic in some directions only"):
        (0 + TorchSimStep(Harmonic()))(Batch.from_ase(mixture))


@pytest.mark.parametrize(("kind", "options"), [(kind, options) for kind, options, _ in PAIRS.values()])
def test_doubled_forces_are_refused(kind, options):
    with pytest.raises(DeclarationError, match="twice as large"):
        TorchSimStep(kind(**options))


def test_what_is_no_model():
    with pytest.raises(DeclarationError, match="str is no model"):
        TorchSimStep("lennard-jones")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "lenard-jones", "sigma": 1.0, "epsilon": 1.0}, "model='lennard-jones'"),
        ({"model": "morse", "sigma": 1.0, "epsilon": 1.0}, "alpha is missing"),
        ({"model": "lennard-jones", "sigma": 1.0, "epsilon": 1.0, "alpha": 2.0}, "does not have"),
        ({"model": "lennard-jones", "sigma": -1.0, "epsilon": 1.0}, "sigma=-1.0"),
        ({"model": "lennard-jones", "sigma": 1.0, "epsilon": 1.0, "cutoff": float("nan")}, "cutoff=nan"),
        ({"model": "lennard-jones", "sigma": True, "epsilon": 1.0}, "sigma=True"),
        ({"model": "lennard-jones", "sigma": 1.0}, "epsilon"),
    ],
)
def test_options(options, message):
    with pytest.raises(OptionError, match=message):
        create_model("torchsim", **options)


def test_a_cutoff_that_is_none():
    for cutoff in (0, True, float("inf")):
        with pytest.raises(OptionError, match=f"cutoff={cutoff}"):
            TorchSimStep(Harmonic(), cutoff=cutoff)


def test_two_atoms_at_one_place():
    atoms = molecule("N2")
    atoms.positions[:] = 0.0
    with pytest.raises(DataError):
        (0 + create_model("torchsim", model="lennard-jones", sigma=3.4, epsilon=0.01))(Batch.from_ase(atoms))


def test_saved_by_name(tmp_path):
    pipe = 0 + create_model("torchsim", model="morse", sigma=3.8, epsilon=0.01, alpha=1.5)
    batch = Batch.from_ase(crystal())
    for name in ("pipe.alchemi", "pipe.toml"):
        pipe.save(tmp_path / name) if name.endswith("alchemi") else (tmp_path / name).write_text(_toml(pipe))
        again = load_pipeline(tmp_path / name)
        assert torch.equal(again(batch)["energy"], pipe(batch)["energy"])


def _toml(pipe):
    from alchemi_core import pipeline_text

    return pipeline_text(pipe, "toml")


def test_an_instance_is_not_saved_without_a_word(tmp_path):
    pipe = 0 + TorchSimStep(Harmonic())
    path = tmp_path / "pipe.alchemi"
    pipe.save(path)
    with pytest.raises(SerializationError, match="Harmonic"):
        load_pipeline(path)
    batch = Batch.from_ase(crystal())
    again = load_pipeline(path, models={0: TorchSimStep(Harmonic())})
    np.testing.assert_array_equal(again(batch)["energy"], pipe(batch)["energy"])
