"""The batch as the sums see it: double precision, charges at hand, and how each system is periodic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.errors import DataError, GeometryError

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_core.neighbors.lists import CooList


@attrs.frozen(eq=False)
class Frame:
    """Positions, cells and charges in float64, on the graph of what they were made from.

    Parameters
    ----------
    positions : Tensor [N, 3], Å
        As given, not wrapped.
    charges : Tensor [N], e
        One per atom.
    cell : Tensor [B, 3, 3], Å, or None
        None when nothing is periodic.
    batch_idx : Tensor [N], int64
        System of each atom.
    ptr : tuple of int
        Atom offsets of the systems.
    periods : tuple of tuple of bool
        Which lattice vectors of each system are periods.
    pairs : CooList
        All pairs within the cutoff, each once.
    """

    positions: Tensor
    charges: Tensor
    cell: Tensor | None
    batch_idx: Tensor
    ptr: tuple[int, ...]
    periods: tuple[tuple[bool, ...], ...]
    pairs: CooList

    @property
    def num_systems(self) -> int:
        """Number of systems B."""
        return len(self.periods)

    def on_leaves(self) -> Frame:
        """Return the frame on fresh autograd leaves."""
        positions, charges = (_leaf(tensor) for tensor in (self.positions, self.charges))
        cell = None if self.cell is None else _leaf(self.cell)
        return attrs.evolve(self, positions=positions, charges=charges, cell=cell)


def frame_of(view: ModelView, who: str) -> Frame:
    """Return what a model is shown as a frame.

    Raises
    ------
    DataError
        If there is not one finite charge per atom.
    GeometryError
        If a system is periodic in one direction only.
    """
    charges = view.charges
    _check_charges(charges, view.num_atoms, who)
    periods = _periods(view)
    for system, period in enumerate(periods):
        if sum(period) == 1:
            raise GeometryError(
                f"system {system} is periodic in one direction only",
                expected="three periodic directions, two (a slab), or none (a molecule)",
                who=who,
                fix="make the other directions periodic too, with vacuum around the chain",
            )
    return Frame(
        positions=view.positions.double(),
        charges=charges.double(),
        cell=None if view.cell is None else view.cell.double(),
        batch_idx=view.batch_idx,
        ptr=view.ptr,
        periods=periods,
        pairs=view.neighbors,
    )


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_(True)


def _periods(view: ModelView) -> tuple[tuple[bool, ...], ...]:
    if view.pbc is None or view.cell is None:
        return ((False, False, False),) * view.num_systems
    return tuple(tuple(row) for row in view.pbc.tolist())


def _check_charges(charges: Tensor, atoms: int, who: str) -> None:
    if charges.shape != (atoms,) or charges.is_complex():
        raise DataError(
            f"charges of shape {list(charges.shape)}",
            expected=f"[{atoms}], one per atom",
            who=who,
            fix="charges.reshape(-1)" if charges.numel() == atoms else "give the charges of exactly these atoms",
        )
    wrong = ~torch.isfinite(charges)
    if bool(wrong.any()):
        atom = int(wrong.nonzero()[0])
        raise DataError(
            f"the charge of atom {atom} is {float(charges[atom])}",
            expected="finite charges, in e",
            who=who,
            fix="look at the model or file that the charges come from",
        )
