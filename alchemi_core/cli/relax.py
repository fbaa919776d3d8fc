"""``alchemi relax``: positions and cell, with progress, a summary, and a folder of results."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from alchemi_core.cli.composing import chosen_device, chosen_dtype, compose, outputs_for
from alchemi_core.cli.interrupts import exit_code, stopping_at_sigterm
from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.cli.provenance import describe_run
from alchemi_core.cli.relax_job import Job, relax_one
from alchemi_core.cli.relax_outcome import FILES
from alchemi_core.cli.relax_overview import SUMMARY
from alchemi_core.cli.relax_series import relax_series
from alchemi_core.cli.relax_summary import show_summary
from alchemi_core.cli.relaxation import Relaxation
from alchemi_core.cli.structures import Structure, naming_one_of_several, read_structures

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def run(arguments: argparse.Namespace) -> int:
    """Relax every structure of the files."""
    device, dtype = chosen_device(arguments), chosen_dtype(arguments)
    structures = read_structures(arguments.files, arguments.format)
    folder = OutputFolder.of(arguments, _name(structures), (*FILES, SUMMARY, *_of_series(arguments.out)))
    record = describe_run(arguments.words, structures, str(device), arguments.dtype or "float64")
    how = Relaxation(arguments.fmax, arguments.steps, arguments.optimizer, arguments.fix_cell)
    pipeline = compose(arguments.model, device, arguments.accept)
    job = Job(how, arguments.model, pipeline, dtype, device, record)
    _check_planning(structures, job)
    try:
        with stopping_at_sigterm():
            if len(structures) == 1:
                return _relax_single(structures[0], job, folder)
            return relax_series(structures, job, folder, debug=arguments.debug)
    except KeyboardInterrupt as stop:
        if not folder.claimed:
            raise
        sys.stderr.write(f"alchemi: interrupted; what was done is in {folder.path}\n")
        return exit_code(stop)


def _name(structures: Sequence[Structure]) -> str:
    """Name of the folder where none is asked for."""
    several = len({structure.path for structure in structures}) > 1
    return "relaxed" if several else f"relaxed-{structures[0].path.stem}"


def _of_series(out: str | None) -> list[str]:
    """Files of structures, from an earlier run in the same folder, that had more of them."""
    folder = Path(out) if out is not None else None
    if folder is None or not folder.is_dir():
        return []
    numbered = [one.name for one in folder.iterdir() if one.is_dir() and re.fullmatch(r"\d{4,}", one.name)]
    return [f"{number}/{name}" for number in numbered for name in FILES]


def _check_planning(structures: Sequence[Structure], job: Job) -> None:
    """Refuse what the models cannot give before the first step, not at the hundredth structure."""
    for structure in structures:
        with naming_one_of_several(structure):
            outputs_for(structure.atoms, job.pipeline, needs_stress=job.how.moves_cell(structure.atoms))


def _relax_single(structure: Structure, job: Job, folder: OutputFolder) -> int:
    outcome = relax_one(structure, job, folder)
    if outcome.cause is not None:
        raise outcome.cause
    show_summary(outcome, folder.path)
    return 0 if outcome.converged else 1
