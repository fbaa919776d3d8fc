"""The model as alchemi sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_chgnet.checkpoints import DEFAULT, WHO, find_checkpoint, read_checkpoint
from alchemi_chgnet.elements import check_elements, element_table
from alchemi_chgnet.geometry import find_angles, read_geometry
from alchemi_chgnet.graph import build_graph
from alchemi_chgnet.hooks import CITATIONS
from alchemi_chgnet.network import build_network, depends_on_company, reference_energies
from alchemi_core.contract import OnGraph
from alchemi_core.errors import OptionError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig

if TYPE_CHECKING:
    from pathlib import Path

    from chgnet.model.model import CHGNet
    from torch import Tensor

    from alchemi_chgnet.checkpoints import Shipped
    from alchemi_chgnet.geometry import Geometry
    from alchemi_core.data.view import ModelView

_NO_REFERENCE = 1e-9
"""Reference energies in eV below this are what a least-squares fit without data leaves."""


class CHGNetModel(BaseModelMixin, torch.nn.Module):
    """CHGNet, a potential that passes messages between atoms, bonds and angles and knows magnetic moments.

    Deng et al., Nat. Mach. Intell. 5, 1031 (2023), https://doi.org/10.1038/s42256-023-00716-3. Network and weights are
    those of the package chgnet; the graph that it reads is built here, for all systems of a batch at once.

    Weights are float32, as fitted; ``.double()`` makes a float64 model. Positions of either precision are taken and
    energies given back in the same. The model is in evaluation mode; all weights but the reference energies of the
    elements are parameters that can be trained.

    An atom without neighbors keeps the energy that the network gives an atom without messages, with zero force. No
    structure that the weights were fitted to held such atoms.

    Parameters
    ----------
    checkpoint : str or Path
        Name of shipped weights (``0.3.0``, ``0.2.0``, ``r2scan``), or path of a checkpoint file.
    trusted : bool
        Whether code in a checkpoint file may run. Only needed for files that hold more than tensors and numbers.

    Raises
    ------
    OptionError
        If there is no such checkpoint.
    InputFileError
        If a file is no checkpoint, or must not be read without trust.
    DataError
        If it describes a network that is not known here.
    """

    known: Tensor

    def __init__(self, checkpoint: str | Path = DEFAULT, *, trusted: bool = False) -> None:
        super().__init__()
        if not isinstance(trusted, bool):
            raise OptionError(f"trusted={trusted!r}", expected="True or False", who=WHO)
        path, shipped = find_checkpoint(checkpoint)
        content = read_checkpoint(path, trusted=trusted)
        self.network = build_network(content)
        self._apart = depends_on_company(self.network)
        self._bond_cutoff = float(self.network.graph_converter.bond_graph_cutoff)
        self.model_config = _config(self.network, shipped)
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


def _config(network: CHGNet, shipped: Shipped | None) -> ModelConfig:
    kind = OnGraph({"positions", "cell"})
    return ModelConfig(
        name=WHO,
        outputs={"energy": kind, "node_energies": kind, "magmoms": kind},
        active_outputs={"energy", "forces", "stress"},
        supports_pbc=True,
        neighbor_config=NeighborConfig(cutoff=float(network.graph_converter.atom_graph_cutoff)),
        elements=_elements(network) - (frozenset() if shipped is None else shipped.never_seen),
        level_of_theory="" if shipped is None else shipped.level,
        citations=CITATIONS,
    )


def _elements(network: CHGNet) -> frozenset[int]:
    """Return the elements in the tables of the network, less those whose reference energy no structure determined."""
    table = reference_energies(network)
    if table is None:
        return frozenset(range(1, network.atom_embedding.embedding.num_embeddings + 1))
    return frozenset((number + 1 for number, energy in enumerate(table.tolist()) if abs(energy) > _NO_REFERENCE))
