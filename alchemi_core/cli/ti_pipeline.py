"""A pipeline that gives dE/dλ, and its evaluation for copies of a structure, each at its own λ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from alchemi_core.algebra import differentiate
from alchemi_core.data.batch import Batch
from alchemi_core.data.from_ase import arrays_read
from alchemi_core.errors import ModelOutputError, OptionError, PlanningError
from alchemi_core.quantities import QUANTITIES
from alchemi_core.weight_factors import Sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ase import Atoms

    from alchemi_core.outputs import Outputs
    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_core.weight_factors import Factor

SLOPE = "dE_dlambda"
SAMPLED = frozenset({"energy", "forces", SLOPE})
REFERENCE = "reference_positions"
"""Input of models that hold atoms near points, which are where the structure has its atoms."""


def with_slope(pipeline: PipelineModelWrapper, coupling: str) -> PipelineModelWrapper:
    """Return a pipeline that gives energy, forces and dE/dλ.

    Raises
    ------
    OptionError
        If nothing depends on the coupling parameter.
    PlanningError
        If it cannot give them.
    """
    _check_coupled(pipeline, coupling)
    coupled = (
        pipeline if _gives_slope(pipeline, coupling) else differentiate(pipeline, "dE-dlambda", parameter=coupling)
    )
    coupled.plan_for(SAMPLED)
    return coupled


def ramps_of(pipeline: PipelineModelWrapper, coupling: str) -> tuple[tuple[float, float], ...]:
    """Return start and end of each ramp over the coupling parameter in the weights, in order."""
    steps = pipeline.plan_for({"energy"}).steps
    return tuple(sorted({ramp for step in steps for factor in step.factors for ramp in ramps_in(factor, coupling)}))


def ramps_in(factor: Factor, coupling: str) -> set[tuple[float, float]]:
    """Return start and end of each ramp over the coupling parameter in a factor of a weight."""
    if isinstance(factor, Sum):
        return {ramp for term in factor.terms for one in term.factors for ramp in ramps_in(one, coupling)}
    return set() if factor.ramp is None or factor.name != coupling else {factor.ramp}


def _gives_slope(pipeline: PipelineModelWrapper, coupling: str) -> bool:
    """Tell whether the pipeline gives dE/dλ by itself, and by the parameter that is meant."""
    taken = QUANTITIES[SLOPE].derivative
    if taken is None or coupling not in taken.through:
        return False
    try:
        pipeline.plan_for(SAMPLED)
    except PlanningError:
        return False
    return True


def _check_coupled(pipeline: PipelineModelWrapper, coupling: str) -> None:
    plan = pipeline.plan_for({"energy"})
    if coupling in {*plan.needs, *plan.accepts}:
        return
    if coupling in plan.held:
        raise OptionError(
            f"the pipeline holds {coupling!r} as a tensor",
            expected="a parameter whose value ti may choose",
            who="ti",
            fix=f"Coupling({coupling!r}) without a value",
        )
    raise OptionError(
        f"nothing depends on the coupling parameter {coupling!r}",
        expected="weights that do",
        who="ti",
        fix=f"(1 - {coupling})*one + {coupling}*other",
    )


class CoupledCopies:
    """Energy, forces and dE/dλ of copies of a structure, each at its own λ.

    Parameters
    ----------
    pipeline : PipelineModelWrapper
        Of `with_slope`.
    atoms : ase.Atoms
        The structure; models that read ``reference_positions`` get its array of that name, else its positions.
    coupling : str
        Name of the parameter.
    lambdas : sequence of float
        One for each copy.
    dtype, device
        Of the batch.
    """

    def __init__(
        self,
        pipeline: PipelineModelWrapper,
        atoms: Atoms,
        coupling: str,
        lambdas: Sequence[float],
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self._pipeline = pipeline
        self._shape = (len(lambdas), len(atoms), 3)
        arrays = arrays_read(pipeline.model_config, atoms)
        batch = Batch.from_ase([atoms] * len(lambdas), dtype=dtype, device=device, arrays=arrays)
        fields = {coupling: torch.tensor([[value] for value in lambdas], dtype=dtype, device=device)}
        plan = pipeline.plan_for(SAMPLED)
        if REFERENCE in {*plan.needs, *plan.accepts}:
            points = np.tile(atoms.arrays.get(REFERENCE, atoms.positions), (len(lambdas), 1))
            fields[REFERENCE] = torch.from_numpy(points).to(batch.positions)
        self._batch = batch.with_fields(**fields)

    def forces(self, positions: np.ndarray) -> np.ndarray:
        """Return forces [W, n, 3], eV/Å, at positions [W, n, 3], Å.

        Raises
        ------
        ModelOutputError
            If they are not finite.
        """
        return self._forces(self._outputs(positions, frozenset({"forces"})))

    def sample(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return forces [W, n, 3], energies [W] and dE/dλ [W], eV.

        Raises
        ------
        ModelOutputError
            If one is not finite.
        """
        outputs = self._outputs(positions, SAMPLED)
        energy, slope = (_finite(name, outputs).reshape(-1) for name in ("energy", SLOPE))
        return self._forces(outputs), energy, slope

    def _outputs(self, positions: np.ndarray, names: frozenset[str]) -> Outputs:
        moved = torch.from_numpy(positions.reshape(-1, 3)).to(self._batch.positions)
        with torch.no_grad():
            outputs: Outputs = self._pipeline(self._batch.moved(moved), requested=names)
        return outputs

    def _forces(self, outputs: Outputs) -> np.ndarray:
        return _finite("forces", outputs).reshape(self._shape)


def _finite(name: str, outputs: Outputs) -> np.ndarray:
    values: np.ndarray = outputs[name].detach().cpu().double().numpy()
    if not np.isfinite(values).all():
        raise ModelOutputError(f"{name} is not finite", expected="finite numbers", who="the models")
    return values
