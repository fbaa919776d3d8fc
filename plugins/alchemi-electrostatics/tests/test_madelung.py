"""Crystals: published Madelung constants, and a plain Ewald sum that is carried to rounding.

NaCl: R. E. Crandall and J. P. Buhler, J. Phys. A 20, 5497 (1987), doi:10.1088/0305-4470/20/16/024 (OEIS A085469).
CsCl and zinc blende: Y. Sakamoto, J. Chem. Phys. 28, 164 (1958), doi:10.1063/1.1744060 (CsCl also OEIS A181152).
Fluorite: Q. C. Johnson and D. H. Templeton, J. Chem. Phys. 34, 2004 (1961), doi:10.1063/1.1731812; it is the sum of
CsCl's and twice zinc blende's. One ion in a cube that neutralises it: B. R. A. Nijboer and T. W. Ruijgrok, J. Stat.
Phys. 53, 361 (1988), doi:10.1007/BF01011562.
"""

from functools import cache

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from alchemi_core.errors import AlchemiError, OptionError
from alchemi_core.quantities import COULOMB_CONSTANT

from .reference_sums import ewald_3d, strain_by_differences
from .running import ALL, run

NEAREST = 2.8
CHARGES = {"Na": 1.0, "Cs": 1.0, "Zn": 1.0, "Ca": 2.0, "Cl": -1.0, "S": -1.0, "F": -1.0}
CONSTANTS = {"NaCl": 1.7475645946, "CsCl": 1.7626747731, "ZnS": 1.6380550534, "CaF2": 5.0387848799}
PRIMITIVE = {
    "NaCl": bulk("NaCl", "rocksalt", a=2.0 * NEAREST),
    "CsCl": bulk("CsCl", "cesiumchloride", a=2.0 * NEAREST / np.sqrt(3.0)),
    "ZnS": bulk("ZnS", "zincblende", a=4.0 * NEAREST / np.sqrt(3.0)),
    "CaF2": bulk("CaF2", "fluorite", a=4.0 * NEAREST / np.sqrt(3.0)),
}
SKEWS = {
    "primitive": np.eye(3, dtype=int),
    "conventional": np.array([[-1, 1, 1], [1, -1, 1], [1, 1, -1]]),
    "skewed": np.array([[1, 0, 0], [2, 1, 0], [-1, 3, 1]]),
    "very skewed": np.array([[1, 4, -2], [0, 1, 5], [0, 0, 1]]),
    "left-handed": np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]]),
    "doubled": np.array([[2, 0, 0], [0, 1, 0], [0, 0, 1]]),
    "long": np.array([[5, 0, 0], [0, 1, 0], [1, 0, 1]]),
    "doubled and skewed": np.array([[1, 1, 0], [-1, 1, 0], [0, 3, 1]]),
}
MODELS = pytest.mark.parametrize("model", ["ewald", "pme"])
CRYSTALS = pytest.mark.parametrize("crystal", CONSTANTS)
TOLERANCE = {"ewald": 1e-6, "pme": 1e-4}


def crystal_in(crystal, basis):
    """The same crystal described by other lattice vectors: those of the primitive cell times integers."""
    atoms = PRIMITIVE[crystal]
    cell = basis @ atoms.cell.array
    span = np.arange(-12, 13)
    shifts = np.stack(np.meshgrid(span, span, span), axis=-1).reshape(-1, 3) @ atoms.cell.array
    symbols, places = [], []
    for symbol, place in zip(atoms.symbols, atoms.positions, strict=True):
        # a little off the faces, so that rounding puts no atom on both sides
        fractions = (shifts + place + [0.0123, 0.0457, 0.0789]) @ np.linalg.inv(cell)
        inside = ((fractions >= 0.0) & (fractions < 1.0)).all(axis=1)
        places += list(shifts[inside] + place)
        symbols += [symbol] * int(inside.sum())
    made = Atoms(symbols, places, cell=cell, pbc=True)
    assert len(made) == len(atoms) * round(abs(np.linalg.det(basis)))
    return made


def charges_of(atoms):
    return np.array([CHARGES[symbol] for symbol in atoms.symbols])


def madelung(energy, atoms, crystal):
    return -energy / COULOMB_CONSTANT * NEAREST / (len(atoms) / len(PRIMITIVE[crystal]))


