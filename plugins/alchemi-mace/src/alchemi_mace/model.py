"""The model as alchemi sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import torch

from alchemi_core.contract import OnGraph
from alchemi_core.errors import OptionError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_mace.checkpoints import WHO, find_checkpoint, read_model
from alchemi_mace.hooks import CITATIONS
from alchemi_mace.network import Traits, choose_head, dipole, graph, states, traits
from alchemi_mace.theories import UNKNOWN, Theory

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from alchemi_core.data.view import ModelView

_DTYPES = {"float32": torch.float32, "float64": torch.float64}


@final
class MACE(BaseModelMixin, torch.nn.Module):
    """MACE, an equivariant potential of higher body order that passes messages between neighbors.

    Batatia, Kovács, Simm, Ortner and Csányi, Adv. Neural Inf. Process. Syst. 35 (2022),
    https://doi.org/10.48550/arXiv.2206.07697.

    The network is the one of mace-torch, with the weights of the file; the gradient at the end is left to the pipeline.
    Positions of either precision are taken and energies given back in the same.

    Parameters
    ----------
    checkpoint : str or Path
        Path of a model file, or the name of a foundation model of mace-torch (``medium-mpa-0``, ``small_off``,
        ``mace_omol``, ...), whose file is looked for where mace-torch keeps it.
    head : str, optional
        Which readout, for models fitted to several sets of data; by default the only one or the one called default.
    dtype : {"float32", "float64"}, optional
        Floating type of the weights, by default as stored.
    trusted : bool
        Whether code in the file may run. Only needed for files that hold more than the layers of a MACE model.

    Raises
    ------
    OptionError
        If there is no such checkpoint, head or floating type, or a head is missing.
    InputFileError
        If a file holds no model that is served, or must not be read without trust.
    """

    def __init__(
        self, checkpoint: str | Path, *, head: str | None = None, dtype: str | None = None, trusted: bool = False
    ) -> None:
        super().__init__()
        floating = _floating(dtype)
        path, known = find_checkpoint(checkpoint)
        self.network: Any = read_model(path, trusted=trusted)
        if floating is not None:
            self.network.to(floating)
        self._traits = traits(self.network)
        chosen = choose_head(self._traits.heads, head)
        self._head = self._traits.heads.index(chosen)
        self.model_config = _config(self._traits, UNKNOWN if known is None else known.theory_of(chosen))
        self.eval()

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:  # noqa: ARG002 - all come at once
        """Compute the energy and what comes with it.

        Raises
        ------
        DataError
            If the model was not fitted to the charge or multiplicity of a system.
        """
        if not view.num_atoms:  # mace-torch reshapes what then has no shape
            return self._nothing(view)
        dtype, weights = view.positions.dtype, next(self.network.parameters()).dtype
        vectors = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx).to(weights)
        data = graph(self.network, view, vectors, self._head)
        data |= states(self.network, self._traits.states, view, vectors)
        if self._traits.dipole:
            data["charges"] = vectors.new_zeros(view.num_atoms)
        out = self.network(data, compute_force=False)
        values = {"energy": out["energy"].to(dtype).unsqueeze(1), "node_energies": out["node_energy"].to(dtype)}
        if self._traits.dipole:
            values["dipole"] = dipole(out["dipole"], view)
        return values

    def _nothing(self, view: ModelView) -> dict[str, Tensor]:
        zero = view.positions.sum()
        values = {"energy": zero.expand(view.num_systems, 1), "node_energies": view.positions.sum(dim=1)}
        return {**values, "dipole": zero.expand(view.num_systems, 3)}


def _floating(dtype: str | None) -> torch.dtype | None:
    if dtype is None:
        return None
    if dtype not in _DTYPES:
        raise OptionError(f"dtype={dtype!r}", expected="'float32' or 'float64', or nothing: as stored", who=WHO)
    return _DTYPES[dtype]


def _config(found: Traits, theory: Theory) -> ModelConfig:
    on_graph: Any = OnGraph({"positions", "cell"})
    outputs = {"energy": on_graph}
    if found.partition:
        outputs["node_energies"] = on_graph
    if found.dipole:
        outputs["dipole"] = on_graph
    return ModelConfig(
        name=WHO,
        outputs=outputs,
        optional_inputs=found.inputs,
        active_outputs={"energy", "forces", "stress"},
        supports_pbc=True,
        neighbor_config=NeighborConfig(cutoff=found.cutoff),
        elements=found.elements,
        contains=_contains(found, theory),
        level_of_theory=theory.level,
        citations=CITATIONS,
    )


def _contains(found: Traits, theory: Theory) -> dict[str, str]:
    notes = {"dispersion": theory.dispersion, "repulsion": "ZBL" if found.repulsion else ""}
    return {physics: note for physics, note in notes.items() if note}
