"""Between TorchSim's states and batches: the same tensors on the same device, cells transposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from alchemi_core.data.batch import Batch
from alchemi_core.quantities import QUANTITIES, is_per_atom
from alchemi_torchsim.boxes import boxed
from alchemi_torchsim.carrying import carried, carry
from alchemi_torchsim.engine import SimState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ase import Atoms
    from torch import Tensor

PERIODIC = "pbc"
VECTORS = "vectors"
FIELD = "field_"

THEIRS = {"total_charge": "charge", "multiplicity": "spin"}
"""Inputs that states of later versions of TorchSim have under other names, one number for each system."""


def batch_of(state: SimState | Mapping[str, Any], inputs: Iterable[str] = ()) -> Batch:
    """Make a batch of a state, without copying to the CPU.

    Parameters
    ----------
    state : SimState or mapping
        A state; as a mapping, at least positions, cell, pbc, atomic_numbers and, of several systems, system_idx.
    inputs : iterable of str
        Inputs of models beside the geometry, taken where the state has them.

    Returns
    -------
    Batch
        Cells have rows for vectors; those that `state_of` made up are zeros.
    """
    whole = _from_mapping(state) if isinstance(state, Mapping) else state
    cell, vectors = whole.cell.mT, carried(whole, VECTORS)
    return Batch(
        positions=whole.positions,
        atomic_numbers=whole.atomic_numbers.to(torch.int64),
        batch_idx=whole.system_idx.to(torch.int64),
        num_systems=cell.shape[0],
        cell=cell.contiguous() if vectors is None else cell * vectors[:, :, None],
        pbc=_periodicity(whole),
        fields={name: value for name in inputs if (value := _field(whole, name)) is not None},
    )


def _from_mapping(state: Mapping[str, Any]) -> SimState:
    """Make a state of a mapping, as TorchSim's own models do; masses, which no model reads, may be missing."""
    masses = state.get("masses", torch.ones_like(state["positions"][:, 0]))
    return SimState(**{**state, "masses": masses})


def _periodicity(state: SimState) -> Tensor:
    """Tensor [B, 3], bool; that of TorchSim is one flag for all, or in later versions one for each direction."""
    own = carried(state, PERIODIC)
    if own is not None:
        return own
    flags = torch.as_tensor(state.pbc, dtype=torch.bool, device=state.device)
    return flags.expand(state.cell.shape[0], 3).contiguous()


def _field(state: SimState, name: str) -> Tensor | None:
    own = carried(state, FIELD + name)
    if own is not None:
        return own
    theirs: Tensor | None = getattr(state, THEIRS[name], None) if name in THEIRS else None
    return None if theirs is None else theirs.reshape(-1, 1).to(state.dtype)


def state_of(
    structures: Atoms | Iterable[Atoms],
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
    arrays: Iterable[str] = (),
) -> SimState:
    """Make a state of ASE structures that keeps the periodicity of each system and direction.

    TorchSim's own ``atoms_to_state`` makes one flag of it for all systems: a slab becomes a cluster.

    Parameters
    ----------
    structures : ase.Atoms or iterable of ase.Atoms
        Any mixture of crystals, slabs, wires and molecules, none without atoms.
    dtype : torch.dtype
        Floating type of positions, cells and masses.
    device : torch.device or str
        Where the tensors live.
    arrays : iterable of str
        Per-atom arrays that models read, as in `alchemi_core.Batch.from_ase`.

    Returns
    -------
    SimState
        Its ``pbc`` is False, so that positions stay where they are: models made of pipelines read the periodicity
        that is carried. Lattice vectors that a structure lacks are made up, since TorchSim needs volumes, and models
        do not see them. Positions, cells, charges and the like are those of `alchemi_core.Batch.from_ase`.

    Raises
    ------
    GeometryError, DataError
        If a structure is none, or fields are on some of them only.
    """
    systems: list[Atoms] = [structures] if hasattr(structures, "get_positions") else list(structures)  # type: ignore[list-item]
    return carrying_state(Batch.from_ase(systems, dtype=dtype, device=device, arrays=arrays), systems)


def carrying_state(batch: Batch, structures: Sequence[Atoms]) -> SimState:
    """Make a state of a batch and of the structures it was made of, which have masses; see `state_of`."""
    boxes = [boxed(atoms) for atoms in structures]
    dtype, device = batch.dtype, batch.device
    plain = SimState(
        positions=batch.positions,
        masses=_tensor(np.concatenate([[], *(atoms.get_masses() for atoms in structures)]), dtype, device),
        cell=_tensor(np.array([box.cell.T for box in boxes]).reshape(-1, 3, 3), dtype, device),
        pbc=False,
        atomic_numbers=batch.atomic_numbers,
        system_idx=batch.batch_idx,
    )
    atoms, own = _fields(batch)
    own[PERIODIC] = _flags([one.pbc for one in structures], device)
    own[VECTORS] = _flags([box.vectors for box in boxes], device)
    return carry(plain, atoms=atoms, systems=own)


def _tensor(array: np.ndarray, dtype: torch.dtype, device: torch.device | str) -> Tensor:
    return torch.from_numpy(array.astype(np.float64)).to(dtype=dtype, device=device)


def _flags(rows: Sequence[np.ndarray], device: torch.device | str) -> Tensor:
    return torch.from_numpy(np.array(rows, dtype=bool).reshape(-1, 3)).to(device)


def _fields(batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the batch's fields of atoms and of systems, under the names that states carry them by."""
    fields = {FIELD + name: value for name, value in batch.fields.items()}
    atoms = {FIELD + name for name, value in batch.fields.items() if _of_atoms(name, value, batch)}
    return {n: fields[n] for n in fields if n in atoms}, {n: fields[n] for n in fields if n not in atoms}


def _of_atoms(name: str, value: Tensor, batch: Batch) -> bool:
    return is_per_atom(name) if name in QUANTITIES else value.shape[0] == batch.num_atoms
