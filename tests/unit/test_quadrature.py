"""Quadrature rules against exact integrals."""

import numpy as np
import pytest

from alchemi_core import Coupling
from alchemi_core.cli import ti_options
from alchemi_core.cli.ti_pieces import ASIDE, corners_of, extra_windows, pieces_on_nodes, spaced_pieces
from alchemi_core.cli.ti_pipeline import ramps_in
from alchemi_core.cli.ti_quadrature import RULES, combine, equally_spaced, gauss_legendre, on_nodes
from alchemi_core.errors import OptionError

IRREGULAR = [0.0, 0.05, 0.2, 0.5, 1.0]
EXACT = [
    (equally_spaced(2), 1),
    (equally_spaced(10), 1),
    (equally_spaced(11, "trapezoid"), 1),
    (on_nodes(IRREGULAR), 1),
    (on_nodes([-1.0, 0.5]), 1),
    (equally_spaced(3), 3),
    (equally_spaced(11), 3),
    (on_nodes([0.2, 0.4, 0.6, 0.8, 1.0], "simpson"), 3),
    (gauss_legendre(1), 1),
    (gauss_legendre(2), 3),
    (gauss_legendre(7), 13),
]


def power(nodes, degree):
    return np.asarray(nodes) ** degree


def integral(degree, low, high):
    return (high ** (degree + 1) - low ** (degree + 1)) / (degree + 1)


def limits(found):
    return (0.0, 1.0) if found.rule == "gauss-legendre" else (found.nodes[0], found.nodes[-1])


@pytest.mark.parametrize(("found", "degree"), EXACT)
def test_polynomials_up_to_the_degree_of_the_rule_are_exact(found, degree):
    low, high = limits(found)
    for lower in range(degree + 1):
        assert found.weights @ power(found.nodes, lower) == pytest.approx(integral(lower, low, high), abs=1e-14)
    beyond = degree + 1 if degree % 2 else degree + 2
    assert abs(found.weights @ power(found.nodes, beyond) - integral(beyond, low, high)) > 1e-13


@pytest.mark.parametrize(("found", "degree"), [(one, degree) for one, degree in EXACT if len(one.nodes) > 2])
def test_running_integrals_are_exact_for_what_the_rule_follows(found, degree):
    low, _ = limits(found)
    follows = {"trapezoid": 1, "simpson": 2, "gauss-legendre": len(found.nodes) - 1}[found.rule]
    assert follows <= degree
    for lower in range(follows + 1):
        expected = [integral(lower, low, node) for node in found.nodes]
        np.testing.assert_allclose(found.running @ power(found.nodes, lower), expected, atol=1e-13)
    if found.rule != "gauss-legendre":
        np.testing.assert_array_equal(found.running[-1], found.weights)


@pytest.mark.parametrize(
    ("found", "name", "degree"),
    [
        (equally_spaced(9), "every other window", 3),
        (equally_spaced(11), "the trapezoidal rule", 1),
        (equally_spaced(3), "the trapezoidal rule", 1),
        (equally_spaced(6), "every other window", 1),
        (on_nodes(IRREGULAR), "every other window", 1),
        (gauss_legendre(7), "without the middle window", 5),
        (gauss_legendre(6), "without the two middle windows", 3),
    ],
)
def test_the_coarser_rule_is_one_and_tells_the_error(found, name, degree):
    assert found.coarse_name == name
    for lower in range(degree + 1):
        assert found.coarse @ power(found.nodes, lower) == pytest.approx(integral(lower, 0.0, 1.0), abs=1e-13)
    # of a smooth function the coarser rule misses more than the rule does
    values, exact = np.exp(-2.0 * found.nodes), 0.5 * (1.0 - np.exp(-2.0))
    assert abs(found.coarse @ values - exact) > 3.0 * abs(found.weights @ values - exact)


@pytest.mark.parametrize("found", [equally_spaced(2), gauss_legendre(1), gauss_legendre(2)])
def test_too_few_windows_have_no_coarser_rule(found):
    assert found.coarse is None


