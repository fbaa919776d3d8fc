"""Partition: the virial of unfolded systems shared out among atoms, and whether that adds up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_derivatives.unfolding import Unfolding

ROUNDING = {torch.float64: 1e-5, torch.float32: 1e-4}
"""Largest relative difference that can be rounding; many models compute in float32 whatever they are given."""

_EDGE = 2.0
"""Å. How thick the outermost layer of images is; one of any solid or liquid holds atoms."""


@attrs.frozen(eq=False)
class Partition:
    """The virial of each atom of unfolded systems.

    Parameters
    ----------
    virials : Tensor [N, 3, 3], eV
        Of each original atom, those of its images included.
    scale : Tensor [B], eV
        Sum of absolute values over all images: what differences are small or large against.
    closed : Tensor [B], bool
        Whether nothing depends on the outermost images, so that more of them would change nothing.
    """

    virials: Tensor
    scale: Tensor
    closed: Tensor

    @classmethod
    def of(cls, energies: Tensor, cluster: Unfolding, data: Batch, reach: float, *, create_graph: bool) -> Partition:
        """Differentiate the energies of the original atoms.

        With the barycentre Σ_i r_i U_i at fixed r_i, W_j,ab = ∂(Σ_i r_i,a U_i)/∂r_j,b − r_j,a ∂(Σ_i U_i)/∂r_j,b.

        Parameters
        ----------
        energies : Tensor [M], eV
            Of all atoms of the clusters, on the graph of their positions.
        cluster : Unfolding
            The clusters.
        data : Batch
            What they were made of.
        reach : float, Å
            How far images were taken.
        create_graph : bool
            Whether the virials can be differentiated again.
        """
        places = cluster.centred()
        force, *moments = (
            _gradient(energies, weights * cluster.own, cluster.batch.positions, create_graph=create_graph)
            for weights in (torch.ones_like(energies), *places.unbind(1))
        )
        each = torch.stack(moments, dim=1) - places.unsqueeze(2) * force.unsqueeze(1)
        index = cluster.batch.batch_idx
        scale = energies.new_zeros(data.num_systems).index_add(0, index, each.detach().abs().amax((1, 2)))
        return cls(cluster.folded(each), scale, _closed(each.detach(), cluster, data, reach))

    def error(self, virial: Tensor, data: Batch) -> Tensor:
        """Return by how much the atoms of each system do not add up to its virial [B, 3, 3] in eV: Tensor [B]."""
        total = torch.zeros_like(virial).index_add(0, data.batch_idx, self.virials.detach())
        return _ratio((total - virial).abs().amax((1, 2)), torch.maximum(self.scale, virial.abs().amax((1, 2))))


def energy_error(energies: Tensor, expected: Tensor, data: Batch) -> Tensor:
    """Return the largest difference between energies [N] of each system, relative to its largest one: Tensor [B]."""
    none = energies.new_zeros(data.num_systems)
    worst = none.scatter_reduce(0, data.batch_idx, (energies - expected).abs(), "amax")
    return _ratio(worst, none.scatter_reduce(0, data.batch_idx, expected.abs(), "amax"))


def _gradient(energies: Tensor, weights: Tensor, positions: Tensor, *, create_graph: bool) -> Tensor:
    """Return d(Σ w U)/dr with w held fixed; zero where the energies do not depend on positions."""
    if not energies.requires_grad:
        return torch.zeros_like(positions)
    (gradient,) = torch.autograd.grad(
        energies, positions, weights, retain_graph=True, create_graph=create_graph, materialize_grads=True
    )
    return gradient


def _closed(each: Tensor, cluster: Unfolding, data: Batch, reach: float) -> Tensor:
    """Tell of each system whether it has outermost images and all have nothing, or is not periodic."""
    index, count = cluster.batch.batch_idx, data.num_systems
    outermost = cluster.distance > reach - _EDGE
    touched = outermost & (each != 0).flatten(1).any(dim=1)
    reached, depends = (torch.bincount(index[rows], minlength=count) > 0 for rows in (outermost, touched))
    periodic = torch.zeros_like(reached) if data.pbc is None else data.pbc.any(dim=1)
    return ~periodic | (reached & ~depends)


def _ratio(difference: Tensor, scale: Tensor) -> Tensor:
    return difference / scale.clamp(min=torch.finfo(scale.dtype).tiny)
