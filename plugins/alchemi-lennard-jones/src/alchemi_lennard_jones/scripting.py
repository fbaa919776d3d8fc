"""The energy in TorchScript, for programs without Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_lennard_jones.curve import Curve, pair_energy

if TYPE_CHECKING:
    from torch import Tensor


class ScriptedLennardJones(torch.nn.Module):
    """Energies of atoms from pairs, as `alchemi_core.scripting.ScriptableEnergy` describes.

    Parameters
    ----------
    curve : Curve
        The pair energy.
    epsilon, sigma : Tensor [elements]
        Its parameters, eV and Å; copied.
    rows : Tensor [119], int64, optional
        Row of each element in the parameters, −1 for one without; None where one row serves all.
    half : bool
        Whether each pair comes once, rather than in both directions.
    """

    def __init__(self, curve: Curve, epsilon: Tensor, sigma: Tensor, rows: Tensor | None, *, half: bool) -> None:
        super().__init__()
        self.cutoff, self.switch_on, self.shift = float(curve.cutoff), curve.switch_on, curve.shift
        self.mixes, self.each_once = rows is not None, half
        # not annotated in the class: torch.jit.script cannot read annotations there that are text
        self.epsilon: Tensor
        self.sigma: Tensor
        self.rows: Tensor
        self.register_buffer("epsilon", epsilon.detach().clone())
        self.register_buffer("sigma", sigma.detach().clone())
        self.register_buffer("rows", torch.zeros(0, dtype=torch.int64) if rows is None else rows.clone())

    def forward(
        self,
        numbers: Tensor,
        first: Tensor,
        second: Tensor,
        vectors: Tensor,
        inputs: dict[str, Tensor],  # noqa: ARG002 - there are none
    ) -> Tensor:
        """Return energies of atoms, [N], eV."""
        epsilon, sigma = self.epsilon.to(vectors), self.sigma.to(vectors)
        if self.mixes:
            one = self.rows[numbers.index_select(0, first)]
            other = self.rows[numbers.index_select(0, second)]
            epsilon = torch.sqrt(epsilon.index_select(0, one) * epsilon.index_select(0, other))
            sigma = 0.5 * (sigma.index_select(0, one) + sigma.index_select(0, other))
        squared = (vectors * vectors) @ vectors.new_ones(3)
        pairs = pair_energy(squared, epsilon, sigma, self.cutoff, self.switch_on, self.shift)
        atoms = vectors.new_zeros(numbers.shape[0]).index_add(0, first, 0.5 * pairs)
        return atoms.index_add(0, second, 0.5 * pairs) if self.each_once else atoms
