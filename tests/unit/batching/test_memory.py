"""Memory of the host as measured, and errors that say it was short."""

import os

import numpy as np
import pytest
import torch

from alchemi_core.batching.memory import HostMemory, is_shortage, left_to_group, memory_of
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


GROUPS = {
    "2": ("", "memory.max", "memory.current", "anon 900\ninactive_file 300\nactive_file 7\n"),
    "1": ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "inactive_file 5\ntotal_inactive_file 300\n"),
}


@pytest.mark.parametrize("version", GROUPS)
def test_files_that_are_kept_make_room_in_a_control_group(version, tmp_path):
    folder, limit, usage, stat = GROUPS[version]
    (tmp_path / folder).mkdir(exist_ok=True)
    (tmp_path / folder / limit).write_text("4000\n")
    (tmp_path / folder / usage).write_text("3900\n")
    assert list(left_to_group(tmp_path)) == [100]
    (tmp_path / folder / "memory.stat").write_text(stat)
    assert list(left_to_group(tmp_path)) == [400]


def test_a_control_group_without_a_limit_leaves_what_there_is(tmp_path):
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("3900\n")
    assert list(left_to_group(tmp_path)) == []


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
