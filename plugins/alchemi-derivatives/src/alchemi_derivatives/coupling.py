"""Derivatives of the energy by a coupling parameter, for thermodynamic integration.

With weights that are functions of λ, such as E(λ) = (1 − λ) E_A + λ E_B, dE/dλ is what thermodynamic integration
averages: ΔF = ∫ ⟨dE/dλ⟩ dλ (J. G. Kirkwood, J. Chem. Phys. 3, 300 (1935), doi:10.1063/1.1749657). Models that read λ
themselves, such as soft-core potentials, take part where their energy is on the graph through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs
import torch

from alchemi_core.data.couplings import coupling_of
from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.derivatives.ends import refuse_ends
from alchemi_core.derivatives.leaves import with_field_leaves, with_leaves
from alchemi_core.errors import OptionError
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.quantities import DERIVATIVES, DerivativeOf
from alchemi_core.weights import Coupling
from alchemi_derivatives.first_derivatives import FIRST

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState


@attrs.frozen(kw_only=True)
class CouplingDerivative:
    """dE/dλ [B, 1] and d²E/dλ² [B, 1] in eV, with forces, stress and virial at the same λ.

    Parameters
    ----------
    parameter : str
        Field of the batch that holds λ, as in ``Coupling("coupling")``.

    Raises
    ------
    OptionError, DeclarationError
        If it cannot be the name of a field.
    """

    name: ClassVar[str] = "dE-dlambda"

    parameter: str = "coupling"

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.parameter, str):
            found = f"parameter={self.parameter!r}"
            raise OptionError(found, expected="the name of a field of the batch", who=self.name)
        Coupling(self.parameter)

    @property
    def serves(self) -> FrozenMap[str, DerivativeOf]:
        """What it gives, and through which field."""
        own = {"dE_dlambda": 1, "d2E_dlambda2": 2}
        taken = {name: DerivativeOf(through=self.parameter, order=order) for name, order in own.items()}
        return FrozenMap({**FIRST, **taken})

    def prepare(self, state: GroupState) -> tuple[Batch, tuple[Batch, bool]]:
        """Put positions, cell and λ on leaves, λ in the precision of the batch whatever type it came in."""
        data = with_leaves(state)
        if self.parameter in data.fields:
            data = data.with_fields(**{self.parameter: data.fields[self.parameter].to(data.dtype)})
        data = with_field_leaves(data, self.parameter, keep=state.differentiable)
        return data, (data, state.differentiable)

    def finish(self, energy: Tensor, tape: tuple[Batch, bool], requested: frozenset[str]) -> dict[str, Tensor]:
        """Differentiate the summed energy.

        Raises
        ------
        DataError
            If a derivative by λ is asked, and the batch has none, or not one for each system.
        """
        data, differentiable = tape
        out = {}
        if geometric := requested & DERIVATIVES:
            # The graph is needed once more below.
            again = differentiable or len(geometric) < len(requested)
            out = energy_derivatives(energy, data, geometric, create_graph=again)
        if "dE_dlambda" in requested or "d2E_dlambda2" in requested:
            out |= self._by_coupling(energy, data, "d2E_dlambda2" in requested or differentiable)
        return {name: out[name] if differentiable else out[name].detach() for name in requested}

    def _by_coupling(self, energy: Tensor, data: Batch, twice: bool) -> dict[str, Tensor]:  # noqa: FBT001
        coupling_of(data, self.parameter)  # raises where it is not there, or has another shape
        coupling = data.fields[self.parameter]
        first = _gradient(energy, coupling, create_graph=twice)
        if twice:
            refuse_ends(first, f"derivative_fn {self.name}")
        second = _gradient(first, coupling, create_graph=twice) if twice else torch.zeros_like(first)
        return {"dE_dlambda": first, "d2E_dlambda2": second}


def _gradient(value: Tensor, variable: Tensor, *, create_graph: bool) -> Tensor:
    """Differentiate the sum over systems, each of which depends on its own λ alone; zero where none does."""
    if not value.requires_grad:
        return torch.zeros_like(variable)
    flowing = torch.ones_like(value, requires_grad=create_graph)  # see `refuse_ends`
    (found,) = torch.autograd.grad((value * flowing).sum(), variable, create_graph=create_graph, allow_unused=True)
    return torch.zeros_like(variable) if found is None else found
