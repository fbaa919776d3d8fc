"""Which atoms a region takes of a batch of several systems."""

import numpy as np
import pytest
import torch
from ase.build import molecule
from support.structures import batch_of, water

from alchemi_core import AtomicData, Batch, DataError, Region
from alchemi_core.data.choosing import chosen
from alchemi_core.data.view import ModelView


@pytest.fixture
def batch():
    """Water, ethanol, a system without atoms, water: O H H, C C O 6H, -, O H H."""
    empty = molecule("H2O")[:0]
    whole = batch_of(water(), molecule("CH3CH2OH"), empty, water())
    tags = torch.tensor([0, 1, 1, *(2,) * 9, 0, 1, 1])
    return whole.with_fields(tags=tags, qm=tags == 1, weight=tags.double() / 2)


def atoms_of(region, batch):
    values = {name: batch.get(name) for name in ("positions", "atomic_numbers", "batch_idx", "cell", "pbc")}
    view = ModelView({**values, **batch.fields}, batch, None, "test")
    return chosen(Region(region), view).nonzero().squeeze(1).tolist()


TAKEN = {
    "element == 'O'": [0, 5, 12],
    "element != 'H'": [0, 3, 4, 5, 12],
    "element in ('C', 'O') and index < 2": [0, 3, 4, 12],
    "number > 6": [0, 5, 12],
    "1 <= index <= 2": [1, 2, 4, 5, 13, 14],
    "index not in (0, 1, 2)": list(range(6, 12)),
    "qm": [1, 2, 13, 14],
    "not qm and tags == 0": [0, 12],
    "qm or tags >= 2": [1, 2, *range(3, 12), 13, 14],
    "weight == 0.5": [1, 2, 13, 14],
    "index > 100": [],
}


@pytest.mark.parametrize(("text", "atoms"), TAKEN.items(), ids=TAKEN)
def test_conditions(text, atoms, batch):
    assert atoms_of(text, batch) == atoms


def test_numbers_and_masks_are_of_each_system():
    two = batch_of(water(), water(1.0))
    assert atoms_of([2, 0], two) == [0, 2, 3, 5]
    assert atoms_of([False, True, True], two) == [1, 2, 4, 5]


def test_no_system_at_all():
    assert atoms_of([0, 1], Batch.from_ase([])) == []
    assert atoms_of("index < 3", Batch.from_ase([])) == []


def test_a_number_that_some_system_has_not(batch):
    with pytest.raises(DataError, match="atom 4 of system 0, which has 3 atoms"):
        atoms_of([0, 4], batch)


def test_a_mask_of_another_length():
    with pytest.raises(DataError, match="a mask of 3 atoms, and system 1 has 9"):
        atoms_of([True, False, False], batch_of(water(), molecule("CH3CH2OH")))


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        (torch.ones(15), "mine", "type torch.float32"),
        (torch.ones(15, 1), "mine == 1", r"shape \[15, 1\]"),
        (torch.ones(4), "mine == 1", r"shape \[4\]"),
    ],
)
def test_fields_that_are_no_values_of_atoms(batch, field, text, words):
    with pytest.raises(DataError, match=words):
        atoms_of(text, batch.with_fields(mine=field))


def tagged(atoms, tags=None, **arrays):
    for name, values in arrays.items():
        atoms.set_array(name, np.array(values))
    if tags is not None:
        atoms.set_tags(tags)
    return atoms


def test_arrays_of_ase_become_fields(dtype):
    one, other = tagged(water(), [1, 2, 2], qm=[True, False, False], part=[0.5, 1, 2]), tagged(water())
    other.set_array("qm", np.array([False] * 3))
    other.set_array("part", np.array([0.0] * 3))
    batch = Batch.from_ase([one, other], arrays=["tags", "qm", "part"], dtype=dtype)
    assert batch.fields["tags"].tolist() == [1, 2, 2, 0, 0, 0]  # zeros where none were set, as in ASE
    assert batch.fields["qm"].dtype == torch.bool
    assert batch.fields["tags"].dtype == torch.int64
    assert batch.fields["part"].dtype == dtype
    assert atoms_of("qm or tags == 2", batch) == [0, 1, 2]
    assert "tags" not in Batch.from_ase([one]).fields


def test_arrays_that_are_not_there_or_no_numbers():
    with pytest.raises(DataError, match="no array 'part'") as caught:
        Batch.from_ase(water(), arrays=["part"])
    assert caught.value.fix == "atoms.set_array('part', values)"
    with pytest.raises(DataError, match="array 'names' is of type"):
        Batch.from_ase(tagged(water(), names=["a", "b", "c"]), arrays=["names"])


def test_a_system_taken_out_keeps_its_fields(batch):
    alone = batch[1]
    assert isinstance(alone, AtomicData)
    assert atoms_of("tags == 2", alone.to_batch()) == list(range(9))
