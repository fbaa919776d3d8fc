"""States: what they carry goes along when TorchSim splits, joins and takes systems out of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from alchemi_torchsim import batch_of, state_of
from alchemi_torchsim.boxes import boxed
from ase import Atoms
from ase.build import fcc111, molecule
from hypothesis import given, settings
from hypothesis import strategies as st
from torch_sim.state import SimState, concatenate_states

from alchemi_core import Batch, DataError


def assert_same(one: Batch, other: Batch) -> None:
    for name in ("positions", "cell", "pbc", "atomic_numbers", "batch_idx"):
        torch.testing.assert_close(one.get(name), other.get(name), rtol=0, atol=0)


def test_there_and_back(mixture):
    assert_same(batch_of(state_of(mixture)), Batch.from_ase(mixture))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_types(mixture, dtype):
    batch = batch_of(state_of(mixture, dtype=dtype))
    assert batch.dtype == dtype
    assert_same(batch, Batch.from_ase(mixture, dtype=dtype))


def test_split_and_join(mixture):
    assert_same(batch_of(concatenate_states(state_of(mixture).split())), Batch.from_ase(mixture))


def test_taken_out(mixture):
    state = state_of(mixture)
    out = state.pop([1, 3])
    assert_same(batch_of(state), Batch.from_ase([mixture[i] for i in (0, 2, 4)]))
    for number, one in zip((1, 3), out, strict=True):
        assert_same(batch_of(one), Batch.from_ase([mixture[i] for i in (number,)]))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.booleans(), min_size=5, max_size=5).filter(any))
def test_sliced(mixture, chosen):
    some = [i for i, wanted in enumerate(chosen) if wanted]
    sliced = batch_of(state_of(mixture)[some])
    # a batch of molecules alone has no cells where it was never joined with others
    whole = Batch.from_ase(mixture)
    assert torch.equal(sliced.cell, whole.cell[some])
    assert torch.equal(sliced.pbc, whole.pbc[some])
    assert torch.equal(sliced.positions, torch.cat([torch.tensor(mixture[i].positions) for i in some]))


def test_cells_are_columns():
    cell = np.array([[3.0, 0.1, 0.2], [0.0, 4.0, 0.3], [0.0, 0.0, 5.0]])
    state = state_of(Atoms("Ar", cell=cell, pbc=True))
    assert torch.equal(state.cell[0], torch.tensor(cell.T))
    assert torch.equal(state.row_vector_cell[0], torch.tensor(cell))
    assert torch.equal(batch_of(state).cell[0], torch.tensor(cell))


def test_a_plain_state_has_its_one_flag():
    cell = torch.diag(torch.tensor([3.0, 4.0, 5.0], dtype=torch.float64))[None]
    numbers, one = torch.tensor([18]), torch.ones(1, dtype=torch.float64)
    for pbc in (True, False):
        state = SimState(torch.zeros(1, 3, dtype=torch.float64), one, cell, pbc, numbers)
        assert batch_of(state).pbc.tolist() == [[pbc] * 3]


def test_one_flag_for_each_direction_as_later_versions_have_it():
    state = state_of(Atoms("Ar", cell=[3, 4, 5], pbc=True))
    later = {name: getattr(state, name) for name in ("positions", "masses", "cell", "atomic_numbers")}
    later["pbc"] = torch.tensor([True, True, False])
    assert batch_of(later).pbc.tolist() == [[True, True, False]]


def test_charges_go_along():
    ion, water = molecule("OH"), molecule("H2O")
    ion.info, water.info = {"charge": -1.0}, {"charge": 0.0}
    for atoms in (ion, water):
        atoms.set_initial_charges(np.linspace(-1, 1, len(atoms)))
    joined = concatenate_states(state_of([ion, water]).split()[::-1])
    batch = batch_of(joined, {"total_charge", "charges", "multiplicity"})
    assert batch.fields["total_charge"].tolist() == [[0.0], [-1.0]]
    assert batch.fields["charges"].shape == (5,)
    assert "multiplicity" not in batch.fields


def test_charges_of_later_versions():
    state = state_of([molecule("OH"), molecule("H2O")])
    state.charge = torch.tensor([-1, 0])
    batch = batch_of(state, {"total_charge"})
    assert batch.fields["total_charge"].tolist() == [[-1.0], [0.0]]


def test_vectors_that_are_made_up_are_not_seen():
    slab = fcc111("Cu", (1, 1, 3))
    assert not slab.cell.array[2].any()
    box = boxed(slab)
    assert box.vectors.tolist() == [True, True, False]
    assert abs(np.linalg.det(box.cell)) > 1.0
    state = state_of(slab)
    assert float(torch.linalg.det(state.cell)) != 0.0
    assert not batch_of(state).cell[0, 2].any()


def test_vectors_in_a_plane():
    flat = Atoms("Ar2", positions=[(0, 0, 0), (0, 0, 3)], cell=[[3, 0, 0], [0, 3, 0], [3, 3, 0]], pbc=(1, 1, 0))
    box = boxed(flat)
    assert box.vectors.tolist() == [True, True, False]
    np.testing.assert_allclose(box.cell[2], [0, 0, 6])


def test_fields_on_some_only():
    ion = molecule("OH")
    ion.info = {"charge": -1.0}
    with pytest.raises(DataError, match="charge"):
        state_of([ion, molecule("H2O")])
