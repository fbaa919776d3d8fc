import attrs
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.calculators.calculator import PropertyNotImplementedError
from ase.filters import FrechetCellFilter
from ase.optimize import BFGS
from fronts.spring_models import Brittle, Springs, Wells

from alchemi_core.ase import AlchemiCalculator
from alchemi_core.committees import committee
from alchemi_core.contract import Constant
from alchemi_core.errors import GeometryError, UnknownOutputError
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.topology import PipelineGroup

K, R0 = 2.0, 1.0
ENERGY, FORCES, STRESS = {"energy"}, {"energy", "forces"}, {"energy", "forces", "stress"}


def calculator(*models, **options):
    return AlchemiCalculator(PipelineModelWrapper([PipelineGroup([model]) for model in models]), **options)


def dimer(length=1.2, **options):
    return Atoms("HLi", [[0.0, 0.0, 0.0], [length, 0.0, 0.0]], **options)


def oblique():
    """One pair along no axis, in a box with room: every component of the stress is another number."""
    return Atoms("HLi", [[2.0, 2.0, 2.0], [2.3, 2.5, 3.0]], cell=[5.0, 6.0, 7.0], pbc=True)


def test_a_pair_has_the_energy_and_forces_of_hooke():
    atoms = dimer(1.2)
    atoms.calc = calculator(Springs(K, R0))
    assert atoms.get_potential_energy() == pytest.approx(0.5 * K * 0.2**2, rel=1e-12)
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
    np.testing.assert_allclose(atoms.get_forces(), [[K * 0.2, 0, 0], [-K * 0.2, 0, 0]], rtol=1e-12)
    np.testing.assert_allclose(atoms.get_charges(), [0.1, 0.3], rtol=1e-12)


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_stress_stands_in_the_order_of_ase(dtype, rtol):
    atoms = oblique()
    atoms.calc = calculator(Springs(K, R0), dtype=dtype)
    d = np.array([0.3, 0.5, 1.0])
    r = np.linalg.norm(d)
    stress = K * (r - R0) / r * np.outer(d, d) / (5.0 * 6.0 * 7.0)
    expected = [stress[0, 0], stress[1, 1], stress[2, 2], stress[1, 2], stress[0, 2], stress[0, 1]]
    np.testing.assert_allclose(atoms.get_stress(), expected, rtol=rtol)
    np.testing.assert_allclose(atoms.get_stress(voigt=False), stress, rtol=rtol)
    assert atoms.get_stress().dtype == atoms.get_forces().dtype == np.float64


def test_energies_per_term_add_up_and_same_names_are_told_apart():
    atoms = dimer(1.2)
    atoms.calc = calculator(Springs(K, R0), Springs(3.0, 0.9), Springs(1.0, 1.0, name="other"))
    total = atoms.get_potential_energy()
    expected = {"springs": 0.5 * K * 0.2**2, "springs#2": 0.5 * 3.0 * 0.3**2, "other": 0.5 * 0.2**2}
    assert atoms.calc.results["energies_per_term"] == pytest.approx(expected)
    assert total == pytest.approx(sum(expected.values()))


def test_it_computes_what_it_was_asked_in_its_life_and_no_more():
    model = Springs()
    atoms = oblique()
    atoms.calc = calculator(model)
    atoms.get_potential_energy()
    atoms.get_forces()
    assert model.asked == [ENERGY, FORCES]
    atoms.rattle(0.01, seed=1)
    atoms.get_potential_energy()
    atoms.get_forces()
    assert model.asked[2:] == [FORCES]
    atoms.get_stress()
    atoms.rattle(0.01, seed=2)
    atoms.get_stress()
    atoms.get_forces()
    assert model.asked[3:] == [STRESS, STRESS]
    atoms.calc.reset()
    atoms.get_potential_energy()
    assert model.asked[5:] == [ENERGY]


def test_the_same_structure_is_computed_once():
    model = Springs()
    atoms = dimer()
    atoms.calc = calculator(model)
    for _ in range(3):
        atoms.get_forces()
        atoms.get_potential_energy()
    assert len(model.asked) == 1
    assert atoms.calc.get_property("charges", atoms, allow_calculation=False) is None
    assert len(model.asked) == 1


