"""Energies, forces and stress are those of sevenn's own calculator, for all kinds of structures and checkpoints."""

import numpy as np
import pytest
import torch

ALL = ("energy", "node_energies", "forces", "stress")
CHECKPOINTS = [
    ("sevennet-0", None),
    ("sevennet-0_22may2024", None),
    ("sevennet-l3i5", None),
    ("sevennet-mf-0", "PBE"),
    ("sevennet-mf-0", "R2SCAN"),
]


CANCELLING = {"stress": 0.1}
"""Size of the terms whose sum may be far smaller: bulk moduli are around 1 eV/Å³."""


def agree(value, reference, name="energy"):
    """To 1e-5 of the largest: sevenn computes in float32, whose rounding is 1e-7 of every term."""
    value, reference = np.asarray(value, dtype=float), np.asarray(reference, dtype=float)
    scale = max(np.abs(reference).max(), CANCELLING.get(name, 1e-2))
    np.testing.assert_allclose(value.reshape(reference.shape), reference, rtol=0, atol=1e-5 * scale, err_msg=name)


def test_every_structure(structure, evaluate, calculate):
    names = ALL if structure.cell.rank == 3 else ALL[:3]
    out, reference = evaluate(structure, *names), calculate(structure)
    for name in names:
        agree(out[name], reference[name], name)


@pytest.mark.parametrize(("checkpoint", "modal"), CHECKPOINTS)
def test_every_shipped_checkpoint(structures, evaluate, calculate, checkpoint, modal):
    atoms = structures["perovskite"]
    out = evaluate(atoms, *ALL, checkpoint=checkpoint, modal=modal)
    reference = calculate(atoms, checkpoint.replace("sevennet", "7net"), modal)
    for name in ALL:
        agree(out[name], reference[name], name)


def test_checkpoints_differ(structures, evaluate):
    """Otherwise the test above would pass with the same weights for all."""
    atoms = structures["perovskite"]
    energies = {
        round(evaluate(atoms, "energy", checkpoint=checkpoint, modal=modal)["energy"].item(), 3)
        for checkpoint, modal in CHECKPOINTS
    }
    assert len(energies) == len(CHECKPOINTS)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_batch_is_like_one_by_one(structures, evaluate, calculate, dtype):
    batch = list(structures.values())
    out = evaluate(batch, "energy", "forces", "stress", dtype=dtype)
    assert {value.dtype for value in out.values()} == {dtype}
    forces = out["forces"].split([len(atoms) for atoms in batch])
    for system, atoms in enumerate(batch):
        alone = calculate(atoms)
        agree(out["energy"][system], alone["energy"])
        agree(forces[system], alone["forces"], "forces")
        if atoms.cell.rank == 3:
            agree(out["stress"][system], alone["stress"], "stress")
        else:
            assert bool(out["stress"][system].isnan().all())


def test_modalities_of_a_batch(structures, evaluate, calculate):
    batch = [structures[name] for name in ("perovskite", "molecule", "rock salt")]
    out = evaluate(batch, "energy", checkpoint="7net-mf-0", modal="r2scan")
    for energy, atoms in zip(out["energy"], batch, strict=True):
        agree(energy, calculate(atoms, "7net-mf-0", "R2SCAN")["energy"])
