"""Which elements a model was fitted to, and an error for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from ase.data import chemical_symbols

from alchemi_core.errors import UnsupportedElementError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from alchemi_core.data.view import ModelView

_LAST = len(chemical_symbols)
"""One past the heaviest element: where every number that is no element is looked up."""


def element_table(numbers: Iterable[int]) -> Tensor:
    """Return which atomic numbers are known: Tensor [120], bool."""
    table = torch.zeros(_LAST + 1, dtype=torch.bool)
    table[list(numbers)] = True
    return table


def check_elements(table: Tensor, view: ModelView, who: str) -> None:
    """Raise `UnsupportedElementError` if an atom of the view is of an element that the table does not know."""
    known = table.index_select(0, view.atomic_numbers.clamp(0, _LAST))
    if not bool(known.all()):
        raise _unsupported(table, view, int((~known).nonzero()[0]), who)


def _unsupported(table: Tensor, view: ModelView, atom: int, who: str) -> UnsupportedElementError:
    number, system = int(view.atomic_numbers[atom]), int(view.batch_idx[atom])
    name = chemical_symbols[number] if 0 < number < _LAST else "no element"
    known = [chemical_symbols[other] for other in table.nonzero().flatten().tolist()]
    return UnsupportedElementError(
        f"atom {atom - view.ptr[system]} of system {system} is {name} (Z = {number})",
        expected=f"one of the {len(known)} elements the model was fitted to: {', '.join(known)}",
        who=who,
        fix=f"use a model that knows {name}, or remove the atom",
    )
