"""Moments of point charges: the dipole of each system, and from where it is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import torch
from ase.data import atomic_masses

from alchemi_core.errors import DataError, OptionError, nearest

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch

Origin: TypeAlias = Literal["coordinates", "mass"]
"""The origin of the coordinates, or the centre of mass of each system."""


def check_choice(name: str, value: Any, known: tuple[str, ...], who: str) -> None:
    """Raise `OptionError` unless the value is one of those known."""
    if isinstance(value, str) and value in known:
        return
    close = nearest(str(value), known)
    expected = "one of " + ", ".join(map(repr, known))
    raise OptionError(f"{name}={value!r}", expected=expected, who=who, fix=f"{name}={close!r}" if close else "")


def check_origin(value: Any, who: str) -> None:
    """Raise `OptionError` unless the value is an `Origin`."""
    check_choice("origin", value, get_args(Origin), who)


def dipole_of_charges(charges: Tensor, data: Batch, origin: Origin = "coordinates") -> Tensor:
    """Return μ = Σ_i q_i (r_i − r₀) of each system, on the graph of charges and positions.

    Parameters
    ----------
    charges : Tensor [N], e
        Point charges.
    data : Batch
        Molecules.
    origin : {"coordinates", "mass"}
        r₀: zero, or the centre of mass of the system.

    Returns
    -------
    Tensor [B, 3], e·Å
    """
    places = data.positions
    if origin == "mass":
        places = places - centres_of_mass(data).index_select(0, data.batch_idx)
    return _by_system(charges.unsqueeze(1) * places, data)


def by_variable(dipole: Tensor, variable: Tensor, *, create_graph: bool) -> Tensor:
    """Return dμ_i/dx_j, x the position of each atom or the field of each system.

    Parameters
    ----------
    dipole : Tensor [B, 3], e·Å
        Of each system, from its own part of the variable alone.
    variable : Tensor [N, 3] or [B, 3]
        Requiring grad.
    create_graph : bool
        Whether the result can be differentiated again.

    Returns
    -------
    Tensor [N, 3, 3] or [B, 3, 3]
        Zero where the dipole does not depend on the variable, as that of fixed charges on a field.
    """
    if not dipole.requires_grad:
        return variable.new_zeros(len(variable), 3, 3)
    rows = [
        torch.autograd.grad(
            component.sum(), variable, retain_graph=True, create_graph=create_graph, materialize_grads=True
        )[0]
        for component in dipole.unbind(1)
    ]
    return torch.stack(rows, dim=1)


def centres_of_mass(data: Batch) -> Tensor:
    """Return Σ_i m_i r_i / Σ_i m_i of each system [B, 3] in Å, with standard atomic weights; zero without atoms."""
    table = torch.as_tensor(atomic_masses, dtype=data.dtype, device=data.device)
    masses = table[data.atomic_numbers].unsqueeze(1)
    total = _by_system(masses, data)
    return _by_system(masses * data.positions, data) / torch.where(total > 0, total, 1.0)


def check_molecules(data: Batch, who: str, fix: str) -> None:
    """Refuse periodic systems, where a sum over charges depends on which images are taken.

    Raises
    ------
    DataError
        If a system of the batch is periodic.
    """
    if data.pbc is None or not bool(data.pbc.any()):
        return
    system = int(data.pbc.any(dim=1).nonzero()[0])
    raise DataError(
        f"system {system} of the batch is periodic, where the dipole of point charges is not defined: "
        "moving an ion by a lattice vector would change it",
        expected="molecules",
        who=who,
        fix=fix,
    )


def _by_system(each: Tensor, data: Batch) -> Tensor:
    return each.new_zeros(data.num_systems, each.shape[1]).index_add(0, data.batch_idx, each)
