"""Which plugins fit the core: the referee is packaging, which pip itself uses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from alchemi_core.compatibility import check_core_fits, plainly_fits
from alchemi_core.distributions import PluginSource
from alchemi_core.errors import PluginError

NUMBERS = st.lists(st.integers(0, 2), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
BOUNDS = st.lists(st.tuples(st.sampled_from([">=", "<"]), NUMBERS).map("".join), min_size=1, max_size=3).map(",".join)
MORE = st.sampled_from([">=", "<", "<=", ">", "==", "!=", "~=", ">= ", " < "])
VERSIONS = st.tuples(NUMBERS, st.sampled_from(["", "rc1", ".dev2", ".post1", "a0", "+local"])).map("".join)


def source(*requires: str) -> PluginSource:
    return PluginSource("p", "alchemi-p", "1.0", requires, dict)


@given(BOUNDS, NUMBERS)
def test_plain_bounds_are_read_as_packaging_reads_them(bounds: str, running: str) -> None:
    assert plainly_fits(bounds, running) == SpecifierSet(bounds).contains(running, prereleases=True)


@given(MORE, st.lists(st.integers(0, 2), min_size=2, max_size=3), VERSIONS)
def test_a_plain_yes_is_never_wrong(operator: str, bound: list[int], running: str) -> None:
    bounds = operator + ".".join(map(str, bound))
    assert SpecifierSet(bounds).contains(running, prereleases=True) or not plainly_fits(bounds, running)


@given(MORE, st.lists(st.integers(0, 2), min_size=2, max_size=3), VERSIONS)
def test_a_plugin_is_refused_exactly_when_pip_would_object(operator: str, bound: list[int], running: str) -> None:
    bounds = operator + ".".join(map(str, bound))
    try:
        check_core_fits(source("torch>=2", f"alchemi-core{bounds}"), running)
        fits = True
    except PluginError:
        fits = False
    assert fits == SpecifierSet(bounds).contains(running, prereleases=True)


@pytest.mark.parametrize(
    ("requirement", "fix"),
    [
        ("alchemi-core>=0.2", 'pip install "alchemi-core>=0.2"'),
        ("alchemi-core==0.2.*", 'pip install "alchemi-core==0.2.*"'),
        ("alchemi-core (~=0.2.1)", 'pip install "alchemi-core~=0.2.1"'),
        ("alchemi-core<0.1", "pip install --upgrade alchemi-p"),
        ("alchemi-core==0.0.9", "pip install --upgrade alchemi-p"),
        ("alchemi-core>=0.0.1,<0.1", "pip install --upgrade alchemi-p"),
        ("alchemi-core!=0.1.0", "pip install --upgrade alchemi-p"),
    ],
)
def test_the_older_of_the_two_is_to_be_upgraded(requirement: str, fix: str) -> None:
    with pytest.raises(PluginError) as caught:
        check_core_fits(source(requirement), "0.1.0")
    assert caught.value.fix == fix
    assert caught.value.who == "alchemi-p 1.0"
    assert "0.1.0 is installed" in caught.value.found


def test_requirements_of_others_are_not_read() -> None:
    check_core_fits(source("torch ~~ 2", "alchemi-core-tools>=9", "alchemi"), "0.1.0")


def test_a_requirement_that_nobody_can_read_is_an_error() -> None:
    with pytest.raises(ValueError, match="alchemi-core"):
        check_core_fits(source("alchemi-core ~~ 2"), "0.1.0")
