"""Service: what planning knows of a derivative strategy. Its name, what it gives, and what it wants for that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from alchemi_core.errors import DeclarationError
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.quantities import DERIVATIVES, QUANTITIES, DerivativeOf


@attrs.frozen
class Service:
    """What a derivative strategy declares.

    Parameters
    ----------
    name : str
        Printed in plans.
    serves : FrozenMap of str to DerivativeOf, optional
        What it can return, and how that is taken; None for whatever it is asked.
    samples : frozenset of str
        Quantities it evaluates at other geometries instead of using the graph.
    """

    name: str
    serves: FrozenMap[str, DerivativeOf] | None
    samples: frozenset[str]

    @classmethod
    def of(cls, strategy: Any) -> Service:
        """Read what a strategy declares; see `alchemi_core.derivatives.base.Derivative`."""
        return cls(strategy.name, _taken(strategy), _names(getattr(strategy, "samples", ()), strategy.name))

    def can_serve(self, name: str) -> bool:
        """Tell whether it can return a derivative."""
        return self.serves is None or name in self.serves


def _taken(strategy: Any) -> FrozenMap[str, DerivativeOf] | None:
    serves = strategy.serves
    if serves is None:
        return None
    if "energy" in (names := _names(serves, strategy.name)):
        raise DeclarationError(
            "says that it serves the energy",
            expected="derivatives: the energy is the sum over the steps",
            who=f"derivative {strategy.name}",
        )
    if isinstance(serves, Mapping):
        return FrozenMap({name: _checked(how, name, strategy) for name, how in serves.items()})
    return FrozenMap({name: derivative_of(name) for name in sorted(names)})


def _names(value: Any, strategy: str) -> frozenset[str]:
    names = [value] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else [value]
    if all(isinstance(name, str) for name in names):
        return frozenset(names)
    raise DeclarationError(
        f"declares {value!r}",
        expected="names of quantities, such as frozenset({'forces'})",
        who=f"derivative {strategy}",
        fix="serves and samples are sets of names; serves may map names to DerivativeOf",
    )


def _checked(how: Any, name: str, strategy: Any) -> DerivativeOf:
    if isinstance(how, DerivativeOf):
        return how
    raise DeclarationError(
        f"says of {name!r} that it is {how!r}",
        expected="a DerivativeOf: of what it is taken, through what, how often",
        who=f"derivative {strategy.name}",
    )


def derivative_of(name: str) -> DerivativeOf:
    """Return how a derivative is taken when nobody says more: as the table has it, else once by positions."""
    quantity = QUANTITIES.get(name)
    known: DerivativeOf | None = None if quantity is None else quantity.derivative
    return known or DerivativeOf()


AUTOGRAD = Service("autograd", FrozenMap({name: derivative_of(name) for name in sorted(DERIVATIVES)}), frozenset())
"""What a group without a strategy of its own does."""
