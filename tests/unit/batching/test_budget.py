"""Budgets, and how they change with what batches take."""

import pytest

from alchemi_core.batching.allowance import ON_DEVICE, ON_HOST, Allowance, Taken
from alchemi_core.batching.budget import Budget
from alchemi_core.batching.cost import Cost
from alchemi_core.errors import OptionError

GIB = 2**30


def full(allowance):
    return Cost(allowance.budget.atoms, 0.5 * allowance.budget.pairs, 1)


def test_a_share_is_that_of_what_is_scarcest():
    budget = Budget(atoms=100, pairs=1000, systems=10)
    assert budget.share(Cost(50, 100, 1)) == 0.5
    assert budget.share(Cost(10, 1500, 1)) == 1.5
    assert budget.share(Cost(1, 1, 9)) == 0.9
    assert Budget().share(Cost(10**9, 10**12, 10**6)) == 0.0


@pytest.mark.parametrize("wrong", [0, -3, 0.5, "many", True, float("nan"), None])
def test_budgets_that_hold_nothing_are_refused(wrong):
    with pytest.raises(OptionError, match="atoms="):
        Budget(atoms=wrong)


def test_a_number_stands_for_atoms():
    assert Budget.of(500) == Budget(atoms=500)
    assert Budget.of(Budget(pairs=7)) == Budget(pairs=7)
    for wrong in ("500", 5.5, True, [1]):
        with pytest.raises(OptionError, match="budget="):
            Budget.of(wrong)


def taken(seconds=0.0, memory=1000, free=64 * GIB):
    return Taken(seconds, memory, free)


def grown(allowance, seconds_of_an_atom=0.0):
    """Budgets of atoms of one full batch after the other, and what they end with."""
    sizes = [allowance.budget.atoms]
    while allowance.growing:
        allowance.fitted(full(allowance), taken(seconds_of_an_atom * allowance.budget.atoms))
        sizes.append(allowance.budget.atoms)
    return sizes


def test_what_a_user_gives_stays():
    allowance = Allowance.of(Budget(atoms=10), "cpu")
    allowance.fitted(Cost(10, 0, 1), taken())
    assert allowance.budget == Budget(atoms=10)


def test_on_a_processor_batches_grow_to_the_largest_size_where_that_is_fast():
    allowance = Allowance.of(None, "cpu")
    assert grown(allowance) == [250, 500, 1000, 2000, 4000, 8000, 16000]
    assert allowance.budget == ON_HOST


def test_on_a_processor_batches_grow_no_more_once_they_take_long_enough():
    """At 3 ms an atom, 250 atoms take longer than half a second; at 0.3 ms, 2000 do."""
    assert grown(Allowance.of(None, "cpu"), 3e-3) == [250, 250, 250]
    assert grown(Allowance.of(None, "cpu"), 3e-4) == [250, 500, 1000, 2000, 2000, 2000]


def test_one_slow_batch_does_not_end_growth():
    """A package that is loaded or compiled at the first call takes longer than the call."""
    allowance = Allowance.of(None, "cpu")
    for seconds in (9.0, 0.0, 9.0, 0.0):
        allowance.fitted(full(allowance), taken(seconds))
    assert allowance.growing
    assert allowance.budget.atoms == 1000


@pytest.mark.parametrize("free", [5 * GIB, 40 * GIB, 141 * GIB])
def test_on_a_device_batches_grow_to_what_fits(free):
    """A device on which an atom takes a mebibyte: the budget ends at 80 percent of what is free."""
    allowance = Allowance.of(None, "cuda")
    for _ in range(40):
        cost = Cost(0.9 * allowance.budget.atoms, 0.0, 1)
        allowance.fitted(cost, taken(5.0, int(2**20 * cost.atoms), free))
    assert not allowance.growing
    assert allowance.budget.atoms * 2**20 == pytest.approx(0.8 * free, rel=1e-3)


def test_on_a_device_that_holds_all_growth_ends_with_what_can_be_counted():
    allowance = Allowance.of(None, "cuda")
    for _ in range(40):
        allowance.fitted(full(allowance), taken())
    assert allowance.budget == ON_DEVICE


def test_batches_shrink_where_memory_is_short_from_the_start():
    allowance = Allowance.of(None, "cpu")
    allowance.fitted(full(allowance), taken(0.0, 4 * GIB, 2 * GIB))
    assert allowance.budget.atoms == pytest.approx(250 / 4)
    assert not allowance.growing


def hidden(memory, free=20 * GIB):
    """What a batch took that stayed below what the program took before: no more than the memory given."""
    return Taken(0.0, memory, free, exact=False)


def test_what_a_program_took_before_does_not_end_growth():
    """A former run filled the device, or a file was read: neither says what a batch takes."""
    device, host = Allowance.of(None, "cuda"), Allowance.of(None, "cpu")
    for _ in range(6):
        device.fitted(full(device), hidden(19 * GIB))
        host.fitted(full(host), hidden(6 * GIB))
    assert device.budget.atoms == host.budget.atoms == 16000


def test_on_a_host_nothing_is_risked_where_the_next_batch_might_take_all():
    host = Allowance.of(None, "cpu")
    host.fitted(full(host), hidden(15 * GIB))
    assert not host.growing
    assert host.budget.atoms < 250


def test_a_system_that_says_nothing_of_its_memory_lets_batches_grow():
    allowance = Allowance.of(None, "cpu")
    for _ in range(6):
        allowance.fitted(full(allowance), taken(0.0, 0, None))
    assert allowance.budget == ON_HOST


def test_small_batches_say_nothing():
    allowance = Allowance.of(None, "cpu")
    allowance.fitted(Cost(3, 6, 1), taken(9.0))
    assert allowance.budget.atoms == 250
    assert allowance.growing


def test_what_was_too_large_is_halved_for_good():
    allowance = Allowance.of(None, "cpu")
    before = allowance.budget
    allowance.exceeded(full(allowance))
    allowance.fitted(full(allowance), taken())
    assert allowance.budget == before.times(0.5)


def test_what_exceeded_a_former_budget_does_not_shrink_the_present_one_again():
    allowance = Allowance.of(Budget(atoms=100), "cpu")
    allowance.exceeded(Cost(100, 0, 1))
    allowance.exceeded(Cost(100, 0, 1))
    assert allowance.budget.atoms == 50


def test_a_budget_without_bounds_is_halved_too():
    allowance = Allowance.of(Budget(), "cpu")
    allowance.exceeded(Cost(100, 5000, 8))
    assert (allowance.budget.atoms, allowance.budget.systems) == (50, 4)


def test_budgets_never_fall_below_one_structure():
    allowance = Allowance.of(Budget(systems=2), "cpu")
    for _ in range(5):
        allowance.exceeded(Cost(2, 0, 2))
    assert allowance.budget.systems == 1
