"""The neighbor backends that win on a device: builder and converters by rank, found once per device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alchemi_core.frozenmap import FrozenMap
from alchemi_core.neighbors.adapting import NeighborToolkit
from alchemi_core.offers import ROLES, NeighborOffer

if TYPE_CHECKING:
    from alchemi_core.offers import Role
    from alchemi_core.registry import Registry


def toolkit_for(device: str, registry: Registry) -> NeighborToolkit:
    """Return the highest-ranking builder and converters for a device type such as ``"cpu"``.

    Raises
    ------
    UnknownOfferError
        If no backend serves the device in some role.
    DuplicateOfferError
        If two of the highest rank do.
    PluginError
        If a winning backend does not load; names its plugin.
    """

    def best(role: Role) -> Any:
        return registry.load(registry.best_neighbors(role, device))

    costs = costs_for(device, registry)
    return NeighborToolkit(
        build=best("builder"),
        filter=best("filter"),
        to_matrix=best("to_matrix"),
        to_coo=best("to_coo"),
        to_half=best("to_half"),
        to_full=best("to_full"),
        convert=best("convert") if "convert" in costs else None,
        costs=costs,
    )


def costs_for(device: str, registry: Registry) -> FrozenMap[str, float]:
    """Return the time per pair, in ns, of the backends that win on a device, by role; nothing of them is imported.

    Raises
    ------
    UnknownOfferError
        If no backend serves the device in some role other than ``"convert"``, which is optional.
    DuplicateOfferError
        If two of the highest rank do.
    """
    fused = any(one.role == "convert" and device in one.devices for one in registry.offers(NeighborOffer))
    roles = [role for role in ROLES if role != "convert" or fused]
    return FrozenMap({role: registry.best_neighbors(role, device).cost for role in roles})
