"""Plugins as a whole: every check passes for a right one, and fails for one with its own defect, alone."""

from itertools import count

import pytest
from unit.testing.failing import failing, names
from unit.testing.installed_plugins import MUTANTS, Plugin

from alchemi_core.errors import UnknownOfferError
from alchemi_core.registry import Registry
from alchemi_core.testing.conformance import conformance_checks
from alchemi_core.testing.plugin_checks import plugin_checks
from alchemi_core.testing.plugin_subject import PluginSubject
from alchemi_core.testing.reduction_subject import ReductionSubject

CORE = Registry.discover({"ALCHEMI_PLUGINS": ""})
NUMBERS = count()


@pytest.fixture
def checks_of(tmp_path, monkeypatch):
    """Install a distribution into a folder on the import path, and return its checks."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def installed(plugin):
        name = plugin.install(tmp_path, f"alchemi_conformance_test_{next(NUMBERS)}")
        registry = Registry.discover({"ALCHEMI_PLUGINS": name})
        (record,) = [one for one in registry.records if one.distribution == name]
        return plugin_checks(record, registry)

    return installed


def test_a_right_plugin_passes(checks_of):
    assert failing(checks_of(Plugin())) == set()


@pytest.mark.parametrize("defect", MUTANTS)
@pytest.mark.filterwarnings("ignore:hello")
def test_each_defect_fails_its_own_check(checks_of, defect, prints, monkeypatch):
    monkeypatch.setenv("WELL_THREADS", "2")
    plugin, check = MUTANTS[defect]
    assert failing(checks_of(plugin)) == {check}


def test_every_check_has_its_mutant(checks_of):
    assert names(checks_of(Plugin())) == {check for _, check in MUTANTS.values()}


def test_the_core_passes_as_a_plugin_of_itself():
    (core,) = CORE.records
    checks = plugin_checks(core, CORE)
    assert failing(checks) == set()
    assert names(checks) == {check for _, check in MUTANTS.values()} - {"requires-core"}


def test_a_plugin_stands_for_all_that_it_offers():
    checks = [str(one) for one in PluginSubject("alchemi-core", registry=CORE).checks()]
    for name in ("plugin/alchemi-core/light-hooks", "derivative/autograd/forces", "reduction/mean/order"):
        assert name in checks
    for name in ("neighbors/vesin/builder/triclinic/float64/cpu", "serializer/factory/file"):
        assert name in checks
    own = ReductionSubject("mean", registry=CORE)
    without = [str(one) for one in PluginSubject("alchemi-core", (own,), CORE).checks()]
    assert {one for one in checks if one not in without} == {str(one) for one in own.checks()}


def test_a_plugin_that_is_not_there_is_an_error():
    with pytest.raises(UnknownOfferError, match="no plugin named 'alchemi-cor' has loaded"):
        conformance_checks("alchemi-cor")
