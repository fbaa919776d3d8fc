"""Structures of point charges, and a charge model whose charges depend on the positions."""

from __future__ import annotations

import numpy as np
import torch
from ase import Atoms

from alchemi_core import BaseModelMixin, ModelConfig, NeighborConfig, OnGraph, pair_vectors

SKEWED = np.array([[7.0, 0.3, -0.2], [2.6, 6.1, 0.4], [-1.7, 1.9, 8.2]])
"""No two angles alike, right-handed."""


def gas(number: int = 12, *, cell: np.ndarray = SKEWED, pbc: object = True, seed: int = 0, apart: float = 1.6) -> Atoms:
    """Atoms at random places of a cell, no two of them closer than `apart`."""
    random = np.random.default_rng(seed)
    atoms = Atoms(cell=cell, pbc=pbc)
    while len(atoms) < number:
        trial = atoms + Atoms("Na" if len(atoms) % 2 else "Cl", [random.uniform(size=3) @ cell])
        if len(atoms) == 0 or trial.get_distances(-1, range(len(atoms)), mic=bool(np.any(pbc))).min() > apart:
            atoms = trial
    return atoms


def charges_of(atoms: Atoms, *, total: float = 0.0, seed: int = 0) -> np.ndarray:
    """Random charges of about one, of the wanted sum."""
    charges = np.random.default_rng(seed).uniform(0.5, 1.5, len(atoms)) * np.where(atoms.numbers == 11, 1.0, -1.0)
    return charges + (total - charges.sum()) / len(atoms)


class Transfer(BaseModelMixin):
    """q_i = z_i + Σ_j (z_j − z_i) s (1 − (r/r_c)²)³: neighbors share part of their charges z, given by element."""

    RANGE, SHARE = 3.5, 0.1

    def __init__(self) -> None:
        self.model_config = ModelConfig(
            name="transfer",
            outputs={"charges": OnGraph({"positions", "cell"})},
            supports_pbc=True,
            neighbor_config=NeighborConfig(self.RANGE),
        )

    def compute(self, view, requested):
        own = torch.where(view.atomic_numbers == 11, 1.0, -0.8).to(view.positions.dtype)
        i, j = view.neighbors.neighbor_list.long().unbind(1)
        squared = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx).square().sum(1)
        share = self.SHARE * (1.0 - squared / self.RANGE**2) ** 3
        return {"charges": own.index_add(0, i, share * (own[j] - own[i]))}
