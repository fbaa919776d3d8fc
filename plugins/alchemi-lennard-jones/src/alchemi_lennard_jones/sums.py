"""From pairs to atoms and systems. In a full list each pair comes twice and counts half each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_core.neighbors.lists import CooList


def per_atom(energies: Tensor, pairs: CooList) -> Tensor:
    """Give half of each pair's energy to each of its atoms: Tensor [N], eV."""
    i, j = pairs.neighbor_list.unbind(1)
    atoms = energies.new_zeros(pairs.num_atoms).index_add(0, i, 0.5 * energies)
    return atoms.index_add(0, j, 0.5 * energies) if pairs.half_list else atoms


def per_system(atoms: Tensor, view: ModelView) -> Tensor:
    """Sum atoms to systems: Tensor [B, 1], eV."""
    return atoms.new_zeros(view.num_systems).index_add(0, view.batch_idx, atoms)[:, None]


def pair_forces(pulls: Tensor, pairs: CooList) -> Tensor:
    """Return F_i = Σ_j u'(r) d/r over the neighbors j of i: Tensor [N, 3], eV/Å.

    Parameters
    ----------
    pulls : Tensor [E, 3], eV/Å
        u'(r) d/r of each pair, d from i to j.
    pairs : CooList
        The pairs.
    """
    # int64: with int32 torch adds rows ten times slower
    i, j = pairs.neighbor_list.long().unbind(1)
    forces = pulls.new_zeros(pairs.num_atoms, 3).index_add(0, i, pulls)
    return forces.index_add(0, j, -pulls) if pairs.half_list else forces


def pair_virial(vectors: Tensor, pulls: Tensor, pairs: CooList, view: ModelView) -> Tensor:
    """Return −dE/dε = −Σ d ⊗ u'(r) d/r over pairs: Tensor [B, 3, 3], eV; arguments as for `pair_forces`."""
    share = 1.0 if pairs.half_list else 0.5
    systems = view.batch_idx.index_select(0, pairs.neighbor_list[:, 0])
    products = (vectors[:, :, None] * pulls[:, None, :]).reshape(-1, 9)
    return -share * products.new_zeros(view.num_systems, 9).index_add(0, systems, products).reshape(-1, 3, 3)


def pair_stress(virial: Tensor, cell: Tensor | None) -> Tensor:
    """Return −virial / V: Tensor [B, 3, 3], eV/Å³; NaN where a system has no volume."""
    if cell is None:
        return torch.full_like(virial, torch.nan)
    volume = torch.linalg.det(cell).abs()[:, None, None]
    return torch.where(volume > 0, -virial / torch.where(volume > 0, volume, 1.0), torch.nan)
