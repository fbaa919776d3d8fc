"""A distribution as a figure: its picture, and its numbers as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_ray.report.histogram_plot import draw_histogram
from alchemi_ray.report.markup import Markup, element, joined
from alchemi_ray.report.numerals import count, counted, figure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alchemi_ray.report.survey import Distribution

SHARES = (0.05, 0.5, 0.95)
ROOM = 8
"""Letters of a number under a picture."""

HEADINGS = ("least", "5 %", "median", "95 %", "most")


def figures(distributions: Iterable[Distribution]) -> Markup:
    """Return the figures of distributions, side by side where there is room."""
    return element("div", *(_figure(one) for one in distributions), class_="figures")


def _figure(one: Distribution) -> Markup:
    heading = element("figcaption", one.measure.heading, element("span", f" {one.measure.unit}", class_="unit"))
    return element("figure", heading, draw_histogram(one), _numbers(one), element("p", _note(one), class_="note"))


def _numbers(one: Distribution) -> Markup:
    values = (one.survey.least, *(one.quantile(share) for share in SHARES), one.survey.most)
    head = element("tr", *(element("th", text, scope="col") for text in HEADINGS))
    shown = (count(value) if one.measure.whole else _short(value) for value in values)
    body = element("tr", *(element("td", text) for text in shown))
    caption = element("caption", f"{one.measure.heading} in numbers, {one.measure.unit}", class_="unseen")
    return element("table", caption, element("thead", head), element("tbody", body), class_="five")


def _short(value: float) -> str:
    """Return a value with three digits, or with two where it is long."""
    text = figure(value, 3)
    return text if len(text) <= ROOM else figure(value, 2)


def _note(one: Distribution) -> Markup:
    pieces = [f"Mean {figure(one.survey.mean)}; {counted(one.survey.count, 'structure')}"]
    if one.survey.missing:
        pieces.append(f"{count(one.survey.missing)} without")
    for number, where in ((one.histogram.below, "left"), (one.histogram.above, "right")):
        if number:
            pieces.append(f"{count(number)} {where} of the axis")
    return joined(", ".join(pieces), ".")
