"""A batch gives what its systems give one by one, whatever else is in it."""

import numpy as np
import pytest
import torch
from alchemi_eeq.packing import ROOM, Size, pack
from ase.build import bulk, molecule

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model


def neutral(atoms):
    atoms.info.setdefault("charge", 0.0)
    return atoms


def test_all_kinds_in_one_batch(evaluate, systems):
    mixed = [neutral(atoms) for atoms in systems.values()]
    order = np.random.default_rng(0).permutation(len(mixed))
    mixed = [mixed[place] for place in order]
    out = evaluate(mixed, energy=True, requested=("charges", "energy"))
    start = 0
    for row, atoms in enumerate(mixed):
        alone = evaluate(atoms, energy=True, requested=("charges", "energy"))
        charges = out["charges"][start : start + len(atoms)]
        torch.testing.assert_close(charges, alone["charges"], rtol=0, atol=1e-11)
        torch.testing.assert_close(out["energy"][row], alone["energy"][0], rtol=0, atol=1e-9)
        start += len(atoms)


def test_forces_and_stress_in_one_batch(evaluate, systems):
    mixed = [neutral(systems[name]) for name in ("methoxide", "sheet", "salt", "water", "chain")]
    names = ("forces", "virial")
    out = evaluate(mixed, energy=True, requested=names)
    start = 0
    for row, atoms in enumerate(mixed):
        alone = evaluate(atoms, energy=True, requested=names)
        torch.testing.assert_close(out["forces"][start : start + len(atoms)], alone["forces"], rtol=0, atol=1e-9)
        torch.testing.assert_close(out["virial"][row], alone["virial"][0], rtol=0, atol=1e-9)
        start += len(atoms)


def test_thousand_molecules_are_few_blocks(evaluate):
    many = [molecule(name) for name in ("H2O", "CO2", "CH4", "C6H6") for _ in range(250)]
    charges = evaluate(many)["charges"]
    assert torch.equal(charges[:3], charges[3:6])
    torch.testing.assert_close(charges[:3], evaluate(many[0])["charges"], rtol=0, atol=1e-13)


def test_blocks_hold_every_atom_once():
    random = np.random.default_rng(3)
    counts = random.integers(0, 60, 300).tolist()
    ptr = [0, *np.cumsum(counts).tolist()]
    sizes = [
        Size(n, int(random.integers(0, 4)), count, float(random.uniform(0, 1e4))) for n, count in enumerate(counts)
    ]
    blocks = pack(sizes, ptr, torch.device("cpu"))
    atoms = torch.cat([block.atoms[block.present] for block in blocks])
    assert sorted(atoms.tolist()) == list(range(ptr[-1]))
    for block in blocks:
        shared = [sizes[system] for system in block.systems.tolist()]
        assert {size.periodic for size in shared} == {block.periodic}
        assert block.present.sum(1).tolist() == [size.atoms for size in shared]
        assert block.present.float().mean() > 0.8 or len(shared) == 1
        waves = [size.waves for size in shared]
        assert max(waves) <= 2 * min(waves) + 64
        assert len(shared) * block.atoms.shape[1] ** 2 <= ROOM


@pytest.mark.parametrize("name", ["methoxide", "salt", "water", "sheet", "chain"])
def test_float32(evaluate, systems, name):
    atoms = systems[name]
    names = ("charges", "energy", "forces")
    low, high = (evaluate(atoms, energy=True, requested=names, dtype=d) for d in (torch.float32, torch.float64))
    for key in names:
        assert low[key].dtype == torch.float32
        torch.testing.assert_close(low[key].double(), high[key], rtol=1e-5, atol=2e-4)
    torch.testing.assert_close(low["charges"].double(), high["charges"], rtol=0, atol=1e-5)


def test_lists_and_batches_of_others(systems):
    """A longer list with a skin, as another model may want it, serves as well."""
    group = PipelineGroup([create_model("eeq")])
    atoms = systems["water"]
    charges = [PipelineModelWrapper(groups=[group], skin=skin)(Batch.from_ase(atoms))["charges"] for skin in (0.0, 0.7)]
    torch.testing.assert_close(*charges, rtol=0, atol=1e-12)


def test_a_metal_of_many_waves_beside_a_small_cell(evaluate):
    """Two crystals with one number of atoms and very different volumes."""
    small, large = bulk("NaCl", "rocksalt", a=5.64), bulk("NaCl", "rocksalt", a=40.0)
    both = evaluate([small, large])["charges"]
    torch.testing.assert_close(both[:2], evaluate(small)["charges"], rtol=0, atol=1e-11)
    torch.testing.assert_close(both[2:], evaluate(large)["charges"], rtol=0, atol=1e-11)
