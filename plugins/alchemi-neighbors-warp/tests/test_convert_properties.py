"""One pass against the core's chain of conversions: the same list to the last entry, and the same errors."""

from alchemi_neighbors_warp.converting import convert
from hypothesis import given, settings

from alchemi_core.errors import NeighborError
from alchemi_core.neighbors.adapting import adapt

from .strategies import assert_same, conversions

SETTINGS = settings(max_examples=150, deadline=None, derandomize=True)


def outcome(call):
    """What a call gives, or the words of its error."""
    try:
        return call()
    except NeighborError as error:
        return (error.found, error.expected, error.fix)


@SETTINGS
@given(case=conversions())
def test_equals_the_chain_of_the_core(reference, case):
    found = outcome(lambda: convert(case.source, case.batch, case.need, case.stale))
    expected = outcome(lambda: adapt(case.source, case.batch, case.need, reference, stale=case.stale))
    if isinstance(expected, tuple):
        assert found == expected
        return
    assert_same(found, expected)
    assert (found is case.source) == (expected is case.source)
