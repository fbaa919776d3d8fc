"""The model as alchemi sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_chgnet.checkpoints import WHO
from alchemi_chgnet.elements import check_elements, element_table
from alchemi_chgnet.geometry import find_angles, read_geometry
from alchemi_chgnet.graph import build_graph
from alchemi_chgnet.hooks import CITATIONS
from alchemi_chgnet.network import depends_on_company, reference_energies
from alchemi_core.contract import OnGraph
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig

if TYPE_CHECKING:
    from collections.abc import Iterable

    from chgnet.model.model import CHGNet
    from torch import Tensor

    from alchemi_chgnet.checkpoints import Provenance
    from alchemi_chgnet.geometry import Geometry
    from alchemi_core.data.view import ModelView


class CHGNetModel(BaseModelMixin, torch.nn.Module):
    """CHGNet, a potential that passes messages between atoms, bonds and angles and knows magnetic moments.

    Deng et al., Nat. Mach. Intell. 5, 1031 (2023), https://doi.org/10.1038/s42256-023-00716-3. Network and weights are
    those of the package chgnet; the graph that it reads is built here, for all systems of a batch at once.

    Weights are float32, as fitted; ``.double()`` makes a float64 model. Positions of either precision are taken and
    energies given back in the same. The model is in evaluation mode; all weights but the reference energies of the
    elements are parameters that can be trained.

    An atom without neighbors keeps the energy that the network gives an atom without messages, with zero force. No
    structure that the weights were fitted to held such atoms.

    `alchemi_chgnet.loading.load_chgnet` makes one of a checkpoint; that is what ``create_model("chgnet")`` does.

    Parameters
    ----------
    network : CHGNet
        With the weights.
    provenance : Provenance
        Where they came from.
    elements : iterable of int
        Atomic numbers that the weights were fitted to.
    """

    known: Tensor

    def __init__(self, network: CHGNet, provenance: Provenance, elements: Iterable[int]) -> None:
        super().__init__()
        self.network = network
        self.provenance = provenance
        self._apart = depends_on_company(network)
        self._bond_cutoff = float(network.graph_converter.bond_graph_cutoff)
        self.model_config = _config(network, provenance, frozenset(elements))
        self.register_buffer("known", element_table(self.model_config.elements or ()), persistent=False)
        self.eval()

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
        """Compute energy and node energies; magnetic moments if requested.

        Raises
        ------
        UnsupportedElementError
            If the structure holds an element that the model was not fitted to.
        GeometryError
            If two atoms are at one place.
        """
        check_elements(self.known, view, WHO)
        geometry = read_geometry(view)
        of_atoms = self._of_atoms(geometry, view, magmoms="magmoms" in requested)
        values = {name: value.to(view.positions.dtype) for name, value in of_atoms.items()}
        atoms = values["node_energies"] + self._references(view)
        energy = atoms.new_zeros(view.num_systems).index_add(0, view.batch_idx, atoms)
        return {**values, "node_energies": atoms, "energy": energy.unsqueeze(1)}

    def _references(self, view: ModelView) -> Tensor:
        """Return the reference energy of each atom: Tensor [N], eV."""
        table = reference_energies(self.network)
        energies: Tensor = view.positions.new_zeros(())
        if table is not None:
            energies = table.to(energies.dtype).index_select(0, view.atomic_numbers - 1)
        return energies

    def _of_atoms(self, geometry: Geometry, view: ModelView, *, magmoms: bool) -> dict[str, Tensor]:
        if not view.num_atoms:
            nothing = view.positions.sum(1)  # [0], on the graph
            return {"node_energies": nothing, "magmoms": nothing}
        angled = _with_angles(geometry, view, self._bond_cutoff) if self._apart else None
        if angled is None or bool(angled.all()) or not bool(angled.any()):
            return self._run(geometry, magmoms=magmoms)
        sides = (angled, ~angled)
        order = torch.argsort(torch.cat([side.nonzero().flatten() for side in sides]))
        found = [self._run(geometry.of(side), magmoms=magmoms) for side in sides]
        return {name: torch.cat([part[name] for part in found]).index_select(0, order) for name in found[0]}

    def _run(self, geometry: Geometry, *, magmoms: bool) -> dict[str, Tensor]:
        graph = build_graph(self.network, geometry, self._bond_cutoff)
        found = self.network._compute(graph, compute_magmom=magmoms, return_site_energies=True)
        out = {"node_energies": found["site_energies"][0]}
        return {**out, "magmoms": found["m"][0]} if magmoms else out


def _with_angles(geometry: Geometry, view: ModelView, cutoff: float) -> Tensor:
    """Return which atoms belong to a system that has angles: Tensor [N], bool."""
    angles = find_angles(geometry, cutoff)
    atoms = geometry.pairs[:, 0].index_select(0, angles.short.index_select(0, angles.first))
    systems = torch.zeros(view.num_systems, dtype=torch.bool, device=atoms.device)
    systems[view.batch_idx.index_select(0, atoms)] = True
    return systems.index_select(0, view.batch_idx)


def _config(network: CHGNet, provenance: Provenance, elements: frozenset[int]) -> ModelConfig:
    kind = OnGraph({"positions", "cell"})
    shipped = provenance.shipped
    return ModelConfig(
        name=WHO,
        outputs={"energy": kind, "node_energies": kind, "magmoms": kind},
        active_outputs={"energy", "forces", "stress"},
        supports_pbc=True,
        neighbor_config=NeighborConfig(cutoff=float(network.graph_converter.atom_graph_cutoff)),
        elements=elements,
        level_of_theory="" if shipped is None else shipped.level,
        citations=CITATIONS,
    )
