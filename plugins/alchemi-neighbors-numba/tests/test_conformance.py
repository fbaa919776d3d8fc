"""The suite that every neighbor backend has to pass, over the converter, the builder, and the builder's own search."""

from __future__ import annotations

import pytest
from alchemi_neighbors_numba.assembling import assembled
from alchemi_neighbors_numba.batches import build
from alchemi_neighbors_numba.converting import convert

from alchemi_core.neighbors.building import check_geometry
from alchemi_core.testing.neighbor_suite import builder_checks, converter_checks


def searched(batch, cutoff, skin):
    check_geometry(batch)
    return assembled(batch, cutoff, skin)


@pytest.mark.parametrize("check", converter_checks(convert), ids=str)
def test_convert(check):
    check()


@pytest.mark.parametrize("check", [check for check in builder_checks(build) if "hundreds" in str(check)], ids=str)
def test_build(check):
    check()


@pytest.mark.parametrize("check", builder_checks(searched), ids=str)
def test_search(check):
    check()
