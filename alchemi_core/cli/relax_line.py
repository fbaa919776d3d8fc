"""Line: what an overview keeps of one relaxation, and how that stands in a file and in tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.cli.relax_summary import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alchemi_core.cli.relax_outcome import Outcome
    from alchemi_core.cli.snapshot import Snapshot

FIGURES = (
    "structure",
    "atoms",
    "status",
    "steps",
    "seconds",
    "energy_eV",
    "largest_force_eV_per_A",
    "volume_A3",
    "start_energy_eV",
)
"""Columns of every line in a file, before those of terms and errors."""

NONE = "–"


@attrs.frozen(eq=False)
class Line:
    """What is kept of one outcome: its ends, not the steps between.

    Parameters
    ----------
    structure, status, error : str
        As in the record, the error on one line.
    number : int
        Place of the structure in its file.
    atoms : int
        How many it has.
    pull : float, eV/Å
        Largest force at the end, 0 where there was no step.
    ends : tuple of Snapshot
        Start and end; empty where there was no step.
    """

    structure: str
    status: str
    error: str
    number: int
    atoms: int
    pull: float
    ends: tuple[Snapshot, ...]

    @classmethod
    def of(cls, outcome: Outcome) -> Line:
        """Take it from an outcome."""
        steps, structure = outcome.steps, outcome.structure
        ends = (steps[0].snapshot, steps[-1].snapshot) if steps else ()
        pull = steps[-1].pull if steps else 0.0
        error = " ".join(outcome.error.split())
        return cls(structure.label, outcome.status, error, structure.number, len(structure.atoms), pull, ends)

    @property
    def terms(self) -> tuple[str, ...]:
        """Labels of the terms of the energy, where there are several."""
        labels = tuple(self.ends[0].terms) if self.ends else ()
        return labels if len(labels) > 1 else ()

    def row(self, terms: Sequence[str]) -> list[str]:
        """Return `FIGURES`, start and end of each term, and the error, for a file; what there is not is empty."""
        if not self.ends:
            blank = [""] * (len(FIGURES) - 3 + 2 * len(terms))
            return [self.structure, str(self.atoms), self.status, *blank, self.error]
        first, last = self.ends
        return [
            self.structure,
            str(self.atoms),
            self.status,
            str(last.step),
            f"{last.elapsed:.2f}",
            f"{last.energy:.6f}",
            f"{self.pull:.5f}",
            "" if last.volume is None else f"{last.volume:.4f}",
            f"{first.energy:.6f}",
            *(f"{end.terms[term]:.6f}" for term in terms for end in self.ends),
            self.error,
        ]

    @property
    def changes_volume(self) -> bool:
        """Whether the volume at the end is another."""
        return bool(self.ends) and self.ends[0].volume != self.ends[-1].volume

    def figures(self) -> list[str]:
        """Return status, atoms, steps, energy and its change, largest force and volume, for a table."""
        begin = [self.status, str(self.atoms)]
        if not self.ends:
            return begin + [NONE] * 5
        first, last = self.ends
        return [
            *begin,
            str(last.step),
            f"{last.energy:.6f}",
            shown(last.energy - first.energy, "+.6f"),
            f"{self.pull:.5f}",
            NONE if last.volume is None else f"{last.volume:.3f}",
        ]

    def energies(self) -> Iterator[list[str]]:
        """Yield term, energy at start and end, and change, for a table."""
        for term in self.terms:
            start, end = (snapshot.terms[term] for snapshot in self.ends)
            yield [term, shown(start, ".6f"), shown(end, ".6f"), shown(end - start, "+.6f")]
