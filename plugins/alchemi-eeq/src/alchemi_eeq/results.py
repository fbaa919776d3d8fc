"""From blocks back to the atoms and systems of the batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.quantities import HARTREE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_eeq.packing import Block


def collect(view: ModelView, blocks: Sequence[Block], solved: Sequence[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    """Return charges [N] in e and energies [B, 1] in eV, in the type of the view's positions.

    Parameters
    ----------
    view : ModelView
        The batch.
    blocks : sequence of Block
        Its systems; those without atoms are in none.
    solved : sequence of (Tensor [S, n], Tensor [S])
        Charges in e and energies in Hartree of each block.
    """
    # of no atoms nothing depends, yet what is declared on the graph must be on it
    nothing = 0.0 * view.positions.sum(1)
    if not blocks:
        return {"charges": nothing, "energy": nothing.sum() + view.positions.new_zeros(view.num_systems, 1)}
    atoms = torch.cat([block.atoms[block.present] for block in blocks])
    systems = torch.cat([block.systems for block in blocks])
    charges = torch.cat([own[block.present] for block, (own, _) in zip(blocks, solved, strict=True)])
    energies = HARTREE * torch.cat([own for _, own in solved])
    by_atom = charges.new_zeros(view.num_atoms).index_copy(0, atoms, charges)
    by_system = energies.new_zeros(view.num_systems).index_copy(0, systems, energies)
    dtype = view.positions.dtype
    return {"charges": by_atom.to(dtype), "energy": by_system[:, None].to(dtype)}
