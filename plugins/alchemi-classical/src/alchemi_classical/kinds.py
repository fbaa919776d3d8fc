"""Which parameters two atoms meet with: rows of a table by pair of elements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from ase.data import chemical_symbols

from alchemi_classical.elements import PairTable, pair_name
from alchemi_core.errors import UnsupportedElementError

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_classical.sums import Edges
    from alchemi_core.data.view import ModelView

SILENT, MISSING = -1, -2


class PairKinds(torch.nn.Module):
    """Finds the parameter row of each pair of atoms; elements without one are refused, never passed over.

    Parameters
    ----------
    table : PairTable
        The pairs.
    who : str
        The model, for errors.
    """

    _rows: Tensor
    _kinds: Tensor

    def __init__(self, table: PairTable, who: str) -> None:
        super().__init__()
        self.who, self.table = who, table
        self.register_buffer("_rows", _rows(table.numbers), persistent=False)
        self.register_buffer("_kinds", _kinds(table), persistent=False)

    @property
    def has_silent(self) -> bool:
        """Whether some pairs do not interact."""
        return bool(self.table.silent)

    @property
    def row_of_element(self) -> Tensor:
        """Row of each atomic number, the last one for those without parameters: Tensor [119], int64."""
        return self._rows

    @property
    def kind_of_rows(self) -> Tensor:
        """Parameter row where two rows meet, −1 where they do not interact, −2 where it is missing: Tensor [R, R]."""
        return self._kinds

    def forward(self, view: ModelView, edges: Edges) -> Tensor:
        """Return the parameter row of each pair of atoms, −1 where they do not interact: Tensor [E], int64."""
        rows = self._rows[view.atomic_numbers]
        self._check(view, rows)
        pair = self._kinds.shape[0] * rows.index_select(0, edges.first) + rows.index_select(0, edges.second)
        return self._kinds.view(-1).index_select(0, pair)

    def _check(self, view: ModelView, rows: Tensor) -> None:
        """Refuse a system where two elements meet that have no parameters, however far apart their atoms are now."""
        size = self._kinds.shape[0]
        place = view.batch_idx * size + rows
        counts = torch.bincount(place, minlength=view.num_systems * size).view(view.num_systems, size)
        present = (counts > 0).to(torch.float32)
        meet = present.mT @ present > 0
        alone = counts == 1 if view.pbc is None else (counts == 1) & ~view.pbc.any(dim=1, keepdim=True)
        meet.diagonal().copy_(((counts > 0) & ~alone).any(dim=0))
        missing = meet & (self._kinds == MISSING)
        if bool(missing.any()):
            raise self._refusal(view, present, *missing.nonzero()[0].tolist())

    def _refusal(self, view: ModelView, present: Tensor, first: int, second: int) -> UnsupportedElementError:
        system = int((present[:, first] * present[:, second]).nonzero()[0])
        known = (*self.table.numbers, *_unknown(view, self.table.numbers))
        name = pair_name((min(known[first], known[second]), max(known[first], known[second])))
        return UnsupportedElementError(
            f"{name} meet in system {system}, and no parameters were given for them",
            expected="parameters for each pair of elements in a system: " + ", ".join(map(pair_name, self.table.pairs)),
            who=self.who,
            fix=f"pairs={{..., {name!r}: {{...}}}}, or non_interacting=({name!r},)",
        )


def _unknown(view: ModelView, known: tuple[int, ...]) -> list[int]:
    return [z for z in view.atomic_numbers.unique().tolist() if z not in known]


def _rows(numbers: tuple[int, ...]) -> Tensor:
    """Return the row of each element; elements without parameters share the last one, in which all are missing."""
    rows = torch.full((len(chemical_symbols),), len(numbers), dtype=torch.int64)
    rows[list(numbers)] = torch.arange(len(numbers))
    return rows


def _kinds(table: PairTable) -> Tensor:
    row = {z: n for n, z in enumerate(table.numbers)}
    kinds = torch.full((len(row) + 1, len(row) + 1), MISSING, dtype=torch.int64)
    for pairs, start, step in ((table.pairs, 0, 1), (tuple(table.silent), SILENT, 0)):
        for n, (a, b) in enumerate(pairs):
            kinds[row[a], row[b]] = kinds[row[b], row[a]] = start + step * n
    return kinds
