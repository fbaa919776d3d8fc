"""Ledger: what became of each structure, in files that are whole after each of them."""

from __future__ import annotations

import csv
import io
import sys
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from alchemi_core.atomic_write import write_json
from alchemi_core.cli.frames import FrameWriter
from alchemi_core.cli.provenance import describe_model, now
from alchemi_core.cli.tables import Column, show_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ase import Atoms

    from alchemi_core.cli.structures import Structure
    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_torchsim.outcomes import Relaxed

RELAXED, SUMMARY, RECORD = FILES = ("relaxed.extxyz", "summary.csv", "run.json")
HEAD = ("number", "structure", "status", "atoms", "steps", "energy_eV", "max_force_eV_per_A", "error")
LISTED = 20
"""Structures that did not converge or failed which are listed on the screen."""


class Ledger:
    """Writes results as they come.

    Parameters
    ----------
    folder : Path
        Where to.
    structures : sequence of Structure
        All that there are.
    model : str
        As written.
    record : mapping
        What ``run.json`` says of the call.
    pipeline : PipelineModelWrapper
        What computes.

    Attributes
    ----------
    failed, unconverged : int
        How many so far.
    """

    def __init__(
        self,
        folder: Path,
        structures: Sequence[Structure],
        model: str,
        record: Mapping[str, Any],
        pipeline: PipelineModelWrapper,
    ) -> None:
        self.folder, self._structures = folder, structures
        self._model, self._record, self._pipeline = model, record, pipeline
        self._counts: Counter[str] = Counter()
        self._steps, self._began = 0, time.perf_counter()
        self._amiss: list[list[str]] = []
        self._files = ExitStack()

    def __enter__(self) -> Self:
        self._relaxed = self._files.enter_context(FrameWriter(self.folder / RELAXED))
        self._summary = self._files.enter_context(FrameWriter(self.folder / SUMMARY))
        self._summary.write(_row(HEAD))
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    @property
    def failed(self) -> int:
        """How many failed."""
        return self._counts["failed"]

    @property
    def unconverged(self) -> int:
        """How many ran out of steps."""
        return self._counts["not converged"]

    def add(self, result: Relaxed) -> None:
        """Write one result.

        Raises
        ------
        AlchemiError
            If the files cannot be written.
        """
        self._counts[result.status] += 1
        self._steps += result.steps
        structure = self._structures[result.index]
        error = "" if result.error is None else " ".join(str(result.error).split()) or type(result.error).__name__
        if result.atoms is not None:
            self._relaxed.append(_labelled(result.atoms, structure.label, result.status))
        figures = ("", "") if result.energy is None else (f"{result.energy:.8f}", f"{result.pull:.6f}")
        row = (result.index, structure.label, result.status, len(result.structure), result.steps, *figures, error)
        self._summary.write(_row(row))
        if not result.converged:
            self._tell(structure.label, result, error)

    def _tell(self, label: str, result: Relaxed, error: str) -> None:
        if result.error is not None:
            sys.stderr.write(f"alchemi: {label}: {result.error}\n")
        what = error.partition(" expected:")[0] if error else f"largest force {result.pull:.4f} eV/Å"
        self._amiss.append([label, result.status, what])

    def close(self, status: str, settings: Mapping[str, Any]) -> None:
        """Write the record of the run."""
        outputs = ("energy", "forces") if settings["fix_cell"] else ("energy", "forces", "stress")
        write_json(
            self.folder / RECORD,
            {
                **self._record,
                "finished": now(),
                "status": status,
                "settings": dict(settings),
                "model": describe_model(self._model, self._pipeline, outputs),
                "seconds": time.perf_counter() - self._began,
                "structures": {"given": len(self._structures), **self._counts},
                "steps": self._steps,
            },
        )

    def show(self) -> None:
        """Print those that are not as they should be, and how many came to what."""
        if self._amiss:
            sys.stdout.write("\n")
            show_table("", [Column("structure"), Column("status"), Column("")], self._amiss[:LISTED])
        if len(self._amiss) > LISTED:
            sys.stdout.write(f"and {len(self._amiss) - LISTED} more, in {SUMMARY}\n")
        seconds, count = time.perf_counter() - self._began, sum(self._counts.values())
        counted = ", ".join(f"{number} {status}" for status, number in sorted(self._counts.items()))
        sys.stdout.write(
            f"\n{count} structures: {counted}; {self._steps} steps in {seconds:.1f} s, "
            f"{count / seconds:.1f} structures a second\nwrote {', '.join(FILES)} to {self.folder}\n"
        )


def _row(values: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()


def _labelled(atoms: Atoms, label: str, status: str) -> Atoms:
    """Return a structure with its results, and where it comes from."""
    labelled: Atoms = atoms.copy()
    labelled.calc = atoms.calc
    labelled.info |= {"relaxed_from": label, "relax_status": status}
    return labelled
