"""Names that a new plugin cannot have, since something else has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.distributions import normalized
from alchemi_core.errors import OptionError
from alchemi_core.quantities import QUANTITIES
from alchemi_core.scaffold.rendering import names_used

if TYPE_CHECKING:
    from alchemi_core.registry import Registry
    from alchemi_core.scaffold.kinds import Kind
    from alchemi_core.scaffold.names import PluginName


def refuse_taken(names: PluginName, kind: Kind, registry: Registry) -> None:
    """Refuse a name that is in use.

    Parameters
    ----------
    names : PluginName
        The names.
    kind : Kind
        What is to be written.
    registry : Registry
        What is installed here.

    Raises
    ------
    OptionError
        If an installed plugin or the core has the name, or the code of the template uses it.
    """
    if owner := _owner(names, registry):
        raise _refused(names, f"{owner} has that name")
    if kind.folder == "derivative" and names.identifier in QUANTITIES:
        raise _refused(names, f"{names.identifier!r} is a quantity of the core")
    if names.class_name in names_used(kind):
        raise _refused(names, f"the code of the template uses {names.class_name!r} itself")


def _owner(names: PluginName, registry: Registry) -> str:
    """Return who has the name: by the distribution, the plugin, or an offer of any kind; empty if nobody does."""
    for record in registry.records:
        for offer in record.offers:
            if normalized(offer.name) == names.name:
                return f"the {offer.noun} of {record.label}"
    loaded = [(record.name, record.distribution, record.label) for record in registry.records]
    others = [(one.plugin, one.distribution, one.label) for one in (*registry.failures, *registry.blocked)]
    own = {names.name, names.distribution}
    known = [label for plugin, dist, label in loaded + others if own & {normalized(plugin), normalized(dist)} and dist]
    return known[0] if known else ""


def _refused(names: PluginName, found: str) -> OptionError:
    return OptionError(
        f"{names.name!r}: {found}", expected="a name that nothing else has", who="new-plugin", fix="another name"
    )
