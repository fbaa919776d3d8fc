"""What is on offer: a frozen value, made once and passed to whoever looks names up."""

from __future__ import annotations

import inspect
import os
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, overload

import attrs

from alchemi_core.discovery import discover
from alchemi_core.errors import OptionError, PluginError, UnknownOfferError
from alchemi_core.factory import build, build_model
from alchemi_core.offers import KINDS, DerivativeOffer, ModelOffer, NeighborOffer, Offer, load_target
from alchemi_core.refusals import Duplicate, quote, tie, unknown, unloadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alchemi_core.models import BaseModelMixin
    from alchemi_core.offers import Role
    from alchemi_core.plugin_records import PluginFailure, PluginRecord

OfferT = TypeVar("OfferT", bound=Offer)


@attrs.frozen
class Registry:
    """All offers of the plugins that loaded, and what became of the others.

    Parameters
    ----------
    records : tuple of PluginRecord
        Plugins that loaded, the core's own first.
    failures : tuple of PluginFailure
        Plugins and hooks that did not, and names in the environment that fit nothing.
    blocked : tuple of PluginFailure
        Plugins that the environment keeps out.

    Examples
    --------
    >>> registry = Registry.discover(environ={"ALCHEMI_PLUGINS": ""})
    >>> registry.find("derivative", "autograd").summary
    'one backward pass through the summed energy'
    """

    records: tuple[PluginRecord, ...] = ()
    failures: tuple[PluginFailure, ...] = ()
    blocked: tuple[PluginFailure, ...] = ()

    @classmethod
    def discover(cls, environ: Mapping[str, str] | None = None) -> Registry:
        """Ask every installed plugin what it offers.

        Parameters
        ----------
        environ : mapping of str to str, optional
            ``ALCHEMI_PLUGINS`` (only these) and ``ALCHEMI_BLOCK_PLUGINS`` (not these) are read from it: comma lists
            of names of plugins or distributions. The core's own offers are always there. By default the process's.
        """
        found = discover(os.environ if environ is None else environ)
        return cls(found.records, found.failures, found.blocked)

    @overload
    def offers(self, kind: type[OfferT]) -> tuple[OfferT, ...]: ...
    @overload
    def offers(self, kind: str) -> tuple[Offer, ...]: ...
    def offers(self, kind: Any) -> tuple[Any, ...]:
        """Give all offers of a kind, the core's first; a name offered twice stands twice.

        Parameters
        ----------
        kind : str or class
            ``"model"``, ``"neighbors"``, ``"derivative"``, ``"reduction"``, ``"serializer"``, or the class of offer.
        """
        return tuple(offer for _, offer in self._owned(_class(kind)))

    def names(self, kind: str | type[Offer]) -> tuple[str, ...]:
        """Give the names on offer, sorted, each once."""
        return tuple(sorted({offer.name for _, offer in self._owned(_class(kind))}))

    @overload
    def find(self, kind: type[OfferT], name: str) -> OfferT: ...
    @overload
    def find(self, kind: str, name: str) -> Offer: ...
    def find(self, kind: Any, name: str) -> Any:
        """Look a name up.

        Raises
        ------
        UnknownOfferError
            If no plugin that loaded offers the name; plugins that did not load are quoted.
        DuplicateOfferError
            If more than one does.
        """
        wanted = _class(kind)
        found = [(owner, offer) for owner, offer in self._owned(wanted) if offer.name == name]
        if not found:
            raise unknown(wanted, name, self.names(wanted), quote(self.failures, self.blocked))
        if len(found) > 1:
            raise Duplicate(wanted.kind, name, tuple(owner for owner, _ in found)).error()
        return found[0][1]

    def owner(self, offer: Offer) -> PluginRecord:
        """Give the plugin that made an offer; of two that made equal ones, whose object it is.

        Raises
        ------
        UnknownOfferError
            If the offer is not of this registry.
        """
        equal = [(record, own) for record, own in self._owned(type(offer)) if own == offer]
        if not equal:
            raise UnknownOfferError(f"{offer.noun} {offer.name!r} was not offered to this registry", who="Registry")
        same = [record for record, own in equal if own is offer]
        return same[0] if same else equal[0][0]

    def load(self, offer: Offer) -> Any:
        """Import what an offer points to.

        Raises
        ------
        PluginError
            If that fails; names the plugin and chains the cause.
        """
        try:
            return load_target(offer.target)
        except PluginError as error:
            raise unloadable(offer, self.owner(offer), error) from error.__cause__

    def best_neighbors(self, role: Role, device: str) -> NeighborOffer:
        """Choose the builder or converter of the highest rank for a device.

        Parameters
        ----------
        role : str
            ``"builder"``, ``"filter"``, ``"to_matrix"``, ``"to_coo"``, ``"to_half"`` or ``"to_full"``.
        device : str
            Device type, such as ``"cpu"`` or ``"cuda"``.

        Raises
        ------
        UnknownOfferError
            If none serves the device.
        DuplicateOfferError
            If two of the highest rank do.
        """
        able = [(owner, one) for owner, one in self._owned(NeighborOffer) if one.role == role and device in one.devices]
        if not able:
            served = sorted(
                {device for one in self.offers(NeighborOffer) if one.role == role for device in one.devices}
            )
            found = f"no {NeighborOffer.noun} of role {role!r} serves device {device!r}"
            raise UnknownOfferError(
                found + quote(self.failures, self.blocked), expected=f"one of {', '.join(served) or 'none'}"
            )
        top = max(one.rank for _, one in able)
        best = [(owner, one) for owner, one in able if one.rank == top]
        if len(best) > 1:
            raise tie(role, device, best)
        return best[0][1]

    @property
    def duplicates(self) -> tuple[Duplicate, ...]:
        """Names offered more than once, for listings; looking one up is an error."""
        owners: dict[tuple[str, str], list[PluginRecord]] = {}
        for record in self.records:
            for offer in record.offers:
                owners.setdefault((offer.kind, offer.name), []).append(record)
        return tuple(Duplicate(*key, tuple(several)) for key, several in owners.items() if len(several) > 1)

    def _owned(self, kind: type[OfferT]) -> Iterator[tuple[PluginRecord, OfferT]]:
        for record in self.records:
            for offer in record.offers:
                if isinstance(offer, kind):
                    yield record, offer


