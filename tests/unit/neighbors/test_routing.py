"""The cheapest chain of conversions, against all chains tried one after the other."""

from itertools import permutations, product

import pytest

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
from alchemi_core.neighbors.routing import PADDING, REFERENCE_COSTS, ListKind, cheapest_route

COO, MATRIX = NeighborListFormat
SINGLE = {"filter": 50.0, "to_matrix": 20.0, "to_coo": 30.0, "to_half": 15.0, "to_full": 100.0}
KINDS = list(product((COO, MATRIX), (False, True)))


def entries(layout, half, reach):
    return reach**3 * (0.5 if half else 1.0) * (PADDING if layout is MATRIX else 1.0)


def walked(start, goal, roles, costs):
    """Cost of a chain of conversions by hand; None where it does not lead to the goal, or halves to fill again."""
    layout, half, reach, exact = start.format, start.half_list, start.reach, start.exact
    total = 0.0
    for role in roles:
        total += costs[role] * entries(layout, half, reach)
        if role == "filter" and not exact:
            reach, exact = goal.reach, True
        elif role == "to_matrix" and layout is COO:
            layout = MATRIX
        elif role == "to_coo" and layout is MATRIX:
            layout = COO
        elif role == "to_half" and goal.half_list and not half:
            half = True
        elif role == "to_full" and half and not goal.half_list:
            half = False
        else:
            return None
    return total if ListKind(layout, half, reach, exact) == goal else None


@pytest.mark.parametrize("start", KINDS, ids=str)
@pytest.mark.parametrize("goal", KINDS, ids=str)
@pytest.mark.parametrize("ratio", [1.0, 1.1, 2.0, 4.0])
@pytest.mark.parametrize("exact", [True, False])
def test_no_chain_is_cheaper(start, goal, ratio, exact):
    have = ListKind(*start, reach=3.0 * ratio, exact=exact and ratio == 1.0)
    want = ListKind.wanted(NeighborConfig(3.0, *goal))
    chains = [chain for length in range(5) for chain in permutations(SINGLE, length)]
    costs = [cost for chain in chains if (cost := walked(have, want, chain, SINGLE)) is not None]
    route = cheapest_route(have, want, SINGLE)
    assert route.cost == pytest.approx(min(costs))
    assert walked(have, want, route.roles, SINGLE) == pytest.approx(route.cost)


def test_a_fused_conversion_is_used_where_it_is_cheaper():
    have, want = ListKind(COO, half_list=False, reach=4.0, exact=False), ListKind.wanted(NeighborConfig(3.0, MATRIX))
    assert cheapest_route(have, want, {**SINGLE, "convert": 5.0}).roles == ("convert",)
    assert cheapest_route(have, want, {**SINGLE, "convert": 500.0}).roles == ("filter", "to_matrix")
    assert cheapest_route(have, want, {"convert": 500.0}).roles == ("convert",)


def test_nothing_is_done_to_a_list_that_is_right():
    want = ListKind.wanted(NeighborConfig(3.0, MATRIX, half_list=True))
    assert cheapest_route(want, want, {}).roles == ()


def test_a_missing_conversion_is_named():
    have, want = ListKind(COO, half_list=True, reach=3.0, exact=True), ListKind.wanted(NeighborConfig(3.0))
    with pytest.raises(NeighborError, match="no conversion from coo to coo among the roles"):
        cheapest_route(have, want, {"filter": 1.0})


def test_the_core_alone_converts_anything():
    for start, goal in product(KINDS, KINDS):
        have = ListKind(*start, reach=4.0, exact=False)
        assert cheapest_route(have, ListKind.wanted(NeighborConfig(3.0, *goal)), REFERENCE_COSTS).roles
