"""A network over pairs that can be stacked, and three members of a committee of it."""

import torch

from alchemi_core.contract import OnGraph
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import pair_vectors


class PairNetwork(BaseModelMixin, torch.nn.Module):
    """E_i = Σ_j MLP(exp(−(r_ij − c)²), Z_i + Z_j) (1 − (r/r_c)²)³ + e(Z_i), a network of one hidden layer."""

    def __init__(self, seed=0, cutoff=4.5, hidden=6, stackable=True, **config):
        super().__init__()
        self.cutoff = cutoff
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.layers = torch.nn.Sequential(
                torch.nn.Linear(5, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, 1)
            ).double()
            self.shift = torch.nn.Parameter(torch.randn(100, dtype=torch.float64))
        self.register_buffer("centers", torch.linspace(1.0, 4.0, 4, dtype=torch.float64))
        through = OnGraph({"positions", "cell"})
        self.model_config = ModelConfig(
            name="pair-network",
            outputs={"energy": through, "node_energies": through},
            supports_pbc=True,
            neighbor_config=NeighborConfig(cutoff),
            stackable=stackable,
            **config,
        )

    def compute(self, view, requested):
        i, j = view.neighbors.neighbor_list.long().unbind(1)
        d = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)
        r = d.to(self.centers.dtype).square().sum(1, keepdim=True).sqrt()
        numbers = 0.1 * (view.atomic_numbers[i] + view.atomic_numbers[j]).to(r.dtype)
        features = torch.cat([torch.exp(-((r - self.centers) ** 2)), numbers[:, None]], dim=1)
        pair = (self.layers(features) * (1 - (r / self.cutoff) ** 2) ** 3).squeeze(1)
        atoms = self.shift[view.atomic_numbers].index_add(0, i, pair).to(view.positions.dtype)
        energy = atoms.new_zeros(view.num_systems).index_add(0, view.batch_idx, atoms)
        return {"energy": energy[:, None], "node_energies": atoms}


def members(count=3, **options):
    return [PairNetwork(seed, **options) for seed in range(count)]
