"""Structures as they are: batches of many, through the evaluation of the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import torch

from alchemi_core.ase_results import results_of
from alchemi_core.batching.allowance import Allowance
from alchemi_core.batching.evaluate import evaluate
from alchemi_core.cli.composing import DTYPES
from alchemi_ray.tasks.answer import Answer, check_finite

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ase import Atoms

    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_ray.tasks.settings import Settings

TERMS = {"forces": "forces_terms", "stress": "stress_terms"}

FLAT = 1e-10
"""Volume over the product of the lengths of the vectors: below it they lie in a plane, to rounding."""


def has_volume(atoms: Atoms) -> bool:
    """Tell whether the vectors of the cell span a volume, by which stress is defined."""
    return float(atoms.cell.volume) > FLAT * float(np.prod(atoms.cell.lengths()))


@attrs.frozen(eq=False)
class SinglePoint:
    """Computes structures as they are.

    Parameters
    ----------
    pipeline : PipelineModelWrapper
        On its device.
    settings : Settings
        What to ask.
    allowance : Allowance, optional
        How large batches may be, as far as shards have shown.
    """

    pipeline: PipelineModelWrapper
    settings: Settings
    allowance: Allowance = attrs.Factory(
        lambda self: Allowance.of(None, torch.device(self.settings.device).type), takes_self=True
    )

    def answers(self, structures: Sequence[Atoms]) -> Iterator[Answer]:
        """Yield one answer for each structure, in order."""
        with_volume = [has_volume(atoms) for atoms in structures]
        streams = {has: self._evaluated(structures, with_volume, has) for has in set(with_volume)}
        for has in with_volume:
            yield next(streams[has])

    def _evaluated(self, structures: Sequence[Atoms], with_volume: Sequence[bool], has: bool) -> Iterator[Answer]:  # noqa: FBT001
        """Evaluate those that have a volume, or those that have none, of which no stress is asked."""
        chosen = [atoms for atoms, volume in zip(structures, with_volume, strict=True) if volume == has]
        outputs = frozenset(self.settings.outputs) - (frozenset() if has else {"stress"})
        evaluated = evaluate(
            self.pipeline,
            chosen,
            requested=outputs,
            contributions=self.settings.contributions or "energy",
            dtype=DTYPES[self.settings.dtype],
            device=self.settings.device,
            failures="keep",
            budget=self.allowance,
        )
        for one in evaluated:
            yield self._answer(one.structure, one.outputs, one.error)

    def _answer(self, atoms: Atoms, outputs: Any, error: Exception | None) -> Answer:
        if error is not None:
            return Answer(atoms, error=error)
        results = results_of(outputs, contributions=self.settings.contributions)
        columns = {name: results[name] for name in self.settings.outputs if name in results}
        columns["energy_terms"] = results["energies_per_term"]
        parts = results.get("contributions", {})
        columns |= {column: parts.get(name) for name, column in TERMS.items() if name in columns and parts}
        try:
            check_finite(columns)
        except Exception as found:  # noqa: BLE001 - the error of this structure
            return Answer(atoms, error=found)
        return Answer(atoms, columns)
