"""Guarded: a model that goes on where one system of many fails: that one gets NaN, and its error is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.batching.release import release
from alchemi_torchsim.carrying import carried, put
from alchemi_torchsim.engine import ModelInterface

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_torchsim.engine import SimState
    from alchemi_torchsim.model import TorchSimModel

INDEX = "index"
FREE = "free"
CELL_MOVES = "cell_moves"
UNMASKED = "unmasked_forces"
"""Forces as the model gives them, on held coordinates too."""


class Guarded(ModelInterface):  # type: ignore[misc]  # torch-sim has no type hints that mypy reads
    """Evaluates states that carry the number of each system, which coordinates are free and which cells move.

    Where an evaluation fails, for want of memory too, halves are tried, and so on down to single systems.

    Parameters
    ----------
    model : TorchSimModel
        What to evaluate.

    """

    def __init__(self, model: TorchSimModel) -> None:
        super().__init__()
        self.model = model
        self._errors: dict[int, Exception] = {}
        self._device, self._dtype = model.device, model.dtype
        self._compute_forces, self._compute_stress = model.compute_forces, model.compute_stress
        self._memory_scales_with = model.memory_scales_with

    def forward(self, state: SimState, **_: object) -> dict[str, Tensor]:
        """Evaluate; no force on coordinates that are held, no stress on cells that stay.

        States whose coordinates may be held are left with the forces of the model beside.
        """
        results = self._results(state)
        free, moves = carried(state, FREE), carried(state, CELL_MOVES)
        if free is not None:
            put(state, UNMASKED, results["forces"])
            results["forces"] = torch.where(free, results["forces"], 0.0)
        if moves is not None and "stress" in results:
            results["stress"] = torch.where(moves[:, None, None], results["stress"], 0.0)
        return results

    def error_of(self, index: int) -> Exception | None:
        """Return why the system with a number failed, None where it did not, and forget it.

        Nothing of the batches in which it failed is kept alive by it.
        """
        error = self._errors.pop(index, None)
        return None if error is None else release(error)

    def _results(self, state: SimState) -> dict[str, Tensor]:
        try:
            return self.model(state)  # type: ignore[no-any-return]
        except Exception as error:  # noqa: BLE001 - whose fault it is shows when each is alone
            systems = state.cell.shape[0]
            if systems == 1:
                return self._failed(state, error)
        half = systems // 2
        parts = [self._results(state[list(some)]) for some in (range(half), range(half, systems))]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _failed(self, state: SimState, error: Exception) -> dict[str, Tensor]:
        index = carried(state, INDEX)
        if index is None:
            raise error
        self._errors[int(index)] = error
        shapes = {"energy": (1,), "forces": (len(state.positions), 3), "stress": (1, 3, 3)}
        return {name: state.positions.new_full(shapes[name], torch.nan) for name in self.model.requested}
