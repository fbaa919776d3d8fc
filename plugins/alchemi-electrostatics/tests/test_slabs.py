"""Slabs against an exact sum over two dimensions, molecules against their pairs, and everything in one batch."""

import numpy as np
import pytest
import torch
from ase import Atoms

from alchemi_core.errors import GeometryError
from alchemi_core.quantities import COULOMB_CONSTANT

from .reference_sums import direct, ewald_2d, ewald_3d, strain_by_differences
from .running import ALL, run

MODELS = pytest.mark.parametrize("model", ["ewald", "pme"])
AXES = pytest.mark.parametrize("axis", [0, 1, 2])
HYBRID = pytest.mark.parametrize("hybrid", [True, False], ids=["hybrid", "graph"])
TOLERANCE = {"ewald": 1e-6, "pme": 1e-4}

SHAPES = {
    "square": [[5.0, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0, 0.0, 9.0]],
    "oblique": [[5.3, 0.2, 0.0], [2.1, 4.4, 0.0], [0.0, 0.0, 9.0]],
    "tilted": [[4.9, 0.4, 0.9], [-1.3, 5.6, 1.2], [1.5, -2.0, 7.0]],
    "long": [[3.1, 0.0, 0.2], [0.9, 11.0, -0.3], [0.0, 0.4, 4.0]],
    "left-handed": [[1.0, 5.2, 0.0], [4.8, 0.3, 0.4], [0.0, 0.0, 6.0]],
}
KINDS = ("neutral", "dipole", "charged", "thick")


def slab_of(shape, axis, kind):
    """Six ions in a layer, the open vector moved to row `axis`, and their charges."""
    cell = np.array(SHAPES[shape])
    random = np.random.default_rng(3)
    fractions = random.uniform(size=(6, 2))
    normal = np.cross(cell[0], cell[1])
    normal /= np.linalg.norm(normal)
    # two ions to a level of 1.5 Å, so that none are too close
    heights = np.repeat([0.0, 1.5, 3.0], 2) * (4.0 if kind == "thick" else 1.0) - 1.0
    fractions[1::2] = fractions[::2] + np.array([0.45, 0.55])
    places = fractions @ cell[:2] + heights[:, None] * normal
    charges = np.array([0.8, -0.8, 1.1, -1.1, 0.6, -0.6])
    if kind == "dipole":
        charges = np.array([1.0, 0.5, 0.4, -0.4, -0.9, -0.6])
    elif kind == "charged":
        charges = np.array([1.0, 0.5, 0.9, -0.4, -0.2, -0.6])
    order = {0: [2, 0, 1], 1: [1, 2, 0], 2: [0, 1, 2]}[axis]
    pbc = np.arange(3) != axis
    return Atoms("Ar6", places + np.array([3.0, -8.0, 20.0]), cell=cell[order], pbc=pbc), charges


def exact(atoms, charges):
    """What the models should give, in eV and Å, for a slab, a crystal or a molecule."""
    charges = np.asarray(charges, dtype=float)
    if atoms.pbc.all():
        sums = ewald_3d(atoms.positions, charges, atoms.cell.array)
    elif atoms.pbc.any():
        sums = ewald_2d(atoms.positions, charges, atoms.cell.array, int(np.flatnonzero(~atoms.pbc)[0]))
    else:
        sums = direct(atoms.positions, charges)
    return [COULOMB_CONSTANT * part for part in sums]


# The reference against itself, and against a sum that knows nothing of Ewald


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_reference_does_not_depend_on_its_splitting(shape, kind):
    atoms, charges = slab_of(shape, 1, kind)
    sums = [ewald_2d(atoms.positions, charges, atoms.cell.array, 1, splitting) for splitting in (0.25, 0.4, 0.7)]
    for one in sums[1:]:
        assert one.energy == pytest.approx(sums[0].energy, abs=2e-12)
        np.testing.assert_allclose(one.forces, sums[0].forces, rtol=0, atol=2e-12)
        np.testing.assert_allclose(one.strain, sums[0].strain, rtol=0, atol=2e-12)


