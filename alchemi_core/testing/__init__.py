"""The conformance kit: what authors of plugins run against their own work.

Each name is imported when first used, so that a test runner that loads the kit's fixtures does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alchemi_core.testing.checks import Check
    from alchemi_core.testing.conformance import conformance_checks, parametrize_conformance
    from alchemi_core.testing.derivative_subject import DerivativeSubject
    from alchemi_core.testing.model_subject import ModelSubject
    from alchemi_core.testing.neighbor_subject import NeighborSubject
    from alchemi_core.testing.plugin_subject import PluginSubject
    from alchemi_core.testing.reduction_subject import ReductionSubject
    from alchemi_core.testing.serializer_subject import SerializerSubject
    from alchemi_core.testing.structures import STRUCTURES, Structure, structure_named

__all__ = [
    "STRUCTURES",
    "Check",
    "DerivativeSubject",
    "ModelSubject",
    "NeighborSubject",
    "PluginSubject",
    "ReductionSubject",
    "SerializerSubject",
    "Structure",
    "conformance_checks",
    "parametrize_conformance",
    "structure_named",
]

_HOMES = {
    "checks": ("Check",),
    "conformance": ("conformance_checks", "parametrize_conformance"),
    "derivative_subject": ("DerivativeSubject",),
    "model_subject": ("ModelSubject",),
    "neighbor_subject": ("NeighborSubject",),
    "plugin_subject": ("PluginSubject",),
    "reduction_subject": ("ReductionSubject",),
    "serializer_subject": ("SerializerSubject",),
    "structures": ("STRUCTURES", "Structure", "structure_named"),
}
_HOME = {name: f"{__name__}.{module}" for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (https://peps.python.org/pep-0562/)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
