"""Trial: atomic virials with images up to one reach, compared with the periodic system."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.derivatives.grad_mode import grad_mode
from alchemi_core.errors import DerivativeError
from alchemi_derivatives.partition import Partition, energy_error
from alchemi_derivatives.unfolding import unfold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.derivatives.base import GroupState

_EXACT = {torch.float64: 1e-10, torch.float32: 1e-5}
_SINGLE = 1e-6
_MOVE = (0.137, -0.251, 0.193)


@attrs.frozen(eq=False)
class Trial:
    """What one reach gives.

    Parameters
    ----------
    reach : float, Å
        How far images were taken.
    images : int
        How many there are.
    errors : Tensor [B]
        Relative difference of each system from what it should be: of atomic energies, or of the virial if larger.
    partition : Partition, optional
        The atomic virials; not taken where the atomic energies are wrong already.
    rounding : float
        Relative difference that can be rounding, where nothing depends on the outermost images.
    """

    reach: float
    images: int
    errors: Tensor
    partition: Partition | None
    rounding: float

    @classmethod
    def of(
        cls, state: GroupState, whole: Mapping[str, Tensor], reach: float, tolerance: float, rounding: float
    ) -> Trial:
        """Evaluate the unfolded systems.

        Parameters
        ----------
        state : GroupState
            Of the periodic systems.
        whole : mapping of str to Tensor
            Their ``node_energies`` [N] in eV and ``virial`` [B, 3, 3] in eV.
        reach : float, Å
            How far images are taken.
        tolerance : float
            Relative difference of atomic energies from which on nothing more is looked at, unless it can be rounding.
        rounding : float
            Largest that can be.
        """
        data, cluster = state.data, unfold(state.data, reach)
        images = cluster.batch.num_atoms - data.num_atoms
        with grad_mode(enabled=True):
            energies = state.sample(cluster.batch, {"node_energies"})["node_energies"]
            errors = energy_error(energies.detach()[cluster.own], whole["node_energies"].detach(), data)
            if bool((errors > max(tolerance, rounding)).any()):
                return cls(reach, images, errors, None, rounding)
            partition = Partition.of(energies, cluster, data, reach, create_graph=state.differentiable)
        worst = torch.maximum(errors, partition.error(whole["virial"].detach(), data))
        return cls(reach, images, worst, partition, rounding)

    def accepted(self, tolerance: float) -> Tensor | None:
        """Return the virials [N, 3, 3] in eV if all systems agree, small differences being rounding where closed."""
        if self.partition is None:
            return None
        right = (self.errors <= tolerance) | (self.partition.closed & (self.errors <= self.rounding))
        return self.partition.virials if bool(right.all()) else None

    @property
    def worst(self) -> float:
        """Largest difference over all systems."""
        return float(self.errors.max())

    @property
    def is_closed(self) -> bool:
        """Whether more images would change nothing in any system."""
        return self.partition is not None and bool(self.partition.closed.all())

    def refusal(self, tolerance: float) -> DerivativeError:
        """Make the error for virials that do not add up."""
        system = int(self.errors.argmax())
        energies = f"the atomic energies of system {system} are not those of the whole"
        virials = f"the atomic virials of system {system} do not add up to its virial"
        return DerivativeError(
            f"with all images up to {self.reach:g} Å, {energies if self.partition is None else virials}: "
            f"the relative difference is {self.worst:.1e}",
            expected=f"{tolerance:g} at most: node_energies that are on the graph, do not change when everything is "
            "moved, and depend on surroundings of finite size; those of lattice sums and predicted charges do not",
            who="derivative_fn atomic-virials",
            fix="a larger reach=... or tolerance=..., or a model without long-range terms",
        )


def rounding_of(state: GroupState, whole: Mapping[str, Tensor]) -> float:
    """Return the relative difference that rounding alone may make.

    A model whose weights are float32 rounds as such in a batch of float64. How much shows when everything is moved a
    little, which should change nothing; virials round more than energies.

    Parameters
    ----------
    state : GroupState
        Of the periodic systems.
    whole : mapping of str to Tensor
        Their ``node_energies`` [N] in eV.
    """
    data = state.data
    with torch.no_grad():
        moved = data.moved(data.positions + data.positions.new_tensor(_MOVE))
        energies = state.sample(moved, {"node_energies"})["node_energies"]
        changes = energy_error(energies, whole["node_energies"], data)
    change = float(changes.amax()) if len(changes) else 0.0
    return max(_EXACT[data.dtype], min(30.0 * change, _SINGLE))
