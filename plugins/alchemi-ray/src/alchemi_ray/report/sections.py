"""Sections of the report below its head, but for the course of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_ray.report.failures import LISTED
from alchemi_ray.report.figures import figures
from alchemi_ray.report.markup import Content, Markup, element, joined, shortened
from alchemi_ray.report.numerals import count, counted, figure, percent
from alchemi_ray.report.scale import FINE
from alchemi_ray.report.survey import SAMPLE
from alchemi_ray.report.tables import LONGEST, Column, heading, place, share_bar, table, where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alchemi_ray.report.extremes import Extremes
    from alchemi_ray.report.failures import Failure, Failures
    from alchemi_ray.report.gathering import Findings
    from alchemi_ray.report.run import Run
    from alchemi_ray.report.survey import Distribution


RESULTS, STEPS, COURSE, FAILURES, METHOD = (
    "Results",
    "Contributions of the steps",
    "Course of the run",
    "Failures",
    "How these figures were made",
)
AT_REST = 0.01
"""Largest force on an atom, eV/Å, from which `alchemi phonons` says that a structure is not at rest."""

OUTLIERS, RELAXATION, PHONONS = "Structures that stand out", "Relaxation", "Phonons"


def section(name: str, *content: Markup | None) -> Markup:
    """Make a section with a heading."""
    return element("section", heading(name), *content)


def said(*words: Content) -> Markup:
    """Make a paragraph."""
    return element("p", *words)


def results(findings: Findings) -> Markup | None:
    """Return the distributions of energies, forces, pressure, and of what else was asked."""
    shown = [*findings.part("results"), *findings.part("size")]
    return section(RESULTS, _reading(), figures(shown)) if shown else None


def _reading() -> Markup:
    return said("The line is the median; the middle half of the structures lies in the shaded band.")


def contributions(findings: Findings) -> Markup | None:
    """Return what each step adds to the energy."""
    shown = findings.part("terms")
    if not shown:
        return None
    told = "Energy that each step adds, by atom. Its share is its mean size among those of all steps."
    return section(STEPS, said(told), _shares(shown), figures(shown))


def _shares(shown: list[Distribution]) -> Markup:
    whole = sum(one.survey.mean_size for one in shown)
    columns = (
        Column("step", "name"),
        Column("share", "share"),
        Column("mean size", "number"),
        Column("mean", "number"),
        Column("least", "number"),
        Column("most", "number"),
    )
    rows = [_share(one, whole) for one in shown]
    return table("Energy of the steps", columns, rows, note="eV/atom")


def _share(one: Distribution, whole: float) -> list[Content]:
    size, survey = one.survey.mean_size, one.survey
    bar = share_bar(size / whole if whole else 0.0, percent(size, whole))
    return [one.measure.heading, bar, *map(figure, (size, survey.mean, survey.least, survey.most))]


def task(run: Run, findings: Findings) -> Markup | None:
    """Return what is told of relaxations and phonons only."""
    shown = findings.part("task")
    if not shown:
        return None
    if run.task == "relax":
        return section(RELAXATION, _converged(run), figures(shown), _list_of(findings, "force_left"))
    return section(PHONONS, _stable(findings), figures(shown), _list_of(findings, "lowest_frequency_THz"))


def _converged(run: Run) -> Markup:
    left = sum(one.not_converged for one in run.shards)
    if not left:
        return said(f"All {counted(run.done, 'relaxation')} converged.")
    return said(f"{count(left)} of {counted(run.done, 'relaxation')} ({percent(left, run.done)}) did not converge.")


def _stable(findings: Findings) -> Markup:
    survey, force = (findings.distributions[name].survey for name in ("imaginary_modes", "max_force"))
    told = "No structure has imaginary modes."
    if survey.total:
        some = f"{count(survey.total)} of {counted(survey.count, 'structure')} ({percent(survey.total, survey.count)})"
        told = f"{some} have imaginary modes: they are at no minimum of the energy."
    if force.most > AT_REST:
        told += (
            f" Forces are up to {figure(force.most)} eV/Å: not all structures are at rest, which phonons suppose; "
            "--task relax first makes them so."
        )
    return said(told)


def _list_of(findings: Findings, name: str) -> Markup | None:
    return joined(*(_standing_out(one) for one in findings.extremes if one.measure.name == name and one.found))


def outliers(findings: Findings) -> Markup | None:
    """Return the structures with the largest and smallest values."""
    shown = [one for one in findings.extremes if one.measure.part == "results" and one.found]
    if not shown:
        return None
    told = "A structure is named by its file and its place there, counted from 0."
    # Highest and lowest side by side: what has one end only comes after.
    shown.sort(key=lambda one: not one.measure.lowest)
    tables = element("div", *map(_standing_out, shown), class_="lists")
    return section(OUTLIERS, said(told), tables)


def _standing_out(one: Extremes) -> Markup:
    columns = (Column(one.measure.unit or "value", "number"), Column("structure", "name"), Column("formula", "name"))
    rows = [[figure(each.value), where(each), shortened(each.formula, 40)] for each in one.found]
    return table(one.heading, columns, rows)


def failed(run: Run, failures: Failures) -> Markup:
    """Return the failures by class of error, and the first of them."""
    if not run.failed:
        return section(FAILURES, said("No structure failed." if run.shards else "No structure was computed yet."))
    total = f"{count(run.failed)} of {counted(run.done + run.failed, 'structure')}"
    told = said(f"{total} ({percent(run.failed, run.done + run.failed)}) have no results.")
    return section(FAILURES, told, _classes(run, failures), _first(run, failures))


def _classes(run: Run, failures: Failures) -> Markup:
    shares = (Column("share", "share"), Column("structures", "number"))
    columns = (Column("error", "word"), *shares, Column("one of them", "text"))
    rows = [
        [error, share_bar(number / run.failed, percent(number, run.failed)), count(number), _example(failures, error)]
        for error, number in sorted(run.errors.items(), key=lambda one: (-one[1], one[0]))
    ]
    return table("Failures by class of error", columns, rows)


def _example(failures: Failures, error: str) -> Content:
    one = failures.examples.get(error)
    return None if one is None else _message(one)


def _message(one: Failure) -> Markup:
    return element("span", shortened(one.message, LONGEST), class_="message")


def _first(run: Run, failures: Failures) -> Markup:
    names = (Column("structure", "name"), Column("formula", "name"))
    columns = (*names, Column("error", "word"), Column("message", "text"))
    rows = [
        [place(one.source, one.index), shortened(one.formula or "–", 40), one.error, _message(one)]
        for one in failures.first
    ]
    note = f"the first {LISTED} of {count(run.failed)}; all are in failures.csv" if run.failed > LISTED else ""
    return table("Structures that failed", columns, rows, note=note)


def not_read(files: Iterable[str]) -> Markup | None:
    """Tell which files of the run could not be read; the report is without what is in them."""
    lines = [element("li", shortened(one, LONGEST)) for one in files]
    if not lines:
        return None
    told = f"{counted(len(lines), 'file')} of the run could not be read to the end; figures lack the rest."
    return element("div", said(told), element("ul", *lines), class_="banner", role="status")


def method(findings: Findings) -> Markup:
    """Tell what is exact and what is not."""
    sampled = [one.measure.heading for one in findings.distributions.values() if not one.survey.complete]
    exact = "Counts, means, least and largest values, bars and lists of structures are those of all structures."
    told = "So are medians and other quantiles."
    if sampled:
        told = (
            f"Medians and other quantiles are taken from counters that divide each bar in {FINE}; where axes begin and "
            f"end was chosen from a sample of {count(SAMPLE)} structures."
        )
    speed = "Speed is that of the ledger: the structures of a shard are spread evenly over the time that it took."
    return section(METHOD, said(exact, " ", told), said(speed))
