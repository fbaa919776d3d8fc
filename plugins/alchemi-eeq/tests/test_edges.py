"""Structures at the edge of what makes sense, and beyond."""

import math

import attrs
import numpy as np
import pytest
import torch
from alchemi_eeq.model import EEQ
from ase import Atoms
from ase.build import bulk, molecule
from scipy.special import erf

from alchemi_core import Batch, ModelView, PipelineGroup, PipelineModelWrapper
from alchemi_core.errors import DataError, GeometryError, OptionError, UnsupportedElementError
from alchemi_core.neighbors import brute_force
from alchemi_core.neighbors.halves import to_half

HYDROGEN = {"hardness": -0.35015861, "width": 0.55159092}


def computed(batch, **changes):
    """Call the model with inputs that no pipeline would let through."""
    model = EEQ()
    pairs = to_half(brute_force.build(batch, model.model_config.neighbor_config.cutoff, 0.0))
    names = ("positions", "atomic_numbers", "batch_idx", "cell", "pbc", "total_charge")
    view = ModelView({name: batch.get(name) for name in names} | changes, batch, pairs, "test")
    return model.compute(view, frozenset({"charges"}))["charges"]


def test_nothing(evaluate):
    for atoms in ([], Atoms(), [Atoms(), Atoms(cell=[5, 5, 5], pbc=True)]):
        out = evaluate(atoms, energy=True, requested=("charges", "energy", "forces"))
        assert out["charges"].shape == (0,)
        assert out["forces"].shape == (0, 3)
        assert not out["energy"].any()


def test_systems_without_atoms_between_others(evaluate):
    slab = Atoms(cell=[5, 5, 5], pbc=(True, True, False))
    mixed = [Atoms(), molecule("H2O"), slab, Atoms(cell=[5, 5, 5], pbc=True), bulk("NaCl", "rocksalt", a=5.64), Atoms()]
    out = evaluate(mixed, energy=True, requested=("charges", "energy", "forces", "stress"))
    torch.testing.assert_close(out["charges"][:3], evaluate(molecule("H2O"))["charges"], rtol=0, atol=1e-13)
    assert out["energy"][[0, 2, 3, 5]].tolist() == [[0.0]] * 4
    assert bool(out["forces"].isfinite().all())
    assert bool(out["stress"][4].isfinite().all())


@pytest.mark.parametrize("charge", [0.0, 1.0, -0.5])
@pytest.mark.parametrize("pbc", [(False,) * 3, (True,) * 3, (True, True, False), (False, True, False)])
def test_one_atom_carries_all_charge(evaluate, pbc, charge):
    atoms = Atoms("Na", cell=[7, 8, 9], pbc=pbc, info={"charge": charge})
    assert evaluate(atoms)["charges"].tolist() == [charge]


def test_one_free_atom_has_a_parabola_for_energy(evaluate):
    """E = χ q + ½ (η + √(2/π)/a) q², sodium: χ = 0.55936220, η = 0.24206510, a = 1.28263182 in atomic units."""
    for charge in (0.0, 1.0, -2.0):
        out = evaluate(Atoms("Na", info={"charge": charge}), energy=True, requested=("energy",))
        hartree = 0.55936220 * charge + 0.5 * (0.24206510 + math.sqrt(2 / math.pi) / 1.28263182) * charge**2
        assert out["energy"].item() == pytest.approx(hartree * 27.211386245988, rel=1e-12)


def test_one_ion_in_a_cube(evaluate):
    """Point charges of one sign on a cubic lattice in a background: −1.4186487397 e²/(4πε₀ L), all else as if free."""
    edge = 30.0
    ion = Atoms("Na", info={"charge": 1.0})
    free = evaluate(ion, energy=True, requested=("energy",))["energy"].item()
    ion.set_cell([edge] * 3)
    ion.pbc = True
    energy = evaluate(ion, energy=True, requested=("energy",))["energy"].item()
    assert energy - free == pytest.approx(-1.4186487397 * 14.3996454785 / edge, abs=1e-9)


def test_far_apart_atoms_behave_as_points(evaluate):
    """Two equal ions, each with half of the charge of one, at a distance R: E = 2 E₁ + q²/R."""
    pair = Atoms("NaNa", [[0, 0, 0], [0, 0, 50.0]], info={"charge": 2.0})
    one = evaluate(Atoms("Na", info={"charge": 1.0}), energy=True, requested=("energy",))["energy"].item()
    energy = evaluate(pair, energy=True, requested=("energy",))["energy"].item()
    assert energy - 2 * one == pytest.approx(14.3996454785 / 50.0, rel=1e-9)


