"""Elastic constants, against closed forms, lattice sums, differences of energies and relaxations done by hand."""

import itertools

import numpy as np
import pytest
import torch
from alchemi_derivatives.internal_strain import relaxation
from ase import Atoms
from ase.build import bulk, make_supercell
from ase.optimize import BFGS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from alchemi_core import Batch, OnGraph, PipelineGroup, PipelineModelWrapper, create_model, differentiate
from alchemi_core.ase import AlchemiCalculator
from alchemi_core.errors import DataError, DerivativeError, LostTermError, OptionError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import pair_vectors

GPA = 160.2176634
EPSILON, SIGMA = 0.0104, 3.40
"""Argon in eV and Å (Kittel, Introduction to Solid State Physics, chapter 3)."""

A6, A12 = 14.45392, 12.13188
"""Sums of r⁻⁶ and r⁻¹² over fcc neighbors at unit distance (N. W. Ashcroft and N. D. Mermin, Solid State Physics, 1976,
table 20.2; all digits: P. Schwerdtfeger et al., J. Phys. Chem. A 125, 3037 (2021), doi:10.1021/acs.jpca.1c00012)."""

BOTH = {"elastic_tensor", "clamped_elastic_tensor"}
PAIRS = ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
SMOOTH = {"epsilon": {"Ar": 0.0104, "Kr": 0.0140}, "sigma": {"Ar": 3.40, "Kr": 3.65}, "cutoff": 8.0, "switch_on": 6.0}


def pipeline(model):
    return PipelineModelWrapper([PipelineGroup([model], use_autograd=True)])


def constants(atoms, model, dtype=torch.float64, **options):
    """Relaxed and clamped elastic constants of one structure."""
    out = differentiate(model, "elastic", **options)(Batch.from_ase(atoms, dtype=dtype), requested=BOTH)
    return out["elastic_tensor"][0].double().numpy(), out["clamped_elastic_tensor"][0].double().numpy()


def cubic(c11, c12, c44):
    matrix = np.diag([c11 - c12] * 3 + [c44] * 3).astype(float)
    matrix[:3, :3] += c12
    return matrix


def full(voigt):
    index = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
    return voigt[index[:, :, None, None], index[None, None]]


def reduced(tensor):
    return np.array([[tensor[*one, *other] for other in PAIRS] for one in PAIRS])


@pytest.fixture(scope="module")
def crystal():
    """Six atoms of two kinds without any symmetry, at rest in a triclinic cell that is under stress."""
    atoms = bulk("Ar", "hcp", a=3.8, c=6.3).repeat((3, 1, 1))
    atoms.symbols[[0, 3, 4]] = "Kr"
    load = np.array([[1.01, 0.02, 0.0], [0.0, 0.99, 0.03], [0.01, 0.0, 1.02]])
    atoms.set_cell(atoms.cell.array @ load, scale_atoms=True)
    return at_rest(atoms, 1e-10)


def at_rest(atoms, fmax=1e-8):
    atoms = atoms.copy()
    atoms.calc = AlchemiCalculator(pipeline(create_model("lennard-jones", **SMOOTH)))
    assert BFGS(atoms, logfile=None, alpha=5.0).run(fmax=fmax, steps=500)
    return atoms


def strained(atoms, lagrangian):
    """The structure deformed without rotation, F = √(1 + 2η)."""
    moved = atoms.copy()
    moved.set_cell(atoms.cell.array @ np.real(sqrtm(np.eye(3) + 2.0 * lagrangian)), scale_atoms=True)
    return moved


def by_differences(energy, atoms, pair, step):
    """(1/V) d²E/dη dη in GPa, along two Lagrangian strains, from energies alone."""
    basis = np.zeros((6, 3, 3))
    for index, (i, j) in enumerate(PAIRS):
        basis[index, i, j] += 0.5
        basis[index, j, i] += 0.5

    def mixed(h):
        signs = itertools.product((1.0, -1.0), repeat=2)
        values = [a * b * energy(strained(atoms, h * (a * basis[pair[0]] + b * basis[pair[1]]))) for a, b in signs]
        return sum(values) / (4.0 * h * h * atoms.get_volume()) * GPA

    return (4.0 * mixed(step) - mixed(2.0 * step)) / 3.0


