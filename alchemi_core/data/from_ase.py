"""From ASE structures to a batch."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from alchemi_core.data.batch import Batch
from alchemi_core.data.checks import check_finite, check_lattice, check_room
from alchemi_core.errors import DataError
from alchemi_core.quantities import QUANTITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ase import Atoms
    from torch import Tensor

    from alchemi_core.models import ModelConfig

INFO_FIELDS = {"total_charge": "charge", "multiplicity": "spin"}
"""Fields of systems, and the entries of ``atoms.info`` that they come from."""

ARRAY_FIELDS = {"charges": "initial_charges"}
"""Fields of atoms, and the arrays that they come from."""

COUPLING = "coupling"


def batch_from_ase(
    atoms: Atoms | Iterable[Atoms], *, dtype: torch.dtype, device: torch.device | str, arrays: Iterable[str] = ()
) -> Batch:
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
        fields={**_info_fields(systems, dtype), **_array_fields(systems, dtype), **_named(systems, arrays, dtype)},
    )
    check_finite(batch.positions, cell, batch.batch_idx)
    if cell is not None and pbc is not None:
        check_lattice(cell, pbc)
        check_room(cell, pbc, batch.batch_idx.bincount(minlength=len(systems)))
    return batch.to(device=device)


def batch_for(
    config: ModelConfig, systems: Sequence[Atoms], *, dtype: torch.dtype, device: torch.device | str
) -> Batch:
    """Make a batch with all that a model reads of its structures, their arrays and coupling parameters among it.

    Parameters
    ----------
    config : ModelConfig
        Of the model.
    systems : sequence of ase.Atoms
        At least one; all have the arrays and coupling parameters of the first.
    dtype, device
        As for `Batch.from_ase`.

    Raises
    ------
    DataError
        If they describe no structures, or only some of them have an input.
    """
    batch = batch_from_ase(systems, dtype=dtype, device=device, arrays=arrays_read(config, systems[0]))
    values = [couplings_read(config, one) for one in systems]
    for name in {name for one in values for name in one}:
        _on_all([name in one for one in values], f"info[{name!r}]")
    couplings = {name: batch.positions.new_tensor([[one[name]] for one in values]) for name in values[0]}
    return batch.with_fields(**couplings) if couplings else batch


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
        name: torch.tensor([[_of_system(key, a.info[key])] for a in systems], dtype=dtype)
        for name, key in INFO_FIELDS.items()
        if _on_all([key in a.info for a in systems], f"info[{key!r}]")
    }


def _of_system(key: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        found, fix = f"info[{key!r}] is {value!r}", f"atoms.info[{key!r}] = 0"
        raise DataError(found, expected="a number", who="atoms", fix=fix) from error


def _array_fields(systems: Sequence[Atoms], dtype: torch.dtype) -> dict[str, Tensor]:
    return {
        name: _tensor(np.concatenate([a.arrays[key] for a in systems if len(a)]), dtype)
        for name, key in ARRAY_FIELDS.items()
        if _on_all([key in a.arrays for a in systems if len(a)], f"arrays[{key!r}]")
    }


def _named(systems: Sequence[Atoms], names: Iterable[str], dtype: torch.dtype) -> dict[str, Tensor]:
    """Per-atom arrays asked for by name, numbers as they are: whole ones, floating ones, or true and false."""
    return {name: _joined(name, [array_of(one, name) for one in systems], dtype) for name in names}


def array_names(config: ModelConfig) -> tuple[str, ...]:
    """Return the inputs of a model that may be arrays of a structure: those that are no quantities of the table."""
    return tuple(sorted((config.required_inputs | config.optional_inputs) - QUANTITIES.keys()))


def coupling_names(config: ModelConfig) -> tuple[str, ...]:
    """Return the inputs of a model that may be coupling parameters in the ``info`` of a structure."""
    names = (config.required_inputs | config.optional_inputs) - (QUANTITIES.keys() - {COUPLING})
    return tuple(sorted(names))


def arrays_read(config: ModelConfig, atoms: Atoms) -> tuple[str, ...]:
    """Return the arrays of a structure that a model reads: inputs that are no quantities of the table."""
    return tuple(name for name in array_names(config) if name in atoms.arrays or name == "tags")


def couplings_read(config: ModelConfig, atoms: Atoms) -> dict[str, float]:
    """Return the coupling parameters that a model reads and a structure has in its ``info``, by name.

    Raises
    ------
    DataError
        If one is no number.
    """
    return {name: _number(name, atoms.info[name]) for name in coupling_names(config) if name in atoms.info}


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating) or not isfinite(value):
        found, fix = f"info[{name!r}] is {value!r}", f"atoms.info[{name!r}] = 0.5"
        raise DataError(found, expected="a finite number, the coupling parameter", who="atoms", fix=fix)
    return float(value)


def array_of(atoms: Atoms, name: str) -> np.ndarray:
    """Return a per-atom array of a structure.

    Raises
    ------
    DataError
        If it has none of that name.
    """
    if name == "tags":
        return cast("np.ndarray", atoms.get_tags())  # ASE has zeros where none were set
    if name not in atoms.arrays:
        having, fix = ", ".join(sorted(atoms.arrays)), f"atoms.set_array({name!r}, values)"
        raise DataError(f"no array {name!r}", expected=f"one of {having}, tags", who="Batch.from_ase", fix=fix)
    return atoms.arrays[name]


def _joined(name: str, parts: Sequence[np.ndarray], dtype: torch.dtype) -> Tensor:
    whole = np.concatenate(parts) if parts else np.zeros(0)
    if whole.dtype.kind not in "biuf":
        found = f"array {name!r} is of type {whole.dtype}"
        raise DataError(found, expected="numbers, or true and false", who="Batch.from_ase")
    if whole.dtype.kind == "f":
        return _tensor(whole, dtype)
    return torch.from_numpy(whole.astype(bool if whole.dtype.kind == "b" else np.int64))


def _on_all(having: Sequence[bool], what: str) -> bool:
    if any(having) and not all(having):
        raise DataError(
            f"{what} is set on {sum(having)} of {len(having)} structures",
            expected="on all or none",
            who="Batch.from_ase",
        )
    return any(having)
