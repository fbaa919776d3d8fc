"""Outcome of relaxing one structure, and the files that tell of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.atomic_write import write_json, write_text
from alchemi_core.cli.frames import as_text
from alchemi_core.cli.provenance import now

if TYPE_CHECKING:
    from pathlib import Path

    from alchemi_core.cli.relaxation import Relaxation, RelaxationStep
    from alchemi_core.cli.structures import Structure

SUBTITLE = 125
"""Characters that fit above the picture."""

FILES = ("trajectory.extxyz", "final.extxyz", "run.json", "relax.png")


@attrs.frozen(eq=False)
class Outcome:
    """What became of one structure.

    Parameters
    ----------
    structure : Structure
        As it was read.
    how : Relaxation
        What was asked.
    steps : list of RelaxationStep
        The start and all steps; empty where the first one failed.
    cause : BaseException, optional
        What put an end to it before its own.
    """

    structure: Structure
    how: Relaxation
    steps: list[RelaxationStep]
    cause: BaseException | None = None

    @property
    def status(self) -> str:
        """``"converged"``, ``"not converged"``, ``"interrupted"`` or ``"failed"``."""
        if self.cause is None:
            return "converged" if self.steps[-1].converged else "not converged"
        return "interrupted" if isinstance(self.cause, KeyboardInterrupt) else "failed"

    @property
    def error(self) -> str:
        """What failed."""
        return str(self.cause) or type(self.cause).__name__ if self.status == "failed" else ""

    @property
    def ended(self) -> bool:
        """Whether it came to its own end, converged or out of steps."""
        return self.status in ("converged", "not converged")

    @property
    def converged(self) -> bool:
        """Whether nothing pulls any more."""
        return self.status == "converged"

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        last = self.steps[-1]
        taken = f"{last.snapshot.step} step{'' if last.snapshot.step == 1 else 's'}, {last.snapshot.elapsed:.1f} s"
        if self.converged:
            return f"converged in {taken}"
        return f"{self.status} after {taken}: largest force {last.pull:.4f}, wanted {self.how.fmax:g} eV/Å"

    def record(self) -> dict[str, Any]:
        """Return what ``run.json`` says of it."""
        first, last = self.steps[0], self.steps[-1]
        cell_moved = self.how.moves_cell(self.structure.atoms)
        return {
            "finished": now(),
            "status": self.status,
            **({"error": self.error} if self.error else {}),
            "settings": {**attrs.asdict(self.how), "cell_relaxed": cell_moved},
            "structure": self.structure.label,
            "convergence": {
                "converged": self.converged,
                "steps": last.snapshot.step,
                "largest_force_eV_per_A": last.pull,
                "fmax_eV_per_A": self.how.fmax,
            },
            "seconds": last.snapshot.elapsed,
            "start": first.snapshot.summary(),
            "end": last.snapshot.summary(),
            "history": [
                {"largest_force_eV_per_A": step.pull, "seconds": step.snapshot.elapsed} | step.snapshot.summary()
                for step in self.steps
            ],
        }

    def write(self, folder: Path, record: dict[str, Any], model: str) -> None:
        """Write the record and the picture; the last structure only where the run came to its end."""
        if self.ended:
            write_text(folder / "final.extxyz", as_text([self.steps[-1].snapshot.atoms]))
        write_json(folder / "run.json", record | self.record())
        # Only now, so that a run starts without waiting for matplotlib.
        from alchemi_core.cli.relax_plot import plot_relaxation

        title = f"{self.structure.label}  {self.structure.atoms.symbols}"
        plot_relaxation(folder / "relax.png", self.steps, self.how.fmax, title, self._subtitle(model))

    def _subtitle(self, model: str) -> str:
        """Model and outcome, on a line that fits above the picture."""
        room = SUBTITLE - len(self.sentence)
        line = " ".join(model.split())
        return f"{line if len(line) <= room else line[: room - 1] + '…'} · {self.sentence}"
