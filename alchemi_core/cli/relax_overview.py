"""Overview of several relaxations: a line for each in a table, and all that came to an end in one file."""

from __future__ import annotations

import csv
import io
import sys
from collections import Counter
from typing import TYPE_CHECKING

from alchemi_core.atomic_write import write_text
from alchemi_core.cli.frames import FrameWriter
from alchemi_core.cli.relax_line import FIGURES, Line
from alchemi_core.cli.tables import Column, show_table

if TYPE_CHECKING:
    from ase import Atoms

    from alchemi_core.cli.output_folder import OutputFolder
    from alchemi_core.cli.relax_outcome import Outcome

SUMMARY = "summary.csv"
FINAL = "final.extxyz"
COLUMNS = (
    Column("structure"),
    Column("status"),
    Column("atoms", number=True),
    Column("steps", number=True),
    Column("energy eV", number=True),
    Column("change eV", number=True),
    Column("max force eV/Å", number=True),
    Column("volume Å³", number=True),
)
TERM_COLUMNS = (
    Column("structure"),
    Column("term"),
    Column("start eV", number=True),
    Column("end eV", number=True),
    Column("change eV", number=True),
)


class Overview:
    """Grows with each outcome, and its files with it, so that a run that is killed leaves them whole.

    Parameters
    ----------
    folder : OutputFolder
        Where to write; nothing is written before it is claimed.
    among : int
        How many structures there are in all.
    """

    def __init__(self, folder: OutputFolder, among: int) -> None:
        self.folder, self.among = folder, among
        self.lines: list[Line] = []
        self._size = 0

    def add(self, outcome: Outcome) -> None:
        """Take in one more outcome.

        Raises
        ------
        OSError, AlchemiError
            If files cannot be written.
        """
        self.lines.append(Line.of(outcome))
        if not self.folder.claimed:
            return
        write_text(self.folder.path / SUMMARY, self._summary())
        if outcome.ended:
            with FrameWriter(self.folder.path / FINAL, keep=self._size) as final:
                final.append(_labelled(outcome))
                self._size = final.size

    def show(self) -> None:
        """Print a line per structure, the energies per term, and how many came to what."""
        if not self.folder.claimed:
            return
        names = self._names()
        # The volume only where any changed: tables have to be narrow.
        width = len(COLUMNS) - (not any(line.changes_volume for line in self.lines))
        rows = [[name, *line.figures()][:width] for name, line in zip(names, self.lines, strict=True)]
        show_table("", COLUMNS[:width], rows)
        if self._terms:
            energies = [[name, *row] for name, line in zip(names, self.lines, strict=True) for row in line.energies()]
            sys.stdout.write("\n")
            show_table("energy per term", TERM_COLUMNS, energies)
        sys.stdout.write(f"\n{self._counted()}; wrote {self.folder.path}\n")

    def _names(self) -> list[str]:
        """Names for tables, which have to be narrow: the number alone where all are of one file."""
        files = {line.structure.partition(" #")[0] for line in self.lines}
        return [f"#{line.number}" if len(files) == 1 else line.structure for line in self.lines]

    @property
    def _terms(self) -> tuple[str, ...]:
        return next((line.terms for line in self.lines if line.terms), ())

    def _summary(self) -> str:
        terms = self._terms
        head = [*FIGURES, *(f"{edge}{term}_eV" for term in terms for edge in ("start_", "")), "error"]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([head, *(line.row(terms) for line in self.lines)])
        return text.getvalue()

    def _counted(self) -> str:
        counts = Counter(line.status for line in self.lines)
        if missing := self.among - len(self.lines):
            counts["not begun"] = missing
        return f"{self.among} structures: " + ", ".join(f"{count} {status}" for status, count in counts.items())


def _labelled(outcome: Outcome) -> Atoms:
    """Return the last structure with its results, and where it comes from."""
    last = outcome.steps[-1].snapshot.atoms
    labelled: Atoms = last.copy()
    labelled.calc = last.calc
    labelled.info |= {"relaxed_from": outcome.structure.label, "relax_status": outcome.status}
    return labelled
