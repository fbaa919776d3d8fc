"""Batches: checked when made, frozen, and never carrying lists of another geometry."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule
from support.structures import mixed, salt, water

from alchemi_core.data.atomic_data import AtomicData
from alchemi_core.data.batch import Batch
from alchemi_core.errors import DataError, GeometryError
from alchemi_core.neighbors.brute_force import build


def tensors(**changes):
    right = {
        "positions": torch.zeros(3, 3, dtype=torch.float64),
        "atomic_numbers": torch.ones(3, dtype=torch.int64),
        "batch_idx": torch.tensor([0, 0, 1]),
        "num_systems": 2,
        "cell": torch.zeros(2, 3, 3, dtype=torch.float64),
        "pbc": torch.zeros(2, 3, dtype=torch.bool),
    }
    return {**right, **changes}


def test_right_tensors_make_a_batch():
    batch = Batch(**tensors())
    assert (batch.num_atoms, batch.num_systems, len(batch), batch.ptr) == (3, 2, 2, (0, 2, 3))
    assert Batch(**tensors(num_systems=4, cell=None, pbc=None)).ptr == (0, 2, 3, 3, 3)


@pytest.mark.parametrize(
    "changes",
    [
        {"positions": torch.zeros(3, 2, dtype=torch.float64)},
        {"positions": torch.zeros(3, 3, dtype=torch.int64)},
        {"atomic_numbers": torch.ones(2, dtype=torch.int64)},
        {"atomic_numbers": torch.ones(3, dtype=torch.int32)},
        {"atomic_numbers": torch.ones(3, dtype=torch.uint8)},
        {"atomic_numbers": torch.ones(3)},
        {"batch_idx": torch.tensor([0, 1, 0])},
        {"batch_idx": torch.tensor([0, 0, 2])},
        {"batch_idx": torch.tensor([-1, 0, 1])},
        {"batch_idx": torch.tensor([0, 0, 1], dtype=torch.int32)},
        {"cell": torch.zeros(3, 3, dtype=torch.float64)},
        {"cell": torch.zeros(1, 3, 3, dtype=torch.float64)},
        {"cell": torch.zeros(2, 3, 3)},
        {"cell": None},
        {"pbc": None},
        {"pbc": torch.zeros(2, 3)},
        {"pbc": torch.zeros(2, dtype=torch.bool)},
        {"fields": {"charges": torch.zeros(2)}},
        {"fields": {"charges": torch.zeros(3, 1)}},
        {"fields": {"total_charge": torch.zeros(2)}},
        {"fields": {"anything": [1.0, 2.0]}},
    ],
)
def test_tensors_that_do_not_fit_are_refused(changes):
    with pytest.raises(DataError) as caught:
        Batch(**tensors(**changes))
    assert (
        next(iter(changes)).split("_")[0] in str(caught.value)
        or "charge" in str(caught.value)
        or "anything" in str(caught.value)
    )
    assert caught.value.expected


def test_a_batch_is_frozen_and_fields_too():
    batch = Batch(**tensors(fields={"charges": torch.zeros(3)}))
    with pytest.raises(AttributeError):
        batch.positions = torch.ones(3, 3)
    with pytest.raises(TypeError):
        batch.fields["charges"] = torch.ones(3)


def test_with_fields_returns_a_new_one():
    batch = mixed()
    charged = batch.with_fields(charges=torch.ones(5), positions=batch.positions + 1)
    assert dict(batch.fields) == {}
    assert charged.fields["charges"].sum() == 5
    assert torch.equal(charged.positions, batch.positions + 1)
    assert charged.get("charges") is charged.fields["charges"]
    assert charged.get("positions") is charged.positions
    assert charged.get("spin") is None


@pytest.mark.parametrize("name", ["positions", "cell", "pbc", "batch_idx"])
def test_geometry_changes_drop_lists(name):
    batch = mixed().with_neighbors(build(mixed(), 3.0, 0.0))
    assert len(batch.neighbors) == 1
    assert batch.with_fields(**{name: getattr(batch, name)}).neighbors == ()
    assert len(batch.with_fields(charges=torch.zeros(5)).neighbors) == 1


def test_to_moves_floats_only_and_drops_lists():
    batch = mixed().with_fields(charges=torch.zeros(5, dtype=torch.float64), kind=torch.arange(5))
    batch = batch.with_neighbors(build(mixed(), 3.0, 0.0))
    single = batch.to(dtype=torch.float32)
    assert single.dtype == single.cell.dtype == single.fields["charges"].dtype == torch.float32
    assert single.fields["kind"].dtype == single.atomic_numbers.dtype == torch.int64
    assert single.pbc.dtype == torch.bool
    assert single.neighbors == ()
    assert batch.to(dtype=torch.float64) is batch
    assert batch.to("cpu") is batch


@pytest.mark.parametrize("dtype_", [torch.float32, torch.float64])
def test_from_ase_in_either_dtype(dtype_):
    batch = Batch.from_ase([salt(), water()], dtype=dtype_)
    assert batch.dtype == batch.cell.dtype == dtype_
    np.testing.assert_allclose(batch.positions[:2], salt().positions, rtol=1e-6)
    np.testing.assert_allclose(batch.cell[0], salt().cell.array, rtol=1e-6)
    assert batch.pbc.tolist() == [[True] * 3, [False] * 3]
    assert not batch.cell[1].any()
    assert batch.atomic_numbers.tolist() == [11, 17, 8, 1, 1]


def test_molecules_alone_have_no_cell():
    batch = Batch.from_ase([water(), water()])
    assert batch.cell is None
    assert batch.pbc is None


def test_from_ase_copies():
    atoms = salt()
    batch = Batch.from_ase(atoms)
    batch.positions.zero_()
    assert atoms.positions.any()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_coordinates_that_are_not_finite_are_named(value):
    broken = water()
    broken.positions[1, 2] = value
    with pytest.raises(GeometryError, match=r"(?s)atom 3 \(system 1\)"):
        Batch.from_ase([salt(), broken])


def test_a_cell_that_is_not_finite_is_named():
    broken = salt()
    broken.cell[0, 0] = np.nan
    with pytest.raises(GeometryError, match="cell of system 1 is not finite"):
        Batch.from_ase([salt(), broken])


@pytest.mark.parametrize(
    "cell", [np.zeros((3, 3)), np.ones((3, 3)), np.diag([3.0, 3.0, 0.0]), [[3, 0, 0], [6, 0, 0], [0, 0, 3]]]
)
def test_a_singular_cell_with_pbc_is_refused(cell):
    with pytest.raises(GeometryError, match=r"(?s)cell of system 0 is singular.*pbc=False"):
        Batch.from_ase(Atoms("Ar", cell=cell, pbc=True))
    assert Batch.from_ase(Atoms("Ar", cell=cell, pbc=False)).num_atoms == 1


def test_a_slab_needs_no_third_vector():
    slab = Atoms("Ar", cell=[[3, 0, 0], [0, 3, 0], [0, 0, 0]], pbc=(True, True, False))
    assert Batch.from_ase(slab).pbc.tolist() == [[True, True, False]]


def test_charge_and_spin_of_info_become_fields():
    one, two = water(), water()
    one.info.update(charge=1, spin=2)
    two.info.update(charge=-1, spin=1)
    batch = Batch.from_ase([one, two])
    assert batch.fields["total_charge"].tolist() == [[1.0], [-1.0]]
    assert batch.fields["multiplicity"].tolist() == [[2.0], [1.0]]
    with pytest.raises(DataError, match="on 1 of 2"):
        Batch.from_ase([one, water()])


def test_nothing_to_join_is_refused():
    with pytest.raises(DataError, match="no systems"):
        Batch.from_data_list([])


def test_systems_come_out_as_they_went_in():
    one = AtomicData(
        positions=torch.rand(2, 3),
        atomic_numbers=torch.tensor([1, 8]),
        fields={"charges": torch.rand(2), "total_charge": torch.ones(1, 1)},
    )
    two = AtomicData(
        positions=torch.rand(1, 3),
        atomic_numbers=torch.tensor([6]),
        cell=3 * torch.eye(3),
        pbc=torch.tensor([True] * 3),
        fields={"charges": torch.rand(1), "total_charge": -torch.ones(1, 1)},
    )
    batch = Batch.from_data_list([one, two])
    for number, data in ((0, one), (1, two), (-1, two)):
        out = batch[number]
        for name in ("positions", "atomic_numbers"):
            assert torch.equal(getattr(out, name), getattr(data, name))
        assert all(torch.equal(out.fields[name], data.fields[name]) for name in data.fields)
    assert not batch[0].cell.any()
    assert torch.equal(batch[1].cell, two.cell)
    with pytest.raises(IndexError):
        batch[2]


def test_a_field_on_some_systems_only_is_refused():
    one = AtomicData(positions=torch.rand(1, 3), atomic_numbers=torch.tensor([1]), fields={"charges": torch.rand(1)})
    two = AtomicData(positions=torch.rand(1, 3), atomic_numbers=torch.tensor([1]))
    with pytest.raises(DataError, match="'charges' is on 1 of 2"):
        Batch.from_data_list([one, two])


@pytest.mark.parametrize(
    "changes",
    [
        {"cell": torch.eye(3)},
        {"pbc": torch.ones(3, dtype=torch.bool)},
        {"cell": torch.eye(3)[None], "pbc": torch.ones(3, dtype=torch.bool)},
        {"cell": torch.eye(3), "pbc": torch.ones(1, 3, dtype=torch.bool)},
        {"positions": torch.rand(3)},
        {"atomic_numbers": torch.tensor([1, 1])},
        {"fields": {"charges": torch.rand(2)}},
        {"fields": {"total_charge": torch.rand(1)}},
    ],
)
def test_a_system_is_checked_when_made(changes):
    """A cell without pbc would otherwise make a crystal a molecule without a word."""
    right = {"positions": torch.rand(1, 3), "atomic_numbers": torch.tensor([1])}
    with pytest.raises(DataError):
        AtomicData(**{**right, **changes})


def test_the_representation_counts():
    assert repr(mixed()) == "Batch(2 systems, 5 atoms, torch.float64, cpu)"


def test_generators_are_welcome():
    batch = Batch.from_ase(molecule(name) for name in ("H2O", "CH4"))
    assert batch.num_systems == 2
    assert Batch.from_ase(bulk("Cu")).num_systems == 1


@pytest.mark.parametrize(
    ("cell", "pbc", "atoms", "room"),
    [
        ([0.1, 0.1, 0.1], True, 1, "0.001 Å³ for 1 atom$"),
        ([0.54, 0.54, 0.54], True, 40, "0.157 Å³ for 40 atoms"),
        ([0.1, 0.1, 20.0], [True, True, False], 3, "0.01 Å² for 3 atoms"),
        ([0.1, 0.0, 0.0], [True, False, False], 3, "0.1 Å for 3 atoms"),
    ],
)
def test_a_cell_in_a_wrong_unit_is_refused(cell, pbc, atoms, room):
    fine = Atoms("Cu", cell=[3.0, 3.0, 3.0], pbc=True)
    with pytest.raises(GeometryError, match=rf"(?sm)cell of system 1 has {room}.*1 nm is 10 Å"):
        Batch.from_ase([fine, Atoms(f"Cu{atoms}", cell=cell, pbc=pbc, positions=np.zeros((atoms, 3)))])


@pytest.mark.parametrize("pbc", [True, [True, True, False], [False, True, False], False])
def test_dense_and_skewed_cells_are_no_wrong_unit(pbc):
    """Metallic hydrogen, a cell as skewed as lattice reduction finds them, and atoms piled up over a slab."""
    hydrogen = Atoms("H2", cell=[1.2, 1.2, 1.7], pbc=pbc, positions=[[0, 0, 0], [0.6, 0.6, 0.85]])
    skewed = Atoms("Cu", cell=[[2.5, 0, 0], [250, 2.5, 0], [-250, 250, 2.5]], pbc=pbc)
    slab = Atoms("Cu500", cell=[2.5, 2.5, 1.0], pbc=[True, True, False], positions=np.outer(np.arange(500), [0, 0, 1]))
    assert Batch.from_ase([hydrogen, skewed, slab]).num_systems == 3
