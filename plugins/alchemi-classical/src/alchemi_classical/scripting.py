"""The energy in TorchScript, for programs without Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_classical.collapse import collapsed
from alchemi_classical.kinds import MISSING
from alchemi_classical.truncation import switch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from alchemi_classical.kinds import PairKinds


class ScriptedPairs(torch.nn.Module):
    """Energies of atoms from pairs, as `alchemi_core.scripting.ScriptableEnergy` describes; each pair comes once.

    Parameters
    ----------
    curve : callable
        Pair energy before it is truncated, of distances and parameters by name; in TorchScript too.
    kinds : PairKinds
        Finds the parameters of a pair.
    columns : mapping of str to Tensor [P]
        Parameters of each pair of elements, with its ``cutoff`` and, where there are some, ``switch_on`` and ``shift``.
    who : str
        The model, for errors.
    guarded : bool
        Whether atoms inside the maximum of their curve are refused.
    """

    def __init__(
        self, curve: Callable[..., Any], kinds: PairKinds, columns: Mapping[str, Tensor], *, who: str, guarded: bool
    ) -> None:
        super().__init__()
        self.curve, self.who, self.guarded = curve, who, guarded
        self.names = list(columns)
        self.missing = MISSING
        # not annotated in the class: torch.jit.script cannot read annotations there that are text
        self.table: Tensor
        self.rows: Tensor
        self.kinds: Tensor
        self.register_buffer("table", torch.stack([column.detach() for column in columns.values()]))
        self.register_buffer("rows", kinds.row_of_element.clone())
        self.register_buffer("kinds", kinds.kind_of_rows.clone())

    def forward(
        self,
        numbers: Tensor,
        first: Tensor,
        second: Tensor,
        vectors: Tensor,
        inputs: dict[str, Tensor],  # noqa: ARG002 - there are none
    ) -> Tensor:
        """Return energies of atoms, [N], eV."""
        one = self.rows.index_select(0, numbers.index_select(0, first))
        other = self.rows.index_select(0, numbers.index_select(0, second))
        kinds = self.kinds[one, other]
        if bool((kinds == self.missing).any()):
            raise ValueError(self.who + ": two elements meet for which no parameters were given")
        distance = ((vectors * vectors) @ vectors.new_ones(3)).sqrt()
        reach = self.table[self.names.index("cutoff")].to(vectors).index_select(0, kinds.clamp(min=0))
        keep = ((kinds >= 0) & (distance < reach)).nonzero().flatten()
        energies = 0.5 * self._of_pairs(distance.index_select(0, keep), kinds.index_select(0, keep))
        atoms = vectors.new_zeros(numbers.shape[0])
        atoms = atoms.index_add(0, first.index_select(0, keep), energies)
        return atoms.index_add(0, second.index_select(0, keep), energies)

    def _of_pairs(self, distance: Tensor, kinds: Tensor) -> Tensor:
        columns: dict[str, Tensor] = {}
        for row, name in enumerate(self.names):
            columns[name] = self.table[row].to(distance).index_select(0, kinds)
        if self.guarded and bool(collapsed(distance, columns).any()):
            raise ValueError(self.who + ": two atoms are inside the maximum of their potential, which attracts there")
        energy: Tensor = self.curve(distance, columns)
        if "shift" in columns:
            energy = energy - columns["shift"]
        return energy * switch(distance, columns["switch_on"], columns["cutoff"]) if "switch_on" in columns else energy
