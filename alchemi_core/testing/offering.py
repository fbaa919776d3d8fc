"""A registry in which something is on offer that no plugin offers: what is checked before it is in a plugin."""

from __future__ import annotations

from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.plugin_records import PluginRecord
from alchemi_core.registry import Registry, default_registry

if TYPE_CHECKING:
    from alchemi_core.offers import Offer

BENCH = "alchemi-conformance"
"""The distribution that such offers are said to be of; nothing is installed under that name."""


def offering(*offers: Offer, registry: Registry | None = None) -> Registry:
    """Return a registry with further offers; those of the same kind and name give way."""
    known = registry or default_registry()
    taken = {(type(one), one.name) for one in offers}
    kept = [
        attrs.evolve(record, offers=tuple(one for one in record.offers if (type(one), one.name) not in taken))
        for record in known.records
    ]
    return attrs.evolve(known, records=(*kept, PluginRecord("conformance", BENCH, "0", offers)))


def target_of(thing: Any) -> str | None:
    """Return where a function or class can be imported from, as an offer says it; None where it cannot.

    >>> from alchemi_core.reductions import weighted_mean
    >>> target_of(weighted_mean), target_of(lambda: None)
    ('alchemi_core.reductions:weighted_mean', None)
    """
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if not module or not name or not name.replace(".", "_").isidentifier():
        return None
    try:
        found = attrgetter(name)(import_module(module))
    except (ImportError, AttributeError):
        return None
    return f"{module}:{name}" if found is thing else None
