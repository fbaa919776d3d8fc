"""Two small models that are right in every way the conformance kit looks at: one on the graph, one detached.

Mutants of them, with one defect each, show that each check catches its own defect.
"""

from __future__ import annotations

import attrs
import torch

from alchemi_core.contract import Analytic, Constant, OnGraph
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import filled, pair_vectors

CUTOFF = 3.6
THROUGH = frozenset({"positions", "cell", "charges", "total_charge"})


def window(r, cutoff=CUTOFF):
    """Fall to zero at the cutoff with vanishing slope and curvature."""
    return torch.where(r < cutoff, (1 - (r / cutoff) ** 2) ** 3, 0.0)


def to_systems(view, atomic):
    return atomic.new_zeros(view.num_systems).index_add(0, view.batch_idx, atomic).unsqueeze(1)


class Pairs:
    """The pairs of a half matrix, one after the other: atoms i and j, the vector d from i to j, its length r."""

    def __init__(self, view):
        neighbors = view.neighbors
        used = filled(neighbors)
        vectors = pair_vectors(view.positions, view.cell, neighbors, view.batch_idx)
        self.i, self.column = used.nonzero(as_tuple=True)
        self.j = neighbors.neighbor_matrix[used].long()
        self.d = vectors[used]
        self.shifts = neighbors.neighbor_matrix_shifts[used]
        self.r = self.d.norm(dim=1)

    def __len__(self):
        return len(self.i)


class Right(torch.nn.Module, BaseModelMixin):
    """E = Σ_pairs [s exp(−r²/4) + q_i q_j / r] w(r) + 0.01 Q²: on the graph, from a half matrix.

    Beside it a share of the energy for each atom, magnetic moments that are detached, charges that only depend on the
    element, and a model parameter s.
    """

    def __init__(self, strength=0.8):
        super().__init__()
        self.strength = torch.nn.Parameter(torch.tensor(float(strength)))
        self.model_config = ModelConfig(
            name="right",
            outputs={
                "energy": OnGraph(THROUGH),
                "node_energies": OnGraph(THROUGH),
                "magmoms": Analytic(),
                "partial_charges": Constant(),
            },
            required_inputs={"charges"},
            optional_inputs={"total_charge"},
            supports_pbc=True,
            neighbor_config=NeighborConfig(CUTOFF, "matrix", half_list=True),
        )

    def compute(self, view, requested):
        pairs = self.pairs(view)
        atomic = self.atomic(view, pairs, self.pair(view, pairs))
        energy = self.energy(view, pairs, atomic)
        return {
            "energy": self.answered(view, pairs, energy),
            "node_energies": self.node_energies(view, atomic, energy),
            "magmoms": self.magmoms(view, atomic),
            "partial_charges": self.partial_charges(view, atomic),
        }

    def pairs(self, view):
        return Pairs(view)

    def charges(self, view):
        return view.charges

    def pair(self, view, pairs):
        q = self.charges(view)
        gauss = self.strength.to(pairs.r.dtype) * torch.exp(-(pairs.r**2) / 4)
        return (gauss + q[pairs.i] * q[pairs.j] / pairs.r) * window(pairs.r)

    def atomic(self, view, pairs, pair):
        atomic = view.positions.sum(1) * 0.0
        return atomic.index_add(0, pairs.i, 0.5 * pair).index_add(0, pairs.j, 0.5 * pair)

    def energy(self, view, pairs, atomic):
        total = self.total_charge(view)
        energy = to_systems(view, atomic)
        return energy if total is None else energy + 0.01 * total**2 * self.sizes(view).clamp(max=1.0)

    def total_charge(self, view):
        return view.total_charge

    def answered(self, view, pairs, energy):
        return energy

    def node_energies(self, view, atomic, energy):
        left = (energy - to_systems(view, atomic)) / self.sizes(view).clamp(min=1.0)
        return atomic + left[view.batch_idx, 0]

    def magmoms(self, view, atomic):
        return 2.0 * atomic.detach()

    def partial_charges(self, view, atomic):
        return 0.1 * (view.atomic_numbers % 3).to(atomic.dtype)

    @staticmethod
    def sizes(view):
        """Atoms of each system: [B, 1]."""
        return to_systems(view, torch.ones_like(view.positions[:, 0]))


class RightStack(Right):
    """The same, which can be stacked."""

    def __init__(self, strength=0.8):
        super().__init__(strength)
        self.model_config = attrs.evolve(self.model_config, stackable=True)


class RightCharges(BaseModelMixin):
    """q_i = Σ_j (χ_i − χ_j) w(r) + Q/n, on the graph, from full pairs: charges and no energy."""

    def __init__(self):
        self.model_config = ModelConfig(
            name="right-charges",
            outputs={"charges": OnGraph({"positions", "cell", "total_charge"})},
            optional_inputs={"total_charge"},
            supports_pbc=True,
            neighbor_config=NeighborConfig(CUTOFF),
        )

    def compute(self, view, requested):
        i, j = view.neighbors.neighbor_list.long().unbind(1)
        r = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx).norm(dim=1)
        pull = 0.1 * torch.sin(view.atomic_numbers.to(r.dtype))
        charges = (view.positions.sum(1) * 0.0).index_add(0, i, (pull[i] - pull[j]) * window(r))
        return {"charges": charges + self.left_over(view)[view.batch_idx]}

    def left_over(self, view):
        if view.total_charge is None:
            return view.positions.new_zeros(view.num_systems)
        sizes = torch.bincount(view.batch_idx, minlength=view.num_systems).clamp(min=1)
        return view.total_charge[:, 0] / sizes


class RightKernel(BaseModelMixin):
    """E = Σ_pairs 0.7 exp(−r²/4) w(r), detached, with forces, stress and virial in closed form, from full pairs."""

    def __init__(self):
        self.model_config = ModelConfig(
            name="right-kernel",
            outputs=dict.fromkeys(("energy", "forces", "stress", "virial"), Analytic()),
            supports_pbc=True,
            neighbor_config=NeighborConfig(CUTOFF),
        )

    def compute(self, view, requested):
        i = view.neighbors.neighbor_list[:, 0].long()
        d = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx).detach()
        r = d.norm(dim=1)
        gauss, x = 0.7 * torch.exp(-(r**2) / 4), (r / CUTOFF) ** 2
        slope = gauss * (-0.5 * r * (1 - x) ** 3 - 6 * r / CUTOFF**2 * (1 - x) ** 2)
        pull = (slope / r).unsqueeze(1) * d
        zeros = view.positions.detach().new_zeros(view.num_atoms)
        outer = 0.5 * pull.unsqueeze(2) * d.unsqueeze(1)
        strain = zeros.new_zeros(view.num_systems, 3, 3).index_add(0, view.batch_idx[i], outer)
        out = {
            "energy": to_systems(view, zeros.index_add(0, i, 0.5 * gauss * (1 - x) ** 3)),
            "forces": torch.zeros_like(view.positions.detach()).index_add(0, i, pull),
            "virial": -strain,
        }
        if view.cell is not None:
            volume = torch.linalg.det(view.cell.detach()).abs().view(-1, 1, 1)
            out["stress"] = strain / torch.where(volume > 1e-9, volume, torch.nan)
        return out
