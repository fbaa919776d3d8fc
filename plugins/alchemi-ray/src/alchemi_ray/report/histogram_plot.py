"""The picture of a distribution: how many structures have which value, with its median and middle half."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_ray.report.drawing import Panel, box, horizontal_axis, picture, stroke, thinned, vertical_axis, words
from alchemi_ray.report.markup import joined
from alchemi_ray.report.numerals import count, counted, figure
from alchemi_ray.report.scale import Scale

if TYPE_CHECKING:
    from alchemi_ray.report.markup import Markup
    from alchemi_ray.report.measures import Measure
    from alchemi_ray.report.survey import Distribution

WIDTH, HEIGHT = 360.0, 216.0
KINDS = {"even": "", "log": " (logarithmic)", "signed": " (logarithmic on both sides of zero)"}
LEFT, RIGHT, TOP, BOTTOM = 46.0, 12.0, 34.0, 40.0


def draw_histogram(one: Distribution) -> Markup:
    """Draw a distribution."""
    bars = one.histogram.bars
    tallest = Scale(0.0, max(1.0, 1.04 * float(bars.max())))
    panel = Panel(LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM, one.scale, tallest)
    named = one.scale.whole_ticks if one.measure.whole else one.scale.ticks
    across, up = thinned(panel, named(6)), tallest.whole_ticks(4)
    return picture(
        WIDTH,
        HEIGHT,
        _told(one),
        vertical_axis(panel, up, "structures"),
        _middle_half(panel, one),
        _bars(panel, one),
        _median(panel, one),
        horizontal_axis(panel, across, one.measure.unit + KINDS[one.scale.kind]),
    )


def _bars(panel: Panel, one: Distribution) -> Markup:
    edges = one.scale.edges(one.scale.bins)
    drawn = []
    for low, high, number in zip(edges[:-1], edges[1:], one.histogram.bars.tolist(), strict=True):
        if number:
            left, right, top = float(panel.across(low)), float(panel.across(high)), float(panel.down(number))
            told = f"{_range(one.measure, low, high)}: {counted(number, 'structure')}"
            # A bar of one structure among millions is still to be seen.
            top = min(top, panel.bottom - 1.0)
            drawn.append(box(left + 0.4, top, right - left - 0.8, panel.bottom - top, "bar", told))
    return joined(*drawn)


def _range(measure: Measure, low: float, high: float) -> str:
    if measure.whole:
        first, last = round(low + 0.5), round(high - 0.5)
        return f"{first} {measure.unit}" if first == last else f"{first} to {last} {measure.unit}"
    return f"{figure(low)} to {figure(high)} {measure.unit}"


def _middle_half(panel: Panel, one: Distribution) -> Markup:
    left, right = (panel.within(one.quantile(share)) for share in (0.25, 0.75))
    return box(left, panel.top, right - left, panel.height, "half")


def _median(panel: Panel, one: Distribution) -> Markup:
    value = one.quantile(0.5)
    x = panel.within(value)
    text = f"median {count(value) if one.measure.whole else figure(value, 3)}"
    room = 3.3 * len(text)
    at = min(max(x, panel.left + room), panel.right - room)
    line = stroke(x, panel.top - 2, x, panel.bottom, "median")
    return joined(line, words(at, panel.top - 6, text, class_="mark", anchor="middle"))


def _told(one: Distribution) -> str:
    low, middle, high = (figure(one.quantile(share), 3) for share in (0.05, 0.5, 0.95))
    return (
        f"Histogram of {one.measure.heading} in {one.measure.unit}: nine tenths of the structures lie between "
        f"{low} and {high}, the median is {middle}."
    )
