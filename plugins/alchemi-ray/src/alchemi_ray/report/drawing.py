"""Drawing: pictures as SVG that take colours and letters from the page, so that they are right by day and by night."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import attrs
import numpy as np

from alchemi_ray.report.markup import Markup, element, joined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

    from alchemi_ray.report.scale import Scale

LETTER = 6.4
"""Width of a letter on average, in units of a picture, at the size in which ticks are written."""


@attrs.frozen
class Panel:
    """A rectangle of a picture in which values are drawn.

    Parameters
    ----------
    left, top, width, height : float
        Of the rectangle, in units of the picture.
    x, y : Scale
        Its axes.
    """

    left: float
    top: float
    width: float
    height: float
    x: Scale
    y: Scale

    @property
    def right(self) -> float:
        """Right edge."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Lower edge."""
        return self.top + self.height

    def within(self, value: float) -> float:
        """Return where a value lies from left to right, that of the nearer edge where it is beyond."""
        return float(self.across(min(max(value, self.x.low), self.x.high)))

    def across(self, values: ArrayLike) -> np.ndarray:
        """Return where values lie from left to right."""
        return np.asarray(self.left + self.width * self.x.at(values))

    def down(self, values: ArrayLike) -> np.ndarray:
        """Return where values lie from the top, which is where the largest are."""
        return np.asarray(self.bottom - self.height * self.y.at(values))


def picture(width: float, height: float, told: str, *content: Markup | None, class_: str = "") -> Markup:
    """Make a picture that fills the width it is given, with what it shows in words."""
    box = f"0 0 {width:g} {height:g}"
    return element("svg", *content, viewBox=box, role="img", aria_label=told, class_=f"picture {class_}".strip())


def words(x: float, y: float, text: str, *, class_: str = "tick", anchor: str = "start") -> Markup:
    """Write a text that starts, has its middle or ends at a place."""
    return element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", class_=class_, text_anchor=anchor)


def stroke(x: float, y: float, to_x: float, to_y: float, class_: str) -> Markup:
    """Draw a straight line."""
    return element("line", x1=f"{x:.1f}", y1=f"{y:.1f}", x2=f"{to_x:.1f}", y2=f"{to_y:.1f}", class_=class_)


def box(x: float, y: float, width: float, height: float, class_: str, told: str = "") -> Markup:
    """Draw a rectangle; what it stands for is shown when it is pointed at."""
    title = element("title", told) if told else None
    size = {"width": f"{width:.2f}", "height": f"{height:.2f}"}
    return element("rect", title, x=f"{x:.2f}", y=f"{y:.2f}", class_=class_, **size)


def horizontal_axis(panel: Panel, ticks: Iterable[tuple[float, str]], label: str) -> Markup:
    """Draw the axis below a panel: ticks with their names, and what it shows in the middle beneath."""
    drawn = [stroke(panel.left, panel.bottom, panel.right, panel.bottom, "axis")]
    for value, text in ticks:
        x = float(panel.across(value))
        drawn.append(stroke(x, panel.bottom, x, panel.bottom + 4, "axis"))
        drawn.append(words(x, panel.bottom + 16, text, anchor="middle"))
    middle = panel.left + 0.5 * panel.width
    return joined(*drawn, words(middle, panel.bottom + 32, label, class_="label", anchor="middle"))


def vertical_axis(panel: Panel, ticks: Iterable[tuple[float, str]], label: str) -> Markup:
    """Draw quiet lines across a panel with their names at the left, and what they count above."""
    drawn = []
    for value, text in ticks:
        y = float(panel.down(value))
        drawn += [stroke(panel.left, y, panel.right, y, "grid"), words(panel.left - 6, y + 4, text, anchor="end")]
    return joined(*drawn, words(2, panel.top - 23, label, class_="label"))


def thinned(panel: Panel, ticks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Leave out every other tick until the names below a panel have room."""
    widest = max((len(text) for _, text in ticks), default=0) * LETTER + 8.0
    while len(ticks) > 2 and _nearest(panel, ticks) < widest:
        ticks = ticks[::2]
    return ticks


def _nearest(panel: Panel, ticks: list[tuple[float, str]]) -> float:
    places = [float(panel.across(value)) for value, _ in ticks]
    return min(second - first for first, second in pairwise(places))
