"""Reductions: every check passes for those of the core, and fails for a rule with its own defect, alone."""

import pytest
from unit.testing import broken_reductions as broken
from unit.testing.failing import failing, names

from alchemi_core.errors import OptionError
from alchemi_core.offers import ReductionOffer
from alchemi_core.registry import Registry
from alchemi_core.testing.conformance import parametrize_conformance
from alchemi_core.testing.offering import offering
from alchemi_core.testing.reduction_subject import ReductionSubject

CORE = Registry.discover({"ALCHEMI_PLUGINS": ""})

MUTANTS = {
    broken.divides_by_one_less: "one-value",
    broken.keeps_double: "shape-and-dtype",
    broken.averages_as_it_goes: "order",
    broken.is_off_the_graph: "gradients",
    broken.adds_vectors_in_place: "inputs-unchanged",
    broken.CountsCalls: "deterministic",
    broken.WritesIntoOneTensor: "keeps-nothing",
    broken.seeds_random_numbers: "global-state",
    broken.skips_what_is_not_a_number: "not-a-number",
    broken.computes_in_half_precision: "float32",
    broken.needs_a_row: "empty",
    broken.weighs_by_the_whole: "rows",
    broken.takes_lists_only: "tuples",
    broken.takes_the_first_without_grad: "pipeline",
}


@parametrize_conformance(*(ReductionSubject(name, registry=CORE) for name in ("sum", "mean")))
def test_reductions_of_the_core(check):
    check()


@pytest.mark.parametrize(("mutant", "check"), MUTANTS.items(), ids=lambda one: getattr(one, "__name__", one))
def test_each_defect_fails_its_own_check(mutant, check):
    reduce = mutant() if isinstance(mutant, type) else mutant
    assert failing(ReductionSubject(reduce, name="mutant", registry=CORE).checks()) == {check}


def test_every_check_has_its_mutant():
    checks = ReductionSubject("mean", registry=CORE).checks()
    assert names(checks) == {*MUTANTS.values(), "resolves"}


def test_a_name_that_leads_nowhere_fails_the_only_check_there_is():
    offers = [
        ReductionOffer(name=name, summary="broken", target=f"unit.testing.broken_reductions:{name}")
        for name in ("no_function", "is_not_there")
    ]
    for name in ("no_function", "is_not_there", "never_offered"):
        (check,) = ReductionSubject(name, exempt={"order": "never looked at"}, registry=offering(*offers)).checks()
        assert str(check) == f"reduction/{name}/resolves"
        assert failing([check]) == {"resolves"}


def test_a_rule_that_depends_on_the_order_is_exempt_with_a_reason():
    reasons = {"order": "it takes the first", "not-a-number": "it takes the first"}
    checks = ReductionSubject(broken.takes_the_first, exempt=reasons, registry=CORE).checks()
    assert failing(checks) == {str(check).split("/")[2] for check in checks if check.exempt} == set(reasons)
    with pytest.raises(OptionError, match="no check has that name"):
        ReductionSubject(broken.takes_the_first, exempt={"orders": "why"}, registry=CORE).checks()


def test_a_function_that_cannot_be_imported_is_not_tried_in_a_pipeline():
    checks = ReductionSubject(lambda values, weights: values[0] * weights[0], registry=CORE).checks()
    assert names(checks) == {*MUTANTS.values(), "resolves"} - {"pipeline"}
