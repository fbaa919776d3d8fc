"""Force constants against lattice dynamics in closed form, and against the graph's Hessian of the supercell."""

import numpy as np
import pytest
import torch
from alchemi_derivatives.force_constants import ForceConstants
from alchemi_derivatives.lattice_dynamics import as_phonopy
from alchemi_derivatives.supercell_size import matrix_for
from alchemi_derivatives.supercells import Supercell
from ase import Atoms
from ase.build import bulk, graphene
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alchemi_core import (
    Analytic,
    BaseModelMixin,
    Batch,
    ModelConfig,
    OnGraph,
    PipelineGroup,
    PipelineModelWrapper,
    create_model,
    differentiate,
)

EDGE, DEPTH, RANGE, MASS = 3.61, 0.34, 1.36, 63.546
STIFFNESS = 2.0 * DEPTH * RANGE**2
"""Second derivative of the Morse potential at its minimum, eV/Å²."""

TERAHERTZ = np.sqrt(1.602176634e-19 / 1.66053906660e-27) / 1e-10 / (2.0 * np.pi) / 1e12
"""√(eV/Å²/u) as a frequency in THz, by CODATA 2018."""


def nearest_neighbor_metal():
    """Copper whose atoms only know their nearest neighbors, at the distance that these like."""
    options = {"D": DEPTH, "a": RANGE, "r0": EDGE / np.sqrt(2.0)}
    return create_model("morse", pairs={"Cu-Cu": options}, cutoff=0.85 * EDGE)


def born_von_karman(q):
    """Frequencies in THz of an fcc crystal of central springs between nearest neighbors.

    D(q) = (k/m) Σ n nᵀ (1 − cos q·r) over the 12 neighbors; along [q00] this gives ω_L = √(8k/m) |sin(qa/4)| and,
    twice, ω_T = √(4k/m) |sin(qa/4)| (M. Born and T. von Kármán, Phys. Z. 13, 297 (1912)).
    """
    steps = [np.roll([0.0, x, y], turn) for turn in range(3) for x in (0.5, -0.5) for y in (0.5, -0.5)]
    vectors = EDGE * np.array(steps)
    along = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    weights = 1.0 - np.cos(vectors @ q)
    matrix = STIFFNESS / MASS * np.einsum("n,ni,nj->ij", weights, along, along)
    return TERAHERTZ * np.sqrt(np.linalg.eigvalsh(matrix).clip(min=0.0))


@pytest.mark.parametrize(("cubic", "supercell"), [(False, (3, 3, 3)), (True, (2, 2, 2))])
def test_springs_between_nearest_neighbors(cubic, supercell):
    crystal = bulk("Cu", "fcc", a=EDGE, cubic=cubic)
    phonon = as_phonopy(nearest_neighbor_metal(), crystal, supercell=supercell, displacement=2e-4)
    assert len(phonon.primitive) == 1
    for q in np.random.default_rng(3).uniform(-2.0, 2.0, (6, 3)):
        reduced = np.asarray(phonon.primitive.cell) @ q / (2.0 * np.pi)
        found = phonon.run_qpoints([reduced]).frequencies[0]
        np.testing.assert_allclose(found, born_von_karman(q), rtol=1e-6, atol=1e-6)


def test_along_the_cube_edge_as_in_textbooks():
    phonon = as_phonopy(nearest_neighbor_metal(), bulk("Cu", "fcc", a=EDGE), supercell=(3, 3, 3), displacement=2e-4)
    for share in (0.1, 0.5, 1.0):
        q = share * 2.0 * np.pi / EDGE
        reduced = np.asarray(phonon.primitive.cell) @ [share / EDGE, 0.0, 0.0]
        sine = abs(np.sin(q * EDGE / 4.0))
        expected = [np.sqrt(times * STIFFNESS / MASS) * TERAHERTZ * sine for times in (4.0, 4.0, 8.0)]
        np.testing.assert_allclose(phonon.run_qpoints([reduced]).frequencies[0], expected, rtol=1e-6)


def argon_like(**options):
    return create_model("lennard-jones", cutoff=6.0, switch_on=4.5, epsilon=0.01, sigma=2.3, **options)


def three_anywhere():
    """A triclinic cell without symmetry, its atoms not at rest and not all inside."""
    places = [[0.1, 0.2, 0.0], [2.1, 2.4, 2.2], [0.3 + 3.9, 2.0 - 4.0, 1.9]]
    return Atoms("Ar2Ne", positions=places, cell=[[3.9, 0.1, 0.0], [0.3, 4.0, 0.2], [-0.1, 0.5, 4.1]], pbc=True)


def left_handed():
    atoms = three_anywhere()
    atoms.set_cell(-atoms.cell.array)
    return atoms


