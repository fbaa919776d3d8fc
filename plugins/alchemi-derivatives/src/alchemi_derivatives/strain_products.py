"""Second derivatives by strain and positions on the autograd graph, one vector product at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.derivatives.ends import refuse_ends
from alchemi_core.derivatives.leaves import with_strain
from alchemi_derivatives.ranks import ranks
from alchemi_derivatives.strain_expansion import StrainExpansion
from alchemi_derivatives.voigt import directions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState


@attrs.frozen(eq=False)
class StrainTape:
    """The leaves.

    Parameters
    ----------
    data : Batch
        Before the strain.
    strained : Batch
        After it: what the steps run on.
    positions : Tensor [N, 3], Å
        Leaf.
    strain : Tensor [B, 3, 3]
        Leaf, zero.
    differentiable : bool
        Whether the results stay on the graph.
    """

    data: Batch
    strained: Batch
    positions: Tensor
    strain: Tensor
    differentiable: bool

    @classmethod
    def of(cls, state: GroupState) -> StrainTape:
        """Put the batch of a group on leaves."""
        strained, positions, strain = with_strain(state)
        return cls(state.data, strained, positions, strain, state.differentiable)

    def slopes(self, energy: Tensor, *, again: bool) -> tuple[Tensor, Tensor]:
        """Return dE/dr [N, 3] in eV/Å and dE/dε [B, 3, 3] in eV, symmetric; `again`: to be differentiated further."""
        keep = again or self.differentiable
        # Without a gradient of what flows in, operations that can be differentiated once only leave no trace.
        energy = energy * torch.ones_like(energy, requires_grad=keep)
        by_positions, by_strain = _gradients(energy.sum(), (self.positions, self.strain), create_graph=keep)
        if again:
            refuse_ends(by_positions, "derivative_fn elastic")
        return by_positions, 0.5 * (by_strain + by_strain.mT)

    def expand(self, slopes: tuple[Tensor, Tensor], sizes: Sequence[int]) -> StrainExpansion:
        """Differentiate again.

        Parameters
        ----------
        slopes : tuple of Tensor
            From `slopes`, on the graph.
        sizes : sequence of int
            How many atoms of each system to relax.
        """
        by_positions, by_strain = slopes
        rows = [self._products((by_strain * along).sum()) for along in directions(by_strain)]
        curvature = torch.stack([by for _, by in rows], dim=1)
        hessian = [self._products(by_positions[atoms, axis].sum())[0] for atoms, axis in ranks(self.data, sizes)]
        return StrainExpansion(
            slope=by_strain if self.differentiable else by_strain.detach(),
            curvature=torch.einsum("bimn,jmn->bij", curvature, directions(by_strain)),
            coupling=torch.stack([by for by, _ in rows]),
            hessian=torch.stack(hessian) if hessian else by_positions.new_zeros(0, self.data.num_atoms, 3),
        )

    def _products(self, value: Tensor) -> tuple[Tensor, Tensor]:
        return _gradients(value, (self.positions, self.strain), create_graph=self.differentiable)


def _gradients(value: Tensor, inputs: tuple[Tensor, Tensor], *, create_graph: bool) -> tuple[Tensor, Tensor]:
    """Return gradients; zero where the value does not depend on an input, as forces of a constant slope do not."""
    if not value.requires_grad:
        return torch.zeros_like(inputs[0]), torch.zeros_like(inputs[1])
    first, second = torch.autograd.grad(
        value, inputs, retain_graph=True, create_graph=create_graph, allow_unused=True, materialize_grads=True
    )
    return first, second
