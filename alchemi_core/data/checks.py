"""Checks that a batch's tensors fit together; values are looked at only where a look costs nothing to the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import DataError, GeometryError
from alchemi_core.quantities import QUANTITIES

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.atomic_data import AtomicData
    from alchemi_core.data.batch import Batch


SMALLEST = 0.2
"""Å: a third of the distance of atoms in the densest matter that was ever made, hydrogen at 500 GPa."""

FLOATING = (torch.float64, torch.float32)


def check_batch(batch: Batch) -> None:
    """Raise `DataError` unless shapes and types of the batch fit together."""
    atoms, systems = batch.positions.shape[0], batch.num_systems
    _shape("positions", batch.positions, (atoms, 3))
    _shape("atomic_numbers", batch.atomic_numbers, (atoms,))
    _shape("batch_idx", batch.batch_idx, (atoms,))
    _type("positions", batch.positions, batch.positions.dtype in FLOATING, "torch.float64 or torch.float32")
    for name in ("atomic_numbers", "batch_idx"):
        tensor: Tensor = getattr(batch, name)
        _type(name, tensor, tensor.dtype == torch.int64, "torch.int64")
    _check_cell(batch, systems)
    for name, field in batch.fields.items():
        _check_field(name, field, atoms, systems)
    _check_order(batch)


def check_system(system: AtomicData) -> None:
    """Raise `DataError` unless shapes and types of one system fit together."""
    atoms = system.positions.shape[0]
    _shape("positions", system.positions, (atoms, 3), who="AtomicData")
    _shape("atomic_numbers", system.atomic_numbers, (atoms,), who="AtomicData")
    _check_pair(system.cell, system.pbc, who="AtomicData")
    if system.cell is not None and system.pbc is not None:
        _shape("cell", system.cell, (3, 3), who="AtomicData")
        _shape("pbc", system.pbc, (3,), who="AtomicData")
    for name, field in system.fields.items():
        _check_field(name, field, atoms, 1)


def _check_pair(cell: Tensor | None, pbc: Tensor | None, who: str) -> None:
    if (cell is None) != (pbc is None):
        given = "cell without pbc" if pbc is None else "pbc without cell"
        raise DataError(given, expected="both or neither", who=who)


def _check_cell(batch: Batch, systems: int) -> None:
    _check_pair(batch.cell, batch.pbc, who="Batch")
    if batch.cell is None or batch.pbc is None:
        return
    _shape("cell", batch.cell, (systems, 3, 3))
    _shape("pbc", batch.pbc, (systems, 3))
    _type("cell", batch.cell, batch.cell.dtype == batch.positions.dtype, f"{batch.positions.dtype} as positions")
    _type("pbc", batch.pbc, batch.pbc.dtype == torch.bool, "torch.bool")


def _check_field(name: str, field: Tensor, atoms: int, systems: int) -> None:
    if not isinstance(field, torch.Tensor):
        raise DataError(f"field {name!r} is a {type(field).__name__}", expected="a tensor", who="fields")
    quantity = QUANTITIES.get(name)
    if quantity is None or quantity.fits(tuple(field.shape), atoms, systems):
        return
    expected = quantity.written_shape(atoms, systems)
    raise DataError(f"{name} has shape {list(field.shape)}", expected=expected, who="Batch")


def _check_order(batch: Batch) -> None:
    """Check that atoms come system by system; skipped on accelerators, where looking means waiting."""
    index = batch.batch_idx
    if index.device.type != "cpu" or index.numel() == 0:
        return
    if batch.num_systems == 1:
        ordered = not bool(index.any())
    else:
        inside = int(index[0]) >= 0 and int(index[-1]) < batch.num_systems
        ordered = inside and not bool((index[1:] < index[:-1]).any())
    if not ordered:
        raise DataError(
            f"batch_idx is not sorted within 0..{batch.num_systems - 1}",
            expected="atoms of one system next to each other, systems in order",
            who="Batch",
        )


def check_finite(positions: Tensor, cell: Tensor | None, batch_idx: Tensor) -> None:
    """Raise `GeometryError` naming the first atom whose position, or system whose cell, is not finite."""
    bad = ~torch.isfinite(positions).all(dim=1)
    if bool(bad.any()):
        atom = int(bad.nonzero()[0])
        raise GeometryError(
            f"position of atom {atom} (system {int(batch_idx[atom])}) is {positions[atom].tolist()}",
            expected="finite coordinates in Å",
            who="positions",
            fix="look for a diverged run or an unset coordinate in the input",
        )
    if cell is not None and not bool(torch.isfinite(cell).all()):
        system = int((~torch.isfinite(cell)).flatten(1).any(dim=1).nonzero()[0])
        raise GeometryError(f"cell of system {system} is not finite", expected="finite vectors in Å", who="cell")


def check_lattice(cell: Tensor, pbc: Tensor) -> None:
    """Raise `GeometryError` where the periodic lattice vectors of a system are linearly dependent."""
    lengths = torch.linalg.vector_norm(cell, dim=2, keepdim=True)
    unit = cell / torch.where(lengths > 0, lengths, 1.0)
    singular = _gram_determinant(unit, pbc) < 1e-10
    if bool(singular.any()):
        system = int(singular.nonzero()[0])
        raise GeometryError(
            f"cell of system {system} is singular along periodic directions: {cell[system].tolist()}",
            expected="linearly independent lattice vectors wherever pbc is true",
            who="cell",
            fix="set the cell, or pbc=False for a molecule",
        )


def check_room(cell: Tensor, pbc: Tensor, num_atoms: Tensor) -> None:
    """Raise `GeometryError` where a periodic cell is smaller than any atom, as one is in a wrong unit.

    Such a cell has billions of neighbors within a cutoff: a list of them is not refused, it never ends.

    Parameters
    ----------
    cell : Tensor [B, 3, 3], Å
        Lattice vectors, independent where periodic.
    pbc : Tensor [B, 3]
        Where they are periodic.
    num_atoms : Tensor [B]
        Atoms of each system.
    """
    room = _gram_determinant(cell, pbc).sqrt()
    directions = pbc.sum(dim=1)
    # Along a slab or a wire atoms may be piled up without end; in three directions they share the volume.
    sharing = torch.where(directions == 3, num_atoms.clamp(min=1), 1)
    tight = room < sharing * SMALLEST**directions
    if bool(tight.any()):
        system = int(tight.nonzero()[0])
        unit = ("", "Å", "Å²", "Å³")[int(directions[system])]
        atoms = int(num_atoms[system])
        found = f"{float(room[system]):.3g} {unit} for {atoms} atom{'s' * (atoms != 1)}"
        raise GeometryError(
            f"periodic cell of system {system} has {found}",
            expected=f"lengths in Å, and at least {SMALLEST} Å each way for an atom",
            who="cell",
            fix="look at the unit of the structure: 1 nm is 10 Å, 1 bohr 0.529 Å",
        )


def _gram_determinant(vectors: Tensor, pbc: Tensor) -> Tensor:
    """Return the squared length, area or volume that periodic vectors span, [B]; 1 where there are none."""
    masked = torch.where(pbc[..., None], vectors, torch.zeros_like(vectors))
    squared: Tensor = torch.linalg.det(masked @ masked.mT + torch.diag_embed((~pbc).to(vectors.dtype)))
    return squared


def _shape(name: str, tensor: Tensor, expected: tuple[int, ...], who: str = "Batch") -> None:
    if tuple(tensor.shape) != expected:
        raise DataError(f"{name} has shape {list(tensor.shape)}", expected=f"{list(expected)}", who=who)


def _type(name: str, tensor: Tensor, right: object, expected: str) -> None:
    if not right:
        raise DataError(f"{name} has type {tensor.dtype}", expected=expected, who="Batch")
