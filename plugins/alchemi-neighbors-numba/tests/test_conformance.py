"""The suite that every neighbor backend has to pass, over the converter, the builder, and the builder's own search."""

from __future__ import annotations

import pytest
from alchemi_neighbors_numba.batches import build, search_or_build
from alchemi_neighbors_numba.converting import convert

from alchemi_core.testing.neighbor_suite import builder_checks, converter_checks


@pytest.mark.parametrize("check", converter_checks(convert), ids=str)
def test_convert(check):
    check()


@pytest.mark.parametrize("check", [check for check in builder_checks(build) if "hundreds" in str(check)], ids=str)
def test_build(check):
    check()


@pytest.mark.parametrize("check", builder_checks(search_or_build), ids=str)
def test_search(check):
    check()
