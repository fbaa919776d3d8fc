"""Pair potentials that come with TorchSim, by name: its functions of the distance over the lists of the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import attrs
import torch

from alchemi_core.contract import OnGraph
from alchemi_core.errors import GeometryError, OptionError, nearest
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_torchsim.engine import lennard_jones_pair, morse_pair, soft_sphere_pair
from alchemi_torchsim.hooks import CITATIONS
from alchemi_torchsim.numerics import is_positive

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from alchemi_core.data.view import ModelView

WHO = "model 'torchsim'"


@attrs.frozen
class Kind:
    """A pair potential of TorchSim.

    Parameters
    ----------
    energy : callable
        Its function of distances and parameters.
    sigmas : float
        Its cutoff by default, in σ.
    alpha : str
        What its ``alpha`` is; empty where it has none.
    """

    energy: Callable[..., Any]
    sigmas: float
    alpha: str = ""


KINDS = {
    "lennard-jones": Kind(lennard_jones_pair, 2.5),
    "morse": Kind(morse_pair, 2.5, "the width of the well, 1/Å"),
    "soft-sphere": Kind(soft_sphere_pair, 1.0, "the exponent"),
}


class ShippedPotential(BaseModelMixin, torch.nn.Module):
    """A pair potential that comes with TorchSim; its energy is on the autograd graph.

    TorchSim's function of the distance is summed over the neighbor list of the pipeline, and forces and stress are
    derivatives of the sum. TorchSim 0.3.0 itself is not run: its classes report forces and stress twice as large as the
    derivatives of their energies, and place images by the transposed cell.

    Parameters
    ----------
    model : str
        ``"lennard-jones"`` 4 ε ((σ/r)¹² − (σ/r)⁶), ``"morse"`` ε ((1 − exp(−α (r − σ)))² − 1) or ``"soft-sphere"``
        ε/α (1 − r/σ)^α.
    sigma : float, Å
        Its length: where Lennard-Jones and the soft sphere are zero, where Morse is lowest.
    epsilon : float, eV
        Its energy.
    alpha : float, optional
        Width of Morse, 1/Å; exponent of the soft sphere, without unit.
    cutoff : float, Å, optional
        Pairs further apart do not count; by default 2.5 σ, of the soft sphere σ. As in TorchSim, nothing is shifted.

    Raises
    ------
    OptionError
        If there is no such model, or a parameter is missing or cannot be right.
    """

    def __init__(
        self,
        model: Literal["lennard-jones", "morse", "soft-sphere"],
        *,
        sigma: float,
        epsilon: float,
        alpha: float | None = None,
        cutoff: float | None = None,
    ) -> None:
        super().__init__()
        _check_model(model)
        for name, value in (("sigma", sigma), ("epsilon", epsilon), ("alpha", alpha), ("cutoff", cutoff)):
            _check_number(name, value)
        _check_alpha(model, alpha)
        self.kind, self.parameters_of_pairs = KINDS[model], {"sigma": sigma, "epsilon": epsilon}
        if alpha is not None:
            self.parameters_of_pairs["alpha"] = alpha
        self.model_config = ModelConfig(
            name=f"torchsim-{model}",
            outputs={"energy": OnGraph({"positions", "cell"})},
            supports_pbc=True,
            neighbor_config=NeighborConfig(cutoff=cutoff or self.kind.sigmas * sigma),
            citations=CITATIONS,
        )

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
        """Compute the energy.

        Raises
        ------
        GeometryError
            If two atoms are at one place.
        """
        del requested
        pairs = view.neighbors
        vectors = pair_vectors(view.positions, view.cell, pairs, view.batch_idx)
        distances = torch.linalg.vector_norm(vectors, dim=1)
        _check_apart(distances)
        numbers = {name: distances.new_tensor(value) for name, value in self.parameters_of_pairs.items()}
        halves = 0.5 * self.kind.energy(distances, **numbers)  # a full list has each pair twice
        systems = view.batch_idx.index_select(0, pairs.neighbor_list[:, 0])
        return {"energy": halves.new_zeros(view.num_systems).index_add(0, systems, halves)[:, None]}


def _check_apart(distances: Tensor) -> None:
    if bool((distances == 0.0).any()):
        found = "two atoms are at one place"
        raise GeometryError(found, expected="a distance above zero", who=WHO, fix="remove the duplicate atom")


def _check_model(model: str) -> None:
    if model not in KINDS:
        close = nearest(str(model), KINDS)
        expected = "one of " + ", ".join(map(repr, KINDS)) + "; any other is made in Python, TorchSimStep(model)"
        raise OptionError(f"model={model!r}", expected=expected, who=WHO, fix=f"model={close!r}" if close else "")


def _check_number(name: str, value: float | None) -> None:
    if value is not None and not is_positive(value):
        raise OptionError(f"{name}={value!r}", expected="a positive number", who=WHO)


def _check_alpha(model: str, alpha: float | None) -> None:
    takes = KINDS[model].alpha
    if takes and alpha is None:
        raise OptionError("alpha is missing", expected=takes, who=WHO, fix="alpha=2.0")
    if alpha is not None and not takes:
        raise OptionError(f"alpha={alpha!r}, which {model} does not have", expected="sigma and epsilon", who=WHO)
