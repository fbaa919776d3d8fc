"""What a backend returns, and its conversion to alchemi's quantities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.quantities import BOHR, HARTREE

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView


@attrs.frozen(eq=False)
class Dispersion:
    """Dispersion of a batch in atomic units.

    Parameters
    ----------
    energy : Tensor [B], Hartree
        Energy of each system.
    gradient : Tensor [N, 3], Hartree/Bohr, or None
        dE/dr.
    strain : Tensor [B, 3, 3], Hartree, or None
        dE/dε for a symmetric strain ε.
    """

    energy: Tensor
    gradient: Tensor | None = None
    strain: Tensor | None = None

    def __add__(self, other: Dispersion) -> Dispersion:
        return self._with(other, 1.0)

    def __sub__(self, other: Dispersion) -> Dispersion:
        return self._with(other, -1.0)

    def _with(self, other: Dispersion, factor: float) -> Dispersion:
        def joined(mine: Tensor | None, theirs: Tensor | None) -> Tensor | None:
            return None if mine is None or theirs is None else mine + factor * theirs

        return Dispersion(
            self.energy + factor * other.energy,
            joined(self.gradient, other.gradient),
            joined(self.strain, other.strain),
        )

    def outputs(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
        """Return the requested of energy, forces, virial and stress in eV and Å, in the dtype and place of the view."""
        out = {"energy": HARTREE * self.energy[:, None]}
        if self.gradient is not None:
            out["forces"] = -HARTREE / BOHR * self.gradient
        if self.strain is not None:
            out["virial"] = -HARTREE * self.strain
        if self.strain is not None and "stress" in requested:
            out["stress"] = _stress(HARTREE * self.strain, view.cell)
        return {name: value.to(view.positions) for name, value in out.items() if name in requested}


def _stress(strain: Tensor, cell: Tensor | None) -> Tensor:
    """Return dE/dε / V, NaN where a system has no volume."""
    if cell is None:
        return torch.full_like(strain, torch.nan)
    a, b, c = cell.detach().to(strain).unbind(1)
    volume = (a * torch.linalg.cross(b, c)).sum(dim=1).abs()[:, None, None]
    stress: Tensor = strain / volume.masked_fill(volume == 0, torch.nan)
    return stress
