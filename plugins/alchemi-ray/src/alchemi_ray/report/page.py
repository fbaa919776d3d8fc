"""The page: all sections in one file that needs nothing beside it."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from alchemi_ray.report import sections
from alchemi_ray.report.course import course
from alchemi_ray.report.head import RUN, contents, head, title, what_was_run
from alchemi_ray.report.markup import Markup, element, joined
from alchemi_ray.report.timeline import Clock, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alchemi_ray.report.failures import Failures
    from alchemi_ray.report.gathering import Findings
    from alchemi_ray.report.run import Run

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""Nothing is fetched and no script runs, whatever a name or a message may hold."""


def page(run: Run, findings: Findings, failures: Failures) -> str:
    """Return the report as HTML."""
    clock = Clock(parts_of(run))
    shown = {name: content for name, content in _sections(run, clock, findings, failures) if content is not None}
    unread = sections.not_read([*findings.unread, *failures.unread])
    body = element("body", element("main", head(run, clock), unread, contents(shown), *shown.values()))
    return f"<!DOCTYPE html>\n{element('html', _head(run), body, lang='en')}\n"


def _sections(run: Run, clock: Clock, findings: Findings, failures: Failures) -> Iterator[tuple[str, Markup | None]]:
    yield RUN, what_was_run(run)
    yield sections.RESULTS, sections.results(findings)
    yield sections.STEPS, sections.contributions(findings)
    yield sections.PHONONS if run.task == "phonons" else sections.RELAXATION, sections.task(run, findings)
    yield sections.OUTLIERS, sections.outliers(findings)
    yield sections.COURSE, course(run, clock)
    yield sections.FAILURES, sections.failed(run, failures)
    yield sections.METHOD, sections.method(findings)


def _head(run: Run) -> Markup:
    # The style is a file of this package, and no foreign text.
    style = Markup(files("alchemi_ray.report").joinpath("report.css").read_text(encoding="utf-8"))
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=POLICY),
        element("meta", name="color-scheme", content="light dark"),
        element("title", joined("alchemi: ", title(run))),
        element("style", style),
    )