@pytest.mark.parametrize(("shape", "kind"), [("oblique", "dipole"), ("tilted", "neutral"), ("left-handed", "thick")])
def test_reference_equals_a_sum_over_pairs_of_many_cells(shape, kind):
    """Σ over cells R of the interaction with that cell, each times exp(−R²/s²), and s to infinity.

    Neutral cells interact like R⁻³ and faster, so the sum of a wide s is a series in 1/s.
    """
    atoms, charges = slab_of(shape, 2, kind)
    widths = 40.0 * 1.3 ** np.arange(7)
    series = np.linalg.solve(widths[:, None] ** -np.arange(7), _over_cells(atoms, charges, widths))
    assert ewald_2d(atoms.positions, charges, atoms.cell.array, 2).energy == pytest.approx(series[0], abs=1e-6)


def _over_cells(atoms, charges, widths):
    span = np.arange(-300, 301)
    shifts = np.stack(np.meshgrid(span, span), axis=-1).reshape(-1, 2) @ atoms.cell.array[:2]
    squares = (shifts**2).sum(axis=1)
    near = squares < 30.0 * widths.max() ** 2
    shifts, weights = shifts[near], np.exp(-squares[near, None] / widths**2)
    energy = np.zeros(len(widths))
    for i, j in np.ndindex(len(atoms), len(atoms)):
        distances = np.linalg.norm(atoms.positions[j] - atoms.positions[i] + shifts, axis=1)
        distances[distances == 0.0] = np.inf
        energy += 0.5 * charges[i] * charges[j] * (1.0 / distances) @ weights
    return energy


