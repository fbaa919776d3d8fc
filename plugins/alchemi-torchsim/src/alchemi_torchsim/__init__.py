"""TorchSim and alchemi, joined both ways. Each name is imported when it is first used: listings wait for nothing."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alchemi_torchsim.conversion import batch_of, state_of
    from alchemi_torchsim.dynamics import run_md
    from alchemi_torchsim.model import CannotServeError, TorchSimModel, as_torchsim
    from alchemi_torchsim.outcomes import Moved, Relaxed
    from alchemi_torchsim.relaxing import relax
    from alchemi_torchsim.step import TorchSimStep

__all__ = [
    "CannotServeError",
    "Moved",
    "Relaxed",
    "TorchSimModel",
    "TorchSimStep",
    "as_torchsim",
    "batch_of",
    "relax",
    "run_md",
    "state_of",
]

_HOMES = {
    "conversion": ("batch_of", "state_of"),
    "dynamics": ("run_md",),
    "model": ("CannotServeError", "TorchSimModel", "as_torchsim"),
    "outcomes": ("Moved", "Relaxed"),
    "relaxing": ("relax",),
    "step": ("TorchSimStep",),
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