def layer(vacuum=None):
    """A buckled layer between nothing, with a lattice vector across it or without, and atoms outside of the cell."""
    atoms = graphene(a=2.9, vacuum=vacuum)
    atoms.pbc = (True, True, False)
    atoms.positions[:, 2] = (-0.1, -0.5)
    atoms.positions[0] -= 2 * atoms.cell.array[1]
    return atoms


CRYSTALS = {
    "triclinic": (three_anywhere(), [[2, 0, 0], [0, 1, 0], [0, 0, 2]]),
    "left-handed": (left_handed(), [[2, 0, 0], [0, 1, 0], [0, 0, 1]]),
    "skewed supercell": (three_anywhere(), [[2, 1, 0], [0, 1, 0], [1, 0, 2]]),
    "hexagonal": (bulk("Mg", "hcp", a=2.6, c=4.2), [[3, 0, 0], [0, 3, 0], [0, 0, 1]]),
    "cubic supercell of a primitive cell": (bulk("Ne", "fcc", a=3.6), [[-1, 1, 1], [1, -1, 1], [1, 1, -1]]),
    "layer": (layer(), [[3, 0, 0], [0, 3, 0], [0, 0, 1]]),
    "layer in a box": (layer(vacuum=2.0), [[3, 0, 0], [0, 3, 0], [0, 0, 1]]),
}


def graph_hessian(model, crystal, strategy):
    """All second derivatives [M, M, 3, 3] of the supercell, row by row from the graph, and which atom each row is."""
    data = Batch.from_ase(crystal)
    supercell = Supercell.of(data, 0, strategy.displacing())
    positions = supercell.positions.clone().requires_grad_(True)
    matrix = torch.tensor(strategy.supercell, dtype=torch.float64)
    repeated = Batch(
        positions=positions,
        atomic_numbers=data.atomic_numbers[supercell.origin],
        batch_idx=torch.zeros(len(positions), dtype=torch.int64),
        num_systems=1,
        cell=matrix @ data.cell,
        pbc=data.pbc,
    )
    pipe = PipelineModelWrapper([PipelineGroup([model], use_autograd=True)])
    pipe.train()
    forces = pipe(repeated, requested={"forces"})["forces"]
    rows = [torch.autograd.grad(-one, positions, retain_graph=True)[0] for one in forces.flatten()]
    size = len(positions)
    return torch.stack(rows).reshape(size, 3, size, 3).transpose(1, 2), supercell


@pytest.mark.parametrize("symmetry", [True, False])
@pytest.mark.parametrize("name", CRYSTALS)
def test_agrees_with_the_graph(name, symmetry):
    crystal, matrix = CRYSTALS[name]
    model, strategy = argon_like(), ForceConstants(supercell=matrix, displacement=1e-4, symmetry=symmetry)
    found = differentiate(model, strategy)(Batch.from_ase(crystal))["force_constants"]
    hessian, supercell = graph_hessian(model, crystal, strategy)
    size = supercell.cells
    assert found.shape == (len(crystal), size * len(crystal), 3, 3)
    for atom in range(len(crystal)):
        # the first image of each atom is the atom itself
        torch.testing.assert_close(found[atom], hessian[atom * size], rtol=0, atol=2e-6 * float(hessian.abs().max()))


def test_translations_and_permutation():
    crystal = three_anywhere()
    phonon = as_phonopy(argon_like(), crystal, supercell=(2, 1, 2), displacement=1e-2)
    found = phonon.force_constants
    scale = np.abs(found).max()
    np.testing.assert_allclose(found.sum(1), 0.0, atol=1e-12 * scale)
    cells = len(phonon.supercell) // 3
    whole = found.reshape(3, 3, cells, 3, 3).sum(2)
    np.testing.assert_allclose(whole, whole.transpose(1, 0, 3, 2), atol=1e-9 * scale)


def test_several_crystals_and_few_atoms_at_once():
    crystals = [bulk("Ne", "fcc", a=3.6), bulk("Mg", "hcp", a=2.6, c=4.2), Atoms(cell=[3.0] * 3, pbc=True)]
    model = argon_like()
    together = differentiate(model, ForceConstants(supercell=6.0))(Batch.from_ase(crystals))["force_constants"]
    start = 0
    for crystal in crystals[:2]:
        pipe = differentiate(model, ForceConstants(supercell=6.0, max_atoms=1))
        alone = pipe(Batch.from_ase(crystal))["force_constants"]
        own = together[start : start + len(crystal)]
        torch.testing.assert_close(own[:, : alone.shape[1]], alone, rtol=0, atol=1e-10)
        assert not own[:, alone.shape[1] :].any()
        start += len(crystal)
    assert differentiate(model, ForceConstants())(Batch.from_ase([]))["force_constants"].shape == (0, 0, 3, 3)


