"""What a batch says of atoms and systems beside the geometry, repeated for supercells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import DerivativeError
from alchemi_core.quantities import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from torch import Tensor

    from alchemi_core.data.batch import Batch

WHO = "force-constants"
FIELD = "electric_field"
WITHOUT_DIRECTION = ("total_charge", "multiplicity", "coupling")
DIGITS = 6
"""To which values of two atoms agree where symmetry may exchange them."""


def kinds_of_atoms(data: Batch, atoms: slice) -> list[Hashable]:
    """Return what symmetry has to tell atoms of one element apart by: their values of all fields by atom."""
    columns = [field[atoms].detach().double().cpu() for name, field in data.fields.items() if is_per_atom(name, data)]
    rows = [column.reshape(len(column), -1).round(decimals=DIGITS).tolist() for column in columns]
    return [tuple(tuple(row[i]) for row in rows) for i in range(atoms.stop - atoms.start)]


def is_per_atom(name: str, data: Batch) -> bool:
    """Tell whether a field goes by atom: the table says it of standard quantities, its length of others.

    Raises
    ------
    DerivativeError
        If it cannot be told.
    """
    if name in QUANTITIES:
        return QUANTITIES[name].per_atom
    if data.fields[name].shape[:1] == (data.num_atoms,) and data.num_atoms != data.num_systems:
        return True
    raise _unknown(name, "what it is in a supercell is not known")


def check_fields(data: Batch, *, symmetry: bool) -> None:
    """Refuse fields that have no meaning in a supercell, or that break the symmetry of the crystal.

    Raises
    ------
    DerivativeError
        If there is one.
    """
    for name, field in data.fields.items():
        directed = field.ndim > 1 and field.shape[1:] != (1,)
        if is_per_atom(name, data):
            broken = directed
        elif name in WITHOUT_DIRECTION:
            broken = False
        elif name == FIELD:
            broken = bool((field != 0.0).any())
        else:
            raise _unknown(name, "what it is in a supercell is not known")
        if broken and symmetry:
            raise _unknown(name, "it has directions, of which the symmetry search knows nothing", "symmetry=False")


def repeated(name: str, data: Batch, origins: Tensor, systems: Sequence[int], cells: Sequence[int]) -> Tensor:
    """Return a field for supercells.

    Parameters
    ----------
    name : str
        Of the field.
    data : Batch
        Carries it for the crystals.
    origins : Tensor [M]
        Atom of the batch that each atom of the supercells is an image of.
    systems, cells : sequence of int
        Crystal of each supercell, and how often it is repeated.

    Returns
    -------
    Tensor
        By atom: the values of the images' origins. A total charge adds up over the cells, and so does the spin
        S of a multiplicity 2S + 1; an electric field and a coupling parameter stay as they are.
    """
    value = data.fields[name].detach()
    if is_per_atom(name, data):
        return value[origins]
    rows = value[torch.tensor(systems, dtype=torch.int64, device=value.device)]
    times = torch.tensor(cells, dtype=value.dtype, device=value.device).view(-1, *[1] * (value.ndim - 1))
    if name == "total_charge":
        return rows * times
    return (rows - 1) * times + 1 if name == "multiplicity" else rows


def _unknown(name: str, why: str, fix: str = "") -> DerivativeError:
    return DerivativeError(
        f"the batch has a field {name!r}: {why}",
        expected="fields by atom, total_charge, multiplicity, coupling",
        who=WHO,
        fix=fix or f"leave {name!r} away, if no model needs it",
    )
