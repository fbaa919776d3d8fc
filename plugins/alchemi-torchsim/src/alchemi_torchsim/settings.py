"""Settings of molecular dynamics, checked before anything moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import torch
from ase import units

from alchemi_core.errors import OptionError
from alchemi_torchsim.engine import nve, nvt_langevin
from alchemi_torchsim.numerics import is_finite, is_positive

if TYPE_CHECKING:
    from alchemi_torchsim.guarding import Guarded

WHO = "run_md"


def _must(meet: Any, expected: str) -> Any:
    def check(_: object, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not meet(value):
            raise OptionError(f"{attribute.name}={value!r}", expected=expected, who=WHO)

    return check


_positive = _must(is_positive, "a number above 0")
_temperature = _must(lambda value: is_finite(value) and value >= 0.0, "a temperature in K, 0 or more")
_ensemble = _must(lambda value: value in ("nve", "nvt"), "'nve' or 'nvt'")
_count = _must(lambda value: type(value) is int and value >= 0, "a whole number, 0 or more")
_seed = _must(lambda value: value is None or (type(value) is int and value >= 0), "a whole number, 0 or more, or None")
_period = _must(lambda value: type(value) is int and value > 0, "a whole number above 0")


@attrs.frozen
class Settings:
    """How to move; all as of `run_md`."""

    steps: int = attrs.field(validator=_count)
    timestep: float = attrs.field(validator=_positive)
    ensemble: str = attrs.field(validator=_ensemble)
    temperature: float = attrs.field(validator=_temperature)
    friction: float = attrs.field(validator=_positive)
    every: int = attrs.field(validator=_period)
    frames: bool
    seed: int | None = attrs.field(validator=_seed)

    def integrator(self, model: Guarded) -> tuple[Any, Any]:
        """Return TorchSim's two functions, one that starts and one that moves."""
        how: dict[str, Any] = {"device": model.device, "dtype": model.dtype}
        numbers = {"dt": self.timestep * units.fs, "kT": self.temperature * units.kB}
        tensors = {name: torch.tensor(value, **how) for name, value in numbers.items()}
        if self.ensemble == "nve":
            return tuple(nve(model, **tensors))
        gamma = torch.tensor(self.friction / units.fs, **how)
        return tuple(nvt_langevin(model, gamma=gamma, **tensors))