def test_the_default_is_simpson_where_it_fits():
    assert [equally_spaced(n).rule for n in (2, 3, 4, 11)] == ["trapezoid", "simpson", "trapezoid", "simpson"]
    assert on_nodes(IRREGULAR).rule == "trapezoid"
    assert gauss_legendre(3).nodes.tolist() == pytest.approx([0.5 - np.sqrt(0.15), 0.5, 0.5 + np.sqrt(0.15)])


def test_errors_propagate_through_the_weights():
    assert combine([0.5, 2.0], [1.0, 3.0], [0.2, 0.1]) == pytest.approx((6.5, np.hypot(0.1, 0.2)))
    rng = np.random.default_rng(0)
    found, errors = equally_spaced(11), np.linspace(0.1, 0.5, 11)
    drawn = [combine(found.weights, rng.normal(0.0, errors), errors) for _ in range(4000)]
    assert np.std([value for value, _ in drawn]) == pytest.approx(drawn[0][1], rel=0.05)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: equally_spaced(1), "1 windows"),
        (lambda: equally_spaced(4, "simpson"), "--windows 5, or --rule trapezoid"),
        (lambda: on_nodes([0.0, 0.1, 1.0], "simpson"), "not equally spaced"),
        (lambda: on_nodes([0.0, 0.5, 0.5]), "ascend"),
        (lambda: on_nodes([0.3]), "two or more"),
        (lambda: on_nodes([0.0, float("nan")]), "ascend"),
        (lambda: on_nodes([0.0, 1.0], "gauss-legendre"), "--windows 2"),
        (lambda: gauss_legendre(0), "1 or more"),
    ],
)
def test_rules_that_do_not_fit_are_refused(make, said):
    with pytest.raises(OptionError, match=said):
        make()


LAM = Coupling()
STIFFNESS = {
    "half": LAM.ramp(0, 0.5) * 4.0 + (1 - LAM) ** 3 + 0.5,
    "falling": LAM.ramp(0.7, 0.2) * 3.0 + LAM + 1.0,
    "product": (LAM.ramp(0.25, 1) * (1 - LAM.ramp(0, 0.6)) + 1) * (2 + LAM),
    "power": 5.0 * LAM.ramp(0.3, 1.4) ** 2 - LAM.ramp(0.3, 0.8) + 2,
    "above": LAM.ramp(1, 2) * 9.0 + LAM + 1.0,
    "below": LAM.ramp(-1, 0) * 9.0 + LAM + 1.0,
}
CORNERS = {
    "half": (0.5,),
    "falling": (0.2, 0.7),
    "product": (0.25, 0.6),
    "power": (0.3, 0.8),
    "above": (1.0,),
    "below": (0.0,),
}


def ramps_of_weight(weight):
    return sorted({ramp for factor in weight.factors for ramp in ramps_in(factor, "coupling")})


def harmonic(weight, nodes):
    """What springs of this stiffness give at each λ, ⟨½ r²⟩ dk/dλ for one degree of freedom, with kT = 1."""
    slope = weight.derivative("coupling")
    return np.array([0.5 * slope.at({"coupling": x}) / weight.at({"coupling": x}) for x in nodes])


@pytest.mark.parametrize("name", STIFFNESS)
@pytest.mark.parametrize(
    ("rule", "windows", "within"), [("simpson", 161, 1e-5), ("gauss-legendre", 24, 1e-5), ("trapezoid", 1000, 1e-5)]
)
def test_weights_with_corners_are_integrated_piece_by_piece(name, rule, windows, within):
    weight = STIFFNESS[name]
    ramps = ramps_of_weight(weight)
    assert corners_of(ramps, 0.0, 1.0) == pytest.approx(CORNERS[name])
    found = spaced_pieces(windows + extra_windows(ramps, rule), rule, ramps)
    exact = 0.5 * np.log(weight.at({"coupling": 1.0}) / weight.at({"coupling": 0.0}))
    values = harmonic(weight, found.nodes)
    assert found.weights @ values == pytest.approx(exact, abs=within)
    assert found.coarse @ values == pytest.approx(exact, abs=100.0 * within)
    assert found.running[-1] @ values == pytest.approx(exact, abs=0.02)
    assert (np.diff(found.nodes) > 0.0).all()
    assert found.weights.sum() == pytest.approx(1.0)
    # without the pieces the corner is an error of the size of a panel
    if rule == "simpson":
        across = equally_spaced(windows, rule)
        assert abs(across.weights @ harmonic(weight, across.nodes) - exact) > 10.0 * within


