"""A batch gives what its systems give one by one."""

import itertools

import pytest
import torch
from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st
from support import byhand
from support.differences import assert_consistent
from support.pipelines import ALL, FD, autograd, direct, pipeline
from support.structures import batch_of, ethanol, left_handed, mixed, outside, salt, slab_without_height, water
from support.toys import Charges, Coulomb, Gaussians, Hardness, HybridCoulomb, Kernel

from alchemi_core.data.atomic_data import AtomicData
from alchemi_core.data.batch import Batch

STRUCTURES = {
    "salt": salt,
    "water": water,
    "ethanol": ethanol,
    "left-handed": left_handed,
    "outside": outside,
    "slab": slab_without_height,
}


def pipe_of(kind="autograd"):
    wired = [Charges(), HybridCoulomb() if kind == "hybrid" else Coulomb(), Hardness()]
    if kind == "resampled":
        return pipeline(autograd(*wired, derivative_fn=FD["derivative_fn"]), direct(Kernel(-0.3, 3.5)))
    return pipeline(autograd(*wired), direct(Kernel(-0.3, 3.5)), direct(Gaussians()))


def one_by_one(pipe, structures, names, **options):
    outs = [pipe(batch_of(structure, **options), requested=ask(structure, names)) for structure in structures]
    empty = torch.full((1, 3, 3), torch.nan, dtype=options.get("dtype", torch.float64))
    return {name: torch.cat([out.get(name, empty) for out in outs]) for name in names}


def ask(structure, names):
    return names if structure.cell.array.any() else names - {"stress"}


@pytest.mark.parametrize("kind", ["autograd", "hybrid", "resampled"])
@pytest.mark.parametrize(
    "names", [("salt", "water"), ("water", "salt", "ethanol"), ("slab", "left-handed", "outside", "water")]
)
def test_a_batch_equals_its_systems(kind, names, dtype, precision):
    if kind == "resampled":
        precision = {torch.float64: {"rtol": 1e-6, "atol": 1e-7}, torch.float32: {"rtol": 0.02, "atol": 0.02}}[dtype]
    structures, asked = [STRUCTURES[name]() for name in names], frozenset(ALL)
    together = pipe_of(kind)(batch_of(*structures, dtype=dtype), requested=asked)
    assert {value.dtype for value in together.values()} == {dtype}
    byhand.assert_outputs(together, one_by_one(pipe_of(kind), structures, asked, dtype=dtype), **precision)


def test_float32_is_float64_rounded():
    for kind, tolerance in (("autograd", 2e-4), ("hybrid", 2e-4), ("resampled", 2e-2)):
        single = pipe_of(kind)(mixed(dtype=torch.float32), requested=ALL)
        byhand.assert_outputs(single, pipe_of(kind)(mixed(), requested=ALL), rtol=tolerance, atol=tolerance)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from(sorted(STRUCTURES)), min_size=1, max_size=4))
def test_any_mix_in_any_order(names):
    structures = [STRUCTURES[name]() for name in names]
    asked = frozenset({"energy", "forces"})
    together = PIPE(batch_of(*structures), requested=asked)
    byhand.assert_outputs(together, one_by_one(PIPE, structures, asked), rtol=1e-10, atol=1e-11)


PIPE = pipe_of()


@pytest.mark.parametrize("structure", STRUCTURES.values())
def test_forces_and_stress_are_those_of_the_energy(structure):
    names = ("forces", "stress", "virial") if structure().cell.array.any() else ("forces", "virial")
    names = names if structure().cell.volume > 0 else ("forces",)
    assert_consistent(pipe_of("hybrid"), batch_of(structure()), names)


def test_rotations_turn_forces_and_stress_along():
    turn, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    batch = mixed()
    turned = batch.with_fields(positions=batch.positions @ turn.T, cell=batch.cell @ turn.T)
    before, after = pipe_of()(batch, requested=ALL), pipe_of()(turned, requested=ALL)
    expected = {
        "energy": before["energy"],
        "forces": before["forces"] @ turn.T,
        "stress": turn @ before["stress"] @ turn.T,
    }
    byhand.assert_outputs(after, expected, rtol=1e-9, atol=1e-10)


def test_translations_and_whole_cells_change_nothing():
    batch = mixed()
    moved = batch.positions + torch.tensor([3.0, -20.0, 0.5], dtype=torch.float64)
    moved[0] += batch.cell[0, 1] - 2 * batch.cell[0, 2]
    byhand.assert_outputs(
        pipe_of()(batch.with_fields(positions=moved), requested=ALL),
        pipe_of()(batch, requested=ALL),
        rtol=1e-9,
        atol=1e-10,
    )


def test_a_supercell_has_twice_the_energy_and_the_same_stress():
    one, two = pipe_of()(batch_of(salt()), requested=ALL), pipe_of()(batch_of(salt() * (1, 2, 1)), requested=ALL)
    expected = {"energy": 2 * one["energy"], "forces": one["forces"].repeat(2, 1), "stress": one["stress"]}
    byhand.assert_outputs(two, expected, rtol=1e-9, atol=1e-10)


def test_atomic_data_is_a_batch_of_one():
    data = AtomicData.from_ase(salt())
    byhand.assert_outputs(PIPE(data, requested=ALL), PIPE(batch_of(salt()), requested=ALL), rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["autograd", "hybrid", "resampled"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_empty_system_inside_a_batch(kind, place):
    structures = [salt(), water()]
    structures.insert(place, Atoms())
    out = pipe_of(kind)(batch_of(*structures), requested=ALL)
    without = pipe_of(kind)(mixed(), requested=ALL)
    others = [b for b in range(3) if b != place]
    assert out["energy"][place] == 0
    assert out["stress"][place].isnan().all()
    rest = {"energy": out["energy"][others], "forces": out["forces"], "stress": out["stress"][others]}
    byhand.assert_outputs(rest, without, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("kind", ["autograd", "hybrid", "resampled"])
@pytest.mark.parametrize("systems", [0, 1, 2])
def test_a_batch_without_atoms(kind, systems):
    empty = Batch.from_ase([Atoms(cell=[3, 3, 3], pbc=True) for _ in range(systems)])
    out = pipe_of(kind)(empty, requested={"energy", "forces"})
    assert out["energy"].shape == (systems, 1)
    assert out["forces"].shape == (0, 3)
    assert not out["energy"].any()


def test_isolated_atoms_have_no_forces():
    out = pipe_of()(batch_of(Atoms("Ar"), Atoms("Na")), requested={"energy", "forces"})
    assert all(not value.any() for value in out.values())


def test_systems_do_not_feel_each_other():
    near = batch_of(water(), water(shift=0.3))
    out = PIPE(near, requested={"energy", "forces"})
    byhand.assert_outputs(
        out, one_by_one(PIPE, [water(), water(shift=0.3)], frozenset({"energy", "forces"})), rtol=1e-10, atol=1e-11
    )


def test_slices_of_a_batch_join_to_it_again():
    batch = batch_of(salt(), water(), ethanol())
    for order in itertools.permutations(range(3)):
        joined = Batch.from_data_list([batch[k] for k in order])
        energies = PIPE(joined, requested={"energy"})["energy"]
        torch.testing.assert_close(energies, PIPE(batch, requested={"energy"})["energy"][list(order)])
