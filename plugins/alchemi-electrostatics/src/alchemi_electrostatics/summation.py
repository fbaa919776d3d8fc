"""What `ewald` and `pme` share: all but how the smooth half of the sum is done."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

import torch

from alchemi_core.contract import OnGraph, OutputKind, Partial
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.quantities import COULOMB_CONSTANT
from alchemi_electrostatics.frame import frame_of
from alchemi_electrostatics.hybrid import at_fixed_charges
from alchemi_electrostatics.lattices import lattices_of
from alchemi_electrostatics.molecules import molecule_energies
from alchemi_electrostatics.real_space import real_energies
from alchemi_electrostatics.slabs import correction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_electrostatics.frame import Frame
    from alchemi_electrostatics.lattices import Lattices
    from alchemi_electrostatics.splitting import Splitting


class CoulombSum(BaseModelMixin):
    """Coulomb energy of point charges, split into a short-ranged and a smooth half."""

    splitting: Splitting
    hybrid_forces: bool

    @abc.abstractmethod
    def smooth_energies(self, lattices: Lattices) -> Tensor:
        """Return the smooth half with its self-energy and background: Tensor [S], e²/Å."""

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
        """Compute the energy; with hybrid forces also forces, stress and virial at fixed charges.

        Raises
        ------
        DataError
            If there is not one finite charge per atom.
        GeometryError
            If a cell has no volume, a system is periodic in one direction only, or two atoms are at one place.
        """
        frame = frame_of(view, self.model_config.name)
        if self.hybrid_forces:
            out = at_fixed_charges(self.energies, frame, requested)
        else:
            out = {"energy": self.energies(frame)}
        out["energy"] = out["energy"][:, None]
        return {name: value.to(view.positions.dtype) for name, value in out.items()}

    def energies(self, frame: Frame) -> Tensor:
        """Return the energy of each system: Tensor [B], eV."""
        who = self.model_config.name
        periodic = [s for s, periods in enumerate(frame.periods) if any(periods) and frame.ptr[s + 1] > frame.ptr[s]]
        others = sorted(set(range(frame.num_systems)) - set(periodic))
        total = frame.positions.new_zeros(frame.num_systems)
        if others or not periodic:
            total = total + molecule_energies(frame, others, who)
        if periodic:
            total = total + self._periodic(frame, periodic)
        return COULOMB_CONSTANT * total

    def _periodic(self, frame: Frame, systems: Sequence[int]) -> Tensor:
        lattices = lattices_of(frame, systems, self.splitting, self.model_config.name)
        energies = real_energies(lattices, self.splitting, self.model_config.name) + self.smooth_energies(lattices)
        if lattices.slabs:
            energies = energies + _corrections(lattices)
        places = torch.tensor(lattices.systems, device=energies.device)
        return energies.new_zeros(frame.num_systems).index_add(0, places, energies)


def _corrections(lattices: Lattices) -> Tensor:
    zero = lattices.positions.new_zeros(())
    rows = [zero] * len(lattices.systems)
    for place, slab in lattices.slabs.items():
        own = lattices.atoms(place)
        rows[place] = correction(slab, lattices.positions[own], lattices.charges[own])
    return torch.stack(rows)


def sum_config(name: str, splitting: Splitting, citations: tuple[str, ...], *, hybrid_forces: bool) -> ModelConfig:
    """Return what a Coulomb sum declares."""
    outputs: dict[str, OutputKind] = {"energy": OnGraph({"positions", "cell", "charges"})}
    if hybrid_forces:
        outputs = {"energy": OnGraph("charges", order=1)}
        outputs |= dict.fromkeys(("forces", "stress", "virial"), Partial(at_fixed="charges"))
    return ModelConfig(
        name=name,
        outputs=outputs,
        active_outputs={"energy", "forces", "stress"} if hybrid_forces else None,
        required_inputs={"charges"},
        supports_pbc=True,
        neighbor_config=NeighborConfig(cutoff=splitting.cutoff, half_list=True),
        contains={"coulomb"},
        correction=True,
        citations=citations,
    )
