"""Internal strain: how ions follow a strain of the cell, and what that takes from the energy."""

from __future__ import annotations

import torch
from torch import Tensor

from alchemi_core.errors import DerivativeError

SOFT = {torch.float64: 1e-6, torch.float32: 1e-4}
"""Eigenvalues below this share of the largest count as not positive."""

QUIET = {torch.float64: 1e-4, torch.float32: 1e-3}
"""A mode is not excited whose coupling is below this share of the largest eigenvalue times the atoms' distance."""


def relaxation(hessian: Tensor, coupling: Tensor, length: float, system: int) -> Tensor:
    """Return Λ H⁺ Λᵀ, the curvature by strain that relaxed ions take away.

    H⁺ is the inverse on displacements of positive curvature. Others, among them those of the crystal as a whole, are
    left out where strain does not excite them, as symmetry has it for polar modes of crystals with inversion.

    Parameters
    ----------
    hessian : Tensor [3n, 3n], eV/Å²
        H.
    coupling : Tensor [6, 3n], eV/Å
        Λ.
    length : float, Å
        Typical distance of atoms.
    system : int
        Number of the system, for errors.

    Returns
    -------
    Tensor [6, 6], eV

    Raises
    ------
    DerivativeError
        If strain excites a mode whose curvature is not positive.
    """
    dtype = hessian.dtype
    if not bool(torch.isfinite(hessian).all() & torch.isfinite(coupling).all()):
        return torch.full_like(coupling[:, :6], torch.nan)
    # conditions are squared below, and these matrices are small
    hessian, coupling = _without_translations(0.5 * (hessian + hessian.mT).double(), coupling.double())
    values, modes = torch.linalg.eigh(hessian.detach())
    largest = float(values.abs().max())
    soft = values <= SOFT[dtype] * largest
    _check_quiet(values[soft], (coupling.detach() @ modes[:, soft]).abs(), QUIET[dtype] * largest * length, system)
    out = modes[:, soft] @ modes[:, soft].mT
    keep = torch.eye(len(out), dtype=out.dtype, device=out.device) - out
    # solving rather than dividing by eigenvalues: equal ones, the rule in crystals, have no derivative in training
    stiff, driven = keep @ hessian @ keep + (largest or 1.0) * out, coupling @ keep
    taken: Tensor = driven @ torch.linalg.solve(stiff, driven.mT)
    return (0.5 * (taken + taken.mT)).to(dtype)


def _without_translations(hessian: Tensor, coupling: Tensor) -> tuple[Tensor, Tensor]:
    """Take out what moves all atoms alike; it is there where a model knows places in space, and as rounding."""
    size = len(hessian) // 3
    mean = torch.eye(3, dtype=hessian.dtype, device=hessian.device).repeat(size, size) / size
    keep = torch.eye(3 * size, dtype=hessian.dtype, device=hessian.device) - mean
    return keep @ hessian @ keep, coupling @ keep


def _check_quiet(values: Tensor, excited: Tensor, limit: float, system: int) -> None:
    loud = (excited > limit).any(0)
    if not bool(loud.any()):
        return
    raise DerivativeError(
        f"strain of system {system} excites a mode of curvature {float(values[loud].min()):.3g} eV/Å², "
        "so that its ions have no minimum to relax to",
        expected="a structure at a minimum of its energy",
        who="derivative_fn elastic",
        fix="relax the structure first, or ask for clamped_elastic_tensor alone (--clamped)",
    )
