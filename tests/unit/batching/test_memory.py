"""Memory of the host as measured, and errors that say it was short."""

import os

import numpy as np
import pytest
import torch

from alchemi_core.batching.memory import HostMemory, is_shortage, memory_of
from alchemi_core.errors import ModelOutputError

MIB = 2**20


def test_what_is_allocated_shows_in_use_and_at_the_peak():
    memory = memory_of(torch.device("cpu"))
    assert isinstance(memory, HostMemory)
    before = memory.used()
    block = np.ones(64 * MIB, dtype=np.uint8)
    assert memory.used() - before > 60 * MIB
    assert memory.peak() >= before + 60 * MIB
    del block
    assert memory.peak() >= before + 60 * MIB


def test_some_memory_is_free_and_not_more_than_there_is():
    free = HostMemory().free()
    assert 0 < free <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def refused():
    """What torch says where the system refuses memory."""
    try:
        torch.empty(2**60, dtype=torch.uint8)
    except RuntimeError as error:
        return error
    raise AssertionError


def wrapped():
    error = ModelOutputError("it broke")
    error.__cause__ = refused()
    return error


def test_shortages_are_told_from_other_errors():
    for error in (refused(), wrapped(), torch.OutOfMemoryError("CUDA out of memory"), MemoryError()):
        assert is_shortage(error)
    with pytest.raises(MemoryError) as caught:
        np.ones(2**60, dtype=np.uint8)
    assert is_shortage(caught.value)
    for error in (ValueError("out of memory"), RuntimeError("singular matrix"), ModelOutputError("it broke"), None):
        assert not is_shortage(error)
