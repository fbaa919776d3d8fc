"""The strategy: what it can give, on what the models run, and what is made of their energy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import torch
from alchemi_core import DerivativeOf, energy_derivatives
from alchemi_core.derivatives.leaves import with_leaves
from alchemi_core.errors import OptionError
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.quantities import EV_PER_CUBIC_ANGSTROM_IN_GPA

if TYPE_CHECKING:
    from alchemi_core import Batch, GroupState
    from torch import Tensor

WHO, OUTPUT = "my-plugin", "my_plugin"
UNITS = {"eV/Å³": 1.0, "GPa": EV_PER_CUBIC_ANGSTROM_IN_GPA}
FIRST = ("forces", "stress", "virial")


@attrs.frozen(eq=False)
class Tape:
    """What `finish` needs: the batch on leaves, and whether the result must stay on the graph."""

    data: Batch
    differentiable: bool


@attrs.frozen(kw_only=True)
class MyPlugin:
    """Pressure of every system [B, 1], beside forces, stress and virial where they are asked for.

    ::

        p = −dE/dV = −⅓ tr σ        σ the stress, r → r(1 + ε), h → h(1 + ε)

    Positive where the system pushes outwards. Kinetic energy has no part in it. NaN where there is no volume.

    Parameters
    ----------
    unit : {"eV/Å³", "GPa"}
        Unit of the pressure.

    Raises
    ------
    OptionError
        If the unit is none of these.
    """

    name: ClassVar[str] = WHO
    # FILL IN: the outputs, and of each how it is derived, which is what planning checks every model against
    serves: ClassVar[FrozenMap[str, DerivativeOf]] = FrozenMap(
        {
            OUTPUT: DerivativeOf("energy", through="strain", order=1),
            "forces": DerivativeOf("energy", through="positions", order=1),
            "stress": DerivativeOf("energy", through="strain", order=1),
            "virial": DerivativeOf("energy", through="strain", order=1),
        }
    )

    # FILL IN: the options, with checks of them
    unit: str = attrs.field(default="eV/Å³")

    @unit.validator
    def _check_unit(self, _attribute: attrs.Attribute[Any], value: object) -> None:
        if value not in UNITS:
            known = ", ".join(map(repr, UNITS))
            raise OptionError(f"unit={value!r:.80}", expected=f"one of {known}", who=WHO, fix="unit='GPa'")

    def prepare(self, state: GroupState) -> tuple[Batch, Tape]:
        """Return the batch on which the models run, its positions and cell on leaves; change nothing."""
        data = with_leaves(state)
        return data, Tape(data, state.differentiable)

    def finish(self, energy: Tensor, tape: Tape, requested: frozenset[str]) -> dict[str, Tensor]:
        """Return exactly what is requested.

        Parameters
        ----------
        energy : Tensor [B, 1], eV
            Summed over all steps, on the graph of the tape's leaves.
        tape : Tape
            From `prepare`.
        requested : frozenset of str
            Any of `serves`.

        Returns
        -------
        dict of str to Tensor
            The pressure [B, 1], forces [N, 3] eV/Å, stress [B, 3, 3] eV/Å³, virial [B, 3, 3] eV.
        """
        names = requested & {*FIRST} | ({"stress"} if OUTPUT in requested else set())
        found = energy_derivatives(energy, tape.data, names, create_graph=tape.differentiable)
        out = {name: found[name] for name in requested & found.keys()}
        return {**out, OUTPUT: self._pressure(energy, found)} if OUTPUT in requested else out

    # FILL IN: your derivative
    def _pressure(self, energy: Tensor, found: dict[str, Tensor]) -> Tensor:
        if "stress" not in found:  # no system has a cell
            return energy * torch.nan
        trace = found["stress"].diagonal(dim1=1, dim2=2).sum(1, keepdim=True)
        return -UNITS[self.unit] * trace / 3.0
