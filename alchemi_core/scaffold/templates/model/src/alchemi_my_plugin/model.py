"""The model: a config that never changes, and one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from alchemi_core import BaseModelMixin, ModelConfig, NeighborConfig, OnGraph, pair_vectors

from alchemi_my_plugin.hooks import CITATIONS, NAME
from alchemi_my_plugin.options import positive

if TYPE_CHECKING:
    from alchemi_core import ModelView
    from torch import Tensor


class MyPlugin(torch.nn.Module, BaseModelMixin):
    """Morse pair potential that goes to zero smoothly at its cutoff.

    ::

        E = ½ Σ_ij u(r_ij)
        u(r) = D ((1 − exp(−a (r − r₀)))² − 1) w(r)        w(r) = (1 − (r/r_c)²)³

    P. M. Morse, Phys. Rev. 34, 57 (1929), doi:10.1103/PhysRev.34.57. Energy, forces and their first derivatives are
    continuous at the cutoff. D, a and r₀ are module parameters, so they can be trained.

    Parameters
    ----------
    depth : float, eV
        D.
    steepness : float, 1/Å
        a.
    distance : float, Å
        r₀.
    cutoff : float, Å
        r_c.

    Raises
    ------
    OptionError
        If an option is not a number above zero.
    """

    # FILL IN: the options, with their units above and in hooks.py, and checks of them
    def __init__(
        self,
        *,
        depth: float = 0.3,
        steepness: float = 1.5,
        distance: float = 2.6,
        cutoff: float = 7.0,
    ) -> None:
        super().__init__()
        self.depth = _parameter(positive("depth", depth, "eV"))
        self.steepness = _parameter(positive("steepness", steepness, "1/Å"))
        self.distance = _parameter(positive("distance", distance, "Å"))
        self.cutoff = positive("cutoff", cutoff, "Å")
        # FILL IN: what the model is: its outputs, elements=, contains=, level_of_theory=, half_list=
        self.model_config = ModelConfig(
            name=NAME,
            outputs=dict.fromkeys(("energy", "node_energies"), OnGraph({"positions", "cell"})),
            active_outputs={"energy", "forces", "stress"},
            supports_pbc=True,
            neighbor_config=NeighborConfig(self.cutoff),
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
            Energy [B, 1] and node energies [N], in eV, on the graph of positions and cell.
        """
        first = view.neighbors.neighbor_list[:, 0].long()
        vectors = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)  # [E, 3], Å
        halves = 0.5 * self.pair_energy(vectors.norm(dim=1))
        atoms = halves.new_zeros(view.num_atoms).index_add(0, first, halves)
        systems = atoms.new_zeros(view.num_systems).index_add(0, view.batch_idx, atoms)
        return {"energy": systems.unsqueeze(1), "node_energies": atoms}

    # FILL IN: your energy, as torch operations on tensors of the type and on the device of the positions
    def pair_energy(self, distances: Tensor) -> Tensor:
        """Return u(r) [E] in eV of distances [E] in Å."""
        depth, steepness, distance = (own.to(distances) for own in (self.depth, self.steepness, self.distance))
        well = (1.0 - torch.exp(-steepness * (distances - distance))) ** 2 - 1.0
        window = (1.0 - (distances / self.cutoff) ** 2) ** 3
        return depth * well * window


def _parameter(value: float) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.tensor(value, dtype=torch.float64))
