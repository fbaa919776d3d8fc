"""Making a model from an offer: options are checked against its signature, the result against the contract."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from alchemi_core.errors import OptionError, PluginError, nearest
from alchemi_core.models import BaseModelMixin, ModelConfig, ModelOrigin

if TYPE_CHECKING:
    from alchemi_core.registry import Registry

Options: TypeAlias = Mapping[str, inspect.Parameter]
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def build_model(registry: Registry, name: str, options: dict[str, Any]) -> BaseModelMixin:
    """Make a model that a plugin offers.

    Parameters
    ----------
    registry : Registry
        Where the name is looked up.
    name : str
        Name of the offer.
    options : mapping
        Keyword arguments of its factory.

    Raises
    ------
    OptionError
        If an option is unknown or missing.
    PluginError
        If the factory does not import, lacks a package it imports, or returns no model.
    """
    offer = registry.find("model", name)
    factory = registry.load(offer)
    check_options(name, factory, options)
    who = f"model {name!r} of {registry.owner(offer).label}"
    model = _checked(_call(factory, options, who), who, offer.target)
    # Not through the model's own __setattr__: it may be frozen, or register what it is given.
    object.__setattr__(model, "origin", ModelOrigin(name, _frozen(options)))
    return model


def check_options(name: str, factory: Callable[..., Any], options: Mapping[str, Any]) -> None:
    """Compare options with the signature of a factory, before it runs.

    Raises
    ------
    OptionError
        If one is unknown or a required one is missing; lists what there is, with defaults.
    """
    parameters = inspect.signature(factory).parameters
    known = {key: one for key, one in parameters.items() if one.kind in NAMED}
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    if unknown := [key for key in options if key not in known and not takes_any]:
        near = nearest(unknown[0], known)
        raise OptionError(
            f"no option named {unknown[0]!r}",
            expected=describe_options(known),
            who=f"model {name!r}",
            fix=f"create_model({name!r}, {near}={options[unknown[0]]!r})" if near else "",
        )
    if missing := [key for key, one in known.items() if one.default is one.empty and key not in options]:
        raise OptionError(
            f"option {', '.join(map(repr, missing))} missing",
            expected=describe_options(known),
            who=f"model {name!r}",
            fix=f"create_model({name!r}, {', '.join(f'{key}=...' for key in [*options, *missing])})",
        )


def describe_options(known: Options) -> str:
    """List options with their defaults.

    >>> describe_options(inspect.signature(lambda size, depth=3: None).parameters)
    'options size (required), depth=3'
    """
    shown = [
        f"{key} (required)" if one.default is one.empty else f"{key}={one.default!r}" for key, one in known.items()
    ]
    return f"options {', '.join(shown)}" if shown else "no options"


def _call(factory: Callable[..., Any], options: Mapping[str, Any], who: str) -> Any:
    try:
        return factory(**options)
    except ImportError as error:
        raise PluginError(
            f"cannot be made: {error}",
            expected="all packages it imports",
            who=who,
            fix=f"pip install {error.name.partition('.')[0]}" if error.name else "install the package that is missing",
        ) from error
    except Exception as error:
        error.add_note(f"while making {who} with {dict(options)}")
        raise


def _checked(model: object, who: str, target: str) -> BaseModelMixin:
    if not isinstance(model, BaseModelMixin):
        raise PluginError(f"{target} gave {type(model).__name__}", expected="a BaseModelMixin", who=who)
    if not isinstance(config := getattr(model, "model_config", None), ModelConfig):
        raise PluginError(
            f"model_config is {config!r}",
            expected="a ModelConfig, set in __init__",
            who=who,
            fix="ask the plugin's author",
        )
    return model
