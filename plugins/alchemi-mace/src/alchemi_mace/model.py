"""The model as alchemi sees it."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, final

import torch

from alchemi_core.contract import OnGraph
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_mace.checkpoints import WHO
from alchemi_mace.foundations import FOUNDATIONS
from alchemi_mace.hooks import CITATIONS
from alchemi_mace.network import Traits, choose_head, dipole, graph, states, traits
from alchemi_mace.stacking import UNUSED_CODE, WithoutWriting, can_stack
from alchemi_mace.theories import UNKNOWN, Theory
from alchemi_mace.upstream import o3

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView

DTYPES = {"float32": torch.float32, "float64": torch.float64}
"""Floating types of weights by name."""


@final
class MACE(BaseModelMixin, torch.nn.Module):
    """MACE, an equivariant potential of higher body order that passes messages between neighbors.

    Batatia, Kovács, Simm, Ortner and Csányi, Adv. Neural Inf. Process. Syst. 35 (2022),
    https://doi.org/10.48550/arXiv.2206.07697.

    The network is the one of mace-torch, with the weights of the file; the gradient at the end is left to the pipeline.
    Positions of either precision are taken and energies given back in the same.

    Parameters
    ----------
    network : Module
        Of mace-torch: a MACE, ScaleShiftMACE or EnergyDipolesMACE.
    head : str, optional
        Which readout, for models fitted to several sets of data; by default the only one or the one called default.
    foundation : str, optional
        The name in `FOUNDATIONS` of the model that the network is, if it is one of them.

    Attributes
    ----------
    head : str
        Name of the readout in use.

    Raises
    ------
    OptionError
        If there is no such head, or a head is missing.
    InputFileError
        If the network is not whole, or needs inputs that are not known here.
    """

    def __init__(self, network: torch.nn.Module, *, head: str | None = None, foundation: str | None = None) -> None:
        super().__init__()
        self.network: Any = network
        self.foundation = foundation
        self._traits = traits(network)
        self.head = choose_head(self._traits.heads, head)
        self._head = self._traits.heads.index(self.head)
        self._is_stacked = False
        self.model_config = _config(self._traits, _theory(foundation, self.head), can_stack(network))
        self.eval()

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:  # noqa: ARG002 - all come at once
        """Compute the energy and what comes with it.

        Raises
        ------
        DataError
            If the model was not fitted to the charge or multiplicity of a system.
        """
        with WithoutWriting() if self._is_stacked else nullcontext():
            return self._compute(view)

    def stack_form(self) -> MACE:
        """Return a copy without notes on where it came from, whose layers write into no tensor.

        Products of e3nn hold code that nobody calls, compiled, so that it could not be compared.
        """
        form = copy.deepcopy(self)
        form.foundation, form._is_stacked = None, True
        for layer in form.network.modules():
            if isinstance(layer, o3.TensorProduct):
                setattr(layer, UNUSED_CODE, torch.nn.Identity())
        return form

    def _compute(self, view: ModelView) -> dict[str, Tensor]:
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


def _theory(foundation: str | None, head: str) -> Theory:
    return UNKNOWN if foundation is None else FOUNDATIONS[foundation].theory_of(head)


def _config(found: Traits, theory: Theory, stackable: bool) -> ModelConfig:  # noqa: FBT001
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
        stackable=stackable,
    )


def _contains(found: Traits, theory: Theory) -> dict[str, str]:
    notes = {"dispersion": theory.dispersion, "repulsion": "ZBL" if found.repulsion else ""}
    return {physics: note for physics, note in notes.items() if note}
