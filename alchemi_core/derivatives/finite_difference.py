"""Central finite differences of the group's energy: for black boxes, and to check everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs
import torch

from alchemi_core.derivatives.strain import per_volume
from alchemi_core.quantities import DERIVATIVES

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState


@attrs.frozen
class FiniteDifference:
    """Forces, stress and virial by central differences; every energy of the group counts, detached or not.

    Costs 6 evaluations of the group per atom of the largest system (systems are displaced together) for forces, and
    12 for stress or virial. The error is of second order in `step`.

    Parameters
    ----------
    step : float, Å, optional
        Displacement; the strain step is the same number without unit. By default about the cube root of the dtype's
        rounding, where rounding and truncation are alike: 1e-4 in float64, 1e-2 in float32.
    """

    name: ClassVar[str] = "finite-difference"
    serves: ClassVar[frozenset[str]] = DERIVATIVES
    samples: ClassVar[frozenset[str]] = frozenset({"energy"})

    step: float | None = None

    def prepare(self, state: GroupState) -> tuple[Batch, GroupState]:
        """Leave the batch as it is."""
        return state.data, state

    def finish(self, energy: Tensor, tape: GroupState, requested: frozenset[str]) -> dict[str, Tensor]:  # noqa: ARG002
        """Evaluate around the geometry; `energy` itself is not needed."""
        out: dict[str, Tensor] = {}
        if "forces" in requested:
            out["forces"] = -self._by_positions(tape)
        if requested & {"stress", "virial"}:
            gradient = self._by_strain(tape)
            if "virial" in requested:
                out["virial"] = -gradient
            if "stress" in requested and tape.data.cell is not None:
                out["stress"] = per_volume(gradient, tape.data.cell)
        return out

    def _by_positions(self, tape: GroupState) -> Tensor:
        data = tape.data
        gradient = torch.zeros_like(data.positions)
        starts = torch.tensor(data.ptr[:-1], device=data.device)
        sizes = torch.tensor(data.ptr[1:], device=data.device) - starts
        for rank in range(int(sizes.max()) if data.num_atoms else 0):
            systems = (sizes > rank).nonzero().flatten()
            atoms = starts[systems] + rank
            for axis in range(3):
                shift = torch.zeros_like(data.positions)
                shift[atoms, axis] = self._step(data)
                gradient[atoms, axis] = self._slope(tape, shift, None)[systems]
        return gradient

    def _by_strain(self, tape: GroupState) -> Tensor:
        data = tape.data
        gradient = data.positions.new_zeros(data.num_systems, 3, 3)
        for i, j in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
            strain = data.positions.new_zeros(3, 3)
            strain[i, j] += 0.5 * self._step(data)
            strain[j, i] += 0.5 * self._step(data)
            cell = None if data.cell is None else data.cell @ strain
            slope = self._slope(tape, data.positions @ strain, cell)
            gradient[:, i, j] = gradient[:, j, i] = slope
        return gradient

    def _slope(self, tape: GroupState, shift: Tensor, cell_shift: Tensor | None) -> Tensor:
        """Central difference [B] of the energy along a change of geometry of size `step`."""
        ahead, behind = (self._energy(tape, shift, cell_shift, sign) for sign in (1.0, -1.0))
        return (ahead - behind).flatten() / (2.0 * self._step(tape.data))

    def _step(self, data: Batch) -> float:
        if self.step is not None:
            return self.step
        return 1e-4 if data.dtype == torch.float64 else 1e-2

    @staticmethod
    def _energy(tape: GroupState, shift: Tensor, cell_shift: Tensor | None, sign: float) -> Tensor:
        data = tape.data
        changes = {"positions": data.positions + sign * shift}
        if cell_shift is not None and data.cell is not None:
            changes["cell"] = data.cell + sign * cell_shift
        return tape.energy_at(data.with_fields(**changes))