@pytest.mark.parametrize("pbc", [False, True])
def test_two_atoms_at_one_place(evaluate, pbc):
    atoms = Atoms("H2OH", [[0, 0, 0], [0, 0, 1], [0, 0, 2], [0, 0, 11 if pbc else 1]], cell=[10] * 3, pbc=pbc)
    for run in (evaluate, lambda systems: computed(Batch.from_ase(systems))):
        with pytest.raises(GeometryError, match=r"atoms (1 and 3|4 and 6) "):
            run([molecule("H2O"), atoms])


def test_singular_equations(evaluate):
    """Hydrogen's hardness is negative: where the self-interaction equals that of a pair, any charge will do."""
    own = HYDROGEN["hardness"] + math.sqrt(2 / math.pi) / HYDROGEN["width"]
    low, high = 0.1, 2.0
    for _ in range(200):
        middle = 0.5 * (low + high)
        pair = erf(middle / (math.sqrt(2) * HYDROGEN["width"])) / middle
        low, high = (middle, high) if pair > own else (low, middle)
    hydrogen = Atoms("H2", [[0, 0, 0], [0, 0, low * 0.529177210903]])
    with pytest.raises(GeometryError, match="system 1 are not determined"):
        evaluate([molecule("CO2"), hydrogen])


@pytest.mark.parametrize("number", [0, 104, 118])
def test_elements_without_parameters(evaluate, number):
    with pytest.raises(UnsupportedElementError) as caught:
        computed(Batch.from_ase([molecule("CO2"), Atoms(numbers=[1, number], positions=[[0, 0, 0], [0, 0, 2]])]))
    assert "atom 4 (system 1) is " in caught.value.found
    assert "H to Lr" in caught.value.expected


def test_pipelines_name_the_element_too(evaluate):
    with pytest.raises(UnsupportedElementError, match="Rf"):
        evaluate(Atoms("Rf"))


@pytest.mark.parametrize("last", [[0.0, math.nan, 0.0], [math.inf, 0.0, 0.0]])
def test_coordinates_that_are_not_finite(last):
    batch = Batch.from_ase(molecule("H2O"))
    positions = batch.positions.clone()
    positions[2] = torch.tensor(last)
    with pytest.raises(GeometryError, match="atom 2"):
        computed(batch, positions=positions)


def test_a_flat_cell():
    batch = Batch.from_ase(bulk("NaCl", "rocksalt", a=5.64))
    with pytest.raises(GeometryError, match="singular"):
        computed(batch, cell=batch.cell * torch.tensor([1.0, 1.0, 0.0]))


@pytest.mark.parametrize(
    ("total", "words"),
    [
        (torch.zeros(1), "[1]"),
        (torch.zeros(2, 1), "[2, 1]"),
        (torch.full((1, 1), math.nan), "system 0 is nan"),
        (torch.full((1, 1), -math.inf), "system 0 is -inf"),
    ],
)
def test_total_charges_that_cannot_be(total, words):
    with pytest.raises(DataError) as caught:
        computed(Batch.from_ase(molecule("H2O")), total_charge=total)
    assert words in caught.value.found
    assert "total_charge" in caught.value.fix


def test_a_charge_on_nothing(evaluate):
    with pytest.raises(DataError, match="without atoms"):
        evaluate([Atoms(info={"charge": 1.0}), Atoms("H", info={"charge": 1.0})])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("energy", 1),
        ("energy", "yes"),
        ("energy", None),
        ("cutoff", 13.2),
        ("cutoff", -20.0),
        ("cutoff", math.inf),
        ("cutoff", math.nan),
        ("cutoff", "20"),
        ("cutoff", True),
    ],
)
def test_options_that_cannot_be(option, value):
    with pytest.raises(OptionError, match=f"{option}="):
        EEQ(**{option: value})


def test_inputs_are_not_changed(systems):
    batch = Batch.from_ase(systems["sheet"])
    before = [batch.positions.clone(), batch.cell.clone(), batch.pbc.clone()]
    PipelineModelWrapper(groups=[PipelineGroup([EEQ()])])(batch)
    for old, new in zip(before, (batch.positions, batch.cell, batch.pbc), strict=True):
        assert torch.equal(old, new)


def test_total_charge_as_a_field(evaluate):
    model = PipelineModelWrapper(groups=[PipelineGroup([EEQ()])])
    batch = Batch.from_ase([molecule("H2O"), molecule("CO2")])
    charged = model(batch.with_fields(total_charge=torch.tensor([[1.0], [-2.0]], dtype=torch.float64)))["charges"]
    np.testing.assert_allclose([charged[:3].sum(), charged[3:].sum()], [1.0, -2.0], atol=1e-13)
    assert attrs.asdict(EEQ().model_config)["optional_inputs"] == {"total_charge"}
