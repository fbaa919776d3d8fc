"""The section on the course of the run: speed, parts, workers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from alchemi_ray.report.markup import Content, Markup, element, joined
from alchemi_ray.report.numerals import count, counted, duration, figure, percent
from alchemi_ray.report.sections import COURSE, said, section
from alchemi_ray.report.tables import Column, table
from alchemi_ray.report.timeline import lanes_of
from alchemi_ray.report.timeline_plot import LANES, Course, draw_course

if TYPE_CHECKING:
    from alchemi_ray.report.run import Run
    from alchemi_ray.report.timeline import Clock, Lane, Part

WIDE, NARROW = 860.0, 360.0
"""Widths of the picture, in units: one for pages, one for telephones."""

WORKERS = 100
"""Workers in the table."""


def course(run: Run, clock: Clock) -> Markup | None:
    """Return speed over time, what workers did, and the parts of the run."""
    if not run.shards:
        return None
    whole = Course(run, clock, lanes_of(run, clock))
    drawn = joined(draw_course(whole, WIDE, "wide"), draw_course(whole, NARROW, "narrow"))
    figure_ = element("figure", drawn, _legend(whole), class_="course")
    return section(COURSE, figure_, _parts(run, clock), _lost(run), _workers(whole))


def _legend(whole: Course) -> Markup:
    lost = any(lane.again.any() for lane in whole.lanes)
    kinds = [("busy", "at work"), *([("again", "again, after a worker was lost")] if lost else []), ("idle", "idle")]
    keys = (element("span", element("i", class_=f"key {kind}"), f" {text}") for kind, text in kinds)
    more = f"The first {LANES} of {len(whole.lanes)} workers are drawn." if len(whole.lanes) > LANES else ""
    joined_at = "Dashed lines are where the run went on; the time between its parts is cut out. "
    cut = joined_at if whole.clock.joints else ""
    return element("figcaption", *keys, element("span", cut + more, class_="note"), class_="legend")


def _parts(run: Run, clock: Clock) -> Markup:
    columns = (
        Column("part", "number"),
        Column("started, UTC", "word"),
        Column("ended"),
        Column("time at work", "number"),
        Column("engine"),
        Column("workers", "number"),
        Column("structures", "number"),
        Column("structures/s", "number"),
    )
    parts = clock.parts
    rows = [_part(n, part, _ending(run, part, last=n == len(parts))) for n, part in enumerate(parts, 1)]
    return table("Parts of the run", columns, rows)


def _part(number: int, part: Part, ending: str) -> list[Content]:
    speed = figure(part.structures / part.seconds, 3) if part.seconds else "–"
    begun = datetime.fromtimestamp(part.started, UTC).isoformat(" ", timespec="seconds")[:19]
    return [
        str(number),
        begun,
        ending,
        duration(part.seconds),
        part.engine,
        count(part.workers),
        count(part.structures),
        speed,
    ]


def _ending(run: Run, part: Part, *, last: bool) -> str:
    """Return how a part ended; when one was killed nobody wrote down, so it is counted to its last shard."""
    if part.killed:
        return "at work, or killed" if last and run.partial else "complete" if last else "killed"
    if last and not run.partial:
        return "complete"
    return "with an error" if last and run.record["status"] == "failed" else "stopped"


def _lost(run: Run) -> Markup | None:
    again = [one for one in run.shards if one.attempts > 1]
    if not again:
        return None
    deaths = sum(one.attempts - 1 for one in again)
    structures = sum(one.structures for one in again)
    lost = f"{counted(deaths, 'worker')} {'was' if deaths == 1 else 'were'} lost: "
    return said(
        lost,
        f"{counted(len(again), 'shard')} with {counted(structures, 'structure')} "
        f"{'was' if len(again) == 1 else 'were'} computed again, and every structure counts once.",
    )


def _workers(whole: Course) -> Markup:
    columns = (
        Column("worker", "word"),
        Column("machine", "word"),
        Column("shards", "number"),
        Column("structures", "number"),
        Column("structures/s", "number"),
        Column("atoms/s", "number"),
        Column("busy", "number"),
        Column("losses before", "number"),
    )
    ordered = sorted(whole.lanes, key=lambda lane: lane.structures / max(lane.seconds, 1e-9))
    chosen = ordered[:WORKERS] if len(ordered) > WORKERS else whole.lanes
    note = f"the {WORKERS} slowest of {count(len(ordered))}" if len(ordered) > WORKERS else ""
    return table("Workers", columns, [_worker(lane, whole.clock) for lane in chosen], note=note)


def _worker(lane: Lane, clock: Clock) -> list[Content]:
    timed = lane.seconds > 0.0
    return [
        lane.worker,
        lane.hosts,
        count(len(lane.shards)),
        count(lane.structures),
        figure(lane.structures / lane.seconds, 3) if timed else "–",
        figure(lane.atoms / lane.seconds, 3) if timed else "–",
        percent(lane.seconds, clock.present(lane.shards)),
        count(sum(one.attempts - 1 for one in lane.shards)),
    ]
