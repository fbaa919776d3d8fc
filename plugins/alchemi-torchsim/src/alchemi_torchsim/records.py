"""Records of a run: energies, and structures where asked for, of each system on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_torchsim.admission import STEPS
from alchemi_torchsim.carrying import have
from alchemi_torchsim.engine import calc_kinetic_energy
from alchemi_torchsim.guarding import INDEX
from alchemi_torchsim.placing import as_array

if TYPE_CHECKING:
    import numpy as np

    from alchemi_torchsim.engine import SimState
    from alchemi_torchsim.settings import Settings


@attrs.frozen(eq=False)
class Record:
    """One system at one time.

    Parameters
    ----------
    step : int
        Steps taken.
    potential, kinetic : float, eV
        Energies.
    positions : ndarray [n, 3], Å, or None
        Where atoms are, if that is kept.
    """

    step: int
    potential: float
    kinetic: float
    positions: np.ndarray | None


class Records:
    """Records by the number of the structure.

    Parameters
    ----------
    settings : Settings
        How often, and whether with positions.
    """

    def __init__(self, settings: Settings) -> None:
        self._every, self._frames = settings.every, settings.frames
        self._kept: dict[int, list[Record]] = {}

    def take(self, state: SimState) -> None:
        """Record those systems whose turn it is."""
        steps = have(state, STEPS).tolist()
        if all(step % self._every for step in steps):
            return
        kinetic = calc_kinetic_energy(masses=state.masses, momenta=state.momenta, system_idx=state.system_idx)
        rows = zip(steps, state.energy.tolist(), kinetic.tolist(), self._positions(state), strict=True)
        for index, row in zip(have(state, INDEX).tolist(), rows, strict=True):
            if row[0] % self._every == 0:
                self._kept.setdefault(index, []).append(Record(*row))

    def _positions(self, state: SimState) -> list[np.ndarray | None]:
        sizes = torch.bincount(state.system_idx).tolist()
        if not self._frames:
            return [None] * len(sizes)
        return [as_array(part) for part in state.positions.split(sizes)]

    def pop(self, index: int) -> list[Record]:
        """Return the records of one structure, and forget them."""
        return self._kept.pop(index, [])
