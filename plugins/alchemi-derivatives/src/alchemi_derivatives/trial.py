"""Trial: atomic virials with images up to one reach, compared with the periodic system."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.derivatives.grad_mode import grad_mode
from alchemi_core.errors import DerivativeError
from alchemi_derivatives.partition import ROUNDING, Partition, energy_error
from alchemi_derivatives.unfolding import unfold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.derivatives.base import GroupState


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
    """

    reach: float
    images: int
    errors: Tensor
    partition: Partition | None

    @classmethod
    def of(cls, state: GroupState, whole: Mapping[str, Tensor], reach: float) -> Trial:
        """Evaluate the unfolded systems.

        Parameters
        ----------
        state : GroupState
            Of the periodic systems.
        whole : mapping of str to Tensor
            Their ``node_energies`` [N] in eV and ``virial`` [B, 3, 3] in eV.
        reach : float, Å
            How far images are taken.
        """
        data, cluster = state.data, unfold(state.data, reach)
        images = cluster.batch.num_atoms - data.num_atoms
        with grad_mode(enabled=True):
            energies = state.sample(cluster.batch, {"node_energies"})["node_energies"]
            errors = energy_error(energies.detach()[cluster.own], whole["node_energies"].detach(), data)
            if bool((errors > ROUNDING).any()):
                return cls(reach, images, errors, None)
            partition = Partition.of(energies, cluster, data, reach, create_graph=state.differentiable)
        return cls(reach, images, torch.maximum(errors, partition.error(whole["virial"].detach(), data)), partition)

    def accepted(self, tolerance: float) -> Tensor | None:
        """Return the virials [N, 3, 3] in eV if all systems agree, small differences being rounding where closed."""
        if self.partition is None:
            return None
        right = (self.errors <= tolerance) | (self.partition.closed & (self.errors <= ROUNDING))
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
        what = "atomic energies" if self.partition is None else "sum of atomic virials"
        return DerivativeError(
            f"with all images up to {self.reach:g} Å, the {what} of system {system} differ from those of the whole "
            f"by {self.worst:.1e}, relatively",
            expected=f"{tolerance:g} at most: node_energies that are on the graph, do not change when everything is "
            "moved, and depend on surroundings of finite size; those of lattice sums and predicted charges do not",
            who="derivative_fn atomic-virials",
            fix="a larger reach=... or tolerance=..., or a model without long-range terms",
        )
