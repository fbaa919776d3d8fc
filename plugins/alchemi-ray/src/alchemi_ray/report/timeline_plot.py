"""The picture of the course of a run: structures per second, and below it what each worker did."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import numpy as np

from alchemi_ray.report.drawing import (
    LETTER,
    Panel,
    box,
    horizontal_axis,
    picture,
    stroke,
    thinned,
    vertical_axis,
    words,
)
from alchemi_ray.report.markup import Markup, element, joined, shortened
from alchemi_ray.report.numerals import DAY, HOUR, MINUTE, duration, figure
from alchemi_ray.report.scale import Scale
from alchemi_ray.report.timeline import rates

if TYPE_CHECKING:
    from alchemi_ray.report.run import Run
    from alchemi_ray.report.timeline import Clock, Lane

BINS = 120
"""Times at which the speed is shown."""

LANES = 128
"""Workers that are drawn; tables have more."""

TOP, HEIGHT, GAP, RIGHT, BOTTOM = 34.0, 130.0, 30.0, 14.0, 40.0
TALLEST, LOWEST, ALL = 16.0, 3.0, 420.0
"""Height of one worker at most and at least, and of all together."""

NAMED = 11.0
"""Height from which each worker has its name beside it."""


@attrs.frozen(eq=False)
class Course:
    """What is drawn.

    Parameters
    ----------
    run : Run
        Whose shards.
    clock : Clock
        Its time at work.
    lanes : list of Lane
        Its workers.
    """

    run: Run
    clock: Clock
    lanes: list[Lane]


def draw_course(course: Course, width: float, class_: str) -> Markup:
    """Draw a picture of this width in units; letters have the same size in each."""
    unit, name = time_unit(course.clock.total)
    x = Scale(0.0, max(course.clock.total, 1e-3) / unit)
    edges = np.linspace(0.0, x.high * unit, BINS + 1)
    speeds = rates(course.run, course.clock, edges)
    lanes = course.lanes[:LANES]
    left = max(46.0, 10.0 + LETTER * max(len(_name(lane)) for lane in lanes))
    upper = Panel(left, TOP, width - left - RIGHT, HEIGHT, x, Scale(0.0, 1.06 * float(speeds.max()) or 1.0))
    each = min(TALLEST, max(LOWEST, ALL / len(lanes)))
    lower = Panel(left, TOP + HEIGHT + GAP, upper.width, each * len(lanes), x, Scale(0.0, float(len(lanes))))
    return picture(
        width,
        lower.bottom + BOTTOM,
        _told(course, speeds),
        vertical_axis(upper, upper.y.ticks(4), "structures/s"),
        _area(upper, edges / unit, speeds),
        stroke(upper.left, upper.bottom, upper.right, upper.bottom, "axis"),
        words(2, lower.top - 9, "workers", class_="label"),
        joined(*(_lane(lower, lane, row, unit) for row, lane in enumerate(lanes))),
        joined(*(_joint(upper, lower, at / unit, n) for n, at in enumerate(course.clock.joints, 2))),
        horizontal_axis(lower, thinned(lower, x.ticks(8 if width > 500 else 5)), f"time at work, {name}"),
        class_=class_,
    )


def time_unit(seconds: float) -> tuple[float, str]:
    """Return the unit in which so long a time is read best, and its name."""
    units = ((3 * DAY, DAY, "d"), (2 * HOUR, HOUR, "h"), (2 * MINUTE, MINUTE, "min"))
    return next(((unit, name) for least, unit, name in units if seconds >= least), (1.0, "s"))


def _area(panel: Panel, edges: np.ndarray, speeds: np.ndarray) -> Markup:
    xs, ys = panel.across(np.repeat(edges, 2)[1:-1]), panel.down(np.repeat(speeds, 2))
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    outline = f"M{panel.left:.1f},{panel.bottom:.1f} L{line} L{panel.right:.1f},{panel.bottom:.1f} Z"
    return joined(element("path", d=outline, class_="area"), element("path", d=f"M{line}", class_="line"))


def _lane(panel: Panel, lane: Lane, row: int, unit: float) -> Markup:
    each = panel.height / panel.y.high
    top, height = panel.top + row * each, each * (0.72 if each > 5.0 else 0.9)
    background = box(panel.left, top, panel.width, height, "idle", f"{lane.worker} on {lane.hosts}")
    places = panel.across(lane.spans / unit)
    drawn = [_blocks(places[chosen], top, height, class_) for chosen, class_ in _kinds(lane) if chosen.any()]
    every = max(1, int(np.ceil(NAMED / each)))
    name = words(panel.left - 6, top + height - 2, _name(lane), anchor="end") if row % every == 0 else None
    return joined(background, *drawn, name)


def _kinds(lane: Lane) -> list[tuple[np.ndarray, str]]:
    return [(~lane.again, "busy"), (lane.again, "again")]


def _blocks(places: np.ndarray, top: float, height: float, class_: str) -> Markup:
    """Draw spans as one path: those that touch as one block, and none so short that it is not seen."""
    blocks: list[list[float]] = []
    for left, right in places.tolist():
        if blocks and left - blocks[-1][1] < 0.3:
            blocks[-1][1] = max(right, blocks[-1][1])
        else:
            blocks.append([left, right])
    path = (f"M{left:.1f},{top:.1f}h{max(0.8, right - left):.1f}v{height:.1f}H{left:.1f}Z" for left, right in blocks)
    return element("path", d=" ".join(path), class_=class_)


def _joint(upper: Panel, lower: Panel, at: float, number: int) -> Markup:
    """Draw where the run went on."""
    x = float(upper.across(at))
    line = stroke(x, upper.top - 4, x, lower.bottom, "joint")
    return joined(line, words(x, upper.top - 7, f"part {number}", class_="mark", anchor="middle"))


def _name(lane: Lane) -> str:
    return shortened(lane.worker, 14)


def _told(course: Course, speeds: np.ndarray) -> str:
    parts = len(course.clock.parts)
    return (
        f"Structures per second over {duration(course.clock.total)} at work in {parts} part{'s' * (parts > 1)}, "
        f"at most {figure(float(speeds.max()), 3)}, and below it when each of {len(course.lanes)} workers was busy."
    )
