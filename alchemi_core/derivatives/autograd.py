"""Forces, stress and virial of a summed energy from one backward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import torch

from alchemi_core.derivatives.grad_mode import grad_mode
from alchemi_core.derivatives.leaves import with_leaves
from alchemi_core.derivatives.strain import per_volume, strain_gradient
from alchemi_core.errors import DerivativeError
from alchemi_core.quantities import DERIVATIVES

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState


@attrs.frozen(eq=False)
class AutogradTape:
    """The batch on leaves, and whether gradients stay on the graph."""

    data: Batch
    differentiable: bool


@attrs.frozen
class Autograd:
    """The default strategy of autograd groups: reverse-mode differentiation through positions and cell."""

    name: ClassVar[str] = "autograd"
    serves: ClassVar[frozenset[str]] = DERIVATIVES

    def prepare(self, state: GroupState) -> tuple[Batch, AutogradTape]:
        """Put the batch on fresh leaves."""
        data = with_leaves(state)
        return data, AutogradTape(data, state.differentiable)

    def finish(self, energy: Tensor, tape: AutogradTape, requested: frozenset[str]) -> dict[str, Tensor]:
        """Differentiate once and return the requested derivatives.

        Parameters
        ----------
        energy : Tensor [B, 1], eV
            Summed energy on the graph of the tape's leaves.
        tape : AutogradTape
            From `prepare`.
        requested : frozenset of str
            Any of forces, stress, virial.
        """
        return energy_derivatives(energy, tape.data, requested, create_graph=tape.differentiable)


def energy_derivatives(
    energy: Tensor, data: Batch, requested: frozenset[str] | set[str], *, create_graph: bool = False
) -> dict[str, Tensor]:
    """Return forces, stress and virial of an energy; what a custom ``derivative_fn`` can build on.

    Parameters
    ----------
    energy : Tensor [B, 1], eV
        On the graph of ``data.positions`` and ``data.cell``.
    data : Batch
        Holding these leaves.
    requested : set of str
        Any of forces, stress, virial.
    create_graph : bool
        Whether the derivatives can be differentiated again.

    Returns
    -------
    dict of str to Tensor
        Forces [N, 3] eV/Å, stress [B, 3, 3] eV/Å³, virial [B, 3, 3] eV.

    Raises
    ------
    DerivativeError
        If the energy does not depend on the positions.
    """
    strain = bool(requested & {"stress", "virial"})
    by_positions, by_cell = _gradients(energy, data, strain=strain, create_graph=create_graph)
    out: dict[str, Tensor] = {}
    with grad_mode(enabled=create_graph):
        if "forces" in requested:
            out["forces"] = -by_positions
        if strain:
            gradient = strain_gradient(data, by_positions, by_cell)
            if "stress" in requested and data.cell is not None:
                out["stress"] = per_volume(gradient, data.cell)
            if "virial" in requested:
                out["virial"] = -gradient
    return out


def _gradients(energy: Tensor, data: Batch, *, strain: bool, create_graph: bool) -> tuple[Tensor, Tensor | None]:
    leaves = [data.positions]
    if strain and data.cell is not None:
        leaves.append(data.cell)
    grads: tuple[Any, ...] = torch.autograd.grad(
        energy,
        leaves,
        # Of operations that can be differentiated once only, torch leaves no trace on the graph unless this needs one.
        grad_outputs=torch.ones_like(energy, requires_grad=create_graph),
        create_graph=create_graph,
        allow_unused=True,  # a batch of molecules may leave the cell untouched
    )
    if grads[0] is None:
        raise DerivativeError(
            "the energy does not depend on the positions it was given",
            expected="an energy on the graph of positions",
            who="autograd",
            fix="look for a .detach(), .item() or torch.no_grad() in the models of the group",
        )
    return grads[0], grads[1] if len(grads) > 1 else None
