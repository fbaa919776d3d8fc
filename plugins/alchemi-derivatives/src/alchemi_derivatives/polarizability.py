"""Polarizability: second derivatives of the energy by a uniform electric field."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs
import torch

from alchemi_core.derivatives.autograd import AutogradTape, energy_derivatives
from alchemi_core.derivatives.ends import refuse_ends
from alchemi_core.derivatives.leaves import with_field_leaves, with_leaves
from alchemi_core.errors import DerivativeError
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.quantities import DERIVATIVES, DerivativeOf
from alchemi_derivatives.first_derivatives import FIRST
from alchemi_derivatives.moments import by_variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState

FIELD = "electric_field"
WHO = "polarizability"


@attrs.frozen
class Polarizability:
    """Polarizability α_ij = −d²E/dF_i dF_j = dμ_i/dF_j [B, 3, 3] in e·Å²/V, and the dipole μ = −dE/dF in e·Å.

    For models that take the input ``electric_field`` [B, 3] in V/Å. Both are those at the field of the batch; a model
    to which the field is optional gets a zero one where the batch brings none. Steps that do not read the field add
    nothing. The polarizability volume α/4πε₀ in Å³ is ``COULOMB_CONSTANT``, e²/4πε₀ = 14.4 eV·Å, times as large.

    Examples
    --------
    >>> sorted(set(Polarizability().serves) - {"forces", "stress", "virial"})
    ['dipole', 'polarizability']
    """

    name: ClassVar[str] = WHO
    serves: ClassVar[Mapping[str, DerivativeOf]] = FrozenMap(
        {
            **FIRST,
            "dipole": DerivativeOf(through=FIELD),
            "polarizability": DerivativeOf(through=FIELD, order=2),
        }
    )

    def prepare(self, state: GroupState) -> tuple[Batch, AutogradTape]:
        """Put geometry and field on fresh leaves."""
        data = with_leaves(state)
        if FIELD not in data.fields:
            nothing = data.positions.new_zeros(data.num_systems, 3)
            data = attrs.evolve(data, fields={**data.fields, FIELD: nothing})
        data = with_field_leaves(data, FIELD, keep=state.differentiable)
        return data, AutogradTape(data, state.differentiable)

    def finish(self, energy: Tensor, tape: AutogradTape, requested: frozenset[str]) -> dict[str, Tensor]:
        """Differentiate the energy by the field, once and again, and by positions and strain where that is asked.

        Parameters
        ----------
        energy : Tensor [B, 1], eV
            Summed energy on the graph of the tape's leaves.
        tape : AutogradTape
            From `prepare`.
        requested : frozenset of str
            Any of `serves`.

        Raises
        ------
        DerivativeError
            If the energy does not depend on the field.
        """
        out: dict[str, Tensor] = {}
        if requested - DERIVATIVES:
            field = tape.data.fields[FIELD]
            dipole = _dipole(energy, field)
            if "polarizability" in requested:
                out["polarizability"] = by_variable(dipole, field, create_graph=tape.differentiable)
            if "dipole" in requested:
                out["dipole"] = dipole
        if first := requested & DERIVATIVES:
            out |= energy_derivatives(energy, tape.data, first, create_graph=tape.differentiable)
        return out


def _dipole(energy: Tensor, field: Tensor) -> Tensor:
    """Return −dE/dF, which can be differentiated again."""
    with torch.enable_grad():
        flowing = torch.ones_like(energy, requires_grad=True)  # see `refuse_ends`
        (gradient,) = torch.autograd.grad((energy * flowing).sum(), field, create_graph=True, allow_unused=True)
    if gradient is None:
        raise DerivativeError(
            f"the energy does not depend on {FIELD!r}",
            expected=f"a model in the group whose energy is on the graph through {FIELD!r}",
            who=f"derivative_fn {WHO}",
            fix="add a model that responds to fields",
        )
    refuse_ends(gradient, f"derivative_fn {WHO}")
    return -gradient
