"""Axes, counters and numerals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from alchemi_ray.report.measures import Measure
from alchemi_ray.report.numerals import counted, duration, figure, percent
from alchemi_ray.report.scale import Scale, fitting, whole
from alchemi_ray.report.survey import Distribution, Histogram, Survey
from hypothesis import given, settings
from hypothesis import strategies as st

NUMBERS = st.lists(st.floats(-1e12, 1e12, allow_subnormal=False), min_size=1, max_size=60)
DRAWS = np.random.default_rng(0)
WILD = np.concatenate([DRAWS.normal(-0.2, 0.1, 500), 10.0 ** DRAWS.uniform(0, 9, 500)])


@settings(deadline=None)
@given(NUMBERS, st.booleans(), st.booleans())
def test_every_value_is_counted_once(numbers, log, of_whole):
    values = np.round(numbers) if of_whole else np.array(numbers)
    survey = Survey(Measure("x", "X", "", log=log, whole=of_whole))
    survey.add(values)
    histogram = Histogram(survey.scale())
    histogram.add(values)
    edges = histogram.scale.edges(histogram.scale.bins)
    assert (np.diff(edges) > 0).all()
    assert histogram.below + histogram.bars.sum() + histogram.above == len(values)
    assert survey.least <= Distribution(survey, histogram).quantile(0.5) <= survey.most
    places = [place for place, _ in histogram.scale.ticks(6)]
    assert all(-1e-6 <= place <= 1.0 + 1e-6 for place in histogram.scale.at(places))


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(-1e6, 1e6), max_size=20), min_size=1, max_size=6))
def test_blocks_add_up(blocks):
    survey, values = Survey(Measure("x", "X", ""), kept=30), np.concatenate([np.array(one) for one in blocks])
    for block in blocks:
        survey.add(np.array([*block, math.nan, math.inf]))
    assert (survey.count, survey.missing) == (len(values), 2 * len(blocks))
    assert survey.sample.size == min(30, len(values))
    if len(values):
        assert survey.mean == pytest.approx(values.mean(), abs=1e-6)
        assert survey.mean_size == pytest.approx(np.abs(values).mean(), abs=1e-6)
        assert (survey.least, survey.most) == (values.min(), values.max())


def test_a_sample_has_each_value_as_likely_as_any_other():
    survey = Survey(Measure("x", "X", ""), kept=2000)
    for block in np.arange(20_000.0).reshape(20, 1000):
        survey.add(block)
    # of a uniform distribution: the mean of 2000 draws has a standard deviation of 20000/sqrt(12 * 2000) = 129
    assert survey.sample.mean() == pytest.approx(9999.5, abs=4 * 129)
    assert np.unique(survey.sample).size == 2000


@pytest.mark.parametrize(
    ("sample", "log", "kind"),
    [
        (DRAWS.normal(-5.0, 0.1, 1000), False, "even"),
        (DRAWS.normal(0.0, 1.0, 1000), False, "even"),
        (10.0 ** DRAWS.uniform(-3, 2, 1000), True, "log"),
        (DRAWS.uniform(1, 2, 1000), True, "even"),
        (WILD, False, "signed"),
        (np.zeros(10), True, "even"),
        (np.array([3.0]), True, "even"),
    ],
)
def test_axes_are_even_unless_values_range_widely(sample, log, kind):
    scale = fitting(sample, log=log)
    assert scale.kind == kind
    assert scale.low < scale.high


def test_a_few_strange_values_do_not_stretch_an_even_axis():
    scale = fitting(np.concatenate([DRAWS.normal(-5.0, 0.1, 980), np.full(20, 1e6)]), log=False)
    assert scale.high < -3.0
    assert scale.low > -6.0


def test_a_few_enormous_values_do_not_hide_small_ones():
    scale = fitting(np.concatenate([10.0 ** DRAWS.uniform(-4, 2, 900), np.full(9, 1e13)]), log=True)
    assert scale.kind == "log"
    assert 1e-4 < scale.low < 1.2e-4


def test_a_signed_axis_goes_through_zero_and_back():
    scale = Scale(-100.0, 1e6, "signed", unit=0.01)
    assert scale.at([-100.0, 1e6]) == pytest.approx([0.0, 1.0])
    edges = scale.edges(7)
    assert scale.at(edges) == pytest.approx(np.linspace(0, 1, 8))
    # decades far from zero are as wide as each other
    first, second, third = np.diff(scale.at([10.0, 100.0, 1e3, 1e4]))
    assert first == pytest.approx(second, rel=1e-4)
    assert second == pytest.approx(third, rel=1e-4)
    ticks = scale.ticks(6)
    assert (0.0, "0") in ticks
    assert ticks == sorted(ticks)


@pytest.mark.parametrize(
    ("scale", "texts"),
    [
        (Scale(0.0, 1.0), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (Scale(-0.3, 0.31), ["−0.2", "0.0", "0.2"]),
        (Scale(0.0, 2600.0), ["0", "500", "1\u202f000", "1\u202f500", "2\u202f000", "2\u202f500"]),
        (Scale(-0.08262, -0.08251), ["−0.08262", "−0.08260", "−0.08258", "−0.08256", "−0.08254", "−0.08252"]),
        (Scale(0.0, 2.1e7), ["0", "5.0×10⁶", "1.0×10⁷", "1.5×10⁷", "2.0×10⁷"]),
        (Scale(0.01, 100.0, "log"), ["0.01", "0.1", "1", "10", "100"]),
        (Scale(1e-8, 1e8, "log"), ["10⁻⁸", "10⁻⁵", "0.01", "10", "10⁴", "10⁷"]),
        (Scale(1.0, 9.0, "log"), ["1", "2", "5"]),
    ],
)
def test_ticks_are_round(scale, texts):
    assert [text for _, text in scale.ticks(6)] == texts


@pytest.mark.parametrize(
    ("scale", "texts"),
    [
        (Scale(0.5, 1.5), ["1"]),
        (Scale(0.0, 9.4), ["0", "2", "4", "6", "8"]),
        (Scale(0.0, 20.8), ["0", "5", "10", "15", "20"]),
    ],
)
def test_ticks_of_counts_are_whole(scale, texts):
    assert [text for _, text in scale.whole_ticks(5)] == texts


def test_bars_of_whole_numbers_stand_for_as_many_each():
    scale = whole(np.arange(2.0, 201.0))
    assert scale.low == 1.5
    assert np.diff(scale.edges(scale.bins)) == pytest.approx(5.0)
    assert whole(np.array([3.0, 4.0, 5.0])).bins == 3


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-3.2105, "−3.211"),
        (0.00012344, "0.0001234"),
        (1234.4, "1\u202f234"),
        (99999.6, "100\u202f000"),
        (1.5e7, "1.500×10⁷"),
        (-1.5e-7, "−1.500×10⁻⁷"),
        (9.9999e-5, "0.0001000"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
    ],
)
def test_figures(value, text):
    assert figure(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.5, "0.500 s"),
        (59.99, "1 min 0 s"),
        (61.0, "1 min 1 s"),
        (3599.7, "1 h 0 min"),
        (7380.0, "2 h 3 min"),
        (90000.0, "1 d 1 h"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_shares_are_never_rounded_to_none_or_all():
    shown = [percent(part, 10**6) for part in (0, 1, 5 * 10**5, 10**6 - 1, 10**6)]
    assert shown == ["0.0 %", "< 0.1 %", "50.0 %", "> 99.9 %", "100.0 %"]


def test_one_and_several():
    assert [counted(number, "shard") for number in (0, 1, 2000)] == ["0 shards", "1 shard", "2\u202f000 shards"]
