"""AlchemiCalculator: a pipeline as an ASE calculator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from ase.calculators.calculator import (
    Calculator,
    CalculatorSetupError,
    PropertyNotImplementedError,
    all_changes,
)
from ase.data import chemical_symbols

from alchemi_core.ase_results import PROPERTIES, results_of
from alchemi_core.data.checks import check_finite
from alchemi_core.data.from_ase import array_of, arrays_read, batch_for, couplings_read
from alchemi_core.errors import UnsupportedElementError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from ase import Atoms

    from alchemi_core.data.batch import Batch
    from alchemi_core.pipeline import PipelineModelWrapper

READ_FROM_INFO = ("charge", "spin")
"""Entries of ``atoms.info`` that a batch carries: a change of them is a change of the system."""


class AlchemiCalculator(Calculator):
    """ASE calculator of a pipeline.

    Coupling parameters that weights depend on are read from ``atoms.info``, such as ``atoms.info["coupling"]``.

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
    outputs : collection of str
        Further outputs of the pipeline to compute at every evaluation, such as ``forces_std``: in `results` under
        their names, and given by `get_property`.
    contributions : bool
        Whether to keep what each step of the pipeline added to each output, forces and stress included.

    Attributes
    ----------
    given : frozenset of str
        Outputs that the pipeline can give.
    results : dict
        ASE's properties in eV and Å: ``energy``, ``free_energy`` (the same), ``forces`` [n, 3], ``stress`` [6] in
        ASE's order xx yy zz yz xz xy, ``charges`` [n], ``magmoms`` [n], ``dipole`` [3], and further `outputs`, as far
        as they were asked; ``energies_per_term``, the weighted energy of each step by its label; with
        `contributions`, ``contributions``: for each output that is a sum, what each step added to it by its label,
        such as ``results["contributions"]["forces"]["dftd3"]`` [n, 3]. Empty after an exception.

    Raises
    ------
    PlanningError
        When the pipeline cannot give one of `outputs`.
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
        *,
        outputs: Collection[str] = (),
        contributions: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.pipeline, self.dtype, self.device = pipeline, dtype, torch.device(device)
        config = pipeline.model_config
        self.given = config.outputs | config.autograd_outputs
        self.implemented_properties = [name for name, quantity in PROPERTIES.items() if quantity in self.given]
        self.contributions, self._always = contributions, frozenset({"energy", *outputs})
        if outputs:
            pipeline.plan_for(self._always)
        self.implemented_properties += sorted(self._always - PROPERTIES.keys())
        self._asked = self._always
        self._batch: Batch | None = None

    def reset(self) -> None:
        """Forget results, and what was asked so far."""
        super().reset()  # type: ignore[no-untyped-call]
        self._asked = self._always
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
        for name in arrays_read(self.pipeline.model_config, atoms):
            if name not in arrays_read(self.pipeline.model_config, last) or not _same(
                array_of(last, name), array_of(atoms, name)
            ):
                changes.append(name)
        before, now = (couplings_read(self.pipeline.model_config, one) for one in (last, atoms))
        changes += [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
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
        asked = self._asked | {PROPERTIES.get(name, name) for name in properties}
        batch = self._batch_of(atoms, system_changes)
        parts: bool | Literal["energy"] = self.contributions or "energy"
        with torch.no_grad():  # ASE reads numbers, also of a pipeline that is being trained
            outputs = self.pipeline(batch, requested=_possible(asked, properties, atoms), contributions=parts)
        self.results = results_of(outputs, contributions=self.contributions)
        self.atoms, self._asked, self._batch = atoms.copy(), asked, batch

    def _batch_of(self, atoms: Atoms, changes: Sequence[str]) -> Batch:
        """Batch of the structure; when only atoms have moved, the last one with other positions."""
        if self._batch is None or set(changes) != {"positions"}:
            _check_elements(atoms, self.pipeline)
            return batch_for(self.pipeline.model_config, [atoms], dtype=self.dtype, device=self.device)
        positions = torch.from_numpy(atoms.positions.copy()).to(dtype=self.dtype, device=self.device)
        if not np.isfinite(atoms.positions).all():
            check_finite(positions, None, self._batch.batch_idx)
        return self._batch.moved(positions)


def _same(left: np.ndarray, right: np.ndarray) -> bool:
    return left.shape == right.shape and bool((left == right).all())


def _check_elements(atoms: Atoms, pipeline: PipelineModelWrapper) -> None:
    """Refuse elements that some model was not made for; looked at where the atoms are new, not at every step."""
    present = set(atoms.numbers.tolist())
    whole = pipeline.model_config.elements
    if whole is None or present <= whole:
        return
    steps = [step for group in pipeline.topology.groups for step in group.steps if step.atoms is None]
    for config in (step.model.model_config for step in steps):
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
