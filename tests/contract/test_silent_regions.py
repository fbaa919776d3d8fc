"""What a region must not do without a word: cut bonds, jump, take what is of the whole for what is of the part."""

import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from support.pipelines import autograd, direct, pipeline
from support.structures import batch_of, ethanol, water
from support.toys import Charges, Coulomb, Gaussians, Hardness, PairSum, Shift

from alchemi_core import BaseModelMixin, ModelConfig, OnGraph, PipelineStep, Region, region
from alchemi_core.errors import (
    CompositionError,
    DataError,
    DoubleCountingError,
    ModelOutputError,
    UnsupportedElementError,
    WiringError,
)

PART = "index < 3"


def two_waters():
    return water() + water(3.0)


CUT = {
    "a list that reaches": lambda: Gaussians(),
    "a matrix": lambda: PairSum(4.0, "matrix", half_list=True),
    "half pairs": lambda: PairSum(4.0, half_list=True),
    "a list that is too short": lambda: Gaussians(cutoff=1.0),
    "no list": lambda: Shift(),
}


@pytest.mark.parametrize("case", CUT)
def test_bonds_that_are_cut_are_named(case):
    model = CUT[case]()
    with pytest.raises(CompositionError, match=r"its border cuts a bond: C0-C1, closer than 1\.25 times") as caught:
        region(model, "index in (0, 2, 3, 4)")(batch_of(molecule("C2H6")))
    assert caught.value.who == "region index in (0, 2, 3, 4)"
    assert "there are no link atoms" in caught.value.expected
    assert "cut_bonds=True" in caught.value.fix


def test_bonds_are_numbered_in_their_system():
    with pytest.raises(CompositionError, match=r"2 bonds: O0-H1 \(system 1\), O0-H2 \(system 1\)"):
        region(Gaussians(), "element == 'O'")(batch_of(Atoms("Ar"), water()))


def test_many_bonds_are_counted():
    with pytest.raises(CompositionError, match=r"cuts 8 bonds: .* and 2 more"):
        region(Gaussians(), "element == 'H'")(batch_of(ethanol() + water(9.0)))


def test_a_bond_through_the_border_of_a_cell():
    """Two atoms far apart in the cell and bonded to each other's images."""
    atoms = Atoms("C2", positions=[(0.2, 5, 5), (9.0, 5, 5)], cell=[10, 10, 10], pbc=True)
    with pytest.raises(CompositionError, match="C0-C1"):
        region(Gaussians(), [0])(batch_of(atoms))
    atoms.pbc = False
    assert float(region(Gaussians(), [0])(batch_of(atoms))["energy"]) == 0.0


def test_whole_molecules_and_what_is_only_near_are_taken():
    """The hydrogen bond of two water molecules is none that a link atom would end."""
    dimer = water() + water()
    dimer.positions[3:] += (0.0, 0.0, -1.9 - 0.6 - 0.6)
    region(Gaussians(), PART)(batch_of(dimer))
    region(Shift(), PART)(batch_of(dimer))


@pytest.mark.parametrize(
    ("atoms", "part"), [(bulk("Cu", cubic=True), "index == 0"), (bulk("NaCl", "rocksalt", a=5.64), "element == 'Na'")]
)
def test_metals_and_ionic_crystals_are_taken_when_it_is_said(atoms, part):
    model = Gaussians()
    with pytest.raises(CompositionError, match="its border cuts"):
        region(model, part)(batch_of(atoms))
    region(model, part, cut_bonds=True)(batch_of(atoms))


def test_each_border_is_looked_at():
    """A region that may cut bonds does not let the other around it do so."""
    slab = fcc111("Cu", (2, 2, 2), vacuum=8.0) + Atoms("CO", positions=[(0, 0, 20.0), (0, 0, 21.15)])
    inner = region(Gaussians(), Region("element != 'C'", cut_bonds=False))
    with pytest.raises(CompositionError, match="region element != 'C'"):
        region(inner, "index < 4", cut_bonds=True)(batch_of(slab))


@pytest.mark.parametrize("text", ["x < 1", "positions == 0", "charges > 0", "magmoms > 1"])
def test_what_changes_with_positions_selects_nothing(text):
    with pytest.raises(ValueError, match="the energy would jump"):
        PipelineStep(Gaussians(), atoms=text)


def test_what_a_model_computes_selects_nothing():
    part = PipelineStep(Gaussians(), atoms="marks > 0")
    with pytest.raises(WiringError, match=r"selects atoms by 'marks', which step 0 \(charge-model\) computes"):
        pipeline(autograd(Charges("marks"), part)).plan  # noqa: B018 - made when it is read


