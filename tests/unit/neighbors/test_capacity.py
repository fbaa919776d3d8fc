"""Matrices of fixed width, and matrices that nobody could address."""

import attrs
import pytest
import torch

from alchemi_core.errors import DeclarationError, NeighborError
from alchemi_core.neighbors.building import build
from alchemi_core.neighbors.capacity import MAX_ENTRIES, check_addressable, check_capacity
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.formats import to_matrix, with_index_dtype
from alchemi_core.neighbors.lists import CooList


@pytest.fixture
def pairs(batch):
    return build(batch, 4.0, 0.0)


def test_a_wider_matrix_holds_the_same_neighbors(pairs):
    trimmed = to_matrix(pairs)
    width = trimmed.neighbor_matrix.shape[1]
    for source in (pairs, trimmed):
        wide = to_matrix(source, width + 7)
        assert wide.neighbor_matrix.shape == (pairs.num_atoms, width + 7)
        assert torch.equal(wide.neighbor_matrix[:, :width], trimmed.neighbor_matrix)
        assert torch.equal(wide.neighbor_matrix_shifts[:, :width], trimmed.neighbor_matrix_shifts)
        assert (wide.neighbor_matrix[:, width:] == wide.padding).all()
        assert not wide.neighbor_matrix_shifts[:, width:].any()
        back = to_matrix(wide, width)
        assert torch.equal(back.neighbor_matrix, trimmed.neighbor_matrix)


def test_a_width_that_does_not_suffice_names_the_atom(pairs):
    counts = torch.bincount(pairs.neighbor_list[:, 0], minlength=pairs.num_atoms)
    fullest, most = int(counts.argmax()), int(counts.max())
    for source in (pairs, to_matrix(pairs)):
        with pytest.raises(NeighborError, match=f"atom {fullest} has {most} neighbors") as caught:
            to_matrix(source, most - 1)
        assert f"width={-(-most * 5 // 4)}" in str(caught.value)
    assert to_matrix(pairs, most).neighbor_matrix.shape[1] == most


def test_true_counts_tell_of_rows_that_were_cut_short(pairs):
    whole = to_matrix(pairs)
    check_capacity(whole)
    short = attrs.evolve(
        whole,
        neighbor_matrix=whole.neighbor_matrix[:, :3].contiguous(),
        neighbor_matrix_shifts=whole.neighbor_matrix_shifts[:, :3].contiguous(),
    )
    with pytest.raises(NeighborError, match="at most 3, the fixed width"):
        check_capacity(short)


def test_a_matrix_beyond_what_kernels_address_is_refused_before_it_is_made():
    check_addressable(MAX_ENTRIES // 8, 8)
    with pytest.raises(NeighborError, match=r"2\^31 / 8"):
        check_addressable(MAX_ENTRIES // 8 + 1, 8)
    atoms = 2**20
    edge_ptr = torch.zeros(atoms + 1, dtype=torch.int32)
    edge_ptr[1:] = 300
    crowded = CooList(
        cutoff=3.0,
        half_list=False,
        neighbor_list=torch.zeros(300, 2, dtype=torch.int32),
        neighbor_list_shifts=torch.zeros(300, 3, dtype=torch.int32),
        edge_ptr=edge_ptr,
    )
    with pytest.raises(NeighborError, match=f"{atoms} x 300"):
        to_matrix(crowded)


@pytest.mark.parametrize("layout", ["coo", "matrix"])
def test_integer_types_change_nothing_else(pairs, layout):
    source = pairs if layout == "coo" else to_matrix(pairs)
    wide = with_index_dtype(source, "int64")
    tensors = [name for name, value in attrs.asdict(source, recurse=False).items() if isinstance(value, torch.Tensor)]
    assert {getattr(wide, name).dtype for name in tensors} == {torch.int64}
    assert all(torch.equal(getattr(wide, name), getattr(source, name)) for name in tensors)
    assert with_index_dtype(wide, "int64") is wide
    assert with_index_dtype(source, "int32") is source


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 8}, "a width for MATRIX only"),
        ({"format": "matrix", "width": 0}, "1 or more"),
        ({"format": "matrix", "width": 2.5}, "a whole number"),
        ({"format": "matrix", "width": True}, "a whole number"),
        ({"index_dtype": "int16"}, "the text 'int32' or 'int64'"),
        ({"format": "csr"}, "'coo' or 'matrix'"),
        ({"format": 3}, "'coo' or 'matrix'"),
        ({"skin": "5 A"}, "a number, in Å"),
    ],
)
def test_a_config_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(DeclarationError, match=message):
        NeighborConfig(5.0, **options)


def test_formats_are_known_by_their_names_in_any_case():
    assert NeighborConfig(5.0, "MATRIX") == NeighborConfig(5.0, "matrix")


def test_a_config_prints_its_width_and_type():
    assert (
        NeighborConfig(5.0, "matrix", width=64, index_dtype="int64").describe() == "5 Å  matrix  full  width 64  int64"
    )
