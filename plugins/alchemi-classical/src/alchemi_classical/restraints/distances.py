"""Springs on distances."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, final

import torch

from alchemi_classical.options import items
from alchemi_classical.restraints.images import shifted, shortest_shifts
from alchemi_classical.restraints.members import ends, restraint_config, rows
from alchemi_classical.restraints.springs import Coordinate, Springs, read_springs
from alchemi_classical.sums import at_one_place, per_system
from alchemi_core.errors import DataError, OptionError
from alchemi_core.models import BaseModelMixin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from alchemi_core.data.view import ModelView

WHO = "restrain-distances"
DISTANCE = Coordinate(
    who=WHO,
    atoms=2,
    center="r0",
    unit="Å",
    spring_unit="eV/Å²",
    scale=1.0,
    lowest=0.0,
    highest=math.inf,
    extra=("shift",),
)


@final
class RestrainDistances(BaseModelMixin, torch.nn.Module):
    """Springs on distances between two atoms, in every system of a batch.

    ::

        E = Σ ½ k max(0, |r − r0| − w)²

    This is the convention of PLUMED's ``RESTRAINT``, OpenMM's ``HarmonicBondForce`` and ASE's ``Hookean``. LAMMPS's
    ``fix restrain`` and ``bond_style harmonic`` leave out the ½, so their K is k/2 here.

    Parameters
    ----------
    restraints : sequence of mapping
        Each with ``atoms``, two numbers counted from 0 within a system; ``r0`` in Å; ``k`` in eV/Å²; and where wanted
        ``flat``, the half-width w in Å of a flat bottom; ``side``, ``"above"`` for a wall that acts at r > r0 only,
        ``"below"`` for one at r < r0; ``shift``, the cell shift S of the second atom in ``d = r_j − r_i + S @ cell``,
        by default that of its nearest image.

    Raises
    ------
    OptionError
        If an option cannot be right.

    Examples
    --------
    >>> RestrainDistances(restraints=[{"atoms": (0, 1), "r0": 1.5, "k": 20.0}]).model_config.name
    'restrain-distances'
    """

    _atoms: Tensor
    _shifts: Tensor
    _nearest: Tensor

    def __init__(self, *, restraints: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        read = read_springs(restraints, DISTANCE)
        self.springs = Springs(read)
        shifts = [_shift(given.get("shift"), f"restraints[{n}]['shift']") for n, given in enumerate(restraints)]
        self.register_buffer("_atoms", torch.tensor([spring.atoms for spring in read]), persistent=False)
        fixed = torch.tensor([shift or (0, 0, 0) for shift in shifts], dtype=torch.float64)
        self.register_buffer("_shifts", fixed, persistent=False)
        self.register_buffer("_nearest", torch.tensor([shift is None for shift in shifts]), persistent=False)
        self.model_config = restraint_config(WHO)

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:  # noqa: ARG002
        """Compute the energy.

        Raises
        ------
        DataError
            If a system lacks a restrained atom, or a shift follows a direction that is not periodic.
        GeometryError
            If two atoms that are to be kept apart are at one place.
        """
        atoms, systems = rows(view, self._atoms, WHO)
        vectors = self._vectors(view, atoms, systems)
        squared = vectors.square().sum(1)
        apart = squared > 0.0
        distance = torch.where(apart, squared.where(apart, 1.0).sqrt(), 0.0)
        shape = (view.num_systems, len(self._atoms))
        energy = self.springs(distance.view(shape), self.springs.center == 0.0, squared.view(shape))
        _check_apart(view, atoms, apart, energy.flatten())
        return {"energy": per_system(energy.flatten(), systems, view)}

    def _vectors(self, view: ModelView, atoms: Tensor, systems: Tensor) -> Tensor:
        first, second = ends(view, atoms)
        given = self._shifts.repeat(view.num_systems, 1)
        _check_shifts(given, view, systems)
        if view.cell is None:
            return second - first
        nearest = shortest_shifts(second - first, systems, view.cell, view.pbc)
        free = self._nearest.repeat(view.num_systems)[:, None]
        return shifted(second - first, torch.where(free, nearest, given.to(nearest)), systems, view)


def _shift(given: Any, name: str) -> tuple[int, ...] | None:
    """Return a shift, None where none was given."""
    if given is None:
        return None
    shift = items(given, name, WHO, count=3, of="whole numbers")
    if any(isinstance(n, bool) or not isinstance(n, int) for n in shift):
        raise OptionError(f"{name}={given!r}", expected="three whole numbers", who=WHO, fix="(0, 0, 1)")
    return shift


def _check_shifts(shifts: Tensor, view: ModelView, systems: Tensor) -> None:
    fixed = shifts == 0.0
    wrong = ~(fixed if view.pbc is None else fixed | view.pbc.index_select(0, systems)).all(dim=1)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        raise DataError(
            f"shift {shifts[row].long().tolist()} in system {int(systems[row])}, which is not periodic that way",
            expected="shifts along periodic directions",
            who=WHO,
            fix="leave out 'shift', or set pbc",
        )


def _check_apart(view: ModelView, atoms: Tensor, apart: Tensor, energy: Tensor) -> None:
    stuck = ~apart & (energy.detach() > 0.0)
    if bool(stuck.any()):
        first, second = atoms[int(stuck.nonzero()[0])].tolist()
        raise at_one_place(view, first, second, WHO)