def test_charge_and_spin_of_the_whole():
    needs = Gaussians(required_inputs={"total_charge"})
    with pytest.raises(CompositionError, match="reads 'total_charge'") as caught:
        region(needs, PART)
    assert caught.value.fix == "atoms=Region(..., charge=0), or region(model, atoms, charge=0)"
    may = region(Gaussians(optional_inputs={"multiplicity"}), PART)
    batch = batch_of(two_waters())
    may(batch)
    with pytest.raises(CompositionError, match="reads 'multiplicity'"):
        may(batch.with_fields(multiplicity=torch.ones(1, 1)))


def test_the_charge_of_the_part_around_is_not_that_of_the_part_in_it():
    inner = region(Gaussians(required_inputs={"total_charge"}), PART, charge=1)
    assert region(inner, "index < 5", charge=0).model_config.required_inputs == frozenset()
    nested = pipeline(direct(PipelineStep(pipeline(direct(PipelineStep(Gaussians(), atoms=PART))), atoms="index < 5")))
    assert nested.plan.labels == ("gaussians on (index < 5) and (index < 3)",)


def test_values_of_a_part_are_not_read_beyond_it():
    for reader in (Coulomb(), PipelineStep(Coulomb(), atoms="index < 6"), Hardness(optional=True)):
        with pytest.raises(WiringError, match=r"reads 'charges' of atoms that step 0 .* does not give it for"):
            pipeline(autograd(PipelineStep(Charges(), atoms=PART), reader))


class Dipoles(BaseModelMixin):
    """Gives something of each system, and something that the table does not know."""

    model_config = ModelConfig(name="dipoles", outputs={"dipole": OnGraph("positions"), "mine": OnGraph("positions")})

    def compute(self, view, requested):
        zeros = view.positions.new_zeros(view.num_systems, 3)
        return {"dipole": zeros.index_add(0, view.batch_idx, view.positions), "mine": view.positions.sum(1)}


def test_a_value_of_a_system_is_not_that_of_its_part():
    batch = batch_of(two_waters())
    with pytest.raises(WiringError, match="'dipole' is given for index < 3, not for the whole system") as caught:
        region(Dipoles(), PART)(batch, {"dipole"})
    assert "wire={'dipole': 'dipole_of_part'}" in caught.value.fix
    renamed = pipeline(direct(PipelineStep(Dipoles(), atoms=PART, wire={"dipole": "dipole_of_part"})))
    torch.testing.assert_close(renamed(batch, {"dipole_of_part"})["dipole_of_part"], batch.positions[:3].sum(0)[None])
    both = pipeline(direct(Dipoles(), PipelineStep(Dipoles(), atoms=PART)))
    torch.testing.assert_close(both(batch, {"dipole"})["dipole"], batch.positions.sum(0)[None])


def test_values_that_nobody_knows_what_they_count():
    batch = batch_of(two_waters())
    mine = region(Dipoles(), PART)(batch, {"mine"})["mine"]
    assert mine[3:].isnan().all()
    one_each = batch_of(Atoms("Ar2", positions=[(0, 0, 0), (0, 0, 9)]))
    with pytest.raises(DataError, match="'mine' has one value for each of 1 atoms, or for each of 1 systems"):
        region(Dipoles(), [0])(one_each, {"mine"})


class Misshapen(Gaussians):
    def compute(self, view, requested):
        return {"energy": super().compute(view, requested)["energy"].squeeze(1)}


def test_a_wrong_shape_is_that_of_the_part():
    with pytest.raises(ModelOutputError, match=r"returned energy of shape \[1\] for a part of 3 atoms"):
        region(Misshapen(), PART)(batch_of(two_waters()))


def test_elements_of_the_part_are_checked():
    model = Gaussians(elements={8})
    with pytest.raises(UnsupportedElementError, match="holds H, not known to the model") as caught:
        region(model, PART)(batch_of(two_waters()))
    assert caught.value.who == f"gaussians on {PART}"


def test_a_field_that_is_not_there():
    with pytest.raises(WiringError, match="needs 'qm'") as caught:
        region(Gaussians(), "qm")(batch_of(two_waters()))
    assert caught.value.fix == "batch.with_fields(qm=...); of ASE arrays, Batch.from_ase(atoms, arrays=['qm'])"


def containing(name, **config):
    return Gaussians(name=name, contains={"dispersion"}, **config)


def test_physics_is_counted_once_in_each_part():
    low, high = containing("low", level_of_theory="PBE"), containing("high", level_of_theory="RPA")
    batch = batch_of(two_waters())
    (low + region(high, PART) + -1.0 * region(low, PART))(batch)
    with pytest.raises(DoubleCountingError, match=r"dispersion is counted twice: in step 0 .* and in step 1"):
        (low + region(high, PART))(batch)
    (region(low, PART) + region(high, "index >= 3"))(batch)
