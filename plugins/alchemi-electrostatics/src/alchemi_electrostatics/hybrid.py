"""Derivatives at fixed charges as numbers, and an energy on the graph through the charges alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.derivatives.strain import per_volume

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from alchemi_electrostatics.frame import Frame

STRAIN = frozenset({"stress", "virial"})


def at_fixed_charges(energies: Callable[[Frame], Tensor], frame: Frame, requested: frozenset[str]) -> dict[str, Tensor]:
    """Return the energy and its requested derivatives by positions and strain, all in one backward pass.

    Parameters
    ----------
    energies : callable
        Energy [B] of a frame, eV, on its graph.
    frame : Frame
        Where to take them; the graph of its positions and cell is not followed.
    requested : frozenset of str
        Any of energy, forces, stress, virial.

    Returns
    -------
    dict of str to Tensor
        Energy [B], eV, with ∂E/∂q as its derivative where the charges are on a graph; the others as in
        `alchemi_core.quantities`, detached.
    """
    live = torch.is_grad_enabled() and frame.charges.requires_grad
    if not live and not requested & {"forces", *STRAIN}:
        with torch.no_grad():
            return {"energy": energies(frame)}
    with torch.enable_grad():
        leaves = frame.on_leaves()
        energy = energies(leaves)
    grads = _gradients(energy, leaves, requested, live=live)
    out = {"energy": energy.detach()}
    if live:
        out["energy"] = _through_charges(energy.detach(), frame, grads["charges"])
    if "forces" in requested:
        out["forces"] = -grads["positions"]
    if requested & STRAIN:
        out |= _by_strain(leaves, grads["positions"], grads.get("cell"))
    return out


def _gradients(energy: Tensor, leaves: Frame, requested: frozenset[str], *, live: bool) -> dict[str, Tensor]:
    """Return the derivatives that are needed, zero where the energy does not depend on a leaf."""
    inputs: dict[str, Tensor] = {}
    if requested & {"forces", *STRAIN}:
        inputs["positions"] = leaves.positions
    if requested & STRAIN and leaves.cell is not None:
        inputs["cell"] = leaves.cell
    if live:
        inputs["charges"] = leaves.charges
    if not inputs or not energy.requires_grad:
        return {name: torch.zeros_like(leaf) for name, leaf in inputs.items()}
    found: tuple[Any, ...] = torch.autograd.grad(
        energy, tuple(inputs.values()), grad_outputs=torch.ones_like(energy), allow_unused=True, materialize_grads=True
    )
    return dict(zip(inputs, found, strict=True))


def _through_charges(energy: Tensor, frame: Frame, by_charges: Tensor) -> Tensor:
    """Add nothing whose derivative by each charge is what was found."""
    nothing = (frame.charges - frame.charges.detach()) * by_charges
    return energy.index_add(0, frame.batch_idx, nothing)


def _by_strain(leaves: Frame, by_positions: Tensor, by_cell: Tensor | None) -> dict[str, Tensor]:
    """Return virial −dE/dε and stress dE/dε / V, dE/dε = sym(Σ r ⊗ ∂E/∂r + Σ h ⊗ ∂E/∂h)."""
    positions = leaves.positions.detach()
    outer = (positions[:, :, None] * by_positions[:, None, :]).reshape(-1, 9)
    total = outer.new_zeros(leaves.num_systems, 9).index_add(0, leaves.batch_idx, outer).reshape(-1, 3, 3)
    cell = None if leaves.cell is None else leaves.cell.detach()
    if cell is not None and by_cell is not None:
        total = total + cell.mT @ by_cell
    strain = 0.5 * (total + total.mT)
    stress = torch.full_like(strain, torch.nan) if cell is None else per_volume(strain, cell)
    return {"virial": -strain, "stress": stress}