def test_black_box_and_single_precision():
    crystal = bulk("Ne", "fcc", a=3.6)
    pipe = differentiate(argon_like(), "force-constants", supercell=(3, 3, 3))
    expected = pipe(Batch.from_ase(crystal))["force_constants"]
    box = differentiate(argon_like(derivatives="analytic"), "force-constants", supercell=(3, 3, 3))
    torch.testing.assert_close(box(Batch.from_ase(crystal))["force_constants"], expected, rtol=0, atol=1e-10)
    single = pipe(Batch.from_ase(crystal, dtype=torch.float32))["force_constants"]
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), expected, rtol=0, atol=1e-3 * float(expected.abs().max()))


class Once(BaseModelMixin):
    """An energy that can be differentiated once only."""

    def __init__(self):
        self.inner = argon_like()
        config = self.inner.model_config
        outputs = {"energy": OnGraph({"positions", "cell"}, order=1)}
        self.model_config = ModelConfig(
            name="once", outputs=outputs, supports_pbc=True, neighbor_config=config.neighbor_config
        )

    def compute(self, view, requested):
        return self.inner.compute(view, requested)


def test_energies_that_can_be_differentiated_once():
    crystal = Batch.from_ase(bulk("Ne", "fcc", a=3.6))
    found = differentiate(Once(), ForceConstants(supercell=(2, 2, 2)))(crystal, requested={"force_constants", "forces"})
    expected = differentiate(argon_like(), ForceConstants(supercell=(2, 2, 2)))(crystal)
    torch.testing.assert_close(found["force_constants"], expected["force_constants"])
    torch.testing.assert_close(found["forces"], torch.zeros(1, 3, dtype=torch.float64), rtol=0, atol=1e-12)


class Witness(BaseModelMixin):
    """Says what it was given; its atoms feel nothing."""

    def __init__(self):
        self.seen = []
        self.model_config = ModelConfig(
            name="witness",
            required_inputs={"charges", "total_charge", "multiplicity"},
            outputs={"energy": Analytic(), "forces": Analytic()},
            supports_pbc=True,
        )

    def compute(self, view, requested):
        self.seen.append({name: getattr(view, name) for name in ("charges", "total_charge", "multiplicity", "ptr")})
        return {"energy": view.positions.new_zeros(view.num_systems, 1), "forces": torch.zeros_like(view.positions)}


def test_what_the_batch_says_is_repeated():
    chain = Atoms("Ne2", positions=[[0, 0, 0], [0, 0, 2.5]], cell=[3, 3, 5], pbc=True)
    witness = Witness()
    fields = {"charges": [0.5, -0.25], "total_charge": [[0.25]], "multiplicity": [[3.0]]}
    data = Batch.from_ase(chain).with_fields(
        **{name: torch.tensor(value, dtype=torch.float64) for name, value in fields.items()}
    )
    differentiate(witness, ForceConstants(supercell=(2, 2, 1)))(data)
    seen = witness.seen[-1]
    systems = len(seen["ptr"]) - 1
    # one as it is, and one for each of two kinds of atoms, which a displacement aslant suffices for
    assert systems == 3
    assert seen["charges"].tolist() == ([0.5] * 4 + [-0.25] * 4) * systems
    assert seen["total_charge"].flatten().tolist() == [1.0] * systems
    assert seen["multiplicity"].flatten().tolist() == [9.0] * systems
    differentiate(witness, ForceConstants(supercell=(2, 2, 1)))(data.with_fields(charges=torch.zeros(2)))
    assert len(witness.seen[-1]["ptr"]) - 1 == 2


def test_isotopes_are_different_atoms():
    crystal = bulk("Ne", "fcc", a=3.6, cubic=True)
    assert len(as_phonopy(argon_like(), crystal, supercell=(1, 1, 1)).primitive) == 1
    crystal.set_masses([20.0, 22.0, 20.0, 22.0])
    phonon = as_phonopy(argon_like(), crystal, supercell=(2, 2, 2))
    assert len(phonon.primitive) == 2
    assert sorted(phonon.primitive.masses) == [20.0, 22.0]


def volume(cell):
    return abs(cell[0] @ np.cross(cell[1], cell[2]))


lengths = st.floats(1.0, 30.0)
cells = arrays(np.float64, (3, 3), elements=st.floats(-6.0, 6.0)).filter(lambda cell: volume(cell) > 5.0)


@given(cell=cells, length=lengths)
@settings(max_examples=60, deadline=None)
def test_a_length_gives_the_smallest_supercell_of_that_thickness(cell, length):
    matrix = matrix_for(length, cell, np.array([True, True, True]))
    assert np.array_equal(matrix, np.diag(np.diag(matrix)))
    faces = np.cross(np.roll(cell, -1, axis=0), np.roll(cell, -2, axis=0))
    heights = volume(cell) / np.linalg.norm(faces, axis=1)
    thick = np.diag(matrix) * heights
    assert (thick > length * (1 - 1e-5)).all()
    assert ((thick - heights < length) | (np.diag(matrix) == 1)).all()
