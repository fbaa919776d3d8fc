"""Admission: from a structure to a state of TorchSim that carries all that a pipeline reads of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.data.from_ase import batch_for
from alchemi_core.errors import DataError, GeometryError
from alchemi_torchsim.carrying import carry
from alchemi_torchsim.conversion import carrying_state
from alchemi_torchsim.guarding import CELL_MOVES, FREE, INDEX, UNMASKED

if TYPE_CHECKING:
    import numpy as np
    from ase import Atoms
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_torchsim.engine import SimState
    from alchemi_torchsim.flight import Passenger
    from alchemi_torchsim.model import TorchSimModel

STEPS = "steps"


class Admission:
    """Makes states that join: all carry the same fields.

    Parameters
    ----------
    model : TorchSimModel
        Says what is read, in which type and where.
    """

    def __init__(self, model: TorchSimModel) -> None:
        self._model = model
        self._fields: frozenset[str] | None = None

    def state(self, passenger: Passenger, atoms: Atoms, free: np.ndarray, *, cell_moves: bool) -> SimState:
        """Return the state of one structure.

        Parameters
        ----------
        passenger : Passenger
            Where it comes from.
        atoms : ase.Atoms
            What it looks like.
        free : ndarray [n, 3], bool
            Coordinates that may move.
        cell_moves : bool
            Whether its cell does.

        Raises
        ------
        GeometryError, DataError
            If it is no structure, or lacks what the first one has.
        """
        if not len(atoms):
            raise GeometryError("there are no atoms in it", expected="at least one atom", who="structure")
        batch = self._batch(atoms)
        state = carrying_state(batch, [atoms])
        own = {INDEX: torch.tensor([passenger.index]), STEPS: torch.tensor([0]), CELL_MOVES: torch.tensor([cell_moves])}
        of_atoms = {FREE: torch.from_numpy(free), UNMASKED: torch.zeros_like(state.positions)}
        state = carry(state, atoms=of_atoms, systems=own)
        return state if self._model.device.type == "cpu" else state.to(self._model.device, self._model.dtype)

    def _batch(self, atoms: Atoms) -> Batch:
        """Make a batch on the CPU with the fields that the pipeline reads."""
        batch = batch_for(self._model.pipe.model_config, [atoms], dtype=self._model.dtype, device="cpu")
        fields = {name: value for name, value in batch.fields.items() if name in self._model.inputs}
        if "total_charge" in self._model.inputs:
            fields.setdefault("total_charge", batch.positions.new_zeros(1, 1))
        self._check_same(fields)
        return attrs.evolve(batch, fields=fields)

    def _check_same(self, fields: dict[str, Tensor]) -> None:
        if self._fields is None:
            self._fields = frozenset(fields)
        if different := self._fields ^ frozenset(fields):
            name = min(different)
            has, had = ("has", "does not") if name in fields else ("does not have", "does")
            raise DataError(
                f"it {has} {name!r}, and the first structure {had}",
                expected="on all or none",
                who="structure",
                fix="relax or move those with it and those without it on their own",
            )
