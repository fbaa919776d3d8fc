"""Gathering: what the report tells of the results, read file by file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import pyarrow as pa

from alchemi_ray.report.extremes import Extremes
from alchemi_ray.report.measures import measures_of
from alchemi_ray.report.rows_extxyz import extxyz_rows
from alchemi_ray.report.rows_parquet import parquet_rows
from alchemi_ray.report.survey import SAMPLE, Distribution, Histogram, Survey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alchemi_ray.report.measures import Measure
    from alchemi_ray.report.rows import Rows
    from alchemi_ray.report.run import Run

READERS = {"parquet": parquet_rows, "extxyz": extxyz_rows}


@attrs.frozen(eq=False)
class Findings:
    """What the results have.

    Parameters
    ----------
    distributions : dict of str to Distribution
        By name of the measure; of those only that any structure has.
    extremes : list of Extremes
        Structures that stand out.
    unread : list of str
        Files that could not be read, with the reason.
    """

    distributions: dict[str, Distribution]
    extremes: list[Extremes]
    unread: list[str]

    def part(self, name: str) -> list[Distribution]:
        """Return what a part of the report draws."""
        return [one for one in self.distributions.values() if one.measure.part == name]


def gather(run: Run, *, kept: int = SAMPLE) -> Findings:
    """Read the results of a run.

    Once through all files for counts, means, ends and extremes. Where that left no sample of all values, a second time
    to count along axes that fit.

    Parameters
    ----------
    run : Run
        Whose ledger tells which files are whole.
    kept : int
        Values of each measure that are kept in memory.
    """
    measures, unread = measures_of(run), dict[str, str]()
    surveys = {measure.name: Survey(measure, kept) for measure in measures}
    extremes = [*_extremes(measures)]
    for rows in _rows(run, measures, unread):
        for name, survey in surveys.items():
            survey.add(rows.values[name])
        for extreme in extremes:
            extreme.add(rows)
    surveys = {name: survey for name, survey in surveys.items() if survey.count}
    histograms = _count(run, surveys, unread)
    distributions = {name: Distribution(surveys[name], histogram) for name, histogram in histograms.items()}
    return Findings(distributions, extremes, [*unread.values()])


def _extremes(measures: Sequence[Measure]) -> Iterator[Extremes]:
    for measure in measures:
        if measure.highest:
            yield Extremes(measure)
        if measure.lowest:
            yield Extremes(measure, highest=False)


def _count(run: Run, surveys: dict[str, Survey], unread: dict[str, str]) -> dict[str, Histogram]:
    """Count values along axes: those that were kept where these are all, else once more from the files."""
    histograms = {name: Histogram(survey.scale()) for name, survey in surveys.items()}
    for name, survey in surveys.items():
        if survey.complete:
            histograms[name].add(survey.sample)
    open_ones = [survey.measure for survey in surveys.values() if not survey.complete]
    for rows in _rows(run, open_ones, unread) if open_ones else ():
        for measure in open_ones:
            histograms[measure.name].add(rows.values[measure.name])
    return histograms


def _rows(run: Run, measures: Sequence[Measure], unread: dict[str, str]) -> Iterator[Rows]:
    """Read all files of results; one that cannot be read is recorded, and the others are read."""
    read = READERS[run.layout.form]
    for shard in run.shards:
        if shard.results is None:
            continue
        try:
            yield from read(run.layout.folder / shard.results, measures)
        except (OSError, ValueError, KeyError, pa.ArrowException) as error:
            unread[shard.results] = f"{shard.results}: {type(error).__name__}: {error}"
