"""The graph that chgnet's network reads, for a whole batch at once and on the autograd graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from chgnet.model.model import BatchedGraph

from alchemi_chgnet.geometry import find_angles, find_bonds

if TYPE_CHECKING:
    from chgnet.model.model import CHGNet
    from torch import Tensor

    from alchemi_chgnet.geometry import Angles, Bonds, Geometry


def build_graph(network: CHGNet, geometry: Geometry, cutoff: float) -> BatchedGraph:
    """Return what ``BatchedGraph.from_graphs`` would make of the same structures, up to the order of bonds and angles.

    All systems are declared to be one: the network only uses their number to sum energies, which is done elsewhere.

    Parameters
    ----------
    network : CHGNet
        Its basis functions are used, and its precision.
    geometry : Geometry
        Atoms and pairs.
    cutoff : float, Å
        Of the bonds between which there are angles.
    """
    bonds, angles = find_bonds(geometry), find_angles(geometry, cutoff)
    dtype = network.site_wise.weight.dtype
    # Basis functions are worked out in float64: the cutoff polynomial cancels to 1 part in 100 near the cutoff, and the
    # arc cosine magnifies rounding a thousandfold at straight angles. Forces in float32 gain one to two digits.
    lengths = geometry.lengths.index_select(0, bonds.pair_of).double()
    return BatchedGraph(
        atomic_numbers=geometry.numbers,
        bond_bases_ag=network.bond_basis_expansion.rbf_expansion_ag(lengths).to(dtype),
        bond_bases_bg=network.bond_basis_expansion.rbf_expansion_bg(lengths).to(dtype),
        angle_bases=_angle_bases(network, geometry, angles).to(dtype),
        batched_atom_graph=geometry.pairs,
        batched_bond_graph=_bond_graph(geometry, bonds, angles),
        atom_owners=torch.zeros_like(geometry.numbers),
        directed2undirected=bonds.of_pair,
        atom_positions=[],
        strains=[],
        volumes=[],
    )


def _angle_bases(network: CHGNet, geometry: Geometry, angles: Angles) -> Tensor:
    lengths = geometry.lengths.index_select(0, angles.short)
    units = geometry.vectors.index_select(0, angles.short).double() / lengths.double()[:, None]
    bases: Tensor = network.angle_basis_expansion(
        units.index_select(0, angles.first), units.index_select(0, angles.second)
    )
    return bases


def _bond_graph(geometry: Geometry, bonds: Bonds, angles: Angles) -> Tensor:
    """Return atom, first bond and second bond of each angle: Tensor [A, 3]."""
    centers = geometry.pairs[:, 0].index_select(0, angles.short)
    short = bonds.of_pair.index_select(0, angles.short)
    columns = (
        centers.index_select(0, angles.first),
        short.index_select(0, angles.first),
        short.index_select(0, angles.second),
    )
    return torch.stack(columns, dim=1)
