"""Answers of derivative strategies, checked against what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from alchemi_core.errors import DerivativeError, nearest
from alchemi_core.quantities import QUANTITIES

if TYPE_CHECKING:
    from alchemi_core.data.batch import Batch


def check_answer(answer: Any, requested: frozenset[str], data: Batch, who: str) -> None:
    """Refuse an answer that is not exactly what was asked.

    Raises
    ------
    DerivativeError
        If it is no mapping, leaves something out, holds something else, or a standard quantity has a wrong shape.
    """
    if not isinstance(answer, Mapping):
        raise DerivativeError(f"returned {answer!r}", expected=f"a mapping with {sorted(requested)}", who=who)
    if set(answer) != requested:
        raise _other_keys(answer, requested, who)
    for name in requested:
        _check_shape(name, answer[name], data, who)


def _other_keys(answer: Mapping[str, Tensor], requested: frozenset[str], who: str) -> DerivativeError:
    surplus = sorted(set(answer) - requested)
    close = [near for key in surplus if (near := nearest(key, requested))]
    return DerivativeError(
        f"returned {sorted(answer)}",
        expected=f"exactly {sorted(requested)}",
        who=who,
        fix=f"return {close[0]!r}" if close else "return the requested names and no others",
    )


def _check_shape(name: str, value: Tensor, data: Batch, who: str) -> None:
    if not isinstance(value, Tensor):
        raise DerivativeError(f"returned {name} of type {type(value).__name__}", expected="a torch.Tensor", who=who)
    quantity = QUANTITIES.get(name)
    if quantity is None or quantity.fits(tuple(value.shape), data.num_atoms, data.num_systems):
        return
    raise DerivativeError(
        f"returned {name} of shape {list(value.shape)}",
        expected=f"{quantity.written_shape(data.num_atoms, data.num_systems)} in {quantity.unit}",
        who=who,
    )
