"""What each standard derivative should be, by central differences of energies and charges."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch

from alchemi_core.quantities import EV_PER_CUBIC_ANGSTROM_IN_GPA, QUANTITIES
from alchemi_core.testing.differences import VOIGT, Change, by_coordinates, by_strains, slopes, symmetric
from alchemi_core.testing.second_differences import curvatures

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.quantities import DerivativeOf
    from alchemi_core.testing.derivative_checks.benches import Bench

    Pair: TypeAlias = tuple[Tensor, Tensor]
    Reference: TypeAlias = Callable[[Tensor, Bench, Batch, DerivativeOf], Pair | None]
    """From what was found for one system to what is compared of it, and with what; None where nothing is known."""

AT_REST = 1e-8
"""eV/Å: largest force at which ions are where they are relaxed to."""


def _forces(found: Tensor, bench: Bench, batch: Batch, way: DerivativeOf) -> Pair:  # noqa: ARG001
    return found, forces_of(bench, batch)


def forces_of(bench: Bench, batch: Batch) -> Tensor:
    """Return −dE/dr [N, 3] of one system, eV/Å."""
    return -slopes(bench.energies, batch, by_coordinates(batch)).reshape(-1, 3)


def _strained(bench: Bench, batch: Batch) -> Tensor:
    """Return dE/dε [1, 3, 3] of one system, eV."""
    return symmetric(slopes(bench.energies, batch, by_strains(batch))).unsqueeze(0)


def _stress(found: Tensor, bench: Bench, batch: Batch, way: DerivativeOf) -> Pair | None:  # noqa: ARG001
    volume = _volume(batch)
    return None if volume is None else (found, _strained(bench, batch) / volume)


def _virial(found: Tensor, bench: Bench, batch: Batch, way: DerivativeOf) -> Pair:  # noqa: ARG001
    return found, -_strained(bench, batch)


def _volume(batch: Batch) -> float | None:
    volume = 0.0 if batch.cell is None else float(torch.linalg.det(batch.cell[0]).abs())
    return volume or None


def _hessian(found: Tensor, bench: Bench, batch: Batch, way: DerivativeOf) -> Pair:  # noqa: ARG001
    return found, hessian_of(bench, batch).unsqueeze(0)


def hessian_of(bench: Bench, batch: Batch) -> Tensor:
    """Return d²E/dr dr [3n, 3n] of one system, eV/Å²."""
    return curvatures(lambda points: bench.energies(_deformed(batch, points, None)), 3 * batch.num_atoms)


def _deformed(batch: Batch, moves: Tensor, voigt: Tensor | None) -> Batch:
    """Return copies of a system with atoms moved [M, 3n], then strained by Lagrangian strains [M, 6]."""
    copies = batch.repeated(len(moves))
    positions = copies.positions + moves.reshape(-1, 3)
    if voigt is None or copies.cell is None:
        return copies.with_fields(positions=positions)
    stretch = _stretches(voigt)
    moved = (positions.unsqueeze(1) @ stretch[copies.batch_idx]).squeeze(1)
    return copies.with_fields(positions=moved, cell=copies.cell @ stretch)


def _stretches(voigt: Tensor) -> Tensor:
    """Return F = (1 + 2η)^½ of strains [M, 6] in Voigt order, off-diagonal ones twice the component: [M, 3, 3]."""
    strain = voigt.new_zeros(len(voigt), 3, 3)
    for place, (i, j) in enumerate(VOIGT):
        strain[:, i, j] += 0.5 * voigt[:, place]
        strain[:, j, i] += 0.5 * voigt[:, place]
    values, vectors = torch.linalg.eigh(torch.eye(3, dtype=voigt.dtype) + 2.0 * strain)
    stretches: Tensor = vectors @ torch.diag_embed(values.sqrt()) @ vectors.mT
    return stretches


def _clamped(found: Tensor, bench: Bench, batch: Batch, way: DerivativeOf) -> Pair | None:  # noqa: ARG001
    volume = _volume(batch)
    if volume is None:
        return None
    still = torch.zeros(1, 3 * batch.num_atoms, dtype=torch.float64)
    matrix = curvatures(lambda points: bench.energies(_deformed(batch, still.expand(len(points), -1), points)), 6)
    return found, (matrix * EV_PER_CUBIC_ANGSTROM_IN_GPA / volume).unsqueeze(0)


def _relaxed(found: Tensor, bench: Bench, batch: Batch, way: DerivativeOf) -> Pair | None:  # noqa: ARG001
    """Compare where there are no forces; elsewhere relaxed constants depend on what is held."""
    volume = _volume(batch)
    if volume is None or float(forces_of(bench, batch).abs().max()) > AT_REST:
        return None
    whole = curvatures(
        lambda points: bench.energies(_deformed(batch, points[:, 6:], points[:, :6])), 6 + 3 * batch.num_atoms
    )
    inner, cross = whole[6:, 6:], whole[:6, 6:]
    relaxed = whole[:6, :6] - cross @ torch.linalg.pinv(inner, hermitian=True, rtol=1e-5) @ cross.T
    return found, (relaxed * EV_PER_CUBIC_ANGSTROM_IN_GPA / volume).unsqueeze(0)


def _atomic_virials(found: Tensor, bench: Bench, batch: Batch, way: DerivativeOf) -> Pair:  # noqa: ARG001
    """Compare atom by atom in molecules; in crystals the sum, which is the virial."""
    if batch.cell is not None:
        return found.sum(0, keepdim=True), -_strained(bench, batch)

    def atomic(copies: Batch) -> Tensor:
        return bench.values(copies, {"node_energies"})["node_energies"].reshape(-1, batch.num_atoms)

    by = slopes(atomic, batch, by_coordinates(batch)).reshape(batch.num_atoms, 3, batch.num_atoms)
    apart = batch.positions.unsqueeze(0) - batch.positions.unsqueeze(1)  # of j: r_i − r_j
    return found, torch.einsum("jia,jbi->jab", apart, by)


def _born_charges(found: Tensor, bench: Bench, batch: Batch, way: DerivativeOf) -> Pair | None:
    if batch.cell is not None and way.of != "dipole":
        return None
    by = slopes(lambda copies: _dipoles(bench, copies, way.of), batch, by_coordinates(batch))
    return found, by.reshape(batch.num_atoms, 3, 3).mT


def _dipoles(bench: Bench, batch: Batch, of: str) -> Tensor:
    """Return dipole moments [B, 3], e·Å: those that a model gives, or of charges."""
    if of == "dipole":
        return bench.values(batch, {"dipole"})["dipole"]
    each = bench.values(batch, {"charges"})["charges"].unsqueeze(1) * batch.positions
    return each.new_zeros(batch.num_systems, 3).index_add(0, batch.batch_idx, each)


def _dipole(found: Tensor, bench: Bench, batch: Batch, way: DerivativeOf) -> Pair | None:
    if way.of in ("charges", "dipole"):
        return None if batch.cell is not None else (found, _dipoles(bench, batch, way.of))
    return found, -_by_input(bench, batch, way)


def _by_input(bench: Bench, batch: Batch, way: DerivativeOf) -> Tensor:
    """Return the first derivatives by the one variable that there is, in its shape."""
    (name,) = way.through
    value = batch.get(name)
    assert value is not None
    units = torch.eye(value.numel(), dtype=value.dtype)
    changes = [Change({name: unit.reshape(value.shape[1:])}) for unit in units]
    return slopes(bench.energies, batch, changes).reshape(value.shape)


def _first_by_input(found: Tensor, bench: Bench, batch: Batch, way: DerivativeOf) -> Pair:
    return found, _by_input(bench, batch, way)


def _twice_by_input(bench: Bench, batch: Batch, way: DerivativeOf) -> Tensor:
    """Return the second derivatives by the one variable that there is, [size, size]."""
    (name,) = way.through
    value = batch.get(name)
    assert value is not None

    def energy(points: Tensor) -> Tensor:
        copies = batch.repeated(len(points))
        return bench.energies(copies.with_fields(**{name: value + points.reshape(-1, *value.shape[1:])}))

    return curvatures(energy, value.numel())


def _second_by_input(found: Tensor, bench: Bench, batch: Batch, way: DerivativeOf) -> Pair:
    return found, _twice_by_input(bench, batch, way).reshape(1, 1)


def _polarizability(found: Tensor, bench: Bench, batch: Batch, way: DerivativeOf) -> Pair:
    return found, -_twice_by_input(bench, batch, way).unsqueeze(0)


def _force_constants(found: Tensor, bench: Bench, batch: Batch, way: DerivativeOf) -> Pair:  # noqa: ARG001
    """Compare sums over images, which are the Hessian of the cell; images may follow each other in either order."""
    atoms, images = batch.num_atoms, found.shape[1] // batch.num_atoms
    by_atom = found.reshape(atoms, atoms, images, 3, 3).sum(2)
    by_image = found.reshape(atoms, images, atoms, 3, 3).sum(1)
    expected = hessian_of(bench, batch)
    folded = [one.transpose(1, 2).reshape(3 * atoms, 3 * atoms) for one in (by_atom, by_image)]
    return min(folded, key=lambda one: float((one - expected).abs().max())), expected


REFERENCES: dict[str, Reference] = {
    "forces": _forces,
    "stress": _stress,
    "virial": _virial,
    "hessian": _hessian,
    "force_constants": _force_constants,
    "clamped_elastic_tensor": _clamped,
    "elastic_tensor": _relaxed,
    "atomic_virials": _atomic_virials,
    "born_charges": _born_charges,
    "dipole": _dipole,
    "polarizability": _polarizability,
    "dE_dlambda": _first_by_input,
    "d2E_dlambda2": _second_by_input,
}
"""By the name of the quantity."""

ABOUT = {name: f"{QUANTITIES[name].summary}, also through charges that pass between steps" for name in REFERENCES}
"""What passing the check of a derivative proves."""
