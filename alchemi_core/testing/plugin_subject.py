"""A whole plugin as the subject of checks: the plugin itself and everything that it offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import UnknownOfferError, nearest
from alchemi_core.offers import DerivativeOffer, ModelOffer, NeighborOffer, ReductionOffer, SerializerOffer
from alchemi_core.registry import Registry, default_registry
from alchemi_core.testing.derivative_subject import DerivativeSubject
from alchemi_core.testing.model_subject import ModelSubject
from alchemi_core.testing.neighbor_subject import NeighborSubject
from alchemi_core.testing.plugin_checks import plugin_checks
from alchemi_core.testing.reduction_subject import ReductionSubject
from alchemi_core.testing.serializer_subject import SerializerSubject

if TYPE_CHECKING:
    from alchemi_core.offers import Offer
    from alchemi_core.plugin_records import PluginRecord
    from alchemi_core.testing.checks import Check

_SUBJECTS: dict[type[Any], Any] = {
    ModelOffer: ModelSubject,
    NeighborOffer: NeighborSubject,
    DerivativeOffer: DerivativeSubject,
    ReductionOffer: ReductionSubject,
    SerializerOffer: SerializerSubject,
}


@attrs.frozen(eq=False)
class PluginSubject:
    """An installed plugin.

    Parameters
    ----------
    name : str
        Name of its distribution or of its entry point.
    instead : tuple
        Subjects that are checked on their own: offers of the same kind and name are left out here.
    registry : Registry, optional
        Where to look; by default the installed plugins.

    Raises
    ------
    UnknownOfferError
        If no plugin of that name has loaded.
    """

    name: str
    instead: tuple[Any, ...] = ()
    registry: Registry | None = None

    def checks(self) -> list[Check]:
        """Return the checks of the plugin and of each of its offers."""
        registry = self.registry or default_registry()
        record = _record(registry, self.name)
        taken = {(type(subject), subject.name) for subject in self.instead}
        subjects = [_SUBJECTS[type(one)].of_offer(one, registry) for one in record.offers if not _taken(one, taken)]
        return [*plugin_checks(record, registry), *(check for subject in subjects for check in subject.checks())]


def _taken(offer: Offer, taken: set[tuple[type[Any], str]]) -> bool:
    return (_SUBJECTS[type(offer)], offer.name) in taken


def _record(registry: Registry, name: str) -> PluginRecord:
    found = [one for one in registry.records if name in (one.name, one.distribution)]
    if found:
        return found[0]
    failed = next((one for one in registry.failures if name in (one.plugin, one.distribution)), None)
    names = [one.distribution for one in registry.records]
    close = nearest(name, names)
    raise UnknownOfferError(
        f"no plugin named {name!r} has loaded" + (f": {failed}" if failed else ""),
        expected="one of " + ", ".join(names),
        who="conformance",
        fix=f"{close!r}" if close else "pip install it into this environment",
    )
