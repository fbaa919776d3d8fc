"""Writing the report of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.atomic_write import write_text
from alchemi_core.cli.frames import naming_the_file
from alchemi_ray.layout import Layout
from alchemi_ray.report.failures import failures_of
from alchemi_ray.report.gathering import gather
from alchemi_ray.report.page import page
from alchemi_ray.report.run import Run

if TYPE_CHECKING:
    from pathlib import Path


def write_report(folder: Path) -> Path:
    """Write the report of a run into its folder, whole or not at all.

    The folder is read in a stream: what is kept does not grow with the number of structures. A run that is not at its
    end gets a report of what is done.

    Parameters
    ----------
    folder : Path
        Of the run, see `alchemi_ray.layout`.

    Returns
    -------
    Path
        ``report.html`` in the folder: one file that needs no other.

    Raises
    ------
    InputFileError
        If the folder holds no run.
    AlchemiError
        If the report cannot be written.
    """
    run = Run.read(folder)
    path = Layout(folder).report
    written = page(run, gather(run), failures_of(run))
    with naming_the_file(path):
        write_text(path, written)
    return path
