"""The neighbor backends that win on a device: builder and converters by rank, found once per device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alchemi_core.neighbors.adapting import NeighborToolkit

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

    return NeighborToolkit(
        build=best("builder"),
        filter=best("filter"),
        to_matrix=best("to_matrix"),
        to_coo=best("to_coo"),
        to_half=best("to_half"),
        to_full=best("to_full"),
    )
