"""What a change of coordinates does to outputs: nothing, or what it does to vectors and tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch

from alchemi_core.quantities import QUANTITIES, is_per_atom
from alchemi_core.testing.comparing import SAME, compare, noted
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.testing.specimens import Specimen

    Values: TypeAlias = dict[str, Tensor]
    Changed: TypeAlias = tuple[Batch, Callable[[Values], Values]]
    """A changed batch, and what the change does to outputs."""
    Change: TypeAlias = Callable[[Batch], Changed]

SHIFT = (0.7132, -1.3391, 2.1874)
"""Å; no lattice vector of any structure."""


SHAPES = ((), (1,), (3,), (3, 3))
"""Trailing axes of scalars, vectors and second-rank tensors: how others turn is not in the quantity table."""


def turned(values: Mapping[str, Tensor], rotation: Tensor) -> dict[str, Tensor]:
    """Rotate vectors and second-rank tensors, by the shapes of the quantity table; leave the rest."""
    out = {}
    for name, value in values.items():
        shape = QUANTITIES[name].shape
        out[name] = value @ rotation if shape == (3,) else value
        out[name] = rotation.T @ value @ rotation if shape == (3, 3) else out[name]
    return out


def _compared(specimen: Specimen, change: Change, what: str, fix: str) -> str:
    """Compare outputs before and after a change, on every structure."""
    deviations = []
    for structure in specimen.structures:
        batch = specimen.of(structure)
        changed, expect = change(batch)
        names = frozenset(name for name in specimen.names_for(batch) if QUANTITIES[name].shape in SHAPES)
        names -= {"dipole"} if batch.pbc is not None and bool(batch.pbc.any()) else frozenset()
        if not names:
            continue
        expected = expect(specimen.run(batch, names))
        deviations.append(
            (
                compare(
                    specimen.run(changed, names),
                    expected,
                    f"{structure}, {what}",
                    within=specimen.within(SAME),
                    fix=fix,
                ),
                structure.name,
            )
        )
    return noted(deviations)


def check_translation(specimen: Specimen) -> str:
    """Move all atoms by one vector."""

    def shifted(batch: Batch) -> Changed:
        return batch.with_fields(positions=batch.positions + batch.positions.new_tensor(SHIFT)), dict

    return _compared(
        specimen, shifted, f"all atoms moved by {SHIFT} Å", "use differences of positions, pair_vectors(...)"
    )


def _with_rotation(specimen: Specimen, rotation: Tensor, what: str, fix: str) -> str:
    def rotated(batch: Batch) -> Changed:
        matrix = rotation.to(batch.positions)
        geometry = {"positions": batch.positions @ matrix}
        if batch.cell is not None:
            geometry["cell"] = batch.cell @ matrix
        known = {name: value for name, value in batch.fields.items() if name in QUANTITIES}
        return batch.with_fields(**geometry, **turned(known, matrix)), lambda out: turned(out, matrix)

    return _compared(specimen, rotated, what, fix)


def check_rotation(specimen: Specimen) -> str:
    """Turn atoms and cell."""
    return _with_rotation(
        specimen, some_rotation(), "turned", "vectors of the output turn with the atoms, scalars stay"
    )


def check_reflection(specimen: Specimen) -> str:
    """Look at the structure in a mirror."""
    what = "reflected through the origin"
    return _with_rotation(specimen, -torch.eye(3), what, "an energy has no handedness: a volume is |det cell|")


def some_rotation() -> Tensor:
    """Return a proper rotation that leaves no axis where it was: Tensor [3, 3]."""
    q, _ = np.linalg.qr(np.random.default_rng(7).normal(size=(3, 3)))
    return torch.from_numpy(q * np.sign(np.linalg.det(q)))


def check_permutation(specimen: Specimen) -> str:
    """Number the atoms of a structure in another order."""

    def reordered(batch: Batch) -> Changed:
        order = torch.randperm(batch.num_atoms, generator=torch.Generator().manual_seed(3)).to(batch.device)
        own = {name: batch.get(name) for name in ("positions", "atomic_numbers", *batch.fields)}
        moved = {name: value[order] for name, value in own.items() if value is not None and is_per_atom(name)}

        def expect(out: Values) -> Values:
            return {name: value[order] if is_per_atom(name) else value for name, value in out.items()}

        return batch.with_fields(**moved), expect

    return _compared(
        specimen, reordered, "atoms in another order", "atoms of one element are alike, whatever their number"
    )


def check_periodic_images(specimen: Specimen) -> str:
    """Move atoms by whole lattice vectors, each by others."""

    def elsewhere(batch: Batch) -> Changed:
        if batch.cell is None or batch.pbc is None:
            return batch, dict
        steps = torch.randint(-5, 6, (batch.num_atoms, 3), generator=torch.Generator().manual_seed(5)).to(
            batch.positions
        )
        allowed = steps * batch.pbc[batch.batch_idx]
        moves = torch.einsum("ni,nij->nj", allowed, batch.cell[batch.batch_idx])
        return batch.with_fields(positions=batch.positions + moves), dict

    fix = "add the shifts of the list: pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)"
    return _compared(specimen, elsewhere, "atoms moved by lattice vectors", fix)


def check_cell_choice(specimen: Specimen) -> str:
    """Describe a lattice by other lattice vectors: a + b in place of a."""

    def skewed(batch: Batch) -> Changed:
        if batch.cell is None or batch.pbc is None:
            return batch, dict
        both = (batch.pbc[:, 0] & batch.pbc[:, 1]).view(-1, 1)
        cell = batch.cell.clone()
        cell[:, 0] = torch.where(both, cell[:, 0] + cell[:, 1], cell[:, 0])
        return batch.with_fields(cell=cell), dict

    return _compared(specimen, skewed, "with a + b as the first lattice vector", "the lattice counts, not its basis")


def _periodic(specimen: Specimen) -> bool:
    return specimen.config.supports_pbc


CHECKS = (
    Promise("translation", "outputs stay when all atoms move together", check_translation),
    Promise("rotation", "scalars stay and vectors turn when the structure is turned", check_rotation),
    Promise("reflection", "a structure and its mirror image have one energy", check_reflection),
    Promise("permutation", "the numbering of atoms means nothing", check_permutation),
    Promise("periodic-images", "atoms may stand in any cell", check_periodic_images, _periodic),
    Promise("cell-choice", "the same lattice in other lattice vectors gives the same", check_cell_choice, _periodic),
)
