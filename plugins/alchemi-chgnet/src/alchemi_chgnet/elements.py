"""From atomic numbers to the rows of a model's tables, and an error for elements it does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from ase.data import chemical_symbols

from alchemi_core.errors import UnsupportedElementError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.data.view import ModelView

_LAST = len(chemical_symbols)
"""One past the heaviest element: where every number that is no element is looked up."""


def element_rows(rows: Mapping[int, int]) -> Tensor:
    """Return the row of each atomic number, −1 for those unknown: Tensor [120], int64."""
    table = torch.full((_LAST + 1,), -1, dtype=torch.int64)
    for number, row in rows.items():
        table[number] = row
    return table


def look_up(table: Tensor, view: ModelView, who: str) -> Tensor:
    """Return the row of each atom, Tensor [N].

    Raises
    ------
    UnsupportedElementError
        If the structure holds an element without a row.
    """
    rows = table.index_select(0, view.atomic_numbers.clamp(0, _LAST))
    if rows.numel() and int(rows.min()) < 0:
        raise _unsupported(table, view, int((rows < 0).nonzero()[0]), who)
    return rows


def _unsupported(table: Tensor, view: ModelView, atom: int, who: str) -> UnsupportedElementError:
    number, system = int(view.atomic_numbers[atom]), int(view.batch_idx[atom])
    name = chemical_symbols[number] if 0 <= number < _LAST else "no element"
    known = [chemical_symbols[other] for other in (table >= 0).nonzero().flatten().tolist()]
    return UnsupportedElementError(
        f"atom {atom - view.ptr[system]} of system {system} is {name} (Z = {number})",
        expected=f"one of the {len(known)} elements the model was fitted to: {', '.join(known)}",
        who=who,
        fix=f"use a model that knows {name}, or remove the atom",
    )
