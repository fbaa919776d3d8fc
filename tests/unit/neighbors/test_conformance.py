"""The core's own builder and converters under the suite that plugins are held to."""

from __future__ import annotations

import pytest

from alchemi_core.neighbors.building import build
from alchemi_core.testing.neighbor_suite import builder_checks, composed, converter_checks


@pytest.mark.parametrize("check", builder_checks(build), ids=str)
def test_builder(check):
    check()


@pytest.mark.parametrize("check", converter_checks(composed()), ids=str)
def test_converter(check):
    check()