def test_reference_gives_the_field_of_charged_sheets():
    """A fine square net of charges is a sheet: F = 2πσ on a charge above it, and E = −2πσ q z but for the net's own."""

    def energy(z):
        places = np.array([[0.0, 0.0, 0.0], [0.31, 0.22, z]])
        return ewald_2d(places, np.array([0.01, 1.0]), np.eye(3), 2)

    low, high = energy(6.0), energy(9.0)
    # the charge is repeated too: its sheet of density 1 acts on the net as the net's acts on it
    assert high.energy - low.energy == pytest.approx(-2.0 * np.pi * 0.01 * 1.0 * 3.0, rel=1e-12)
    np.testing.assert_allclose(high.forces[1], [0.0, 0.0, 2.0 * np.pi * 0.01], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_derivatives_of_the_reference(kind):
    atoms, charges = slab_of("tilted", 2, kind)
    sums = ewald_2d(atoms.positions, charges, atoms.cell.array, 2)
    for place in ((0, 0), (3, 1), (5, 2)):
        ends = []
        for sign in (1, -1):
            moved = atoms.positions.copy()
            moved[place] += sign * 1e-4
            ends.append(ewald_2d(moved, charges, atoms.cell.array, 2).energy)
        assert sums.forces[place] == pytest.approx((ends[1] - ends[0]) / 2e-4, abs=1e-7)

    def energy(positions, cell):
        return ewald_2d(positions, charges, cell, 2).energy

    strain = strain_by_differences(energy, atoms.positions, atoms.cell.array)
    np.testing.assert_allclose(sums.strain, strain, rtol=0, atol=1e-10)
    # every term scales like 1/length
    assert sums.strain.trace() == pytest.approx(-sums.energy, abs=1e-12)


# The models


@MODELS
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
@HYBRID
def test_slabs(model, shape, kind, hybrid):
    """Energy, forces, and stress over the volume of the cell as given, all nine components of it."""
    atoms, charges = slab_of(shape, 2, kind)
    energy, forces, strain = exact(atoms, charges)
    out = run(model, atoms, charges, hybrid_forces=hybrid)
    tolerance = TOLERANCE[model] * COULOMB_CONSTANT
    assert out["energy"].item() == pytest.approx(energy, abs=tolerance)
    np.testing.assert_allclose(out["forces"], forces, rtol=0, atol=tolerance)
    np.testing.assert_allclose(out["stress"][0] * atoms.get_volume(), strain, rtol=0, atol=5.0 * tolerance)


@MODELS
@AXES
@pytest.mark.parametrize("kind", ["dipole", "charged"])
def test_any_direction_can_be_open(model, axis, kind):
    atoms, charges = slab_of("tilted", axis, kind)
    energy, forces, strain = exact(atoms, charges)
    assert energy == pytest.approx(exact(*slab_of("tilted", 2, kind))[0], abs=1e-10)
    out = run(model, atoms, charges)
    tolerance = TOLERANCE[model] * COULOMB_CONSTANT
    assert out["energy"].item() == pytest.approx(energy, abs=tolerance)
    np.testing.assert_allclose(out["forces"], forces, rtol=0, atol=tolerance)
    np.testing.assert_allclose(out["stress"][0] * atoms.get_volume(), strain, rtol=0, atol=5.0 * tolerance)


@MODELS
@pytest.mark.parametrize("kind", ["dipole", "charged"])
def test_open_vector_and_origin_do_not_matter(model, kind):
    """The length and direction of the open vector say nothing, nor do lattice vectors added to atoms."""
    atoms, charges = slab_of("oblique", 2, kind)
    energy, forces, _ = exact(atoms, charges)
    changed = atoms.copy()
    changed.set_cell([*atoms.cell.array[:2], [3.0, -1.0, 55.0]])
    changed.positions += [100.0, -31.0, -77.7]
    changed.positions[2] += 3 * atoms.cell[0] - atoms.cell[1]
    out = run(model, changed, charges, requested=("energy", "forces"))
    tolerance = TOLERANCE[model] * COULOMB_CONSTANT
    assert out["energy"].item() == pytest.approx(energy, abs=tolerance)
    np.testing.assert_allclose(out["forces"], forces, rtol=0, atol=tolerance)


@MODELS
@pytest.mark.parametrize("kind", ["dipole", "charged"])
def test_slab_without_an_open_vector(model, kind):
    """ASE leaves the third vector zero where nothing is said: there is energy and force, and no volume for a stress."""
    atoms, charges = slab_of("oblique", 2, kind)
    energy, forces, strain = exact(atoms, charges)
    bare = atoms.copy()
    bare.set_cell([*atoms.cell.array[:2], [0.0, 0.0, 0.0]])
    out = run(model, bare, charges, requested=(*ALL, "virial"))
    tolerance = TOLERANCE[model] * COULOMB_CONSTANT
    assert out["energy"].item() == pytest.approx(energy, abs=tolerance)
    np.testing.assert_allclose(out["forces"], forces, rtol=0, atol=tolerance)
    assert bool(out["stress"].isnan().all())
    np.testing.assert_allclose(out["virial"][0], -strain, rtol=0, atol=5.0 * tolerance)


@MODELS
@pytest.mark.parametrize("basis", [[[1, 0], [3, 1]], [[2, 0], [0, 1]], [[1, 1], [-1, 2]]])
def test_plane_cells_of_the_same_layer(model, basis):
    """Sheared and multiplied in-plane cells: the same energy per ion."""
    atoms, charges = slab_of("oblique", 2, "dipole")
    cell = atoms.cell.array.copy()
    cell[:2] = np.array(basis) @ cell[:2]
    copies, span = [], np.arange(-6, 7)
    for shift in np.stack(np.meshgrid(span, span), axis=-1).reshape(-1, 2):
        fraction = (np.array([*shift, 0]) @ atoms.cell.array + 0.01) @ np.linalg.inv(cell)
        if ((fraction[:2] >= 0.0) & (fraction[:2] < 1.0)).all():
            copies.append(atoms.positions + np.array([*shift, 0]) @ atoms.cell.array)
    grown = Atoms(f"Ar{6 * len(copies)}", np.concatenate(copies), cell=cell, pbc=atoms.pbc)
    out = run(model, grown, np.tile(charges, len(copies)), requested=("energy", "forces"))
    energy, forces, _ = exact(atoms, charges)
    tolerance = TOLERANCE[model] * COULOMB_CONSTANT
    assert out["energy"].item() / len(copies) == pytest.approx(energy, abs=tolerance)
    np.testing.assert_allclose(out["forces"], np.tile(forces, (len(copies), 1)), rtol=0, atol=tolerance)


@MODELS
@pytest.mark.parametrize("cutoff", [4.0, 6.0, 9.0])
def test_slab_at_other_cutoffs(model, cutoff):
    atoms, charges = slab_of("oblique", 2, "charged")
    energy, forces, _ = exact(atoms, charges)
    out = run(model, atoms, charges, requested=("energy", "forces"), cutoff=cutoff)
    tolerance = TOLERANCE[model] * COULOMB_CONSTANT
    assert out["energy"].item() == pytest.approx(energy, abs=tolerance)
    np.testing.assert_allclose(out["forces"], forces, rtol=0, atol=tolerance)


@MODELS
@pytest.mark.parametrize("charges", [[1.0], [2.0, -1.0], [0.4, -0.9, 0.2, 0.8, -0.1, 1.3]])
@pytest.mark.parametrize("cell", [None, [3.0, 4.0, 5.0]], ids=["no cell", "cell without periods"])
@HYBRID
def test_molecules_are_sums_over_pairs(model, charges, cell, hybrid):
    """Of any size: some pairs are 40 Å apart, beyond every cutoff."""
    random = np.random.default_rng(2)
    places = random.uniform(-1.0, 1.0, (len(charges), 3)) + 10.0 * np.arange(len(charges))[:, None] * [0.7, 0.4, 0.0]
    atoms = Atoms(f"Ar{len(charges)}", places, cell=cell)
    energy, forces, strain = exact(atoms, charges)
    out = run(model, atoms, charges, requested=("energy", "forces", "virial"), hybrid_forces=hybrid)
    assert out["energy"].item() == pytest.approx(energy, rel=1e-12, abs=1e-13)
    np.testing.assert_allclose(out["forces"], forces, rtol=0, atol=1e-12)
    np.testing.assert_allclose(out["virial"][0], -strain, rtol=0, atol=1e-11)


def mixture():
    """A crystal, a molecule, slabs open in each direction, a lone ion and nothing at all."""
    crystal = Atoms("NaCl", [[0, 0, 0], [2.5, 2.9, 2.6]], cell=[[5.2, 0, 0], [1.0, 5.0, 0], [0.3, 0.2, 5.5]], pbc=True)
    molecule = Atoms("HOH", [[0, 0, 0], [0, 0, 0.97], [0.9, 0, 1.3]])
    return [
        (crystal, np.array([1.2, -0.7])),
        (molecule, np.array([0.4, -0.8, 0.4])),
        slab_of("tilted", 0, "charged"),
        (Atoms("Na", [[7, 8, 9]]), np.array([1.0])),
        slab_of("oblique", 2, "dipole"),
        (Atoms(), np.zeros(0)),
        slab_of("square", 1, "neutral"),
        (molecule.copy(), np.array([0.3, -1.6, 0.3])),
    ]


@MODELS
@HYBRID
@pytest.mark.parametrize("backwards", [False, True])
def test_everything_in_one_batch(model, hybrid, backwards):
    parts = mixture()[:: -1 if backwards else 1]
    out = run(model, [atoms for atoms, _ in parts], np.concatenate([q for _, q in parts]), hybrid_forces=hybrid)
    tolerance = TOLERANCE[model] * COULOMB_CONSTANT
    start = 0
    for k, (atoms, charges) in enumerate(parts):
        energy, forces, strain = exact(atoms, charges) if len(atoms) else (0.0, np.zeros((0, 3)), np.zeros((3, 3)))
        assert out["energy"][k].item() == pytest.approx(energy, abs=tolerance)
        np.testing.assert_allclose(out["forces"][start : start + len(atoms)], forces, rtol=0, atol=tolerance)
        if atoms.cell.volume > 0.0:
            stress = strain / atoms.get_volume()
            np.testing.assert_allclose(out["stress"][k], stress, rtol=0, atol=tolerance)
        else:
            assert bool(out["stress"][k].isnan().all())
        start += len(atoms)


@MODELS
def test_float32(model):
    parts = [part for part in mixture() if len(part[0])]
    out = run(
        model, [atoms for atoms, _ in parts], np.concatenate([q for _, q in parts]), dtype=torch.float32, accuracy=1e-4
    )
    assert {value.dtype for value in out.values()} == {torch.float32}
    wanted = [exact(*part) for part in parts]
    np.testing.assert_allclose(out["energy"][:, 0], [energy for energy, _, _ in wanted], rtol=0, atol=2e-2)
    np.testing.assert_allclose(out["forces"], np.concatenate([forces for _, forces, _ in wanted]), rtol=0, atol=2e-2)


@MODELS
def test_wire_is_refused(model):
    wire = Atoms("NaCl", [[0, 0, 0], [2.8, 0, 0]], cell=[5.6, 9, 9], pbc=[True, False, False])
    with pytest.raises(GeometryError, match="one direction"):
        run(model, wire, [1.0, -1.0])
