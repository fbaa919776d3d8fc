"""Algebra of models obeys the laws of algebra to rounding, whatever the terms and weights."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.pipelines import autograd, pipeline
from support.structures import mixed
from support.toys import Charges, Coulomb, Gaussians, Kernel

from alchemi_core import Coupling

LAM = Coupling()
MIX = Coupling("mix", value=torch.nn.Parameter(torch.tensor(0.3, dtype=torch.float64)))
NAMES = ("energy", "forces")
DATA = mixed().with_fields(coupling=torch.tensor([[0.3], [0.8]], dtype=torch.float64))

LEAVES = (
    Gaussians(),
    Gaussians(-0.3, 3.5, name="second"),
    Kernel(0.2, 3.0),
    pipeline(autograd(Charges(), Coulomb())),
    0.25 * Kernel(-0.5, 3.2, name="other"),
)
NUMBERS = st.floats(-4.0, 4.0).map(lambda x: round(x, 3))
FUNCTIONS = st.sampled_from([LAM, 1 - LAM, LAM**2, 1 - LAM**2, LAM.ramp(0.0, 0.5), MIX, 1 - MIX, MIX * LAM])
WEIGHTS = st.one_of(NUMBERS, FUNCTIONS, st.tuples(NUMBERS, FUNCTIONS).map(lambda pair: pair[0] * pair[1]))
TERMS = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.tuples(WEIGHTS, inner).map(lambda pair: pair[0] * pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] + pair[1]),
        inner.map(lambda one: -one),
    ),
    max_leaves=3,
)
LAWS = {
    "a + b = b + a": lambda a, b, _c, _x, _y: (a + b, b + a),
    "(a + b) + c = a + (b + c)": lambda a, b, c, _x, _y: ((a + b) + c, a + (b + c)),
    "x·(a + b) = x·a + x·b": lambda a, b, _c, x, _y: (x * (a + b), x * a + x * b),
    "(x + y)·a = x·a + y·a": lambda a, _b, _c, x, y: ((x + y) * a, x * a + y * a),
    "x·(y·a) = (x·y)·a": lambda a, _b, _c, x, y: (x * (y * a), (x * y) * a),
    "a − b = a + (−1)·b": lambda a, b, _c, _x, _y: (a - b, a + -1 * b),
    "−(a − b) = b − a": lambda a, b, _c, _x, _y: (-(a - b), b - a),
    "a + 0·b = a": lambda a, b, _c, _x, _y: (a + 0 * b, 1 * a),
    "(a + b) − b = a": lambda a, b, _c, _x, _y: ((a + b) - b, 1 * a),
}


@pytest.mark.parametrize("law", LAWS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TERMS, TERMS, TERMS, WEIGHTS, WEIGHTS)
def test_both_sides_are_equal(law, a, b, c, x, y):
    left, right = (side(DATA, requested=NAMES) for side in LAWS[law](a, b, c, x, y))
    for name in NAMES:
        torch.testing.assert_close(left[name], right[name], rtol=1e-10, atol=1e-9)
