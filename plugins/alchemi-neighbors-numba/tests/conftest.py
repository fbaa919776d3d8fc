"""The search of the builder by itself, and threads for small work."""

from __future__ import annotations

import pytest
import torch
from alchemi_neighbors_numba import finding, parts
from alchemi_neighbors_numba.batches import search_or_build
from hypothesis import settings

settings.register_profile("fixed", deadline=None, derandomize=True, max_examples=30)
settings.load_profile("fixed")


@pytest.fixture(scope="session")
def search():
    """What `build` does with large batches, for small ones as well."""
    return search_or_build


@pytest.fixture
def threads(monkeypatch):
    """Use so many threads, however little there is to do."""
    before = torch.get_num_threads()

    def use(number):
        torch.set_num_threads(number)
        monkeypatch.setattr(parts, "ENTRIES_PER_THREAD", 1)
        monkeypatch.setattr(finding, "NS_PER_THREAD", 1.0)

    yield use
    torch.set_num_threads(before)