def move(atoms):
    atoms.positions[0, 0] = np.nextafter(atoms.positions[0, 0], 1.0)


CHANGES = [
    pytest.param(move, id="the smallest displacement"),
    pytest.param(lambda atoms: atoms.set_atomic_numbers([1, 4]), id="an element"),
    pytest.param(lambda atoms: atoms.set_cell([5.0, 6.0, 7.1]), id="the cell"),
    pytest.param(lambda atoms: atoms.set_pbc([True, True, False]), id="pbc"),
    pytest.param(lambda atoms: atoms.info.update(charge=1), id="the charge"),
]


@pytest.mark.parametrize("change", CHANGES)
def test_any_change_is_computed_again(change):
    model = Springs()
    atoms = oblique()
    atoms.calc = calculator(model)
    atoms.get_forces()
    change(atoms)
    atoms.get_forces()
    assert len(model.asked) == 2


def test_results_belong_to_the_positions_they_were_computed_for():
    atoms = dimer(1.2)
    atoms.calc = calculator(Springs(K, R0))
    for length in (1.2, 1.3, 0.8, 1.2):
        atoms.positions[1, 0] = length
        assert atoms.get_potential_energy() == pytest.approx(0.5 * K * (length - R0) ** 2)


def test_a_change_of_structure_between_calls_is_followed():
    calc = calculator(Springs(K, R0))
    for atoms in (dimer(1.2), oblique(), dimer(1.1), dimer(1.1) + Atoms("H", [[9, 0, 0]])):
        atoms.calc = calc
        r = np.linalg.norm(atoms.positions[1] - atoms.positions[0])
        assert atoms.get_potential_energy() == pytest.approx(0.5 * K * (r - R0) ** 2)
        assert atoms.get_forces().shape == (len(atoms), 3)


@pytest.mark.parametrize("cell", [None, [5.0, 5.0, 0.0]])
def test_a_structure_without_a_volume_has_no_stress(cell):
    atoms = dimer(1.2, cell=cell)
    atoms.calc = calculator(Springs(K, R0))
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_stress()
    assert atoms.get_potential_energy() == pytest.approx(0.5 * K * 0.2**2)


def test_a_molecule_after_a_crystal_is_not_asked_for_stress():
    model = Springs()
    calc = calculator(model)
    crystal, molecule = oblique(), dimer()
    crystal.calc = molecule.calc = calc
    crystal.get_stress()
    molecule.get_forces()
    assert model.asked[-1] == FORCES


def test_what_no_model_gives_is_not_implemented():
    atoms = dimer()
    atoms.calc = calculator(Springs())
    assert "magmoms" not in atoms.calc.implemented_properties
    with pytest.raises(PropertyNotImplementedError):
        atoms.get_magnetic_moments()


def test_an_exception_leaves_nothing_behind():
    model = Brittle(after=1)
    atoms = dimer(1.2)
    atoms.calc = calculator(model)
    atoms.get_potential_energy()
    with pytest.raises(GeometryError):
        atoms.get_forces()
    assert atoms.calc.results == {}
    assert atoms.calc.atoms is None
    model.after = None
    assert atoms.get_forces()[0, 0] == pytest.approx(1.0 * 0.2)


def test_positions_that_are_no_numbers_are_refused_at_every_step():
    atoms = dimer()
    atoms.calc = calculator(Springs())
    atoms.get_forces()
    atoms.positions[0, 0] = np.nan
    with pytest.raises(GeometryError):
        atoms.get_forces()


def test_relaxing_a_cell_costs_one_evaluation_per_step_and_ends_where_hooke_rests():
    model = Springs(K, R0)
    atoms = Atoms("H", cell=[1.1, 1.1, 1.1], pbc=True)
    atoms.calc = calculator(model)
    optimizer = BFGS(FrechetCellFilter(atoms), logfile=None)
    assert optimizer.run(fmax=1e-8)
    np.testing.assert_allclose(atoms.cell.lengths(), R0, rtol=1e-8)
    # At the very first the filter asks for stress, then for forces; after that both come at once.
    assert model.asked == [{"energy", "stress"}] + [STRESS] * (optimizer.nsteps + 1)


