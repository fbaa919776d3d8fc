"""The damped cutoff sum in TorchScript, for programs without Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.quantities import COULOMB_CONSTANT

if TYPE_CHECKING:
    from torch import Tensor


class ScriptedDSF(torch.nn.Module):
    """Energies of atoms from pairs, as `alchemi_core.scripting.ScriptableEnergy` describes; each pair comes once.

    Parameters
    ----------
    alpha : float, 1/Å
        α.
    cutoff : float, Å
        R.
    end : float, 1/Å
        erfc(αR)/R.
    slope : float, 1/Å²
        s, as in `alchemi_electrostatics.dsf.CoulombDSF`.
    own : float, 1/Å
        Energy of a unit charge on its own.
    """

    def __init__(self, alpha: float, cutoff: float, *, end: float, slope: float, own: float) -> None:
        super().__init__()
        self.alpha, self.cutoff, self.end, self.slope, self.own = alpha, cutoff, end, slope, own
        self.constant = COULOMB_CONSTANT

    def forward(
        self,
        numbers: Tensor,  # noqa: ARG002 - charges say all
        first: Tensor,
        second: Tensor,
        vectors: Tensor,
        inputs: dict[str, Tensor],
    ) -> Tensor:
        """Return energies of atoms, [N], eV; reads ``inputs["charges"]``, [N], e."""
        charges = inputs["charges"].to(vectors.dtype)
        distances = ((vectors * vectors) @ vectors.new_ones(3)).sqrt()
        curve = damped_curve(distances, self.alpha, self.cutoff, self.end, self.slope)
        pairs = 0.5 * charges.index_select(0, first) * charges.index_select(0, second) * curve
        atoms = (self.own * charges * charges).index_add(0, first, pairs).index_add(0, second, pairs)
        return self.constant * atoms


def damped_curve(distances: Tensor, alpha: float, cutoff: float, end: float, slope: float) -> Tensor:
    """Return v(r) in 1/Å; the arguments are those of `ScriptedDSF`."""
    return torch.erfc(alpha * distances) / distances - end + slope * (distances - cutoff)