def ionic_gas(seed=5, net=0.0, ions=12, scale=1.0):
    """Ions at random in a triclinic cell, none closer than 1.6 Å times its scale, some of them outside it."""
    random = np.random.default_rng(seed)
    cell = scale * np.array([[7.2, 0.3, -0.4], [1.9, 6.8, 0.6], [-1.1, 1.4, 8.1]])
    places = []
    while len(places) < ions:
        place = random.uniform(size=3)
        gaps = [(place - other) - np.round(place - other) for other in places]
        if all(np.linalg.norm(gap @ cell) > 1.6 * scale for gap in gaps):
            places.append(place)
    charges = random.uniform(0.4, 1.4, ions) * np.where(np.arange(ions) % 2, 1.0, -1.0)
    charges += (net - charges.sum()) / ions
    outside = random.integers(-2, 3, (ions, 3))
    return Atoms(f"Ar{ions}", (np.array(places) + outside) @ cell, cell=cell, pbc=True), charges


def exact(atoms, charges):
    """What the models should give, in eV and Å."""
    ions = (atoms.positions, np.asarray(charges, dtype=float), atoms.cell.array)
    energy, forces, strain = _summed(*[tuple(map(tuple, np.atleast_2d(part))) for part in ions])
    return {
        "energy": COULOMB_CONSTANT * energy,
        "forces": COULOMB_CONSTANT * forces,
        "stress": COULOMB_CONSTANT * strain / atoms.get_volume(),
    }


@cache
def _summed(positions, charges, cell):
    return ewald_3d(np.array(positions), np.array(charges[0]), np.array(cell))


# The reference against itself and against the literature


@CRYSTALS
def test_reference_gives_the_published_constants(crystal):
    atoms = PRIMITIVE[crystal]
    energy = ewald_3d(atoms.positions, charges_of(atoms), atoms.cell.array).energy
    assert -energy * NEAREST == pytest.approx(CONSTANTS[crystal], abs=6e-11)


def test_fluorite_is_made_of_the_others():
    assert CONSTANTS["CaF2"] == pytest.approx(CONSTANTS["CsCl"] + 2.0 * CONSTANTS["ZnS"], abs=2e-10)


@pytest.mark.parametrize("net", [0.0, 3.0])
def test_reference_does_not_depend_on_its_splitting(net):
    atoms, charges = ionic_gas(net=net)
    sums = [ewald_3d(atoms.positions, charges, atoms.cell.array, splitting) for splitting in (0.22, 0.3, 0.45)]
    for one in sums[1:]:
        assert one.energy == pytest.approx(sums[0].energy, abs=1e-12)
        np.testing.assert_allclose(one.forces, sums[0].forces, rtol=0, atol=1e-12)
        np.testing.assert_allclose(one.strain, sums[0].strain, rtol=0, atol=2e-12)


@pytest.mark.parametrize("net", [0.0, 3.0])
def test_derivatives_of_the_reference(net):
    atoms, charges = ionic_gas(net=net, ions=6)
    sums = ewald_3d(atoms.positions, charges, atoms.cell.array)

    def energy(positions, cell):
        return ewald_3d(positions, charges, cell).energy

    strain = strain_by_differences(energy, atoms.positions, atoms.cell.array)
    np.testing.assert_allclose(sums.strain, strain, rtol=0, atol=1e-9)
    for place in ((0, 0), (3, 1), (5, 2)):
        ends = []
        for sign in (1, -1):
            moved = atoms.positions.copy()
            moved[place] += sign * 1e-4
            ends.append(energy(moved, atoms.cell.array))
        assert sums.forces[place] == pytest.approx((ends[1] - ends[0]) / 2e-4, abs=1e-7)


# The models


@MODELS
@CRYSTALS
@pytest.mark.parametrize("basis", SKEWS)
def test_madelung_constants_from_any_cell(model, crystal, basis):
    atoms = crystal_in(crystal, SKEWS[basis])
    out = run(model, atoms, charges_of(atoms))
    found = madelung(out["energy"].item(), atoms, crystal)
    assert found == pytest.approx(CONSTANTS[crystal], abs=TOLERANCE[model])
    # every ion of these crystals sits at a centre of its surroundings; a force of 1 is that of a neighbor at 3.8 Å
    assert out["forces"].abs().max() < 10 * TOLERANCE[model]
    pressure = -CONSTANTS[crystal] * COULOMB_CONSTANT / NEAREST / PRIMITIVE[crystal].get_volume() / 3.0
    np.testing.assert_allclose(out["stress"][0], -pressure * np.eye(3), rtol=0, atol=TOLERANCE[model])


