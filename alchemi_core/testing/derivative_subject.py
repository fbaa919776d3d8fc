"""A derivative strategy as the subject of checks."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import OptionError
from alchemi_core.frozenmap import FrozenMap, freeze
from alchemi_core.offers import DerivativeOffer
from alchemi_core.quantities import DERIVATIVES
from alchemi_core.registry import create_derivative
from alchemi_core.strategies import as_strategy
from alchemi_core.testing.derivative_checks.benches import Bench, standard_way
from alchemi_core.testing.derivative_checks.suite import promises_of
from alchemi_core.testing.derivative_checks.trials import DerivativeSpecimen
from alchemi_core.testing.exemptions import exempted
from alchemi_core.testing.offering import offering, target_of
from alchemi_core.testing.promises import bound
from alchemi_core.testing.resolving import attempted, resolution

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import Derivative
    from alchemi_core.quantities import DerivativeOf
    from alchemi_core.registry import Registry
    from alchemi_core.testing.checks import Check


@attrs.frozen(eq=False)
class DerivativeSubject:
    """A derivative strategy to be checked.

    Parameters
    ----------
    derivative : str, type, Derivative or callable
        Name under which a plugin offers it, its class, the strategy itself, or a ``derivative_fn``.
    options : mapping, optional
        Options of one that is named, or of a class.
    inputs : mapping of str to callable, optional
        Fields of the batch that the strategy reads itself, each a function from a batch to a tensor. Those that
        derivatives are taken by are made by the kit.
    accuracy : float
        Relative error that the method itself makes; tolerances are no tighter, and 2e-3 where it says that it samples
        other geometries.
    exempt : mapping of str to str, optional
        Checks that need not pass, with reasons.
    name : str, optional
        What it is called in reports; by default that of the offer or of the strategy.
    registry : Registry, optional
        Where a name is looked up; by default the installed plugins.

    Examples
    --------
    >>> checks = {str(check): check for check in DerivativeSubject("finite-difference", {"step": 1e-3}).checks()}
    >>> checks["derivative/finite-difference/forces"]().startswith("largest deviation")
    True
    """

    derivative: Any
    options: Mapping[str, Any] | None = attrs.field(default=None, converter=attrs.converters.optional(freeze))
    inputs: Mapping[str, Callable[[Batch], Tensor]] = attrs.field(factory=FrozenMap, converter=freeze, kw_only=True)
    accuracy: float = attrs.field(default=0.0, kw_only=True)
    exempt: Mapping[str, str] = attrs.field(factory=FrozenMap, converter=freeze, kw_only=True)
    name: str = attrs.field(kw_only=True)
    registry: Registry | None = attrs.field(default=None, kw_only=True)

    @name.default
    def _name(self) -> str:
        given = self.derivative
        if isinstance(given, str):
            return given
        name = getattr(given, "name", None)
        return name if isinstance(name, str) and name.strip() else getattr(given, "__name__", type(given).__name__)

    @classmethod
    def of_offer(cls, offer: DerivativeOffer, registry: Registry) -> DerivativeSubject:
        """Make the subject of a strategy on offer: with its example, and its exemptions."""
        return cls(offer.name, offer.example, exempt=offer.exempt, registry=registry)

    def make(self) -> Any:
        """Return what one gives a group: a strategy or a function, made anew where it is named or a class."""
        if isinstance(self.derivative, str):
            return create_derivative(self.derivative, registry=self.registry, **(self.options or {}))
        if inspect.isclass(self.derivative):
            return self.derivative(**(self.options or {}))
        if self.options:
            raise OptionError(f"options {sorted(self.options)}", expected="none: it is made already", who=self.name)
        return self.derivative

    def checks(self) -> list[Check]:
        """Return the checks that belong to what the strategy serves; it is made for it, once."""
        path = f"derivative/{self.name}"
        specimen, error = attempted(partial(_specimen, self))
        if error is not None:
            return [resolution(path, error)]
        return exempted([resolution(path), *bound(path, promises_of(specimen), specimen)], self.exempt, self.name)


def _specimen(subject: DerivativeSubject) -> DerivativeSpecimen:
    given = subject.make()
    strategy = as_strategy(given, str)
    bench = Bench(served_by(strategy), subject.inputs, subject.registry)
    offer, registry = _place(subject, given)
    return DerivativeSpecimen(subject.name, subject.make, bench, subject.accuracy, offer, registry)


def served_by(strategy: Derivative) -> dict[str, DerivativeOf]:
    """Return what a strategy gives and how that is taken; forces, stress and virial where it does not say."""
    serves = strategy.serves
    if isinstance(serves, Mapping):
        return dict(serves)
    return {name: standard_way(name) for name in (DERIVATIVES if serves is None else serves)}


def _place(subject: DerivativeSubject, given: Any) -> tuple[str | None, Registry | None]:
    """Return under which name, and where, a pipeline file finds the strategy."""
    if isinstance(subject.derivative, str):
        return subject.derivative, subject.registry
    target = target_of(given if inspect.isroutine(given) or inspect.isclass(given) else type(given))
    if target is None:
        return None, subject.registry
    offer = DerivativeOffer(name="checked", summary="the strategy under check", target=target)
    return offer.name, offering(offer, registry=subject.registry)
