"""The same numbers as s-dftd3 called directly, converted with the same constants."""

import numpy as np
import pytest
import torch
from ase.build import bulk
from dftd3 import interface

KINDS = {
    "bj": interface.RationalDampingParam,
    "zero": interface.ZeroDampingParam,
    "mbj": interface.ModifiedRationalDampingParam,
    "mzero": interface.ModifiedZeroDampingParam,
    "op": interface.OptimizedPowerDampingParam,
    "cso": interface.CSODampingParam,
}
METHODS = [
    ("pbe", "bj"),
    ("pbe", "zero"),
    ("pbe", "mbj"),
    ("pbe", "mzero"),
    ("pbe", "op"),
    ("pbe", "cso"),
    ("PBE0", "bj"),
    ("B3-LYP", "zero"),
    ("r2scan", "bj"),
]


def compare(out, batch, s_dftd3, damping, **more):
    start = 0
    for row, (name, atoms) in enumerate(batch.items()):
        energy, forces, strain = s_dftd3(atoms, damping, **more)
        own, start = slice(start, start + len(atoms)), start + len(atoms)
        assert abs(out["energy"][row].item() - energy) < 1e-10, name
        np.testing.assert_allclose(out["forces"][own], forces, rtol=1e-12, atol=1e-12, err_msg=name)
        if "stress" not in out:
            continue
        if atoms.cell.rank == 3:
            stress = strain / atoms.get_volume()
            np.testing.assert_allclose(out["stress"][row], stress, rtol=1e-10, atol=1e-13, err_msg=name)
        else:
            assert bool(out["stress"][row].isnan().all()), name


@pytest.mark.parametrize(("functional", "damping"), METHODS)
def test_one_mixed_batch(evaluate, s_dftd3, structures, functional, damping):
    out = evaluate(list(structures.values()), functional=functional, damping=damping)
    compare(out, structures, s_dftd3, KINDS[damping](method=functional))


@pytest.mark.parametrize("damping", ["bj", "zero"])
def test_three_body_term(evaluate, s_dftd3, structures, damping):
    # the sum over triples of a crystal takes seconds at full range
    cutoffs = {"disp2": 25.0, "disp3": 12.0, "cn": 20.0}
    few = {name: structures[name] for name in ("water", "benzene", "rocksalt")}
    lengths = {name: value * 0.529177210903 for name, value in cutoffs.items()}
    out = evaluate(list(few.values()), functional="pbe", damping=damping, atm=True, cutoffs=lengths)
    compare(out, few, s_dftd3, KINDS[damping](method="pbe", atm=True), cutoffs=cutoffs)
    without = evaluate(list(few.values()), functional="pbe", damping=damping, cutoffs=lengths)
    assert not torch.allclose(out["energy"], without["energy"], rtol=1e-6)


def test_smooth_cutoffs(evaluate, s_dftd3, structures):
    cutoffs = {"disp2": 20.0, "disp3": 15.0, "cn": 15.0, "width2": 5.0, "width3": 2.0}
    few = {name: structures[name] for name in ("skewed", "rocksalt")}
    lengths = {name: value * 0.529177210903 for name, value in cutoffs.items()}
    out = evaluate(list(few.values()), functional="pbe", cutoffs=lengths)
    compare(out, few, s_dftd3, interface.RationalDampingParam(method="pbe"), cutoffs=cutoffs)


def test_parameters_of_a_publication(evaluate, s_dftd3, structures):
    """PBE-D3(BJ) by name and by number (Grimme, Ehrlich and Goerigk 2011, table 2)."""
    few = {name: structures[name] for name in ("benzene", "cubic")}
    out = evaluate(list(few.values()), parameters={"s8": 0.7875, "a1": 0.4289, "a2": 4.4407})
    compare(out, few, s_dftd3, interface.RationalDampingParam(method="pbe"))


def test_given_s9_turns_three_body_term_on(evaluate, s_dftd3, structures):
    parameters = {"s8": 0.7875, "a1": 0.4289, "a2": 4.4407, "s9": 0.5}
    out = evaluate(structures["benzene"], requested=("energy", "forces"), parameters=parameters)
    few = {"benzene": structures["benzene"]}
    compare(out, few, s_dftd3, interface.RationalDampingParam(**parameters))


def test_slab_and_wire_inside_their_cells(evaluate, s_dftd3, wire):
    """Where s-dftd3 itself treats partial periodicity right: atoms inside the cell, vectors along the axes."""
    sheet = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    sheet.rattle(0.05, seed=2)
    sheet.positions += 1.0
    sheet.center(vacuum=4.0, axis=2)
    sheet.pbc = (True, True, False)
    batch = {"sheet": sheet, "wire": wire}
    compare(evaluate(list(batch.values())), batch, s_dftd3, interface.RationalDampingParam(method="pbe"))


def test_batch_equals_one_by_one(evaluate, structures, slab, wire):
    batch = [*structures.values(), slab, wire]
    together = evaluate(batch, requested=("energy", "forces"))
    alone = [evaluate(atoms, requested=("energy", "forces")) for atoms in batch]
    for name in ("energy", "forces"):
        assert torch.equal(together[name], torch.cat([out[name] for out in alone]))


def test_float32_is_computed_in_double_and_cast(evaluate, structures):
    few = [structures[name] for name in ("benzene", "rocksalt")]
    low, high = evaluate(few, dtype=torch.float32), evaluate(few)
    for name in ("energy", "forces", "stress"):
        assert low[name].dtype == torch.float32
        torch.testing.assert_close(low[name].double(), high[name], rtol=2e-6, atol=2e-8, equal_nan=True)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_large_crystals_are_shared_out_over_threads(evaluate, s_dftd3, threads):
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True) * (3, 3, 3)
    atoms.rattle(0.05, seed=5)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        out = evaluate([atoms, atoms[:5]])
    finally:
        torch.set_num_threads(before)
    compare(out, {"large": atoms, "small": atoms[:5]}, s_dftd3, interface.RationalDampingParam(method="pbe"))