@MODELS
@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.37, -1.91, 0.83), (153.0, -77.7, 20.1)])
def test_origin_does_not_matter(model, shift):
    atoms, charges = ionic_gas()
    moved = atoms.copy()
    moved.positions += shift
    moved.positions[3] += atoms.cell[0] - 5 * atoms.cell[2]
    wanted, out = exact(atoms, charges), run(model, moved, charges)
    tolerance = TOLERANCE[model] * COULOMB_CONSTANT
    for name in ALL:
        np.testing.assert_allclose(np.squeeze(out[name]), wanted[name], rtol=0, atol=tolerance, err_msg=name)


@MODELS
@pytest.mark.parametrize("alpha", [None, 0.3, 0.4, 0.5])
@pytest.mark.parametrize("cutoff", [None, 12.0])
def test_splitting_does_not_matter(model, alpha, cutoff):
    """The accuracy asked for holds with any splitting that is accepted; what cannot be had is refused."""
    atoms, charges = ionic_gas()
    try:
        out = run(model, atoms, charges, accuracy=1e-6, alpha=alpha, cutoff=cutoff)
    except AlchemiError as error:
        assert alpha is not None, "the choice of the splitting was the model's own"
        assert "alpha" in str(error)  # noqa: PT017 - either is right
        return
    assert_accurate(out, atoms, charges, 1e-6)


def assert_accurate(out, atoms, charges, accuracy):
    """Errors in the units that the accuracy is stated in: energy and force of two of the charges 3 Å apart."""
    wanted = exact(atoms, charges)
    energy = COULOMB_CONSTANT * (charges**2).sum() / 3.0
    force = COULOMB_CONSTANT * (charges**2).mean() / 9.0
    off = out["forces"].numpy() - wanted["forces"]
    assert np.sqrt((off**2).sum(axis=1).mean()) < accuracy * force
    assert abs(out["energy"].item() - wanted["energy"]) < accuracy * energy
    virial = (out["stress"][0].numpy() - wanted["stress"]) * atoms.get_volume()
    assert np.abs(virial).max() < accuracy * energy


ACCURACIES = [(name, accuracy) for name, last in (("ewald", 1e-9), ("pme", 1e-6)) for accuracy in (1e-3, 1e-5, last)]
GASES = {"neutral": {}, "charged": {"net": 4.0}, "dense": {"scale": 0.6}, "dilute": {"scale": 1.8, "ions": 6}}


@pytest.mark.parametrize(("model", "accuracy"), ACCURACIES)
@pytest.mark.parametrize("cutoff", [4.0, 5.0, 6.0, 8.0, 10.0, 12.0])
@pytest.mark.parametrize("gas", GASES)
def test_stated_accuracy_holds_at_every_accepted_cutoff(model, accuracy, cutoff, gas):
    """A cutoff that the accuracy cannot be held with is an error that names it; silence is not."""
    atoms, charges = ionic_gas(**GASES[gas])
    try:
        out = run(model, atoms, charges, accuracy=accuracy, cutoff=cutoff)
    except AlchemiError as error:
        assert "cutoff" in str(error)  # noqa: PT017 - either is right
        return
    assert_accurate(out, atoms, charges, accuracy)


@pytest.mark.parametrize(("model", "accuracy"), ACCURACIES)
@pytest.mark.parametrize("cutoff", [None, 5.0])
def test_accuracy_holds_where_charges_are_not_like_a_gas(model, accuracy, cutoff):
    """Bonded charges 0.7 Å apart in an empty box, and a flat, skewed cell of two ions."""
    pairs = Atoms("HFHF", [[1, 1, 1], [1, 1, 1.7], [6, 7, 8], [6.5, 7.5, 8.0]], cell=[11, 12, 13], pbc=True)
    charges = np.array([0.5, -0.5, 0.4, -0.4])
    assert_accurate(run(model, pairs, charges, accuracy=accuracy, cutoff=cutoff), pairs, charges, accuracy)
    flat = Atoms("NaCl", [[0, 0, 0], [1.4, 1.1, 8.0]], cell=[[2.8, 0, 0], [0.5, 2.6, 0], [0.3, 0.4, 21.0]], pbc=True)
    charges = np.array([1.0, -1.0])
    assert_accurate(run(model, flat, charges, accuracy=accuracy, cutoff=cutoff), flat, charges, accuracy)


