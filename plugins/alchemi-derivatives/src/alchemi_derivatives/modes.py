"""Modes: harmonic vibrations of one structure, with translations and rotations taken out.

In the space orthogonal to rigid motion, the eigenvectors of the mass-weighted Hessian ``H_kl / √(m_k m_l)`` are the
normal modes and its eigenvalues their squared angular frequencies (E. B. Wilson, J. C. Decius, P. C. Cross, Molecular
Vibrations, McGraw-Hill 1955; Miller, Handy and Adams, J. Chem. Phys. 72, 99 (1980), doi:10.1063/1.438959).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.errors import DataError

if TYPE_CHECKING:
    from ase import Atoms
    from torch import Tensor

ELEMENTARY_CHARGE = 1.602176634e-19
"""C; exact in the SI of 2019, as are the two below (https://physics.nist.gov/cuu/Constants/)."""

PLANCK = 6.62607015e-34
"""J s."""

SPEED_OF_LIGHT = 299792458.0
"""m/s."""

ATOMIC_MASS = 1.66053906660e-27
"""kg (CODATA 2018)."""

INVERSE_CM_IN_EV = PLANCK * SPEED_OF_LIGHT * 100.0 / ELEMENTARY_CHARGE
"""hc × 1 cm⁻¹, eV."""

INVERSE_CM = math.sqrt(ELEMENTARY_CHARGE * 1e20 / ATOMIC_MASS) / (2.0 * math.pi * SPEED_OF_LIGHT * 100.0)
"""√(1 eV/(Å² u)) / 2πc, cm⁻¹."""

STRAIGHT = 0.02
"""A molecule is linear when no atom is further than this from one line, Å. In relaxed molecules that are not, some are
0.1 Å off at least; linear ones, relaxed as commands do it, stay a hundred times below."""


@attrs.frozen(eq=False)
class Modes:
    """Normal modes of one structure.

    Parameters
    ----------
    frequencies : Tensor [M], cm⁻¹
        Ascending; those of imaginary frequencies, along which the energy falls, are negative.
    displacements : Tensor [M, n, 3]
        Cartesian, each of length one.
    rigid : Tensor [R], cm⁻¹
        What the Hessian has for translations and rotations, which were taken out: zero where it is exact and the
        structure at rest.
    asymmetry : float, eV/Å²
        Largest component of ``H − Hᵀ``, whose symmetric part was used.
    """

    frequencies: Tensor
    displacements: Tensor
    rigid: Tensor
    asymmetry: float

    @property
    def energies(self) -> Tensor:
        """Energies of their quanta hcν̃ [M], eV; negative as frequencies are."""
        return self.frequencies * INVERSE_CM_IN_EV

    @property
    def imaginary(self) -> int:
        """How many frequencies are imaginary."""
        return int((self.frequencies < 0.0).sum())

    @property
    def zero_point_energy(self) -> float:
        """½ Σ hcν̃ in eV over the real frequencies."""
        return 0.5 * float(self.energies.clamp(min=0.0).sum())


def harmonic_modes(hessian: Tensor, atoms: Atoms) -> Modes:
    """Analyse the vibrations of a structure.

    Three translations are taken out of a periodic structure, whose modes are those of its cell at the zone centre; also
    the rotations of a molecule, two where it is linear and three otherwise.

    Parameters
    ----------
    hessian : Tensor [3n, 3n], eV/Å²
        Second derivatives of the energy, at rest.
    atoms : ase.Atoms
        Positions, masses and what is periodic; ``atoms.set_masses`` makes other isotopes.

    Returns
    -------
    Modes
        In float64.

    Raises
    ------
    DataError
        If the Hessian has another size, a component that is no number, or an atom has no mass.
    """
    matrix, masses = _checked(hessian, atoms)
    roots = masses.sqrt().repeat_interleave(3)
    weighted = 0.5 * (matrix + matrix.mT) / (roots.unsqueeze(1) * roots)
    positions = torch.as_tensor(atoms.get_positions(), dtype=torch.float64)
    rigid = _orthonormal(_rigid_motions(positions, masses, rotates=not atoms.pbc.any()))
    # All vectors of the decomposition beyond the first span what is orthogonal to those.
    internal = torch.linalg.svd(rigid, full_matrices=True).U[:, rigid.shape[1] :]
    values, vectors = torch.linalg.eigh(internal.mT @ weighted @ internal)
    moves = (internal @ vectors).mT / roots
    return Modes(
        frequencies=_wavenumbers(values),
        displacements=(moves / moves.norm(dim=1, keepdim=True)).view(-1, len(masses), 3),
        rigid=_wavenumbers(torch.linalg.eigvalsh(rigid.mT @ weighted @ rigid)),
        asymmetry=float((matrix - matrix.mT).abs().max()),
    )


def _checked(hessian: Tensor, atoms: Atoms) -> tuple[Tensor, Tensor]:
    size = 3 * len(atoms)
    if size == 0 or tuple(hessian.shape) != (size, size):
        expected = f"[{size}, {size}], of {len(atoms)} atoms" if size else "at least one atom"
        raise DataError(f"a Hessian of shape {list(hessian.shape)}", expected=expected, who="harmonic_modes")
    matrix = hessian.detach().to("cpu", torch.float64)
    if not bool(matrix.isfinite().all()):
        raise DataError("a Hessian that is not finite", expected="numbers", who="harmonic_modes")
    masses = torch.as_tensor(atoms.get_masses(), dtype=torch.float64)
    if not bool((masses > 0.0).all()):
        first = int((~(masses > 0.0)).nonzero()[0])
        raise DataError(
            f"atom {first} ({atoms.symbols[first]}) has the mass {float(masses[first])}",
            expected="masses above zero, u",
            who="harmonic_modes",
            fix="atoms.set_masses(...)",
        )
    return matrix, masses


def _wavenumbers(values: Tensor) -> Tensor:
    """Wavenumbers in cm⁻¹ of squared angular frequencies in eV/(Å² u); negative ones are imaginary."""
    return INVERSE_CM * values.sign() * values.abs().sqrt()


def _rigid_motions(positions: Tensor, masses: Tensor, *, rotates: bool) -> Tensor:
    """Mass-weighted translations, and rotations of what is free to rotate [3n, R]."""
    motions = [axis.expand(len(masses), 3) for axis in torch.eye(3, dtype=torch.float64)]
    if rotates:
        centered = positions - positions.mean(0)  # about any other point it is the same and a translation
        motions += [torch.linalg.cross(axis.expand_as(centered), centered) for axis in _rotation_axes(centered)]
    return torch.stack([(motion * masses.sqrt().unsqueeze(1)).flatten() for motion in motions], dim=1)


def _rotation_axes(centered: Tensor) -> Tensor:
    """Axes about which a rotation moves atoms: all, those across the line of a linear molecule, none for one atom."""
    _, _, axes = torch.linalg.svd(centered, full_matrices=True)
    across = torch.linalg.cross(axes[:1].expand_as(centered), centered).norm(dim=1).max()
    linear = 1 if len(centered) > 1 else 3
    free: Tensor = axes if float(across) > STRAIGHT else axes[linear:]
    return free


def _orthonormal(vectors: Tensor) -> Tensor:
    basis: Tensor = torch.linalg.qr(vectors).Q
    return basis
