"""Energies, forces and stress are those of mace-torch's own calculator, which runs the code in the file."""

import numpy as np
import pytest
import torch
from ase.units import Debye

from alchemi_core import Batch

ALL = ("energy", "node_energies", "forces", "stress")
KINDS = ["scaled", "plain", "zbl", "non-linear", "default head", "attention", "states"]


def periodic(atoms):
    """Of others the calculator takes the stress per volume of a cell that it makes up."""
    return bool(atoms.pbc.all())


def agree(value, reference, name, tolerance=1e-12):
    value, reference = np.asarray(value, dtype=float), np.asarray(reference, dtype=float)
    scale = max(np.abs(reference).max(), 1.0)
    np.testing.assert_allclose(value.reshape(reference.shape), reference, rtol=0, atol=tolerance * scale, err_msg=name)


def test_every_structure(structure, evaluate, calculate):
    names = ALL if periodic(structure) else ALL[:3]
    out, reference = evaluate(structure, *names), calculate(structure)
    for name in names:
        agree(out[name], reference[name], name)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model(structures, evaluate, calculate, kind):
    atoms = structures["skewed diamond"]
    atoms.symbols = "CO"
    atoms.set_cell(0.6 * atoms.cell, scale_atoms=True)
    names = tuple(name for name in ALL if kind != "states" or name != "node_energies")
    out, reference = evaluate(atoms, *names, kind=kind), calculate(atoms, kind)
    for name in names:
        agree(out[name], reference[name], name)
    assert float(out["forces"].abs().max()) > 1e-3


def test_kinds_differ(structures, evaluate):
    """Otherwise the test above would pass with the same weights for all."""
    energies = {round(evaluate(structures["molecule"], "energy", kind=kind)["energy"].item(), 6) for kind in KINDS}
    assert len(energies) == len(KINDS)


@pytest.mark.parametrize("head", ["pbe", "r2scan", "wb97m"])
def test_heads(structures, evaluate, calculate, head):
    atoms = structures["rock salt"]
    out, reference = evaluate(atoms, *ALL, kind="heads", options={"head": head}), calculate(atoms, "heads", head=head)
    for name in ALL:
        agree(out[name], reference[name], name)


def test_heads_differ(structures, evaluate):
    atoms = structures["rock salt"]
    energies = [
        evaluate(atoms, "energy", kind="heads", options={"head": head})["energy"].item() for head in ("pbe", "r2scan")
    ]
    assert abs(energies[0] - energies[1]) > 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_batch_is_like_one_by_one(structures, evaluate, calculate, dtype):
    batch = list(structures.values())
    out = evaluate(batch, "energy", "node_energies", "forces", "stress", dtype=dtype)
    assert {value.dtype for value in out.values()} == {dtype}
    sizes, tolerance = [len(atoms) for atoms in batch], 1e-12 if dtype is torch.float64 else 2e-5
    forces, atomic = out["forces"].split(sizes), out["node_energies"].split(sizes)
    for system, atoms in enumerate(batch):
        alone = calculate(atoms)
        agree(out["energy"][system], alone["energy"], "energy", tolerance)
        agree(atomic[system], alone["node_energies"], "node_energies", tolerance)
        agree(forces[system], alone["forces"], "forces", tolerance)
        if periodic(atoms):
            agree(out["stress"][system], alone["stress"], "stress", tolerance)
        elif atoms.cell.rank < 3:
            assert bool(out["stress"][system].isnan().all())


def test_float32_weights(structures, evaluate, calculate):
    """Both compute in float32, in another order."""
    atoms = structures["rock salt"]
    out = evaluate(atoms, *ALL, weights=torch.float32, dtype=torch.float32)
    reference = calculate(atoms, weights=torch.float32)
    for name in ALL:
        agree(out[name], reference[name], name, 2e-5)


def test_float32_weights_in_float64(structures, evaluate, calculate):
    """A file in float32 that is asked for in float64 is what mace-torch makes of it, couplings rounded as in it."""
    atoms = structures["rock salt"]
    out = evaluate(atoms, *ALL, weights=torch.float32, options={"dtype": "float64"})
    reference = calculate(atoms, weights=torch.float32, dtype="float64")
    for name in ALL:
        agree(out[name], reference[name], name)


def test_charge_and_multiplicity(structures, make, pipeline, calculate):
    """MACE-OMOL has these; the calculator reads them as charge and spin."""
    charges, multiplicities, energies = [0, -2, 3], [1, 2, 4], []
    for charge, multiplicity in zip(charges, multiplicities, strict=True):
        atoms = structures["molecule"]
        atoms.info.update(charge=charge, spin=multiplicity)
        energies.append(calculate(atoms, "states")["energy"])
    batch = Batch.from_ase([structures["molecule"]] * 3).with_fields(
        total_charge=torch.tensor(charges, dtype=torch.float64)[:, None],
        multiplicity=torch.tensor(multiplicities, dtype=torch.float64)[:, None],
    )
    out = pipeline(make("states"))(batch, {"energy", "forces"})
    agree(out["energy"].flatten(), energies, "energy")
    assert len({round(energy, 6) for energy in energies}) == 3


def test_dipole(structures, make, pipeline, calculate):
    """The calculator's is in Debye; fixed charges, which it calls Qs, add theirs."""
    charges = np.array([-0.8, 0.5, 0.3])
    atoms = structures["molecule"]
    atoms.set_array("Qs", charges)
    results = calculate(atoms, "dipoles")
    batch = Batch.from_ase(structures["molecule"]).with_fields(charges=torch.as_tensor(charges))
    out = pipeline(make("dipoles"))(batch, {"energy", "forces", "dipole"})
    agree(out["energy"], results["energy"], "energy")
    agree(out["forces"], results["forces"], "forces")
    agree(out["dipole"], results["dipole"] * Debye, "dipole", 1e-7)  # both codes round the Debye
    bare = pipeline(make("dipoles"))(Batch.from_ase(structures["molecule"]), {"dipole"})["dipole"]
    agree(out["dipole"] - bare, charges @ atoms.positions, "of fixed charges")
