"""The screened repulsion in TorchScript, for programs without Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_classical.screening import contact_energy, smoothed_energy

if TYPE_CHECKING:
    from torch import Tensor


class ScriptedZBL(torch.nn.Module):
    """Energies of atoms from pairs, as `alchemi_core.scripting.ScriptableEnergy` describes; each pair comes once.

    Parameters
    ----------
    table : Tensor [columns, elements²]
        What each pair of elements has; the last row is where it ends, when there is no `inner`.
    inner : float, Å, optional
        Where the polynomial begins.
    """

    def __init__(self, table: Tensor, inner: float | None) -> None:
        super().__init__()
        self.elements, self.to_contact = round(table.shape[1] ** 0.5), inner is None
        self.table: Tensor  # not in the class: torch.jit.script cannot read annotations there that are text
        self.register_buffer("table", table.double().clone())
        # Traced: its constants are in tuples, which TorchScript cannot read, and it takes no decisions.
        columns = self.table[:, self.elements + 1 : self.elements + 3]
        self.curve: Any = torch.jit.trace(_Curve(inner), (torch.ones_like(columns[0]), columns))

    def forward(
        self,
        numbers: Tensor,
        first: Tensor,
        second: Tensor,
        vectors: Tensor,
        inputs: dict[str, Tensor],  # noqa: ARG002 - there are none
    ) -> Tensor:
        """Return energies of atoms, [N], eV."""
        # As in the model: where it ends, the energy is a small difference of large ones.
        distance = ((vectors * vectors) @ vectors.new_ones(3)).sqrt().double()
        pair = self.elements * numbers.index_select(0, first) + numbers.index_select(0, second)
        columns = self.table.index_select(1, pair)
        if self.to_contact:
            keep = (distance < columns[-1]).nonzero().flatten()
            distance, columns = distance.index_select(0, keep), columns.index_select(1, keep)
            first, second = first.index_select(0, keep), second.index_select(0, keep)
        energies = 0.5 * self.curve(distance, columns)
        atoms = torch.zeros_like(numbers, dtype=torch.float64)
        return atoms.index_add(0, first, energies).index_add(0, second, energies).to(vectors.dtype)


class _Curve(torch.nn.Module):
    """The energy of each pair; see `alchemi_classical.screening`."""

    def __init__(self, inner: float | None) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, distance: Tensor, columns: Tensor) -> Tensor:
        """Return energies, [E], eV."""
        if self.inner is None:
            return contact_energy(distance, columns)
        return smoothed_energy(distance, columns, self.inner)
