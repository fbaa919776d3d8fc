"""Making what a plugin offers: options are checked against its signature, a model against the contract."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from alchemi_core.errors import AlchemiError, OptionError, PluginError, nearest
from alchemi_core.models import BaseModelMixin, ModelConfig, ModelOrigin
from alchemi_core.refusals import remedy

if TYPE_CHECKING:
    from collections.abc import Callable

    from alchemi_core.offers import DerivativeOffer, ModelOffer
    from alchemi_core.plugin_records import PluginRecord
    from alchemi_core.registry import Registry

Parameters: TypeAlias = "Mapping[str, inspect.Parameter]"
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def build_model(registry: Registry, offer: ModelOffer, options: Mapping[str, Any]) -> BaseModelMixin:
    """Make the model that a plugin offers.

    Parameters
    ----------
    registry : Registry
        Knows who offers it.
    offer : ModelOffer
        Points to the factory.
    options : mapping
        Keyword arguments of the factory.

    Raises
    ------
    OptionError
        If an option is unknown or missing.
    PluginError
        If the factory does not import, lacks a package it imports, or gives no model.
    """
    who = _who(registry, offer)
    given = {name: _own(value) for name, value in options.items()}
    model = _checked(build(registry, offer, {name: _own(value) for name, value in given.items()}), who, offer.target)
    # Not through the model's own __setattr__: it may be frozen, or register what it is given.
    object.__setattr__(model, "origin", ModelOrigin(offer.name, {name: _own(value) for name, value in given.items()}))
    return model


def build(registry: Registry, offer: ModelOffer | DerivativeOffer, options: Mapping[str, Any]) -> Any:
    """Call what an offer points to with options.

    Parameters and errors are those of `build_model`.
    """
    factory, owner = registry.load(offer), registry.owner(offer)
    who = _who(registry, offer)
    if not callable(factory):
        raise PluginError(f"{offer.target} is {factory!r}", expected=f"what makes a {offer.noun}", who=who)
    check_options(offer.name, factory, options, offer.noun, _MAKERS[offer.kind])
    return _call(factory, options, who, owner)


def _own(value: Any) -> Any:
    """Copy containers: what a user changes in theirs later does not show in the model's origin."""
    if isinstance(value, Mapping):
        return {key: _own(one) for key, one in value.items()}
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(map(_own, value))
    if hasattr(value, "detach"):  # a tensor; nothing is imported to tell
        return value.detach().clone()
    return value.copy() if hasattr(value, "__array__") else value


_MAKERS = {"model": "create_model", "derivative": "create_derivative"}


def _who(registry: Registry, offer: ModelOffer | DerivativeOffer) -> str:
    return f"{offer.noun} {offer.name!r} of {registry.owner(offer).label}"


def check_options(
    name: str, factory: Callable[..., Any], options: Mapping[str, Any], noun: str = "model", maker: str = "create_model"
) -> None:
    """Compare options with the signature of a factory, before it runs.

    Raises
    ------
    OptionError
        If one is unknown or a required one is missing; lists what there is, with defaults.
    """
    parameters = inspect.signature(factory).parameters
    known = {key: one for key, one in parameters.items() if one.kind in NAMED}
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    unknown = [key for key in options if key not in known]
    if unknown and not takes_any:
        raise _unknown_option(f"{noun} {name!r}", f"{maker}({name!r}", unknown[0], options, known)
    missing = [key for key, one in known.items() if one.default is one.empty and key not in options]
    if missing:
        raise OptionError(
            f"option {', '.join(map(repr, missing))} missing",
            expected=describe_options(known),
            who=f"{noun} {name!r}",
            fix=f"{maker}({name!r}, {', '.join(f'{key}=...' for key in [*options, *missing])})",
        )


def _unknown_option(who: str, call: str, key: str, options: Mapping[str, Any], known: Parameters) -> OptionError:
    near = nearest(key, known.keys() - options.keys())
    fix = f"{call}, {near}={options[key]!r})" if near else ""
    return OptionError(f"no option named {key!r}", expected=describe_options(known), who=who, fix=fix)


def describe_options(known: Parameters) -> str:
    """List options with their defaults.

    >>> describe_options(inspect.signature(lambda size, depth=3: None).parameters)
    'options size (required), depth=3'
    """
    shown = [
        f"{key}={one.default!r}" if one.default is not one.empty else f"{key} (required)" for key, one in known.items()
    ]
    return f"options {', '.join(shown)}" if shown else "no options"


def _call(factory: Callable[..., Any], options: Mapping[str, Any], who: str, owner: PluginRecord) -> Any:
    """Run a factory. Packages are often imported only there; other errors are its own and pass, with a note."""
    try:
        return factory(**options)
    except ImportError as error:
        raise PluginError(f"cannot be made: {error}", who=who, fix=remedy(owner, error)) from error
    except (TypeError, AttributeError) as error:
        if isinstance(error, AlchemiError) or not options:
            raise
        # Options are the only input a factory has, so a value of the wrong kind is what most often brings these.
        raise OptionError(
            f"cannot be made with {dict(options)}: {type(error).__name__}: {error}",
            expected="values of the kind that its options take",
            who=who,
            fix="see its documentation for the options; with right values it is a defect of the plugin",
        ) from error
    except Exception as error:
        error.add_note(f"while making {who} with {dict(options)}")
        raise


def _checked(model: object, who: str, target: str) -> BaseModelMixin:
    if not isinstance(model, BaseModelMixin):
        raise PluginError(f"{target} gave {type(model).__name__}", expected="a BaseModelMixin", who=who)
    config = getattr(model, "model_config", None)
    if not isinstance(config, ModelConfig):
        raise PluginError(f"model_config is {config!r}", expected="a ModelConfig, set in __init__", who=who)
    return model
