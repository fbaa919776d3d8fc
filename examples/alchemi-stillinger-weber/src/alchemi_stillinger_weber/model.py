"""The model: a config that never changes, and one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from alchemi_core import BaseModelMixin, ModelConfig, NeighborConfig, OnGraph, pair_vectors

from alchemi_stillinger_weber.hooks import CITATIONS, NAME
from alchemi_stillinger_weber.options import not_negative, positive, within
from alchemi_stillinger_weber.triplets import triplets

if TYPE_CHECKING:
    from alchemi_core import ModelView
    from torch import Tensor


class StillingerWeber(torch.nn.Module, BaseModelMixin):
    """Stillinger-Weber potential of silicon: bonds, and angles that want to be those of a tetrahedron.

    ::

        E = ½ Σ_ij v2(r_ij) + Σ_i Σ_j<k v3(r_ij, r_ik, θ_jik)
        v2(r) = A ε (B (σ/r)^p − (σ/r)^q) w(r, 1)
        v3(r, s, θ) = λ ε (cos θ − cos θ0)² w(r, γ) w(s, γ)
        w(r, γ) = exp(γ σ / (r − a σ)) below the cutoff a σ, and 0 beyond

    F. H. Stillinger and T. A. Weber, Phys. Rev. B 31, 5262 (1985), doi:10.1103/PhysRevB.31.5262; the parameters are
    those of `Si.sw` in LAMMPS. All derivatives vanish at the cutoff. ε, A, B, λ, γ and cos θ0 are module parameters, so
    they can be trained; σ and a make the cutoff, which stays.

    Parameters
    ----------
    epsilon : float, eV
        ε, half of the energy that binds an atom in the diamond structure.
    sigma : float, Å
        σ; a pair alone is at rest at 2^(1/6) σ.
    a : float
        The cutoff in units of σ.
    lam : float
        λ, strength of the angles; zero leaves them out.
    gamma : float
        γ, how fast angles lose their strength towards the cutoff.
    cos_theta0 : float
        cos θ0, the angle without a penalty.
    big_a, big_b, p, q : float
        A, B, p and q of the pair potential.

    Raises
    ------
    OptionError
        If an option is not a number in its range.
    """

    def __init__(
        self,
        *,
        epsilon: float = 2.1683,
        sigma: float = 2.0951,
        a: float = 1.8,
        lam: float = 21.0,
        gamma: float = 1.2,
        cos_theta0: float = -1.0 / 3.0,
        big_a: float = 7.049556277,
        big_b: float = 0.6022245584,
        p: float = 4.0,
        q: float = 0.0,
    ) -> None:
        super().__init__()
        self.epsilon = _parameter(positive("epsilon", epsilon, "eV"))
        self.sigma = positive("sigma", sigma, "Å")
        self.cutoff = positive("a", a) * self.sigma
        self.lam = _parameter(not_negative("lam", lam))
        self.gamma = _parameter(positive("gamma", gamma))
        self.cos_theta0 = _parameter(within("cos_theta0", cos_theta0, -1.0, 1.0))
        self.big_a = _parameter(positive("big_a", big_a))
        self.big_b = _parameter(not_negative("big_b", big_b))
        self.p = not_negative("p", p)
        self.q = not_negative("q", q)
        self.model_config = ModelConfig(
            name=NAME,
            outputs=dict.fromkeys(("energy", "node_energies"), OnGraph({"positions", "cell"})),
            active_outputs={"energy", "forces", "stress"},
            supports_pbc=True,
            neighbor_config=NeighborConfig(self.cutoff),
            elements={14},
            contains={"dispersion": "fitted to silicon as measured, so all of its cohesion is in it"},
            citations=CITATIONS,
        )

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
        """Compute energies; forces and stress come from differentiating them, which is done elsewhere.

        Parameters
        ----------
        view : ModelView
            Positions, cell and the pairs within the cutoff, each from both sides.
        requested : frozenset of str
            What is wanted now; giving more does no harm.

        Returns
        -------
        dict of str to Tensor
            Energy [B, 1] and node energies [N], in eV, on the graph of positions and cell. An atom has half of its
            pairs and all angles of which it is the corner.
        """
        centre = view.neighbors.neighbor_list[:, 0].long()
        vectors = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)  # [E, 3], Å
        first, second = triplets(view.neighbors.edge_ptr)
        halves = 0.5 * self.pair_energy(vectors.norm(dim=1))
        angles = self.angle_energy(vectors, first, second)
        atoms = halves.new_zeros(view.num_atoms).index_add(0, centre, halves).index_add(0, centre[first], angles)
        systems = atoms.new_zeros(view.num_systems).index_add(0, view.batch_idx, atoms)
        return {"energy": systems.unsqueeze(1), "node_energies": atoms}

    def pair_energy(self, distances: Tensor) -> Tensor:
        """Return v2 [E] in eV of distances [E] in Å."""
        epsilon, big_a, big_b = (own.to(distances) for own in (self.epsilon, self.big_a, self.big_b))
        inverse = self.sigma / distances
        shape = big_b * inverse**self.p - inverse**self.q
        return big_a * epsilon * shape * self.window(distances, torch.ones_like(epsilon))

    def angle_energy(self, vectors: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Return v3 [T] in eV of the angles between vectors [E, 3] in Å, picked by two rows of indices [T]."""
        epsilon, lam, gamma, target = (own.to(vectors) for own in (self.epsilon, self.lam, self.gamma, self.cos_theta0))
        distances = vectors.norm(dim=1)
        window = self.window(distances, gamma)
        directions = vectors / distances.unsqueeze(1)
        cosines = (directions[first] * directions[second]).sum(1)
        penalty: Tensor = lam * epsilon * (cosines - target) ** 2
        return penalty * window[first] * window[second]

    def window(self, distances: Tensor, gamma: Tensor) -> Tensor:
        """Return w [E] of distances [E] in Å.

        A pair counts as σ/1000 below the cutoff at the least: w is zero to the last bit there, and a distance that
        rounding puts onto the cutoff divides nothing by zero.
        """
        below = (self.cutoff - distances).clamp(min=1e-3 * self.sigma)
        return torch.exp(-gamma * self.sigma / below)


def _parameter(value: float) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor(value, dtype=torch.float64))