def lattice_sum(edge, cutoff):
    """C_ijkl = (1/2V) Σ (u'' − u'/r) R_i R_j R_k R_l / r² of an fcc crystal, which central forces have at any volume.

    M. Born and K. Huang, Dynamical Theory of Crystal Lattices (Oxford, 1954).
    """
    reach = int(2 * cutoff / edge) + 2
    grid = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3), axis=-1).reshape(-1, 3)
    vectors = grid[(grid.sum(1) % 2 == 0) & grid.any(1)] * edge / 2.0
    r = np.linalg.norm(vectors, axis=1)
    vectors, r = vectors[r < cutoff], r[r < cutoff]
    slope = 4.0 * EPSILON * (-12.0 * SIGMA**12 / r**13 + 6.0 * SIGMA**6 / r**7)
    bend = 4.0 * EPSILON * (156.0 * SIGMA**12 / r**14 - 42.0 * SIGMA**6 / r**8)
    fourth = np.einsum("n,ni,nj,nk,nl->ijkl", (bend - slope / r) / r**2, *[vectors] * 4)
    return reduced(fourth) * 2.0 / edge**3 * GPA


@pytest.mark.parametrize("edge", [5.0, 5.25, 5.6])
def test_argon_is_its_lattice_sum_under_pressure_and_tension(edge):
    model = create_model("lennard-jones", epsilon=EPSILON, sigma=SIGMA, cutoff=11.0)
    expected = lattice_sum(edge, 11.0)
    for found in constants(bulk("Ar", "fcc", a=edge), model):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_argon_with_nearest_neighbors_is_three_springs():
    """C11 = 2k/a and C12 = C44 = k/a, k = u''(r0) = 72 ε / (2^⅓ σ²) at the minimum of the curve."""
    r0 = 2.0 ** (1.0 / 6.0) * SIGMA
    edge, spring = np.sqrt(2.0) * r0, 72.0 * EPSILON / (2.0 ** (1.0 / 3.0) * SIGMA**2)
    model = create_model("lennard-jones", epsilon=EPSILON, sigma=SIGMA, cutoff=1.2 * r0)
    expected = cubic(2.0, 1.0, 1.0) * spring / edge * GPA
    for found in constants(bulk("Ar", "fcc", a=edge), model):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_argon_has_its_published_bulk_modulus():
    """B = 4 (ε/σ³) A12 (A6/A12)^(5/2), 75 ε/σ³, at r0 = (2 A12/A6)^⅙ σ (Ashcroft and Mermin, equation 20.13)."""
    edge = np.sqrt(2.0) * (2.0 * A12 / A6) ** (1.0 / 6.0) * SIGMA
    model = create_model("lennard-jones", epsilon=EPSILON, sigma=SIGMA, cutoff=24.0)
    found, _ = constants(bulk("Ar", "fcc", a=edge), model)
    published = 4.0 * EPSILON / SIGMA**3 * A12 * (A6 / A12) ** 2.5 * GPA
    assert published == pytest.approx(75.0 * EPSILON / SIGMA**3 * GPA, rel=0.01)
    assert (found[0, 0] + 2.0 * found[0, 1]) / 3.0 == pytest.approx(published, rel=5e-3)
    np.testing.assert_allclose(found, lattice_sum(edge, 80.0), rtol=3e-3, atol=1e-6)
    assert found[0, 1] == pytest.approx(found[3, 3], rel=2e-3)  # Cauchy's relation, at rest only


