"""Builder and converter under the suite that every backend is held to."""

import pytest
from alchemi_neighbors_warp.building import build
from alchemi_neighbors_warp.converting import convert

from alchemi_core.testing.neighbor_suite import builder_checks, converter_checks


@pytest.mark.parametrize("check", builder_checks(build), ids=str)
def test_builder(check):
    check()


@pytest.mark.parametrize("check", converter_checks(convert), ids=str)
def test_converter(check):
    check()
