"""Strategies: every check passes for right ones, and fails for one with its own defect, alone."""

import pytest
import torch
from unit.testing import broken_derivatives as broken
from unit.testing.failing import failing, names
from unit.testing.good_derivatives import Graph, SampledVirials

from alchemi_core.errors import DataError, OptionError
from alchemi_core.offers import DerivativeOffer
from alchemi_core.registry import Registry
from alchemi_core.testing.conformance import parametrize_conformance
from alchemi_core.testing.derivative_checks.references import REFERENCES
from alchemi_core.testing.derivative_subject import DerivativeSubject
from alchemi_core.testing.offering import offering

CORE = Registry.discover({"ALCHEMI_PLUGINS": ""})

MUTANTS = {
    broken.HasTwoLinesOfName: "declaration",
    broken.NeverGivesOne: "answers",
    broken.RaisesWhatComes: "refusals",
    broken.GivesEverything: "nothing-else",
    broken.FlattensTensors: "shapes",
    broken.CountsAtLeastOneAtom: "smallest-systems",
    broken.SamplesTooMuch: "samples",
    broken.IsNotSymmetric: "symmetric",
    broken.DifferentiatesWhatItSamples: "reported-steps",
    broken.RoundsInSinglePrecision: "float32",
    broken.LeavesTheGraph: "training",
    broken.SharesBetweenSystems: "batch",
    broken.SortsAtoms: "permutation",
    broken.MixesRequests: "together",
    broken.WritesToThePositions: "inputs-unchanged",
    broken.GoesBackwards: "models-unchanged",
    broken.SeedsRandomNumbers: "global-state",
    broken.CountsCalls: "deterministic",
    broken.Remembers: "keeps-nothing",
    broken.KeepsItsTape: "threads",
    broken.HoldsAFunction: "copies",
    broken.HidesItsOption: "files",
}


def subject(derivative, options=None, **settings):
    return DerivativeSubject(derivative, options, name="mutant", registry=CORE, **settings)


@parametrize_conformance(*(DerivativeSubject(name, registry=CORE) for name in ("autograd", "finite-difference")))
def test_strategies_of_the_core(check):
    check()


@pytest.mark.parametrize("name", REFERENCES)
def test_right_derivatives_pass_the_check_of_their_name(name):
    right = subject(SampledVirials) if name == "atomic_virials" else subject(Graph, {"names": (name,)})
    (check,) = [one for one in right.checks() if str(one) == f"derivative/mutant/{name}"]
    assert failing([check]) == set()


def test_a_right_strategy_passes():
    assert failing(subject(Graph).checks()) == set()


@pytest.mark.parametrize("name", REFERENCES)
def test_wrong_derivatives_fail_the_check_of_their_name(name):
    by_graph = name != "atomic_virials"
    scaled = subject(broken.Scaled, {"names": (name,)}) if by_graph else subject(broken.ScaledVirials)
    assert failing(scaled.checks()) == {name}


@pytest.mark.parametrize(("mutant", "check"), MUTANTS.items(), ids=lambda one: getattr(one, "__name__", one))
def test_each_defect_fails_its_own_check(mutant, check):
    assert failing(subject(mutant).checks()) == {check}


def test_every_check_has_its_mutant():
    checks = DerivativeSubject("autograd", registry=CORE).checks()
    assert names(checks) == {*MUTANTS.values(), "forces", "stress", "virial", "resolves"}


def test_functions_are_checked_as_strategies_are():
    checks = subject(broken.forces_only).checks()
    assert failing(checks) == set()
    assert {"forces", "files"} <= names(checks)
    assert names(checks).isdisjoint({"stress", "virial", "symmetric", "copies"})
    assert {"forces", "stress", "virial"} <= names(subject(broken.anything).checks())


def test_a_name_that_leads_nowhere_fails_the_only_check_there_is():
    offers = [
        DerivativeOffer(name=name, summary="broken", target=f"unit.testing.broken_derivatives:{name}")
        for name in ("no_strategy", "is_not_there")
    ]
    for name in ("no_strategy", "is_not_there", "never_offered"):
        checks = DerivativeSubject(name, exempt={"forces": "never looked at"}, registry=offering(*offers)).checks()
        assert failing(checks) == names(checks) == {"resolves"}


def test_options_go_with_names_and_classes_alone():
    assert failing(subject(Graph(), {"names": ("forces",)}).checks()) == {"resolves"}
    with pytest.raises(OptionError, match="it is made already"):
        subject(Graph(), {"names": ("forces",)}).make()


class Along:
    """Forces along directions that the batch brings."""

    name = "along"
    serves = frozenset({"forces_along"})

    def prepare(self, state):
        return Graph().prepare(state)

    def finish(self, energy, tape, requested):
        directions = tape[0].fields.get("directions")
        if directions is None:
            raise DataError("no directions", expected="a field [N, 3]", who=self.name)
        forces = Graph().finish(energy, tape, frozenset({"forces"}))["forces"]
        return {"forces_along": (forces * directions).sum(1)}


def test_fields_that_a_strategy_reads_are_given_to_the_subject():
    assert "answers" in failing(subject(Along()).checks())
    inputs = {"directions": lambda batch: torch.sin(7.0 * batch.positions)}
    checks = subject(Along(), inputs=inputs).checks()
    assert failing(checks) == set()