class Keating(BaseModelMixin):
    """E = (3α/8R²) Σ bonds (r² − R²)² + (3β/8R²) Σ angles (r_i·r_j + R²/3)², R the bond length of diamond at rest."""

    def __init__(self, edge, alpha, beta):
        self.bond, self.alpha, self.beta = np.sqrt(3.0) / 4.0 * edge, alpha, beta
        self.model_config = ModelConfig(
            name="keating",
            outputs={"energy": OnGraph({"positions", "cell"})},
            supports_pbc=True,
            neighbor_config=NeighborConfig(1.3 * self.bond),
        )

    def compute(self, view, requested):
        vectors = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)
        center = view.neighbors.neighbor_list[:, 0].long()
        first, second = torch.triu((center[:, None] == center), diagonal=1).nonzero(as_tuple=True)
        stretch = 0.5 * self.alpha * (vectors.square().sum(1) - self.bond**2) ** 2
        bend = self.beta * ((vectors[first] * vectors[second]).sum(1) + self.bond**2 / 3.0) ** 2
        energy = vectors.new_zeros(view.num_systems).index_add(0, view.batch_idx[center], stretch)
        energy = energy.index_add(0, view.batch_idx[center[first]], bend)
        return {"energy": (3.0 / (8.0 * self.bond**2) * energy).unsqueeze(1)}


@pytest.mark.parametrize("options", [{}, {"method": "differences", "step": 1e-4}], ids=["graph", "differences"])
def test_diamond_of_springs_has_the_constants_of_keating(options):
    """C11 = (α+3β)/a, C12 = (α−β)/a, C44 = 4αβ/(a(α+β)), (α+β)/a when clamped; internal strain ζ = (α−β)/(α+β).

    P. N. Keating, Phys. Rev. 145, 637 (1966), doi:10.1103/PhysRev.145.637.
    """
    edge, alpha, beta = 5.431, 3.03, 0.86  # silicon, eV/Å²
    clamped = cubic(alpha + 3.0 * beta, alpha - beta, alpha + beta) / edge * GPA
    relaxed = cubic(alpha + 3.0 * beta, alpha - beta, 4.0 * alpha * beta / (alpha + beta)) / edge * GPA
    found = constants(bulk("Si", "diamond", a=edge), Keating(edge, alpha, beta), **options)
    accuracy = {"rtol": 1e-9, "atol": 1e-9} if not options else {"rtol": 1e-6, "atol": 1e-5}
    np.testing.assert_allclose(found[0], relaxed, **accuracy)
    np.testing.assert_allclose(found[1], clamped, **accuracy)


def test_clamped_constants_are_differences_of_the_energy_by_lagrangian_strain(crystal):
    """At a load of a tenth of the constants, where another strain would give others; forces do not matter."""
    model = create_model("lennard-jones", **SMOOTH)
    pipe = pipeline(model)
    crystal = crystal.copy()
    crystal.set_cell(0.94 * crystal.cell.array, scale_atoms=True)
    crystal.rattle(0.05, seed=2)
    _, found = constants(crystal, model)
    stress = pipe(Batch.from_ase(crystal), requested={"stress"})["stress"][0].numpy() * GPA
    assert np.abs(stress).max() > 0.05 * np.abs(found).max(), "no load, so that nothing would be tested"

    def energy(atoms):
        return pipe(Batch.from_ase(atoms), requested={"energy"})["energy"].item()

    for pair in itertools.combinations_with_replacement(range(6), 2):
        assert found[pair] == pytest.approx(by_differences(energy, crystal, pair, 1e-3), abs=5e-4)
    np.testing.assert_array_equal(found, found.T)


def test_relaxed_constants_are_those_of_ions_that_were_relaxed(crystal):
    relaxed, clamped = constants(crystal, create_model("lennard-jones", **SMOOTH))
    assert np.abs(relaxed - clamped).max() > 0.03 * np.abs(clamped).max(), "nothing relaxes"

    def energy(atoms):
        return at_rest(atoms).get_potential_energy()

    for pair in ((3, 3), (0, 1), (4, 5)):
        assert relaxed[pair] == pytest.approx(by_differences(energy, crystal, pair, 1e-3), abs=2e-5)
    np.testing.assert_allclose(relaxed, relaxed.T, rtol=0, atol=1e-12)


