"""Charges of ASE structures come with the batch."""

import numpy as np
import pytest
import torch
from ase import Atoms

from alchemi_core import Batch
from alchemi_core.errors import DataError


def ion_pair(charges=None):
    atoms = Atoms("NaCl", [[0, 0, 0], [0, 0, 2.4]])
    if charges is not None:
        atoms.set_initial_charges(charges)
    return atoms


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_initial_charges_become_charges(dtype):
    batch = Batch.from_ase([ion_pair([1, -1]), Atoms(), ion_pair([0.5, -0.5])], dtype=dtype)
    torch.testing.assert_close(batch.fields["charges"], torch.tensor([1.0, -1.0, 0.5, -0.5], dtype=dtype))


def test_no_charges_are_no_field():
    assert "charges" not in Batch.from_ase([ion_pair(), Atoms()]).fields


def test_charges_on_some_structures_only():
    with pytest.raises(DataError, match=r"arrays\['initial_charges'\] is set on 1 of 2 structures"):
        Batch.from_ase([ion_pair([1, -1]), ion_pair()])


def test_the_batch_holds_a_copy():
    atoms = ion_pair([1, -1])
    batch = Batch.from_ase(atoms)
    atoms.arrays["initial_charges"][:] = 0.0
    np.testing.assert_array_equal(batch.fields["charges"], [1.0, -1.0])
