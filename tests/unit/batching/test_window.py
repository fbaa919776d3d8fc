"""Which structures share a batch."""

from ase import Atoms
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemi_core.batching.budget import Budget
from alchemi_core.batching.candidate import Candidate
from alchemi_core.batching.cost import Cost
from alchemi_core.batching.window import Window


def window_of(costs, kinds=None, *, padded=False):
    window = Window(padded=padded)
    for index, (atoms, pairs) in enumerate(costs):
        kind = (0,) if kinds is None else (kinds[index],)
        window.add(Candidate(index, Atoms(), kind, Cost(atoms, pairs, 1)))
    return window


def taken(window, budget):
    batches = []
    while len(window):
        batches.append([one.index for one in window.take(budget)])
    return batches


def test_the_oldest_comes_first_and_others_fill_up():
    assert taken(window_of([(5, 0), (8, 0), (3, 0), (2, 0)]), Budget(atoms=10)) == [[0, 2, 3], [1]]


def test_kinds_are_not_mixed():
    assert taken(window_of([(1, 0)] * 5, "abaab"), Budget(atoms=10)) == [[0, 2, 3], [1, 4]]


def test_what_is_larger_than_the_budget_is_alone():
    assert taken(window_of([(50, 0), (1, 0), (1, 0)]), Budget(atoms=10)) == [[0], [1, 2]]


def test_rows_of_a_length_share_a_matrix():
    sparse, dense = (10, 40), (10, 400)
    assert taken(window_of([sparse, dense, sparse, dense], padded=True), Budget(atoms=20)) == [[0, 2], [1, 3]]
    assert taken(window_of([sparse, dense, sparse, dense]), Budget(atoms=20)) == [[0, 1], [2, 3]]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 900), st.sampled_from("ab")), max_size=40),
    st.integers(1, 50),
    st.integers(1, 2000),
    st.booleans(),
)
def test_every_structure_is_taken_once_and_no_batch_exceeds_the_budget(sizes, atoms, pairs, padded):
    costs, budget = [one[:2] for one in sizes], Budget(atoms=atoms, pairs=pairs)
    window = window_of(costs, [one[2] for one in sizes], padded=padded)
    batches = taken(window, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(sizes)))
    assert all(batch == sorted(batch) for batch in batches)
    waiting = set(range(len(sizes)))
    for batch in batches:
        assert batch[0] == min(waiting)
        waiting -= set(batch)
        total = Cost(sum(costs[n][0] for n in batch), sum(costs[n][1] for n in batch), len(batch))
        assert len(batch) == 1 or budget.share(total) <= 1.0
    assert window.cost == Cost(0, 0, 0)
