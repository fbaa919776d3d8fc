"""Carrying states: TorchSim's states with further values per atom and per system, which split and join with the rest.

A state of TorchSim knows one flag of periodicity for all of its systems, and nothing of charges or held atoms.
Values are carried under names that begin with ``alchemi_``, so that none is taken for a field of TorchSim's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemi_torchsim.engine import SimState

PREFIX = "alchemi_"


def carry(state: SimState, *, atoms: Mapping[str, Tensor], systems: Mapping[str, Tensor]) -> SimState:
    """Return a state of the same kind and the same tensors that carries further values.

    Parameters
    ----------
    state : SimState
        Any of TorchSim's states.
    atoms : mapping of str to Tensor [N, ...]
        Values of atoms by name.
    systems : mapping of str to Tensor [B, ...]
        Values of systems by name.
    """
    own = {f"{PREFIX}{name}": value for name, value in (*atoms.items(), *systems.items())}
    base: Any = type(state)
    kind: Any = _kind(base, _prefixed(atoms), _prefixed(systems))
    made: SimState = kind(**vars(state), **own)
    return made


def carried(state: Any, name: str) -> Tensor | None:
    """Return a value that a state carries, None where it does not."""
    value: Tensor | None = getattr(state, f"{PREFIX}{name}", None)
    return value


def have(state: Any, name: str) -> Tensor:
    """Return a value that a state is known to carry."""
    value: Tensor = getattr(state, f"{PREFIX}{name}")
    return value


def put(state: SimState, name: str, value: Tensor) -> None:
    """Replace a value that a state carries; TorchSim's own steps replace positions the same way."""
    setattr(state, f"{PREFIX}{name}", value)


def lift(state: SimState, source: SimState) -> SimState:
    """Return a state made by one of TorchSim's optimisers with all that the state it was made of carries."""
    atoms, systems = ({n.removeprefix(PREFIX): getattr(source, n) for n in names} for names in _names(source))
    return carry(state, atoms=atoms, systems=systems)


def _names(state: SimState) -> tuple[list[str], list[str]]:
    kind = type(state)
    return tuple(
        [name for name in sorted(names) if name.startswith(PREFIX)]
        for names in (kind._atom_attributes, kind._system_attributes)
    )  # type: ignore[return-value]


def _prefixed(values: Mapping[str, Tensor]) -> tuple[str, ...]:
    return tuple(f"{PREFIX}{name}" for name in values)


@cache
def _kind(base: Any, atoms: tuple[str, ...], systems: tuple[str, ...]) -> Any:
    """Make a class of states; TorchSim splits and joins what a class lists as values of atoms and of systems."""
    body = {
        "__annotations__": dict.fromkeys((*atoms, *systems), Tensor),
        "__module__": __name__,
        "_atom_attributes": base._atom_attributes | set(atoms),
        "_system_attributes": base._system_attributes | set(systems),
    }
    return dataclass(kw_only=True)(type(f"Carrying{base.__name__}", (base,), body))