def _class(kind: str | type[Offer]) -> type[Offer]:
    if isinstance(kind, type):
        return kind
    if kind not in KINDS:
        raise UnknownOfferError(f"no kind of offer named {kind!r}", expected="one of " + ", ".join(KINDS))
    return KINDS[kind]


@cache
def default_registry() -> Registry:
    """Give the registry of the installed plugins, made when first asked for.

    Meant for the outermost layer only: commands, calculators and calls by users. Everything below is passed one.
    """
    return Registry.discover()


def create_model(name: str, /, *, registry: Registry | None = None, **options: Any) -> BaseModelMixin:
    """Make a model by name.

    Parameters
    ----------
    name : str
        Name under which a plugin offers it; ``alchemi models`` lists them.
    registry : Registry, optional
        Where to look; by default the installed plugins.
    **options
        Arguments of the model, as its documentation says.

    Returns
    -------
    BaseModelMixin
        The model, with ``model.origin`` set.

    Raises
    ------
    UnknownOfferError, DuplicateOfferError
        If no plugin offers the name, or more than one.
    OptionError
        If an option is unknown or missing.
    PluginError
        If the plugin does not import, or gives something that is no model.
    """
    registry = default_registry() if registry is None else registry
    return build_model(registry, registry.find(ModelOffer, name), options)


def create_derivative(name: str, /, *, registry: Registry | None = None, **options: Any) -> Any:
    """Make a derivative strategy by name.

    Parameters
    ----------
    name : str
        Name under which a plugin offers it.
    registry : Registry, optional
        Where to look; by default the installed plugins.
    **options
        Arguments of the strategy, as its documentation says.

    Returns
    -------
    Derivative or callable
        What `PipelineGroup` takes as ``derivative_fn``.

    Raises
    ------
    UnknownOfferError, DuplicateOfferError
        If no plugin offers the name, or more than one.
    OptionError
        If an option is unknown or missing, or the strategy has none.
    PluginError
        If the plugin does not import.

    Examples
    --------
    >>> create_derivative("finite-difference", step=1e-3)
    FiniteDifference(step=0.001)
    """
    registry = default_registry() if registry is None else registry
    offer = registry.find(DerivativeOffer, name)
    target = registry.load(offer)
    if inspect.isclass(target):
        return build(registry, offer, options)
    if options:
        raise OptionError(f"options {sorted(options)}", expected="none: it is not a class", who=f"derivative {name!r}")
    return target
