"""Dipole moments of charges, against sums written out."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule

from alchemi_core import (
    AtomicData,
    BaseModelMixin,
    Batch,
    Constant,
    ModelConfig,
    OnGraph,
    PipelineGroup,
    PipelineModelWrapper,
    PipelineStep,
    create_model,
    differentiate,
)
from alchemi_core.errors import DataError, LostTermError, OptionError, WiringError

CHARGES = {"H": 0.41, "O": -0.82, "Na": 1.0, "Cl": -1.0, "C": 0.2, "F": -0.6}


class Table(BaseModelMixin):
    """Charges by element."""

    model_config = ModelConfig(name="table", outputs={"charges": Constant()}, supports_pbc=True)

    def compute(self, view, requested):
        table = torch.zeros(120, dtype=view.positions.dtype)
        for symbol, charge in CHARGES.items():
            table[Atoms(symbol).numbers[0]] = charge
        return {"charges": table[view.atomic_numbers]}


class Stretch(torch.nn.Module, BaseModelMixin):
    """q_i = c |r_i|², with a constant c that can be trained, and E = Σ_i q_i."""

    def __init__(self, constant=0.3):
        super().__init__()
        self.constant = torch.nn.Parameter(torch.tensor(constant, dtype=torch.float64))
        kinds = {"charges": OnGraph("positions"), "energy": OnGraph("positions")}
        self.model_config = ModelConfig(name="stretch", outputs=kinds)

    def compute(self, view, requested):
        charges = self.constant.to(view.positions) * view.positions.square().sum(1)
        energy = charges.new_zeros(view.num_systems).index_add(0, view.batch_idx, charges).unsqueeze(1)
        return {"charges": charges, "energy": energy}


def by_hand(atoms, centre=(0.0, 0.0, 0.0)):
    charges = np.array([CHARGES[symbol] for symbol in atoms.get_chemical_symbols()])
    return (charges[:, None] * (atoms.positions - centre)).sum(0)


@pytest.fixture
def hydroxide():
    return Atoms("OH", positions=[(1.0, -2.0, 0.5), (1.3, -2.4, 1.3)])


@pytest.fixture
def waters(hydroxide):
    turned = molecule("H2O")
    turned.rotate(70, (1, 2, 3))
    turned.translate((3.0, 1.0, -2.0))
    return [turned, hydroxide, Atoms("Na", positions=[(1, 2, 3)]), molecule("CH3OH")]


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_charges_times_positions(waters, dtype, rtol):
    out = differentiate(Table(), "dipole")(Batch.from_ase(waters, dtype=dtype))
    assert set(out) == {"dipole"}
    expected = torch.tensor(np.array([by_hand(atoms) for atoms in waters]), dtype=dtype)
    torch.testing.assert_close(out["dipole"], expected, rtol=rtol, atol=10 * rtol)


def test_dipole_of_tip3p_like_water():
    """2 q d cos(θ/2) along the axis of symmetry: charges of 0.41 e, 0.9578 Å and 104.4776° give 0.481 e·Å."""
    half = np.deg2rad(104.4776) / 2
    legs = 0.9578 * np.array([[np.sin(half), 0, np.cos(half)], [-np.sin(half), 0, np.cos(half)]])
    out = differentiate(Table(), "dipole")(Batch.from_ase(Atoms("OH2", positions=[(0, 0, 0), *legs])))
    expected = [[0.0, 0.0, 2 * 0.41 * 0.9578 * np.cos(half)]]
    torch.testing.assert_close(out["dipole"], torch.tensor(expected), rtol=0, atol=1e-12, check_dtype=False)


def test_origin_matters_to_ions(hydroxide):
    moved = hydroxide.copy()
    moved.translate((1.0, 2.0, 3.0))
    batch = Batch.from_ase([hydroxide, moved])
    here, there = differentiate(Table(), "dipole")(batch)["dipole"]
    torch.testing.assert_close(there - here, -0.41 * torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    centred = differentiate(Table(), "dipole", origin="mass")(batch)["dipole"]
    expected = torch.tensor(by_hand(hydroxide, hydroxide.get_center_of_mass()))
    torch.testing.assert_close(centred, expected.expand(2, 3), rtol=1e-12, atol=1e-12)


def test_origin_does_not_matter_to_neutral_molecules():
    batch = Batch.from_ase(molecule("H2O"))
    one, other = (
        differentiate(Table(), "dipole", origin=origin)(batch)["dipole"] for origin in ("coordinates", "mass")
    )
    assert one.norm() > 0.1
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_system_without_atoms():
    none = AtomicData(positions=torch.zeros(0, 3).double(), atomic_numbers=torch.zeros(0, dtype=torch.int64))
    batch = Batch.from_data_list([none, AtomicData.from_ase(molecule("H2O"))])
    for origin in ("coordinates", "mass"):
        dipole = differentiate(Table(), "dipole", origin=origin)(batch)["dipole"]
        assert dipole[0].tolist() == [0, 0, 0]
        assert dipole[1].norm() > 0.1


def test_crystals_are_refused():
    pipe = differentiate(Stretch(), "dipole")
    salt = bulk("NaCl", "rocksalt", a=5.64)
    with pytest.raises(DataError, match="system 1 of the batch is periodic, where the dipole") as caught:
        differentiate(Table(), "dipole")(Batch.from_ase([molecule("H2O"), salt]))
    assert "pbc=False" in caught.value.fix
    boxed = molecule("H2O", vacuum=4.0)
    assert not boxed.pbc.any()
    assert pipe(Batch.from_ase(boxed))["dipole"].shape == (1, 3)


def test_crystals_have_their_other_derivatives():
    with_charges = [Table(), create_model("lennard-jones", sigma=2.5, cutoff=5.0)]
    salt = bulk("NaCl", "rocksalt", a=5.0)
    salt.rattle(0.1, seed=1)
    batch = Batch.from_ase(salt)
    for strategy in ("dipole", "born-charges"):
        pipe = PipelineModelWrapper([PipelineGroup(with_charges, use_autograd=True, derivative_fn=strategy)])
        plain = PipelineModelWrapper([PipelineGroup(with_charges, use_autograd=True)])
        for name in ("forces", "stress", "virial"):
            torch.testing.assert_close(pipe(batch, {name})[name], plain(batch, {name})[name])
    boxed = molecule("H2O", vacuum=4.0)
    assert not boxed.pbc.any()
    assert set(pipe(Batch.from_ase(boxed), {"dipole", "forces", "stress"})) == {"dipole", "forces", "stress"}


@pytest.mark.parametrize("origin", ["center", None, 3, "Mass"])
def test_unknown_origins(origin):
    with pytest.raises(OptionError, match="one of 'coordinates', 'mass'"):
        differentiate(Table(), "dipole", origin=origin)


def test_models_without_charges_are_refused():
    with pytest.raises(LostTermError, match="'charges', which no step"):
        _ = differentiate(create_model("lennard-jones"), "dipole").plan_for({"dipole"})


def test_two_models_with_charges_are_refused():
    group = PipelineGroup([Table(), Stretch()], use_autograd=True, derivative_fn="dipole")
    with pytest.raises(WiringError, match="charges"):
        _ = PipelineModelWrapper([group]).plan_for({"dipole"})


def test_renamed_charges_are_found():
    steps = [Table(), PipelineStep(Stretch(), wire={"charges": "partial_charges"})]
    pipe = PipelineModelWrapper([PipelineGroup(steps, use_autograd=True, derivative_fn="dipole")])
    out = pipe(Batch.from_ase(molecule("H2O")), {"dipole"})
    torch.testing.assert_close(out["dipole"], torch.tensor(by_hand(molecule("H2O"))[None]))


def test_weights_are_of_energies_not_of_charges():
    batch = Batch.from_ase(molecule("H2O"))
    one, other = (differentiate(model, "dipole")(batch, {"dipole", "energy"}) for model in (Stretch(), 0.5 * Stretch()))
    assert torch.equal(one["dipole"], other["dipole"])
    torch.testing.assert_close(one["energy"], 2 * other["energy"])


def test_training_reaches_parameters_and_positions():
    """μ = c Σ |r|² r, so that dμ/dc = μ/c and d(e·μ)/dr = c (2 (e·r) r + |r|² e)."""
    model = Stretch(0.3)
    pipe = differentiate(model, "dipole").train()
    batch = Batch.from_ase(molecule("H2O"))
    places = (batch.positions + 0.3).requires_grad_(True)
    dipole = pipe(batch.with_fields(positions=places), {"dipole"})["dipole"]
    squares = places.detach().square().sum(1, keepdim=True)
    torch.testing.assert_close(dipole.detach()[0], (0.3 * squares * places.detach()).sum(0))
    along = torch.tensor([0.2, -0.5, 1.0], dtype=torch.float64)
    by_constant, by_places = torch.autograd.grad(dipole[0] @ along, (model.constant, places))
    torch.testing.assert_close(by_constant, dipole.detach()[0] @ along / 0.3)
    expected = 0.3 * (2 * (places.detach() @ along)[:, None] * places.detach() + squares * along)
    torch.testing.assert_close(by_places, expected)


def test_forces_beside():
    """E = c Σ |r|², F = −2 c r."""
    batch = Batch.from_ase(molecule("H2O"))
    out = differentiate(Stretch(0.3), "dipole")(batch, {"dipole", "forces", "energy"})
    torch.testing.assert_close(out["forces"], -0.6 * batch.positions)
    assert not out["dipole"].requires_grad
    torch.testing.assert_close(
        out["dipole"][0], (0.3 * batch.positions.square().sum(1)[:, None] * batch.positions).sum(0)
    )


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_grad(mode, waters):
    pipe = differentiate(Stretch(), "dipole")
    expected = pipe(Batch.from_ase(waters))["dipole"]
    with mode():
        torch.testing.assert_close(pipe(Batch.from_ase(waters))["dipole"], expected)