@MODELS
def test_accuracy_that_cannot_be_held_is_refused(model):
    with pytest.raises(OptionError, match="accuracy=1e-15"):
        run(model, *ionic_gas(), accuracy=1e-15)


@MODELS
@pytest.mark.parametrize("cutoff", [6.0, 8.0, 10.0])
def test_common_cutoffs_are_served(model, cutoff):
    atoms, charges = ionic_gas()
    energy = run(model, atoms, charges, accuracy=1e-6, cutoff=cutoff, requested=("energy",))["energy"].item()
    assert energy == pytest.approx(exact(atoms, charges)["energy"], rel=2e-6)


@MODELS
@pytest.mark.parametrize("edge", [3.0, 7.5, 21.0])
def test_one_charged_ion_in_a_cube(model, edge):
    atoms = Atoms("Na", [[0.4, 1.9, -0.3]], cell=[edge] * 3, pbc=True)
    out = run(model, atoms, [1.0])
    assert out["energy"].item() * edge / COULOMB_CONSTANT == pytest.approx(-1.4186487397, abs=TOLERANCE[model])
    assert out["forces"].abs().max() < 10 * TOLERANCE[model]


@MODELS
@pytest.mark.parametrize("net", [0.0, -2.0, 5.0])
@pytest.mark.parametrize("hybrid", [True, False], ids=["hybrid", "graph"])
def test_neutral_and_charged_gas(model, net, hybrid):
    atoms, charges = ionic_gas(seed=8, net=net)
    wanted, out = exact(atoms, charges), run(model, atoms, charges, hybrid_forces=hybrid)
    for name in ALL:
        scale = np.abs(wanted[name]).max()
        np.testing.assert_allclose(
            np.squeeze(out[name]), wanted[name], rtol=0, atol=TOLERANCE[model] * scale, err_msg=name
        )


@MODELS
@pytest.mark.parametrize("net", [0.0, 3.0])
@pytest.mark.parametrize("hybrid", [True, False], ids=["hybrid", "graph"])
def test_trace_of_the_stress_is_minus_the_energy(model, net, hybrid):
    """Coulomb energies scale like 1/length: tr(stress) V = −E, background and all."""
    atoms, charges = ionic_gas(net=net)
    out = run(model, atoms, charges, hybrid_forces=hybrid)
    pressure = out["stress"][0].trace().item() * atoms.get_volume()
    assert pressure == pytest.approx(-out["energy"].item(), rel=TOLERANCE[model])


@MODELS
def test_energy_falls_with_the_size_like_one_over_length(model):
    atoms, charges = ionic_gas()
    energies = []
    for factor in (1.0, 1.7):
        grown = atoms.copy()
        grown.set_cell(factor * atoms.cell.array, scale_atoms=True)
        energies.append(run(model, grown, charges, requested=("energy",))["energy"].item() * factor)
    assert energies[1] == pytest.approx(energies[0], rel=TOLERANCE[model])


@MODELS
def test_crystals_of_all_sizes_in_one_batch(model):
    """What a system gives does not depend on its neighbors in the batch."""
    systems = [crystal_in(name, SKEWS[basis]) for name, basis in (("NaCl", "long"), ("CaF2", "skewed"))]
    gas, charges = ionic_gas(net=1.0)
    small = Atoms("Na", cell=[2.2] * 3, pbc=True)
    everything = [*systems, gas, small]
    parts = [*map(charges_of, systems), charges, np.ones(1)]
    out = run(model, everything, np.concatenate(parts))
    start = 0
    for k, (atoms, own) in enumerate(zip(everything, parts, strict=True)):
        wanted = exact(atoms, own)
        scale = TOLERANCE[model] * COULOMB_CONSTANT
        assert out["energy"][k].item() == pytest.approx(wanted["energy"], rel=TOLERANCE[model])
        np.testing.assert_allclose(out["forces"][start : start + len(own)], wanted["forces"], rtol=0, atol=scale)
        np.testing.assert_allclose(out["stress"][k], wanted["stress"], rtol=0, atol=scale)
        start += len(own)


@MODELS
def test_float32(model):
    atoms, charges = ionic_gas()
    wanted = exact(atoms, charges)
    out = run(model, atoms, charges, dtype=torch.float32, accuracy=1e-4)
    for name, tolerance in (("energy", 2e-2), ("forces", 1e-2), ("stress", 1e-3)):
        assert out[name].dtype == torch.float32
        np.testing.assert_allclose(np.squeeze(out[name]), wanted[name], rtol=0, atol=tolerance, err_msg=name)
