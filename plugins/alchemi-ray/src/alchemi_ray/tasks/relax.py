"""Relaxation, structure by structure, as ``alchemi relax`` does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.cli.composing import DTYPES
from alchemi_core.cli.relaxation import Relaxation
from alchemi_ray.tasks.answer import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ase import Atoms

    from alchemi_core.cli.relaxation import RelaxationStep
    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_ray.tasks.settings import Settings


@attrs.frozen(eq=False)
class Relax:
    """Relaxes structures, one after the other.

    Parameters
    ----------
    pipeline : PipelineModelWrapper
        On its device.
    settings : Settings
        With options of `Relaxation`.
    """

    pipeline: PipelineModelWrapper
    settings: Settings

    def answers(self, structures: Sequence[Atoms]) -> Iterator[Answer]:
        """Yield one answer for each structure, in order: the last geometry and its results."""
        for atoms in structures:
            try:
                yield self._answer(atoms)
            except Exception as error:  # noqa: BLE001 - the error of this structure; the others go on
                yield Answer(atoms, error=error)

    def _answer(self, atoms: Atoms) -> Answer:
        how, first = Relaxation(**self.settings.options), None
        dtype, device = DTYPES[self.settings.dtype], torch.device(self.settings.device)
        for last in how.run(atoms.copy(), self.pipeline, dtype, device):
            first = first or last
        assert first is not None  # the start is a step
        return Answer(_bare(last.snapshot.atoms, atoms), _columns(first, last))


def _bare(end: Atoms, begin: Atoms) -> Atoms:
    """Return the structure that came in, at the positions and in the cell of the end."""
    moved: Atoms = begin.copy()
    moved.set_cell(end.cell)
    moved.positions = end.positions
    return moved


def _columns(first: RelaxationStep, last: RelaxationStep) -> dict[str, Any]:
    end = last.snapshot
    return {
        "energy": end.energy,
        "forces": end.atoms.calc.results["forces"],
        "stress": end.stress,
        "energy_terms": dict(end.terms),
        "converged": last.converged,
        "steps": end.step,
        "largest_force": last.pull,
        "energy_before": first.snapshot.energy,
    }
