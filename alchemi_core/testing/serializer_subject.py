"""A serializer as the subject of checks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import PluginError
from alchemi_core.frozenmap import FrozenMap, freeze
from alchemi_core.offers import ModelOffer, SerializerOffer
from alchemi_core.registry import Registry, create_model, default_registry
from alchemi_core.serialization.model_entries import DEFAULT_SERIALIZER
from alchemi_core.testing.exemptions import exempted
from alchemi_core.testing.offering import offering, target_of
from alchemi_core.testing.promises import bound
from alchemi_core.testing.resolving import attempted, resolution, resolved
from alchemi_core.testing.serializer_checks import bench_model
from alchemi_core.testing.serializer_checks.specimens import SerializerSpecimen
from alchemi_core.testing.serializer_checks.suite import PROMISES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from alchemi_core.models import BaseModelMixin
    from alchemi_core.testing.checks import Check

    Maker = Callable[[], BaseModelMixin]


def _as_tuple(makers: Iterable[Maker]) -> tuple[Maker, ...]:
    return tuple(makers)


@attrs.frozen(eq=False)
class SerializerSubject:
    """A serializer to be checked.

    Parameters
    ----------
    serializer : str or object
        Name under which a plugin offers it, or what has `write` and `rebuild`.
    models : iterable of callable, optional
        Functions without arguments, each of which makes a model that it serves; a model that is read from a file is to
        be made of one that is gone afterwards. By default the model on offer under the same name, with its example;
        for ``"factory"`` a small one of the kit.
    name : str, optional
        What it is called in reports; by default that of the offer or of the class.
    exempt : mapping of str to str, optional
        Checks that need not pass, with reasons.
    registry : Registry, optional
        Where names are looked up; by default the installed plugins.

    Examples
    --------
    >>> checks = {str(check): check for check in SerializerSubject("factory").checks()}
    >>> checks["serializer/factory/rebuilds"]()
    'energy of water, forces of water, virial of water, energy of ethanol, forces of ethanol, virial of ethanol'
    """

    serializer: Any
    models: tuple[Maker, ...] = attrs.field(default=(), converter=_as_tuple)
    name: str = attrs.field(kw_only=True)
    exempt: Mapping[str, str] = attrs.field(factory=FrozenMap, converter=freeze, kw_only=True)
    registry: Registry | None = attrs.field(default=None, kw_only=True)

    @name.default
    def _name(self) -> str:
        given = self.serializer
        return given if isinstance(given, str) else getattr(given, "__name__", type(given).__name__)

    @classmethod
    def of_offer(cls, offer: SerializerOffer, registry: Registry) -> SerializerSubject:
        """Make the subject of a serializer on offer, with the model of the same name."""
        return cls(offer.name, exempt=offer.exempt, registry=registry)

    def checks(self) -> list[Check]:
        """Return the checks of every serializer; those in a process of their own where it can be imported there."""
        path = f"serializer/{self.name}"
        specimen, error = attempted(partial(_specimen, self))
        if error is not None:
            return [resolution(path, error)]
        return exempted([resolution(path), *bound(path, PROMISES, specimen)], self.exempt, self.name)


def _specimen(subject: SerializerSubject) -> SerializerSpecimen:
    serializer = resolved(subject.serializer, "serializer", subject.registry)
    if lacking := [part for part in ("write", "rebuild") if not callable(getattr(serializer, part, None))]:
        raise PluginError(f"has no {lacking[0]}", expected="write(model) and rebuild(origin, tensors, registry)")
    registry = subject.registry or default_registry()
    if subject.serializer == DEFAULT_SERIALIZER:
        registry = offering(bench_model.OFFER, registry=registry)
    makers = subject.models or _makers(subject, registry)
    target = _target(subject, serializer, registry)
    if target is not None and not isinstance(subject.serializer, str):
        origin = makers[0]().origin
        offer = SerializerOffer(name=origin.offer if origin else "checked", summary="under check", target=target)
        registry = offering(offer, registry=registry)
    return SerializerSpecimen(subject.name, serializer, makers, registry, target)


def _target(subject: SerializerSubject, serializer: Any, registry: Registry) -> str | None:
    if isinstance(subject.serializer, str):
        return registry.find(SerializerOffer, subject.serializer).target
    return target_of(serializer)


def _makers(subject: SerializerSubject, registry: Registry) -> tuple[Maker, ...]:
    """Return what makes the model on offer under the serializer's name; it is made once to see whether it can be."""
    name = bench_model.OFFER.name if subject.serializer == DEFAULT_SERIALIZER else subject.name
    offer = registry.find(ModelOffer, name)
    make = partial(create_model, offer.name, registry=registry, **offer.example)
    make()
    return (make,)
