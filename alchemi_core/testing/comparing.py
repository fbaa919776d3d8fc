"""Whether two sets of outputs are one, to a tolerance that belongs to the floating type, and by how much not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.testing.failures import failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

SAME = 1e-8
"""Relative: one thing computed in two orders, in float64."""

DIFFERENCED = 1e-5
"""Relative: a derivative against central differences of fourth order, in float64."""

SINGLE = {"energy": 1e-4}
SINGLE_OTHERS = 2e-3
"""Relative: float32 against float64; derivatives lose more digits than energies do."""

FLOOR = 1e-2
"""Values smaller than this, in their units, are compared as if they were so large."""


def compare(
    found: Mapping[str, Tensor],
    expected: Mapping[str, Tensor],
    what: str,
    *,
    within: float | Mapping[str, float] = SAME,
    noise: float = 0.0,
    fix: str = "",
) -> float:
    """Compare outputs by name, and return the largest deviation, relative to the largest value of its kind.

    Parameters
    ----------
    found, expected : mapping of str to Tensor
        Outputs; all that are expected have to be found.
    what : str
        What was done, for the report.
    within : float or mapping of str to float
        Largest relative deviation, of all or by name.
    noise : float
        Absolute deviation, in units of the values, that rounding alone explains.
    fix : str
        What usually causes a difference.

    Raises
    ------
    AssertionError
        If a name is missing, a shape or a NaN differs, or a deviation is larger.
    """
    worst = 0.0
    for name, wanted in expected.items():
        if name not in found:
            raise failure(what, f"{name} is missing", expected=f"{name} {list(wanted.shape)}", fix=fix)
        limit = within if isinstance(within, float) else within.get(name, SINGLE_OTHERS)
        worst = max(worst, _deviation(name, found[name], wanted, what, limit, noise, fix))
    return worst


def _deviation(name: str, found: Tensor, wanted: Tensor, what: str, limit: float, noise: float, fix: str) -> float:
    if found.shape != wanted.shape:
        raise failure(what, f"{name} has shape {list(found.shape)}", expected=f"{list(wanted.shape)}", fix=fix)
    one, other = found.detach().double(), wanted.detach().double()
    if not all(torch.equal(kind(one), kind(other)) for kind in (torch.isnan, torch.isposinf, torch.isneginf)):
        first = f"{one.flatten().tolist()[:6]}"
        raise failure(what, f"{name} is {first}", expected=f"{other.flatten().tolist()[:6]}: NaN in the same places")
    apart = (one - other).nan_to_num(0.0, 0.0, 0.0).abs()
    if not apart.numel():
        return 0.0
    scale = max(FLOOR, float(other.nan_to_num(0.0, 0.0, 0.0).abs().max()))
    largest = float(apart.max()) / scale
    if largest > limit + noise / scale:
        raise failure(
            what, f"{name}{_place(apart)} is {_at(one, apart)}", expected=_wanted(other, apart, limit), fix=fix
        )
    return largest


def _place(apart: Tensor) -> str:
    index = [int(i) for i in torch.unravel_index(apart.argmax(), apart.shape)]
    return "[" + ", ".join(map(str, index)) + "]" if index else ""


def _at(values: Tensor, apart: Tensor) -> str:
    return f"{float(values.flatten()[int(apart.argmax())]):.10g}"


def _wanted(values: Tensor, apart: Tensor, limit: float) -> str:
    return f"{_at(values, apart)}, to {limit:.0e} of the largest value"


def noted(deviations: Iterable[tuple[float, str]]) -> str:
    """Say in a few words how large the largest of several deviations is, and where."""
    worst, where = max(deviations, default=(-1.0, ""))
    if worst < 0.0:
        return "nothing to compare"
    return f"largest deviation {worst:.0e} ({where})" if worst else "no deviation"
