"""What a view holds, as aimnet's modules read it, and what they cannot take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_aimnet2.checkpoints import WHO
from alchemi_aimnet2.pairs import all_pairs, listed_pairs, with_row
from alchemi_core.errors import DataError
from alchemi_core.neighbors.filtering import filter_list

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_aimnet2.facts import Facts
    from alchemi_aimnet2.pairs import Pairs
    from alchemi_aimnet2.terms import Terms
    from alchemi_core.data.view import ModelView

_SUFFIXES = ("_lr", "_coulomb", "_dftd3")
"""Under which aimnet's modules look for pairs beyond the range of the network."""


def make_inputs(view: ModelView, facts: Facts, terms: Terms, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the tensors by the names of aimnet, with a last atom that is not there.

    Parameters
    ----------
    view : ModelView
        With a MATRIX list of the range of `terms`.
    facts : Facts
        What the checkpoint says.
    terms : Terms
        What is wanted.
    dtype : torch.dtype
        Floating type of the weights.
    """
    near = view.neighbors
    if near.cutoff > facts.cutoff:
        with torch.no_grad():
            near = filter_list(near, view.as_batch(), facts.cutoff)
    data = _atoms(view, dtype)
    pairs = listed_pairs(view, near)
    data.update(nbmat=pairs.matrix, r_ij=pairs.vectors.to(dtype))
    if terms.coulomb is not None or terms.dispersion:
        data.update(_far(view, terms, pairs, near is view.neighbors, dtype))
    return data


def _atoms(view: ModelView, dtype: torch.dtype) -> dict[str, Tensor]:
    positions, last = view.positions, max(view.num_systems - 1, 0)
    return {
        "coord": torch.cat([positions, positions.new_zeros(1, 3)]).to(dtype),
        "numbers": torch.cat([view.atomic_numbers, view.atomic_numbers.new_zeros(1)]),
        "mol_idx": torch.cat([view.batch_idx, view.batch_idx.new_full((1,), last)]),
        "charge": _per_system(view, view.total_charge, 0.0, dtype),
        "mult": _per_system(view, view.multiplicity, 1.0, dtype),
    }


def _per_system(view: ModelView, given: Tensor | None, default: float, dtype: torch.dtype) -> Tensor:
    if given is None:
        return torch.full((view.num_systems,), default, dtype=dtype, device=view.positions.device)
    return given.to(dtype).reshape(view.num_systems)


def _far(view: ModelView, terms: Terms, near: Pairs, same: bool, dtype: torch.dtype) -> dict[str, Tensor]:  # noqa: FBT001 - private
    pairs = all_pairs(view) if terms.molecules_only else near if same else listed_pairs(view, view.neighbors)
    distances = torch.linalg.vector_norm(pairs.vectors.to(dtype), dim=-1)
    found = {}
    for suffix in _SUFFIXES:
        found[f"nbmat{suffix}"], found[f"d_ij{suffix}"] = pairs.matrix, distances
    if view.cell is not None and not terms.molecules_only:  # D3 alone makes its distances itself
        found["cell"] = view.cell.to(dtype)
        found["shifts_dftd3"] = with_row(view.neighbors.neighbor_matrix_shifts, 0).to(dtype)
    return found


def check_inputs(view: ModelView, facts: Facts, terms: Terms) -> None:
    """Refuse systems for which the numbers would be wrong.

    Raises
    ------
    DataError
        For a periodic system with a sum over all pairs, and for charges or multiplicities the model was not made for.
    """
    if terms.molecules_only and view.pbc is not None and bool(view.pbc.any()):
        raise DataError(
            "a system of the batch is periodic, and this model sums Coulomb over all pairs of atoms",
            expected="molecules, or a sum that has a limit for periodic systems",
            who=WHO,
            fix="create_model('aimnet2', coulomb=False) in one autograd group with 'ewald' or 'pme'; or coulomb='dsf'",
        )
    _check_charges(view, facts)
    _check_multiplicities(view, facts)


def _check_charges(view: ModelView, facts: Facts) -> None:
    charges = view.total_charge
    if facts.neutral_only and charges is not None and charges.numel() and float(charges.abs().max()) > 1e-6:
        raise DataError(
            f"total_charge is {charges.flatten().tolist()}",
            expected="neutral systems: these weights were fitted to no others",
            who=WHO,
            fix="use weights for ions, such as checkpoint='aimnet2'",
        )


def _check_multiplicities(view: ModelView, facts: Facts) -> None:
    given = view.multiplicity
    if given is None or not given.numel():
        return
    values = given.flatten().tolist()
    if not facts.open_shell and any(value != 1.0 for value in values):
        raise DataError(
            f"multiplicity is {values}, but this model knows closed shells only",
            expected="multiplicity 1 everywhere",
            who=WHO,
            fix="use weights for open shells, such as checkpoint='aimnet2-nse'",
        )
    if not all(value >= 1.0 and value % 1.0 == 0.0 for value in values):
        raise DataError(f"multiplicity is {values}", expected="whole numbers 2S + 1, 1 or more", who=WHO)