@pytest.mark.parametrize("analytic", [False, True], ids=["graph", "black-box"])
def test_differences_give_what_the_graph_gives(crystal, analytic):
    model = create_model("lennard-jones", **SMOOTH)
    expected = constants(crystal, model)
    if analytic:
        model = create_model("lennard-jones", derivatives="analytic", **SMOOTH)
    for step, within in ((1e-4, 1e-6), (None, 1e-4)):
        found = constants(crystal, model, method="differences", step=step)
        np.testing.assert_allclose(found, expected, rtol=0, atol=within * np.abs(expected).max())


def test_differences_give_what_the_graph_gives_under_forces(crystal):
    model = create_model("lennard-jones", **SMOOTH)
    rattled = crystal.copy()
    rattled.rattle(0.05, seed=6)
    expected = constants(rattled, model)
    found = constants(rattled, model, method="differences", step=1e-4)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())


def test_displacements_of_the_whole_take_nothing():
    """Two atoms joined by a spring k relax by l²/k, whatever holds and pushes both of them alike."""
    spring, held = 3.0, 1.7
    hessian = torch.kron(torch.tensor([[spring, -spring], [-spring, spring]]), torch.eye(3)).double()
    along = np.array([[2.0, 0, 0], [0, 1.0, 0], [0, 0, 0], [0, 0, 0.5], [1.0, 1.0, 0], [0, 0, 0]])
    coupling = torch.tensor(np.hstack([along, -along]))
    expected = torch.tensor(along @ along.T / spring)
    everywhere = torch.eye(3).repeat(2, 2).double()
    for hold, push in ((0.0, 0.0), (held, 0.0), (-held, 0.0), (held, 0.9)):
        found = relaxation(hessian + hold * everywhere, coupling + push, 2.0, 0)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_copies_evaluated_at_once_change_nothing(crystal):
    model = create_model("lennard-jones", **SMOOTH)
    single, several = (constants(crystal, model, method="differences", max_atoms=count) for count in (1, 40))
    np.testing.assert_allclose(single, several, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "within"), [({}, 2e-5), ({"method": "differences"}, 5e-3)], ids=["graph", "differences"]
)
def test_float32_is_float64_to_its_precision(crystal, options, within):
    model = create_model("lennard-jones", **SMOOTH)
    expected = np.array(constants(crystal, model))
    found = np.array(constants(crystal, model, dtype=torch.float32, **options))
    np.testing.assert_allclose(found, expected, rtol=0, atol=within * np.abs(expected).max())
    asked = differentiate(model, "elastic", **options)(Batch.from_ase(crystal, dtype=torch.float32), requested=BOTH)
    assert {asked[name].dtype for name in BOTH} == {torch.float32}


