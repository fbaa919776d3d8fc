"""A series of relaxations, one after the other: one that fails is reported, and the others go on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from alchemi_core.cli.main import SUCCESS, UNFINISHED, report
from alchemi_core.cli.relax_job import Job, relax_one
from alchemi_core.cli.relax_overview import Overview
from alchemi_core.cli.relax_summary import show_summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.cli.output_folder import OutputFolder
    from alchemi_core.cli.relax_outcome import Outcome
    from alchemi_core.cli.structures import Structure


def relax_series(structures: Sequence[Structure], job: Job, folder: OutputFolder, *, debug: bool) -> int:
    """Relax one after the other, each in a folder of its own inside, with an overview at the end.

    Parameters
    ----------
    structures : sequence of Structure
        Two or more.
    job : Job
        How.
    folder : OutputFolder
        Claimed with the first step of the first.
    debug : bool
        Whether errors are reported with their tracebacks.

    Returns
    -------
    int
        Exit code, that of the worst outcome.

    Raises
    ------
    KeyboardInterrupt, OSError, AlchemiError
        If the command was stopped, or files cannot be written: the others would fare no better.
    """
    overview = Overview(folder, len(structures))
    code = SUCCESS
    try:
        for number, structure in enumerate(structures):
            inside = folder.inside(f"{number:04d}")
            outcome = relax_one(structure, job, inside, f"{number + 1} of {len(structures)}")
            overview.add(outcome)
            code = max(code, _tell(outcome, inside, debug=debug))
    finally:
        overview.show()
    return code


def _tell(outcome: Outcome, folder: OutputFolder, *, debug: bool) -> int:
    """Print a summary or report the error; return the exit code."""
    if outcome.cause is None:
        show_summary(outcome, folder.path)
        sys.stdout.write("\n")
        return SUCCESS if outcome.converged else UNFINISHED
    if not isinstance(outcome.cause, Exception) or _concerns_all(outcome.cause):
        raise outcome.cause
    return report(outcome.cause, debug=debug)


def _concerns_all(error: BaseException | None) -> bool:
    """Whether files could not be written or nobody reads our output, whatever was made of that on its way."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__
    return error is not None
