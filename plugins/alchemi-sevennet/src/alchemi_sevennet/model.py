"""The model as alchemi sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.contract import OnGraph
from alchemi_core.errors import OptionError, nearest
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_sevennet.checkpoints import DEFAULT, WHO, Shipped, check_plain, find_checkpoint
from alchemi_sevennet.elements import element_rows, look_up
from alchemi_sevennet.hooks import CITATIONS
from alchemi_sevennet.network import Loaded, load_network

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from alchemi_core.data.view import ModelView


class SevenNet(BaseModelMixin, torch.nn.Module):
    """SevenNet, an equivariant potential that passes messages between neighbors.

    Park, Kim, Hwang and Han, J. Chem. Theory Comput. 20, 4857 (2024), https://doi.org/10.1021/acs.jctc.4c00190.

    The package sevenn reads the checkpoint and builds the network, and its layers run, except for these: an
    ``IrrepsConvolution`` is exchanged for one with the same weights and results that works on blocks of pairs (sevenn
    does the same for its accelerators; a convolution of another make stays), one-hot embeddings are cast to the
    precision of the weights, and the sum over atoms and the gradient at the end are left to the pipeline.

    Weights are float32, as fitted; ``.double()`` makes a float64 model. Positions of either precision are taken and
    energies given back in the same. An atom without neighbors keeps the energy that the network gives it without
    messages.

    Parameters
    ----------
    checkpoint : str or Path
        Name of shipped weights (``sevennet-0``, ``sevennet-0_22may2024``, ``sevennet-l3i5``, ``sevennet-mf-0``, or
        ``7net-...``), or path of a checkpoint file.
    modal : str, optional
        Which level of theory, for models fitted to several: ``"PBE"`` or ``"R2SCAN"`` for ``sevennet-mf-0``.
    trusted : bool
        Whether code in a checkpoint file may run. Only needed for files that hold more than tensors and numbers.

    Raises
    ------
    OptionError
        If there is no such checkpoint or modality, or a modality is missing.
    InputFileError
        If a file is no checkpoint, or must not be read without trust.
    """

    rows: Tensor

    def __init__(self, checkpoint: str | Path = DEFAULT, *, modal: str | None = None, trusted: bool = False) -> None:
        super().__init__()
        path, shipped = find_checkpoint(checkpoint)
        if shipped is None and not trusted:
            check_plain(path)
        loaded = load_network(path)
        modality = _choose(loaded.modalities, modal)
        self.network = loaded.network
        self._modality = None if modality is None else loaded.modalities[modality]
        self.register_buffer("rows", element_rows(loaded.rows), persistent=False)
        self.model_config = _config(loaded, shipped, modality)
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


def _choose(modalities: Mapping[str, int], modal: str | None) -> str | None:
    """Return the modality to use, None for a model that has none."""
    listed = ", ".join(map(repr, modalities))
    if not modalities:
        if modal is None:
            return None
        raise OptionError(
            f"modal={modal!r}", expected="no modal: this model was fitted to one level of theory", who=WHO
        )
    if modal is None:
        fix = f"modal={next(iter(modalities))!r}"
        raise OptionError("modal is missing", expected=f"one of {listed}", who=WHO, fix=fix)
    names = {name.lower(): name for name in modalities}
    if modal.lower() not in names:
        near = nearest(modal.lower(), names)
        fix = f"modal={names[near]!r}" if near else ""
        raise OptionError(f"modal={modal!r}", expected=f"one of {listed}", who=WHO, fix=fix)
    return names[modal.lower()]


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
    )