def test_a_copy_of_the_results_is_handed_out():
    atoms = dimer(1.2)
    atoms.calc = calculator(Springs(K, R0))
    atoms.get_forces()[:] = 7.0
    assert atoms.get_forces()[0, 0] == pytest.approx(K * 0.2)


def test_no_structure_is_an_error_of_its_own():
    from ase.calculators.calculator import CalculatorSetupError

    with pytest.raises(CalculatorSetupError):
        calculator(Springs()).get_potential_energy()


def test_pipelines_make_it():
    pipe = PipelineModelWrapper([PipelineGroup([Springs()])])
    made = pipe.as_ase(dtype=torch.float32)
    assert isinstance(made, AlchemiCalculator)
    assert made.pipeline is pipe
    assert made.dtype == torch.float32


def test_further_outputs_come_with_every_evaluation():
    model = Springs(K, R0)
    atoms = dimer(1.2)
    atoms.calc = AlchemiCalculator(committee([model, Springs(2 * K, R0)]), outputs={"forces_std", "energy_std"})
    atoms.get_forces()
    # k and 2k: the two forces differ by 0.4, the energies by 0.04
    np.testing.assert_allclose(atoms.calc.results["forces_std"], [0.4 / np.sqrt(2.0)] * 2)
    assert atoms.calc.results["energy_std"] == pytest.approx(0.04 / np.sqrt(2.0))
    before = len(model.asked)
    np.testing.assert_allclose(atoms.calc.get_property("forces_std", atoms), [0.4 / np.sqrt(2.0)] * 2)
    assert len(model.asked) == before
    atoms.calc.reset()
    atoms.get_potential_energy()
    assert set(atoms.calc.results) >= {"energy", "forces_std", "energy_std"}


def test_an_output_that_the_pipeline_does_not_give_is_refused_at_once():
    with pytest.raises(UnknownOutputError, match="forces_sdt"):
        calculator(Springs(), outputs={"forces_sdt"})


def test_contributions_are_kept_by_output_and_label():
    atoms = oblique()
    atoms.calc = calculator(Springs(K, R0), Springs(3.0, 0.9), Wells(), contributions=True)
    stress, forces = atoms.get_stress(), atoms.get_forces()
    parts = atoms.calc.results["contributions"]
    assert [(name, list(of)) for name, of in parts.items()] == [
        (name, ["springs", "springs#2", "wells"]) for name in ("energy", "forces", "stress")
    ]
    np.testing.assert_allclose(parts["forces"]["wells"], -atoms.positions)
    np.testing.assert_allclose(sum(parts["forces"].values()), forces, atol=1e-12)
    np.testing.assert_allclose(sum(parts["stress"].values()), stress, atol=1e-12)
    assert sum(parts["energy"].values()) == pytest.approx(atoms.get_potential_energy())
    assert parts["energy"] == pytest.approx(atoms.calc.results["energies_per_term"])
    assert parts["stress"]["springs"].shape == (6,)


def test_energies_per_term_take_no_further_evaluation():
    model = Springs(K, R0)
    atoms = dimer(1.2)
    atoms.calc = calculator(model, Wells())
    atoms.get_forces()
    assert len(model.asked) == 1
    assert atoms.calc.results["energies_per_term"] == pytest.approx({"springs": 0.04, "wells": 0.72})
    assert "contributions" not in atoms.calc.results


def test_a_dipole_has_three_components():
    atoms = dimer(1.2)
    atoms.calc = calculator(Polar())
    np.testing.assert_allclose(atoms.get_dipole_moment(), [0.6, 0.0, 0.0])


class Polar(Springs):
    """Springs with a dipole of half the positions' sum, e·Å."""

    def __init__(self):
        super().__init__()
        outputs = {**self.model_config.kinds, "dipole": Constant()}
        self.model_config = attrs.evolve(self.model_config, outputs=outputs)

    def compute(self, view, requested):
        dipole = 0.5 * view.positions.sum(0, keepdim=True)
        return {**super().compute(view, requested - {"dipole"}), "dipole": dipole}
