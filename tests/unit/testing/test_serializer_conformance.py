"""Serializers: every check passes for right ones, and fails for one with its own defect, alone."""

from functools import partial

import pytest
from unit.testing import broken_serializers as broken
from unit.testing.failing import failing, names

from alchemi_core.offers import SerializerOffer
from alchemi_core.registry import Registry, create_model
from alchemi_core.testing.conformance import parametrize_conformance
from alchemi_core.testing.offering import offering
from alchemi_core.testing.serializer_checks.bench_model import OFFER
from alchemi_core.testing.serializer_subject import SerializerSubject

CORE = Registry.discover({"ALCHEMI_PLUGINS": ""})
LAYERS = offering(OFFER, registry=CORE)

MUTANTS = {
    broken.KeepsThePath: "plain",
    broken.SwitchesToTraining: "model-unchanged",
    broken.ForgetsWhatToCite: "rebuilds",
    broken.RebuildsInSinglePrecision: "float64",
    broken.MakesWeightsAnew: "trained",
    broken.GrowsWithEverySave: "again",
    broken.UsesTheTensorsItIsGiven: "own-tensors",
    broken.HoldsALock: "copies",
    broken.AddsAFilter: "global-state",
    broken.TakesAnyTensors: "hostile-tensors",
    broken.Remembers: "fresh-process",
    broken.LooksForAFile: "opens-nothing",
    broken.LooksForAModule: "imports-nothing",
    broken.TakesAnyOptions: "hostile-options",
    broken.ChangesASetting: "file",
}
ELSEWHERE = {"fresh-process", "opens-nothing", "imports-nothing", "hostile-options"}
"""Checks in a process of their own, which take seconds each time."""


def subject(serializer, **settings):
    make = partial(create_model, OFFER.name, registry=LAYERS, widths=(5, 2), scale=0.75, label="math")
    return SerializerSubject(serializer, [make], name="mutant", registry=LAYERS, **settings)


@parametrize_conformance(SerializerSubject("factory", registry=CORE))
def test_the_serializer_of_the_core(check):
    check()


def test_a_right_one_passes():
    assert failing(subject(broken.Right).checks()) == set()


@pytest.mark.parametrize(("mutant", "check"), MUTANTS.items(), ids=lambda one: getattr(one, "__name__", one))
@pytest.mark.filterwarnings("default")
def test_each_defect_fails_its_own_check(mutant, check):
    assert failing(subject(mutant).checks()) == {check}


def test_every_check_has_its_mutant():
    assert names(SerializerSubject("factory", registry=CORE).checks()) == {*MUTANTS.values(), "resolves"}


def test_models_that_are_handed_over_need_not_be_rebuilt():
    checks = {str(check): check for check in subject(broken.NeverWritesAnOrigin).checks()}
    assert failing(checks.values()) == set()
    assert checks["serializer/mutant/rebuilds"]() == "its models are handed over"


def test_one_that_cannot_be_imported_is_checked_in_this_process_alone():
    class Local(broken.Right):
        """Defined where nothing can import it from."""

    checks = subject(Local).checks()
    assert names(checks) == {*MUTANTS.values(), "resolves"} - ELSEWHERE - {"file"}


def test_a_name_that_leads_nowhere_fails_the_only_check_there_is():
    offers = [
        SerializerOffer(name=name, summary="broken", target=f"unit.testing.broken_serializers:{name}")
        for name in ("no_serializer", "is_not_there", "Right")  # of the last, no model is on offer
    ]
    for name in ("no_serializer", "is_not_there", "never_offered", "Right"):
        checks = SerializerSubject(name, exempt={"plain": "never looked at"}, registry=offering(*offers)).checks()
        assert failing(checks) == names(checks) == {"resolves"}
