"""Derivative strategies by the names of their offers, with their options."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.errors import AlchemiError, PluginError, SerializationError
from alchemi_core.offers import DerivativeOffer
from alchemi_core.registry import create_derivative
from alchemi_core.serialization.portability import place_named, refuse_places
from alchemi_core.serialization.values import decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

    from alchemi_core.registry import Registry
    from alchemi_core.serialization.values import Keep


@attrs.frozen
class Named:
    """A strategy as a plugin offers it.

    Parameters
    ----------
    name : str
        Of the offer.
    options : mapping or None
        What it was made with; None where the name alone was declared.
    """

    name: str
    options: Mapping[str, Any] | None = None


def name_of(derivative_fn: Any, registry: Registry) -> Named | None:
    """Return under which name, with which options, a strategy is on offer; None for the user's own function."""
    if isinstance(derivative_fn, str):
        return Named(derivative_fn)
    for offer, target in _targets(registry):
        if target is derivative_fn or (type(target) is type(derivative_fn) and _alike(target, derivative_fn)):
            return Named(offer.name)  # one that is ready made, or a copy of it
        if target is type(derivative_fn):
            options = _options(derivative_fn)
            if options is not None and _makes(target, options, derivative_fn):
                return Named(offer.name, options)
    return None


def _targets(registry: Registry) -> Iterator[tuple[DerivativeOffer, Any]]:
    """Yield offers with what they point to. A broken plugin has nothing to say about strategies that work."""
    for offer in registry.offers(DerivativeOffer):
        try:
            yield offer, registry.load(offer)
        except PluginError:
            continue


def _options(strategy: Any) -> dict[str, Any] | None:
    """Read the arguments that a strategy was made with off its attributes; None where they are not all there."""
    names = inspect.signature(type(strategy)).parameters
    found = {name: getattr(strategy, name, getattr(strategy, f"_{name}", inspect.Parameter.empty)) for name in names}
    return None if inspect.Parameter.empty in found.values() else found


def _makes(target: Callable[..., Any], options: Mapping[str, Any], strategy: Any) -> bool:
    """Tell whether the options make the same strategy: by its own word, or by all of its attributes."""
    try:
        return _alike(target(**options), strategy)
    except (AlchemiError, TypeError, ValueError, RuntimeError):
        return False  # what it was made with cannot be read off it


def _alike(one: Any, other: Any) -> bool:
    """Tell whether two strategies of one type are the same: by their own word, or by all of their attributes."""
    if isinstance(one, type | FunctionType):
        return one is other
    try:
        return bool(one == other) or (hasattr(one, "__dict__") and vars(one) == vars(other))
    except (TypeError, ValueError, RuntimeError):
        return False  # attributes such as tensors that have no one answer


def describe_strategy(derivative_fn: Any, registry: Registry, keep: Keep) -> Any:
    """Return JSON values for a group's derivative: None, a name, a name with options, or the user's own function."""
    if derivative_fn is None:
        return None
    named = name_of(derivative_fn, registry)
    if named is None or place_named(named.options or {}):
        return {"function": str(getattr(derivative_fn, "__name__", type(derivative_fn).__name__))}
    if named.options is None:
        return named.name
    return {"name": named.name, "options": encode(named.options, keep, f"derivative {named.name!r}")}


@attrs.frozen(eq=False)
class StrategyReader:
    """Makes strategies of their descriptions.

    Parameters
    ----------
    given : mapping of int to callable
        Functions that the user handed over, by number of their outermost group.
    tensors : mapping of str to Tensor
        Those of the file.
    registry : Registry
        Where names are looked up.
    """

    given: Mapping[int, Any]
    tensors: Mapping[str, Tensor]
    registry: Registry

    def read(self, description: Any, group: int) -> Any:
        """Return what was declared as ``derivative_fn``.

        Raises
        ------
        SerializationError
            If it was a function that nobody handed over.
        """
        match description:
            case None | str():
                return description
            case {"name": str(name), "options": dict(options)}:
                made_with = decode(options, self.tensors)
                refuse_places(made_with, f"derivative {name!r}")
                return create_derivative(name, registry=self.registry, **made_with)
            case {"function": str(name)} if group not in self.given:
                raise _not_given(name, group)
            case {"function": str()}:
                return self.given[group]
        raise SerializationError(
            f"group {group} has the derivative {description!r:.80}", expected="a name", who="pipeline file"
        )


def _not_given(name: str, group: int) -> SerializationError:
    return SerializationError(
        f"group {group} had a function of its own, {name!r}, which no plugin offers",
        expected="the function as an argument",
        who="load_pipeline",
        fix=f"load_pipeline(path, derivative_fns={{{group}: ...}})",
    )


def check_functions(given: Mapping[int, Any], topology: Mapping[str, Any]) -> None:
    """Refuse functions for groups of a described topology that have none of their own.

    Raises
    ------
    SerializationError
        If there is one.
    """
    wanted = [number for number, group in enumerate(topology["groups"]) if function_names(group)]
    for number in given:
        if number not in wanted:
            raise SerializationError(
                f"a function was given for group {number}, which has none of its own",
                expected=f"functions for the groups {wanted}" if wanted else "no functions",
                who="load_pipeline",
            )


def function_names(group: Mapping[str, Any]) -> list[str]:
    """Return the names of the user's own functions in a described group, nested pipelines included."""
    own = group["derivative"]
    inner = [one for step in group["steps"] for one in step.get("pipeline", {"groups": ()})["groups"]]
    named = [str(own["function"])] if isinstance(own, dict) and "function" in own else []
    return [*named, *(name for one in inner for name in function_names(one))]


def strategy_names(topology: Mapping[str, Any]) -> set[str]:
    """Return the names of all strategies in a described topology."""
    names = set()
    for group in topology["groups"]:
        derivative = group["derivative"]
        name = derivative.get("name") if isinstance(derivative, dict) else derivative
        names |= {name} if name else set()
        names |= {inner for step in group["steps"] if "pipeline" in step for inner in strategy_names(step["pipeline"])}
    return names