def test_a_corner_is_sampled_on_both_sides():
    found = spaced_pieces(10, None, [(0.0, 0.5)])
    assert found.rule == "simpson"
    expected = [0.0, 0.125, 0.25, 0.375, 0.5 - ASIDE, 0.5 + ASIDE, 0.625, 0.75, 0.875, 1.0]
    assert found.nodes.tolist() == pytest.approx(expected, abs=1e-12)
    assert found.sides == ("", "", "", "", "−", "+", "", "", "", "")
    assert found.edges == (0.0, 0.5, 1.0)
    assert found.pieces == [slice(0, 5), slice(5, 10)]
    assert found.coarse_name == "every other window"
    assert spaced_pieces(12, None, [(0.0, 0.5)]).counts == (7, 5)
    assert spaced_pieces(4, None, [(0.0, 0.5)]).rule == "trapezoid"
    assert "(not from λ = 0.5 to 1)" in spaced_pieces(5, "gauss-legendre", [(0.0, 0.5)]).coarse_name


def test_given_windows_are_cut_at_corners():
    found = pieces_on_nodes([0.0, 0.1, 0.3, 1.0], None, [(0.3, 2.0), (0.30000000000000004, 1.0)])
    assert found.counts == (3, 2)
    assert found.nodes.tolist() == pytest.approx([0.0, 0.1, 0.3 - ASIDE, 0.3 + ASIDE, 1.0], abs=1e-12)
    assert found.weights.tolist() == pytest.approx([0.05, 0.15, 0.1, 0.35, 0.35])
    # beyond the windows there is nothing to cut, and a range may end where a ramp does
    assert pieces_on_nodes([0.0, 0.1, 0.3], None, [(0.0, 0.3), (0.5, 1.0)]).sides == ()


@pytest.mark.parametrize("ramps", [[], [(0.0, 1.0)], [(-1.0, 2.0)], [(1.0, 0.0)], [(3.0, 4.0)]])
def test_weights_without_corners_have_the_rule_as_it_is(ramps):
    pairs = [
        (spaced_pieces(11, None, ramps), equally_spaced(11)),
        (spaced_pieces(4, None, ramps), equally_spaced(4)),
        (spaced_pieces(5, "gauss-legendre", ramps), gauss_legendre(5)),
        (pieces_on_nodes(IRREGULAR, None, ramps), on_nodes(IRREGULAR)),
    ]
    for found, expected in pairs:
        for name in ("nodes", "weights", "running", "coarse"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert (found.rule, found.coarse_name, found.sides) == (expected.rule, expected.coarse_name, ())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: spaced_pieces(3, "trapezoid", [(0.0, 0.5)]), "--windows 3"),
        (lambda: spaced_pieces(4, "simpson", [(0.0, 0.5)]), "--windows 5"),
        (lambda: spaced_pieces(1, "gauss-legendre", [(0.0, 0.5)]), "corners at λ = 0.5"),
        (lambda: pieces_on_nodes([0.0, 0.4, 1.0], None, [(0.0, 0.5)]), "--lambdas 0,0.4,0.5,1"),
        (lambda: pieces_on_nodes([0.0, 0.25, 0.5, 0.75, 1.0], "simpson", [(0.0, 0.25)]), "2 windows from one corner"),
    ],
)
def test_too_few_windows_between_corners_are_refused(make, said):
    with pytest.raises(OptionError, match=said):
        make()


def test_the_options_name_every_rule():
    assert ti_options.RULES == RULES
