"""From ASE structures to a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from alchemi_core.data.batch import Batch
from alchemi_core.data.checks import check_finite, check_lattice
from alchemi_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ase import Atoms
    from torch import Tensor

_INFO_FIELDS = {"total_charge": "charge", "multiplicity": "spin"}
_ARRAY_FIELDS = {"charges": "initial_charges"}


def batch_from_ase(atoms: Atoms | Iterable[Atoms], *, dtype: torch.dtype, device: torch.device | str) -> Batch:
    """Make a batch of one or several ASE structures; see `Batch.from_ase`."""
    systems: list[Atoms] = [cast("Atoms", atoms)] if hasattr(atoms, "get_positions") else list(atoms)
    positions = _tensor(np.concatenate([a.positions for a in systems]) if systems else np.zeros((0, 3)), dtype)
    numbers = np.concatenate([a.numbers for a in systems]) if systems else np.zeros(0)
    index = np.repeat(np.arange(len(systems)), [len(a) for a in systems])
    cell, pbc = _lattices(systems, dtype)
    batch = Batch(
        positions=positions,
        atomic_numbers=torch.from_numpy(numbers.astype(np.int64)),
        batch_idx=torch.from_numpy(index.astype(np.int64)),
        num_systems=len(systems),
        cell=cell,
        pbc=pbc,
        fields={**_info_fields(systems, dtype), **_array_fields(systems, dtype)},
    )
    check_finite(batch.positions, cell, batch.batch_idx)
    if cell is not None and pbc is not None:
        check_lattice(cell, pbc)
    return batch.to(device=device)


def _tensor(array: np.ndarray, dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float64)).to(dtype)


def _lattices(systems: Sequence[Atoms], dtype: torch.dtype) -> tuple[Tensor | None, Tensor | None]:
    """Cells and pbc of all systems, or None twice when no system has a cell or is periodic."""
    if not any(a.pbc.any() or np.any(a.cell.array) for a in systems):
        return None, None
    cell = _tensor(np.stack([a.cell.array for a in systems]), dtype)
    return cell, torch.from_numpy(np.stack([a.pbc for a in systems]))


def _info_fields(systems: Sequence[Atoms], dtype: torch.dtype) -> dict[str, Tensor]:
    return {
        name: torch.tensor([[float(a.info[key])] for a in systems], dtype=dtype)
        for name, key in _INFO_FIELDS.items()
        if _on_all([key in a.info for a in systems], f"info[{key!r}]")
    }


def _array_fields(systems: Sequence[Atoms], dtype: torch.dtype) -> dict[str, Tensor]:
    return {
        name: _tensor(np.concatenate([a.arrays[key] for a in systems if len(a)]), dtype)
        for name, key in _ARRAY_FIELDS.items()
        if _on_all([key in a.arrays for a in systems if len(a)], f"arrays[{key!r}]")
    }


def _on_all(having: Sequence[bool], what: str) -> bool:
    if any(having) and not all(having):
        raise DataError(
            f"{what} is set on {sum(having)} of {len(having)} structures",
            expected="on all or none",
            who="Batch.from_ase",
        )
    return any(having)
