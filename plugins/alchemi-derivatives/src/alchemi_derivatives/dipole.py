"""Dipole: the dipole moment of the charges that a model of the group gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs

from alchemi_core.derivatives.autograd import AutogradTape, energy_derivatives
from alchemi_core.derivatives.leaves import with_leaves
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.quantities import DERIVATIVES, DerivativeOf
from alchemi_derivatives.first_derivatives import FIRST
from alchemi_derivatives.moments import Origin, check_molecules, check_origin, dipole_of_charges

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState

WHO = "dipole"


@attrs.frozen(kw_only=True)
class Dipole:
    """Dipole moment μ = Σ_i q_i (r_i − r₀) [B, 3] in e·Å, of molecules.

    For a neutral molecule it does not depend on r₀; for an ion it does, by the total charge times the difference. In
    training mode it is on the graph of whatever the charges come from. 1 e·Å = 4.80320 debye.

    Parameters
    ----------
    origin : {"coordinates", "mass"}
        r₀: the origin of the coordinates, or the centre of mass of each molecule.

    Raises
    ------
    OptionError
        If the origin is none of these.

    Examples
    --------
    >>> sorted(set(Dipole().serves) - {"forces", "stress", "virial"})
    ['dipole']
    """

    name: ClassVar[str] = WHO
    serves: ClassVar[Mapping[str, DerivativeOf]] = FrozenMap({**FIRST, "dipole": DerivativeOf("charges", order=0)})

    origin: Origin = attrs.field(default="coordinates")

    @origin.validator
    def _check_origin(self, _: object, value: object) -> None:
        check_origin(value, WHO)

    def prepare(self, state: GroupState) -> tuple[Batch, AutogradTape]:
        """Put the batch on fresh leaves, which forces need where they are asked beside."""
        data = with_leaves(state)
        return data, AutogradTape(data, state.differentiable)

    def finish(
        self,
        energy: Tensor,
        tape: AutogradTape,
        requested: frozenset[str],
        values: Mapping[str, Tensor] = FrozenMap(),
    ) -> dict[str, Tensor]:
        """Sum the charges up; differentiate the energy where forces, stress or virial are asked as well.

        Parameters
        ----------
        energy : Tensor [B, 1], eV
            Summed energy; not used for the dipole.
        tape : AutogradTape
            From `prepare`.
        requested : frozenset of str
            Any of `serves`.
        values : mapping of str to Tensor
            Charges [N] in e.

        Raises
        ------
        DataError
            If a system is periodic.
        """
        out: dict[str, Tensor] = {}
        if "dipole" in requested:
            check_molecules(tape.data, f"derivative_fn {WHO}", "pbc=False for a molecule in a box")
            out["dipole"] = dipole_of_charges(values["charges"], tape.data, self.origin)
        if first := requested & DERIVATIVES:
            out |= energy_derivatives(energy, tape.data, first, create_graph=tape.differentiable)
        return out
