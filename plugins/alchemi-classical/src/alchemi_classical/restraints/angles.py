"""Springs on angles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, final

import torch

from alchemi_classical.restraints.images import shortened
from alchemi_classical.restraints.members import ends, restraint_config, rows
from alchemi_classical.restraints.springs import Coordinate, Springs, read_springs
from alchemi_classical.sums import at_one_place, per_system
from alchemi_core.models import BaseModelMixin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from alchemi_core.data.view import ModelView

WHO = "restrain-angles"
ANGLE = Coordinate(
    who=WHO,
    atoms=3,
    center="theta0",
    unit="degrees",
    spring_unit="eV/rad²",
    scale=math.pi / 180.0,
    lowest=0.0,
    highest=180.0,
)
NEARLY_STRAIGHT = 1e-3
"""tan² below which the square of an angle is summed as a series; its next term is then below 1e-18 of it."""

SERIES = tuple((-1) ** n / (n + 1) * sum(1.0 / (2 * k + 1) for k in range(n + 1)) for n in range(6))
"""arctan²(√t) = Σ_n t^(n+1) (−1)^n/(n + 1) Σ_{k ≤ n} 1/(2k + 1): the square of arctan's series."""


@final
class RestrainAngles(BaseModelMixin, torch.nn.Module):
    """Springs on angles between three atoms, in every system of a batch.

    ::

        E = Σ ½ k max(0, |θ − θ0| − w)²,  θ = atan2(|u × v|, u · v)

    with u and v from the middle atom to the nearest images of the other two. For θ0 of 0° and 180° without a flat
    bottom energy, forces and Hessian are smooth at θ0 as well. Where three atoms are in line and θ0 is another angle,
    no direction is better than the next: the force is zero. LAMMPS's ``angle_style harmonic`` leaves out the ½.

    Parameters
    ----------
    restraints : sequence of mapping
        Each with ``atoms``, three numbers counted from 0 within a system, the vertex in the middle; ``theta0`` in
        degrees; ``k`` in eV/rad²; and where wanted ``flat``, the half-width w in degrees of a flat bottom; ``side``,
        ``"above"`` or ``"below"`` for a wall that acts on that side of θ0 only.

    Raises
    ------
    OptionError
        If an option cannot be right.

    Examples
    --------
    >>> RestrainAngles(restraints=[{"atoms": (1, 0, 2), "theta0": 104.5, "k": 5.0}]).model_config.name
    'restrain-angles'
    """

    _atoms: Tensor

    def __init__(self, *, restraints: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        read = read_springs(restraints, ANGLE)
        self.springs = Springs(read)
        self.register_buffer("_atoms", torch.tensor([spring.atoms for spring in read]), persistent=False)
        self.model_config = restraint_config(WHO)

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:  # noqa: ARG002
        """Compute the energy.

        Raises
        ------
        DataError
            If a system lacks a restrained atom.
        GeometryError
            If one of the outer atoms is where the vertex is.
        """
        atoms, systems = rows(view, self._atoms, WHO)
        arms = [_arm(view, atoms[:, [1, end]], systems) for end in (0, 2)]
        across, along = torch.linalg.cross(*arms).square().sum(1), (arms[0] * arms[1]).sum(1)
        shape = (view.num_systems, len(self._atoms))
        across, along = across.view(shape), along.view(shape)
        straight = self.springs.center > math.pi / 2.0
        square = squared_angle(across, torch.where(straight, -along, along))
        pole = (self.springs.center == 0.0) | (self.springs.center == math.pi)
        energy = self.springs(angle(across, along), pole, square).flatten()
        return {"energy": per_system(energy, systems, view)}


def angle(across: Tensor, along: Tensor) -> Tensor:
    """Return atan2(√across, along) in rad; where `across` is zero its derivative is taken as zero.

    Parameters
    ----------
    across : Tensor, Å⁴
        |u × v|².
    along : Tensor, Å²
        u · v.
    """
    bent = across > 0.0
    return torch.atan2(torch.where(bent, across.where(bent, 1.0).sqrt(), 0.0), along)


def squared_angle(across: Tensor, along: Tensor) -> Tensor:
    """Return the square of `angle`, smooth where the angle is zero."""
    near = (along > 0.0) & (across < NEARLY_STRAIGHT * along**2)
    t = torch.where(near, across, 0.0) / torch.where(near, along, 1.0) ** 2
    series = torch.zeros_like(t)
    for coefficient in reversed(SERIES):
        series = t * (coefficient + series)
    return torch.where(near, series, angle(across, along) ** 2)


def _arm(view: ModelView, atoms: Tensor, systems: Tensor) -> Tensor:
    """Return the vector from the vertex to an outer atom: Tensor [B · R, 3], Å."""
    vertex, end = ends(view, atoms)
    arm = shortened(end - vertex, systems, view)
    stuck = (arm == 0.0).all(dim=1)
    if bool(stuck.any()):
        first, second = atoms[int(stuck.nonzero()[0])].tolist()
        raise at_one_place(view, first, second, WHO)
    return arm
