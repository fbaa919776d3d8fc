"""What a structure must be for the model to make sense of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from ase.data import chemical_symbols

from alchemi_core.data.checks import check_finite, check_lattice
from alchemi_core.errors import DataError, UnsupportedElementError
from alchemi_eeq.splitting import WHO

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView


def check_structure(view: ModelView, last: int) -> None:
    """Refuse what cannot be computed.

    Parameters
    ----------
    view : ModelView
        The systems.
    last : int
        Largest atomic number with parameters.

    Raises
    ------
    GeometryError
        If a coordinate is not finite or a cell is singular.
    UnsupportedElementError
        If there are no parameters for an element.
    """
    check_finite(view.positions, view.cell, view.batch_idx)
    if view.cell is not None:
        check_lattice(view.cell, view.pbc)
    numbers = view.atomic_numbers
    unknown = (numbers < 1) | (numbers > last)
    if bool(unknown.any()):
        atom = int(unknown.nonzero()[0])
        number = int(numbers[atom])
        name = chemical_symbols[number] if 0 <= number < len(chemical_symbols) else f"number {number}"
        raise UnsupportedElementError(
            f"atom {atom} (system {int(view.batch_idx[atom])}) is {name}, for which there are no parameters",
            expected=f"elements from H to {chemical_symbols[last]}",
            who=WHO,
            fix="leave the atom out, or take another charge model",
        )


def total_charges(view: ModelView) -> Tensor:
    """Return the total charge of each system: Tensor [B], e, float64; zero where the batch does not say.

    Raises
    ------
    DataError
        If the input has another shape, is not finite, or charges a system without atoms.
    """
    given: Tensor | None = view.total_charge
    if given is None:
        return torch.zeros(view.num_systems, dtype=torch.float64, device=view.positions.device)
    if tuple(given.shape) != (view.num_systems, 1):
        raise _wrong(f"total_charge has shape {list(given.shape)}", f"[{view.num_systems}, 1], one charge per system")
    total = given.to(torch.float64)[:, 0]
    if not bool(torch.isfinite(total).all()):
        system = int((~torch.isfinite(total)).nonzero()[0])
        raise _wrong(f"total_charge of system {system} is {float(total[system])}", "a finite charge, in e")
    empty = [system for system in range(view.num_systems) if view.ptr[system] == view.ptr[system + 1]]
    if empty and bool((total[empty] != 0).any()):
        raise _wrong("total_charge is not zero for a system without atoms", "atoms that can carry the charge")
    return total


def _wrong(found: str, expected: str) -> DataError:
    return DataError(found, expected=expected, who=WHO, fix="batch.with_fields(total_charge=...)")
