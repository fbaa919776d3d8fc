"""How terms are written in a printed plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.planning.plan import Mode, PlannedStep
from alchemi_core.weight_algebra import product_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alchemi_core.weight_factors import Factor


@attrs.frozen
class _Notation:
    """Sign, variable and factor of a derivative of the energy: ``−d(...)/dr``, ``d(...)/dε / V``."""

    sign: str
    variable: str
    factor: str = ""
    order: str = ""


_NOTATIONS = {
    "forces": _Notation("−", "r"),
    "stress": _Notation("", "ε", " / V"),
    "virial": _Notation("−", "ε"),
    "hessian": _Notation("", "r", order="²"),
    "force_constants": _Notation("", "r", order="²"),
    "elastic_tensor": _Notation("", "η", " / V, ions relaxed", order="²"),
    "clamped_elastic_tensor": _Notation("", "η", " / V", order="²"),
    "polarizability": _Notation("−", "F", order="²"),
    "dE_dlambda": _Notation("", "λ"),
    "d2E_dlambda2": _Notation("", "λ", order="²"),
}


def weighted(index: int, weight: float, factors: Sequence[Factor] = ()) -> str:
    """Text of a step's term, such as ``[0]``, ``0.5·[0]`` or ``(1 − coupling)·[0]``."""
    sign, size = ("−", "") if weight == -1.0 else ("", "" if weight == 1.0 else f"{weight:g}")
    return sign + "·".join([*([size] if size else []), *product_text(factors), f"[{index}]"])


def derivative_text(name: str, steps: Sequence[PlannedStep], *, complete: bool = False) -> str:
    """Text of what a group's strategy adds to a derivative.

    Steps on the graph are differentiated whole. Of a step whose derivatives are taken at fixed inputs, only what flows
    through these inputs is added here, unless what the strategy evaluates is `complete`.
    """
    partial = [] if complete else [step for step in steps if step.mode is Mode.PARTIAL]
    notation = _NOTATIONS.get(name)
    whole = [weighted(step.index, step.weight, step.factors) for step in steps if step not in partial]
    if notation is None:
        return f"{name}({' + '.join(whole)})"
    power = notation.order
    by = f"d{notation.variable}{power}{notation.factor}"
    texts = [f"{notation.sign}d{power}({' + '.join(whole)})/{by}"] if whole else []
    texts += [_through(step, notation) for step in partial]
    return " ".join(texts).removeprefix("+ ")


def _through(step: PlannedStep, notation: _Notation) -> str:
    """Chain-rule terms of a step at fixed inputs, such as ``− (∂[1]/∂charges)(dcharges/dr)``."""
    sign = "− " if notation.sign else "+ "
    energy = weighted(step.index, step.weight, step.factors)
    parts = [
        f"(∂{energy}/∂{read.name})(d{read.name}/d{notation.variable}){notation.factor}"
        for read in step.reads
        if read.live and read.slot is not None
    ]
    return sign + f" {sign}".join(parts)
