"""The kit against models: the right ones pass everything, and each mutant fails the check made for it and no other."""

from __future__ import annotations

import pytest
from support.right_models import Right, RightCharges, RightKernel, RightStack

from alchemi_core.offers import ModelOffer
from alchemi_core.plugin_records import PluginRecord
from alchemi_core.registry import Registry
from alchemi_core.testing.model_subject import ModelSubject
from alchemi_core.testing.model_suite import MODEL_CHECKS
from alchemi_core.testing.running import run_checks
from alchemi_core.testing.structures import structure_named

from . import broken_models


def registry_of(kind):
    """A registry on which one model is on offer, beside what the core offers."""
    offer = ModelOffer(name="checked", summary="a model of the tests", target=f"{kind.__module__}:{kind.__qualname__}")
    core = Registry.discover(environ={"ALCHEMI_PLUGINS": ""})
    return Registry((*core.records, PluginRecord("checked", "checked", "1.0", (offer,))))


def failures(kind):
    """Ends of the names of checks that fail, with their reports."""
    structures = [structure_named(name) for name in ("water", "outside-the-cell", "wire")]
    checks = ModelSubject("checked", {}, structures=structures, registry=registry_of(kind)).checks()
    return {one.check.name.rpartition("/")[2]: one.text for one in run_checks(checks) if not one.is_right}


@pytest.mark.parametrize("kind", [Right, RightCharges, RightKernel, RightStack], ids=lambda kind: kind.__name__)
def test_a_right_model_passes_every_check(kind):
    assert failures(kind) == {}


@pytest.mark.parametrize("name", broken_models.MUTANTS)
def test_a_check_fails_on_its_mutant_and_on_nothing_else(name):
    found = failures(broken_models.MUTANTS[name])
    assert sorted(found) == [name], found


def test_every_check_has_a_mutant():
    takes = {name for name in broken_models.MUTANTS if name.startswith("takes-")}
    assert takes
    assert {one.name for one in MODEL_CHECKS} | {"can-be-made"} | takes == set(broken_models.MUTANTS)
