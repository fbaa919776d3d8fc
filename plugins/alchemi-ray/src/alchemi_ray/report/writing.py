"""Writing the report of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.atomic_write import write_text
from alchemi_ray.report.failures import failures_of
from alchemi_ray.report.gathering import gather
from alchemi_ray.report.page import page
from alchemi_ray.report.run import Run

if TYPE_CHECKING:
    from pathlib import Path

NAME = "report.html"


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
    OSError, ValueError
        If the folder holds no run, or the report cannot be written.
    """
    run = Run.read(folder)
    path = folder / NAME
    write_text(path, page(run, gather(run), failures_of(run)))
    return path
