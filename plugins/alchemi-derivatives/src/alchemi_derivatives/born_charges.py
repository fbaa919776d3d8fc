"""BornCharges: how the dipole moment changes when atoms move."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, TypeAlias, get_args

import attrs

from alchemi_core.derivatives.autograd import AutogradTape, energy_derivatives
from alchemi_core.derivatives.leaves import with_leaves
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.quantities import DERIVATIVES, DerivativeOf
from alchemi_derivatives.first_derivatives import FIRST
from alchemi_derivatives.moments import by_variable, check_choice, check_molecules, dipole_of_charges

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState

Of: TypeAlias = Literal["charges", "dipole"]
"""What is differentiated: the dipole moment of charges, or the one that a model gives itself."""

WHO = "born-charges"


@attrs.frozen(kw_only=True)
class BornCharges:
    """Born effective charges Z*_ij = dμ_i/dr_j of each atom [N, 3, 3] in e, also called atomic polar tensors.

    For charges, μ = Σ_k q_k r_k, so that Z*_ij = q δ_ij + Σ_k r_k,i dq_k/dr_j. Over the atoms of a molecule they add up
    to its total charge times the unit matrix, provided that the charges do not change when everything is moved
    (Pick, Cohen and Martin, Phys. Rev. B 1, 910 (1970), doi:10.1103/PhysRevB.1.910). Three backward passes serve all
    atoms of all systems. Charges that are constant, or detached on purpose, give Z* = q δ.

    Parameters
    ----------
    of : {"charges", "dipole"}
        Differentiate the dipole of the charges that a model of the group gives, which is returned too when asked;
        molecules only. Or differentiate the ``dipole`` that a model gives, in crystals too.

    Raises
    ------
    OptionError
        If it is something else.

    Examples
    --------
    >>> sorted(set(BornCharges().serves) - {"forces", "stress", "virial"})
    ['born_charges', 'dipole']
    """

    name: ClassVar[str] = WHO

    of: Of = attrs.field(default="charges")

    @of.validator
    def _check_of(self, _: object, value: object) -> None:
        check_choice("of", value, get_args(Of), WHO)

    @property
    def serves(self) -> Mapping[str, DerivativeOf]:
        """Born charges, the dipole of charges, and what the energy gives."""
        dipole = {"dipole": DerivativeOf("charges", order=0)} if self.of == "charges" else {}
        return FrozenMap({**FIRST, **dipole, "born_charges": DerivativeOf(self.of)})

    def prepare(self, state: GroupState) -> tuple[Batch, AutogradTape]:
        """Put the batch on fresh leaves."""
        data = with_leaves(state)
        return data, AutogradTape(data, state.differentiable)

    def finish(
        self,
        energy: Tensor,
        tape: AutogradTape,
        requested: frozenset[str],
        values: Mapping[str, Tensor] = FrozenMap(),
    ) -> dict[str, Tensor]:
        """Differentiate the dipole; the energy too where forces, stress or virial are asked as well.

        Parameters
        ----------
        energy : Tensor [B, 1], eV
            Summed energy; not used for Born charges.
        tape : AutogradTape
            From `prepare`.
        requested : frozenset of str
            Any of `serves`.
        values : mapping of str to Tensor
            Charges [N] in e, or dipoles [B, 3] in e·Å, on the graph of the tape's positions.

        Raises
        ------
        DataError
            If a system is periodic and the dipole is that of charges.
        """
        out: dict[str, Tensor] = {}
        if asked := requested - DERIVATIVES:
            dipole = self._dipole(values, tape.data)
            if "dipole" in asked:
                out["dipole"] = dipole
            if "born_charges" in asked:
                out["born_charges"] = by_variable(dipole, tape.data.positions, create_graph=tape.differentiable)
        if first := requested & DERIVATIVES:
            out |= energy_derivatives(energy, tape.data, first, create_graph=tape.differentiable)
        return out

    def _dipole(self, values: Mapping[str, Tensor], data: Batch) -> Tensor:
        if self.of == "dipole":
            return values["dipole"]
        fix = "pbc=False for a molecule in a box, or a model that gives a dipole, with of='dipole'"
        check_molecules(data, f"derivative_fn {WHO}", fix)
        return dipole_of_charges(values["charges"], data)
