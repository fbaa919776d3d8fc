"""The derivative contract: how each output of a model relates to the autograd graph.

Three kinds cover every model met so far. An MLIP energy is *on the graph* through positions and cell. A dispersion
kernel's forces are *analytic*: detached and complete. Ewald forces taken at fixed charges are *partial*: what flows
through the charges must come from the graph. A value that no geometry changes (a table of charges by element) is
*constant*. The planner needs no more than this to write down each derivative of a composed energy, term by term.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from alchemi_core.errors import DeclarationError


def _names(value: object) -> frozenset[str]:
    return frozenset([value]) if isinstance(value, str) else frozenset(value)  # type: ignore[call-overload]


def _is_order(_instance: object, _attribute: attrs.Attribute[int], value: object) -> None:
    if type(value) is not int or value < 0:
        raise DeclarationError(
            f"order is {value!r}",
            expected="how often it can be differentiated: a whole number, 0 for any number of times",
            who="OnGraph",
            fix="several inputs are one argument: OnGraph(('positions', 'cell'))",
        )


@attrs.frozen
class OnGraph:
    """Differentiable through the named inputs; any other input reaches the model detached.

    Parameters
    ----------
    through : iterable of str
        Inputs through which the graph is complete. Periodic models name ``"cell"`` beside ``"positions"``: the
        stress is taken through both.
    order : int
        How often it can be differentiated; 0 stands for any number of times.
    """

    through: frozenset[str] = attrs.field(default=frozenset({"positions", "cell"}), converter=_names)
    order: int = attrs.field(default=0, validator=_is_order)


@attrs.frozen
class Analytic:
    """Detached from the graph and complete: nothing has to be added to it."""


@attrs.frozen
class Partial:
    """Detached, taken at fixed values of the named inputs; the rest of the derivative flows through the graph.

    Parameters
    ----------
    at_fixed : iterable of str
        Inputs held fixed. The model's energy must be on the graph through each of them.
    """

    at_fixed: frozenset[str] = attrs.field(converter=_names)


@attrs.frozen
class Constant:
    """Does not depend on positions or cell at all."""


OutputKind: TypeAlias = OnGraph | Analytic | Partial | Constant
"""Any of the four kinds."""
