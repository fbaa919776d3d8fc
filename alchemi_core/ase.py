"""AlchemiCalculator: a pipeline as an ASE calculator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ase.calculators.calculator import (
    Calculator,
    CalculatorSetupError,
    PropertyNotImplementedError,
    all_changes,
)
from ase.data import chemical_symbols

from alchemi_core.data.batch import Batch
from alchemi_core.data.checks import check_finite
from alchemi_core.errors import UnsupportedElementError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ase import Atoms

    from alchemi_core.outputs import Outputs
    from alchemi_core.pipeline import PipelineModelWrapper

QUANTITY_OF = {
    "energy": "energy",
    "free_energy": "energy",
    "forces": "forces",
    "stress": "stress",
    "charges": "charges",
    "magmoms": "magmoms",
    "dipole": "dipole",
}
"""Name in alchemi of each ASE property served."""

READ_FROM_INFO = ("charge", "spin")
"""Entries of ``atoms.info`` that a batch carries: a change of them is a change of the system."""


class AlchemiCalculator(Calculator):
    """ASE calculator of a pipeline.

    Every evaluation computes what this calculator has been asked for so far in its life and no more: dynamics that
    read only forces never pay for stress, and a relaxation of the cell pays one evaluation per step. `reset` forgets
    what was asked.

    Parameters
    ----------
    pipeline : PipelineModelWrapper
        What to compute with.
    dtype : torch.dtype
        Floating type of positions and cell.
    device : torch.device or str
        Where to compute.

    Attributes
    ----------
    results : dict
        ASE's properties in eV and Å: ``energy``, ``free_energy`` (the same), ``forces`` [n, 3], ``stress`` [6] in
        ASE's order xx yy zz yz xz xy, ``charges`` [n], ``magmoms`` [n], ``dipole`` [3], as far as they were asked;
        and ``energies_per_term``, the weighted energy of each step by its label. Empty after an exception.

    Raises
    ------
    PropertyNotImplementedError
        When the pipeline cannot give a property, or stress is asked of a structure without a volume.
    UnsupportedElementError
        When a structure holds an element that a model was not made for.
    """

    name = "alchemi"

    def __init__(
        self,
        pipeline: PipelineModelWrapper,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.pipeline, self.dtype, self.device = pipeline, dtype, torch.device(device)
        config = pipeline.model_config
        given = config.outputs | config.autograd_outputs
        self.implemented_properties = [name for name, quantity in QUANTITY_OF.items() if quantity in given]
        self._asked: frozenset[str] = frozenset({"energy"})
        self._batch: Batch | None = None

    def reset(self) -> None:
        """Forget results, and what was asked so far."""
        super().reset()  # type: ignore[no-untyped-call]
        self._asked = frozenset({"energy"})
        self._batch = None

    def check_state(self, atoms: Atoms, tol: float = 0.0) -> list[str]:  # noqa: ARG002 - ASE's signature
        """Say what changed since the last evaluation, exactly: a displacement of any size counts."""
        last = self.atoms
        if last is None:
            return list(all_changes)
        changes = [name for name in ("positions", "numbers") if not _same(last.arrays[name], atoms.arrays[name])]
        changes += [name for name in ("pbc",) if not _same(last.pbc, atoms.pbc)]
        changes += [name for name in ("cell",) if not _same(last.cell.array, atoms.cell.array)]
        if not _same(last.get_initial_charges(), atoms.get_initial_charges()):
            changes.append("initial_charges")
        return changes + [key for key in READ_FROM_INFO if last.info.get(key) != atoms.info.get(key)]

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Iterable[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Evaluate the pipeline; see `ase.calculators.calculator.Calculator.calculate`."""
        atoms = self.atoms if atoms is None else atoms
        self.results, self.atoms = {}, None
        if atoms is None:
            raise CalculatorSetupError("no structure to compute: set atoms.calc, or pass atoms")
        asked = self._asked | {QUANTITY_OF[name] for name in properties}
        batch = self._batch_of(atoms, system_changes)
        with torch.no_grad():  # ASE reads numbers, also of a pipeline that is being trained
            outputs = self.pipeline(batch, requested=_possible(asked, properties, atoms), contributions=True)
        self.results = _results(outputs)
        self.atoms, self._asked, self._batch = atoms.copy(), asked, batch

    def _batch_of(self, atoms: Atoms, changes: Sequence[str]) -> Batch:
        """Batch of the structure; when only atoms have moved, the last one with other positions."""
        if self._batch is None or set(changes) != {"positions"}:
            _check_elements(atoms, self.pipeline)
            return Batch.from_ase(atoms, dtype=self.dtype, device=self.device)
        positions = torch.from_numpy(atoms.positions.copy()).to(dtype=self.dtype, device=self.device)
        if not np.isfinite(atoms.positions).all():
            check_finite(positions, None, self._batch.batch_idx)
        return self._batch.moved(positions)


def _same(left: np.ndarray, right: np.ndarray) -> bool:
    return left.shape == right.shape and bool((left == right).all())


def _check_elements(atoms: Atoms, pipeline: PipelineModelWrapper) -> None:
    """Refuse elements that some model was not made for; looked at where the atoms are new, not at every step."""
    present = set(atoms.numbers.tolist())
    for config in (model.model_config for model in pipeline.topology.models):
        if config.elements is not None and not present <= config.elements:
            strange = [chemical_symbols[number] for number in sorted(present - config.elements)]
            raise UnsupportedElementError(
                f"it was not made for {', '.join(strange)}",
                expected=f"structures of the {len(config.elements)} elements it knows",
                who=config.name,
                fix="a model that knows them",
            )


def _possible(asked: frozenset[str], properties: Iterable[str], atoms: Atoms) -> frozenset[str]:
    """What to request: all that was asked, stress only of a structure with a volume."""
    if "stress" not in asked or atoms.cell.volume > 0.0:
        return asked
    if "stress" in properties:
        raise PropertyNotImplementedError("stress of a structure without a volume: its cell has fewer than 3 vectors")
    return asked - {"stress"}


def _results(outputs: Outputs) -> dict[str, Any]:
    energy = float(outputs["energy"])
    results: dict[str, Any] = {"energy": energy, "free_energy": energy}
    for name in outputs:
        if name == "stress":
            results[name] = outputs[name][0].cpu().double().numpy()[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]]
        elif name != "energy" and name in QUANTITY_OF:
            results[name] = outputs[name].cpu().double().numpy()
    parts = [part for part in outputs.contributions if part.name == "energy"]
    results["energies_per_term"] = {part.label: float(part.value) for part in parts}
    return results