@settings(max_examples=5, deadline=None)
@given(
    vector=st.tuples(*[st.floats(-1.0, 1.0)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1), angle=st.floats(0.1, 3.0)
)
def test_a_rotated_crystal_has_the_rotated_tensor(vector, angle, crystal):
    unit = np.array(vector) / np.linalg.norm(vector)
    cross = np.cross(np.eye(3), unit)
    turn = np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross
    rotated = crystal.copy()
    rotated.set_cell(crystal.cell.array @ turn, scale_atoms=True)
    model = create_model("lennard-jones", **SMOOTH)
    for before, after in zip(constants(crystal, model), constants(rotated, model), strict=True):
        expected = reduced(np.einsum("ijkl,ia,jb,kc,ld->abcd", full(before), *[turn] * 4))
        np.testing.assert_allclose(after, expected, rtol=0, atol=1e-8)


def test_choice_of_cell_does_not_matter(crystal):
    model = create_model("lennard-jones", **SMOOTH)
    expected = constants(crystal, model)
    left = crystal.copy()
    left.set_cell(crystal.cell.array[[1, 0, 2]])
    larger = make_supercell(crystal, [[1, 1, 0], [0, 1, 0], [1, 0, 2]])
    outside = crystal.copy()
    outside.positions[1] += 2 * crystal.cell.array[0] - crystal.cell.array[2]
    assert np.linalg.det(left.cell.array) < 0.0
    for same in (left, larger, outside):
        np.testing.assert_allclose(constants(same, model), expected, rtol=0, atol=1e-8)


def test_lattices_that_do_not_meet_add_up():
    """The one may move against the other at no cost, which is no matter since strain does not move it."""
    pairs = {"Ar-Ar": {"D": 0.02, "a": 1.5, "r0": 3.8}, "Kr-Kr": {"D": 0.01, "a": 1.2, "r0": 4.0}}
    model = create_model("morse", pairs=pairs, non_interacting="Ar-Kr", cutoff=9.0)
    argon, krypton = bulk("Ar", "fcc", a=5.5), bulk("Kr", "fcc", a=5.5)
    apart = [constants(one, model)[0] for one in (argon, krypton)]
    krypton.positions += (1.0, 0.7, 0.2)
    relaxed, clamped = constants(argon + krypton, model)
    np.testing.assert_allclose(clamped, sum(apart), rtol=0, atol=1e-9)
    np.testing.assert_allclose(relaxed, sum(apart), rtol=0, atol=1e-9)


def test_ions_without_a_minimum_are_refused(crystal):
    model = create_model("lennard-jones", **SMOOTH)
    stretched = crystal.copy()
    stretched.set_cell(1.25 * crystal.cell.array, scale_atoms=True)
    with pytest.raises(DerivativeError, match=r"strain of system 1 excites a mode of curvature -.*\n.*\n.*relax"):
        differentiate(model, "elastic")(Batch.from_ase([crystal, stretched]), requested={"elastic_tensor"})
    clamped = {"clamped_elastic_tensor"}
    assert differentiate(model, "elastic")(Batch.from_ase(stretched), requested=clamped)[clamped.pop()].isfinite().all()


@pytest.mark.parametrize("options", [{}, {"method": "differences"}], ids=["graph", "differences"])
def test_batches_are_their_systems(crystal, options):
    molecule = Atoms("ArKr", [[0, 0, 0], [0, 0, 3.9]])
    slab = crystal.copy()
    slab.pbc = (True, True, False)
    argon = bulk("Ar", "fcc", a=5.3)
    pipe = differentiate(create_model("lennard-jones", **SMOOTH), "elastic", **options)
    together = pipe(Batch.from_ase([molecule, crystal, slab, argon]), requested=BOTH | {"forces", "virial"})
    for name in BOTH:
        assert together[name][[0, 2]].isnan().all()
        for row, atoms in ((1, crystal), (3, argon)):
            alone = pipe(Batch.from_ase(atoms), requested={name})[name][0]
            torch.testing.assert_close(together[name][row], alone, rtol=0, atol=1e-8)


@pytest.mark.parametrize("options", [{}, {"method": "differences"}], ids=["graph", "differences"])
def test_forces_and_stress_come_too(crystal, options):
    model = create_model("lennard-jones", **SMOOTH)
    rattled = crystal.copy()
    rattled.rattle(0.05, seed=4)
    batch = Batch.from_ase([rattled, Atoms("ArKr", [[0, 0, 0], [0, 0, 3.7]])])
    first = {"forces", "stress", "virial"}
    expected = pipeline(model)(batch, requested=first)
    pipe = differentiate(model, "elastic", **options)
    for found in (pipe(batch, requested=first), pipe(batch, requested=first | {"clamped_elastic_tensor"})):
        for name in first:
            torch.testing.assert_close(found[name], expected[name], rtol=0, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("options", [{}, {"method": "differences", "step": 1e-4}], ids=["graph", "differences"])
def test_constants_can_be_trained_on(crystal, options):
    """All energies are proportional to ε, and so are the constants: their derivative by a factor of ε is themselves."""
    model = create_model("lennard-jones", **SMOOTH)
    pipe = differentiate(model, "elastic", **options).train()
    found = pipe(Batch.from_ase(crystal), requested={"elastic_tensor"})["elastic_tensor"]
    depths = dict(model.named_parameters())["epsilon"]
    (gradient,) = torch.autograd.grad(found[0, 0, 3] + found[0, 1, 1], [depths])
    expected = (found[0, 0, 3] + found[0, 1, 1]).item()
    assert (gradient @ depths).item() == pytest.approx(expected, rel=1e-9 if not options else 1e-6)


def test_molecules_of_a_batch_do_not_spoil_gradients(crystal):
    model = create_model("lennard-jones", **SMOOTH)
    pipe = differentiate(model, "elastic").train()
    batch = Batch.from_ase([Atoms("ArKr", [[0, 0, 0], [0, 0, 3.9]]), crystal])
    found = pipe(batch, requested=BOTH)
    loss = found["elastic_tensor"][1].sum() + found["clamped_elastic_tensor"][1].sum()
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    assert all(one.isfinite().all() and one.any() for one in gradients)


def test_grad_mode_outside_does_not_matter(crystal):
    model = create_model("lennard-jones", **SMOOTH)
    expected = constants(crystal, model)
    with torch.no_grad():
        np.testing.assert_array_equal(constants(crystal, model), expected)
        by_samples = constants(crystal, model, method="differences")
    np.testing.assert_allclose(by_samples, expected, rtol=0, atol=1e-3)


def test_nothing_and_single_atoms_have_constants():
    pipe = differentiate(create_model("lennard-jones", **SMOOTH), "elastic")
    none = Batch(
        positions=torch.zeros(0, 3, dtype=torch.float64),
        atomic_numbers=torch.zeros(0, dtype=torch.int64),
        batch_idx=torch.zeros(0, dtype=torch.int64),
        num_systems=0,
    )
    assert pipe(none, requested=BOTH)["elastic_tensor"].shape == (0, 6, 6)
    far = pipe(Batch.from_ase(bulk("Ar", "sc", a=9.0)), requested=BOTH)
    assert not far["elastic_tensor"].any()


@pytest.mark.parametrize("options", [{}, {"method": "differences"}], ids=["graph", "differences"])
def test_what_is_no_crystal_is_refused(options):
    pipe = differentiate(create_model("lennard-jones", **SMOOTH), "elastic", **options)
    box = Atoms("Ar2", [[0, 0, 0], [0, 0, 3.9]], cell=[12.0] * 3)
    slab = Atoms("Ar2", [[0, 0, 0], [2, 2, 3.0]], cell=[4.0, 4.0, 12.0], pbc=(True, True, False))
    for atoms in (Atoms("Ar2", [[0, 0, 0], [0, 0, 3.9]]), box, slab):
        with pytest.raises(DataError, match=r"no system of this batch is periodic in all three directions\n.*crystal"):
            pipe(Batch.from_ase(atoms), requested={"clamped_elastic_tensor"})
        assert pipe(Batch.from_ase(atoms), requested={"forces"})["forces"].shape == (2, 3)


def test_black_boxes_need_differences():
    model = create_model("lennard-jones", derivatives="analytic")
    with pytest.raises(LostTermError, match="differences"):
        differentiate(model, "elastic").plan_for({"elastic_tensor"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "grahp"}, "method='graph'"),
        ({"method": None}, "one of 'graph', 'differences'"),
        ({"step": 1e-3}, "method='differences'"),
        ({"max_atoms": 10}, "method='differences'"),
        ({"method": "differences", "step": 0.0}, "above zero"),
        ({"method": "differences", "step": float("nan")}, "above zero"),
        ({"method": "differences", "step": "small"}, "above zero"),
        ({"method": "differences", "step": True}, "above zero"),
        ({"method": "differences", "max_atoms": 0}, "an int above zero"),
        ({"method": "differences", "max_atoms": 1.5}, "an int above zero"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(OptionError, match=message):
        differentiate(create_model("lennard-jones"), "elastic", **options)
