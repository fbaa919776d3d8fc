"""The model as alchemi sees it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.contract import OnGraph
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_sevennet.checkpoints import WHO, Provenance
from alchemi_sevennet.elements import element_rows, look_up
from alchemi_sevennet.hooks import CITATIONS
from alchemi_sevennet.network import can_stack

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_sevennet.checkpoints import Shipped
    from alchemi_sevennet.network import Loaded


class SevenNet(BaseModelMixin, torch.nn.Module):
    """SevenNet, an equivariant potential that passes messages between neighbors.

    Park, Kim, Hwang and Han, J. Chem. Theory Comput. 20, 4857 (2024), https://doi.org/10.1021/acs.jctc.4c00190.

    The package sevenn builds the network, and its layers run, except for these: an
    ``IrrepsConvolution`` is exchanged for one with the same weights and results that works on blocks of pairs (sevenn
    does the same for its accelerators; a convolution of another make stays), one-hot embeddings are cast to the
    precision of the weights, and the sum over atoms and the gradient at the end are left to the pipeline.

    Weights are float32, as fitted; ``.double()`` makes a float64 model. Positions of either precision are taken and
    energies given back in the same. An atom without neighbors keeps the energy that the network gives it without
    messages.

    `alchemi_sevennet.loading.load_sevennet` makes one of a checkpoint; that is what ``create_model("sevennet")`` does.

    Parameters
    ----------
    loaded : Loaded
        The network with the weights, and what it was built from.
    provenance : Provenance
        Where the weights came from.
    modal : str, optional
        Which of the levels of theory, None for a network that has one.
    """

    rows: Tensor

    def __init__(self, loaded: Loaded, provenance: Provenance, modal: str | None = None) -> None:
        super().__init__()
        self.network = loaded.network
        self.architecture, self.provenance, self.modal = loaded.architecture, provenance, modal
        self._modality = None if modal is None else loaded.modalities[modal]
        self.register_buffer("rows", element_rows(loaded.rows), persistent=False)
        self.model_config = _config(loaded, provenance.shipped, modal)
        self.eval()

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:  # noqa: ARG002 - both come together
        """Compute energy and node energies.

        Raises
        ------
        UnsupportedElementError
            If the structure holds an element that the model was not fitted to.
        """
        rows = look_up(self.rows, view, WHO)
        vectors = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)
        pairs = view.neighbors.neighbor_list.long().T.contiguous()
        atoms = self.network(vectors.to(self.network.dtype), pairs, rows, self._modality).to(view.positions.dtype)
        energy = atoms.new_zeros(view.num_systems).index_add(0, view.batch_idx, atoms)
        return {"energy": energy.unsqueeze(1), "node_energies": atoms}

    def stack_form(self) -> SevenNet:
        """Return a copy without notes on where its weights came from."""
        form = copy.deepcopy(self)
        form.provenance = Provenance(source="")
        return form


def _config(loaded: Loaded, shipped: Shipped | None, modality: str | None) -> ModelConfig:
    level = "" if shipped is None else shipped.levels.get(modality or "", shipped.level)
    graph: Any = OnGraph({"positions", "cell"})
    return ModelConfig(
        name=WHO,
        outputs={"energy": graph, "node_energies": graph},
        active_outputs={"energy", "forces", "stress"},
        supports_pbc=True,
        neighbor_config=NeighborConfig(cutoff=loaded.cutoff),
        elements=loaded.rows,
        level_of_theory=level,
        citations=(*CITATIONS, *(() if shipped is None else shipped.citations)),
        stackable=can_stack(loaded.network),
    )
