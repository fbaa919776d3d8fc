"""Offers: what a plugin puts on the table. Small immutable values; making one imports nothing heavy."""

from __future__ import annotations

from importlib import import_module
from typing import Any, ClassVar, Literal, TypeAlias

import attrs

from alchemi_core.errors import DeclarationError, PluginError


def _is_target(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    module, colon, name = value.partition(":")
    if not (module and colon and name):
        raise DeclarationError(
            f"target {value!r}", expected="'package.module:attribute'", who=f"offer {getattr(instance, 'name', '?')!r}"
        )


@attrs.frozen(kw_only=True)
class ModelOffer:
    """A model factory.

    Parameters
    ----------
    name : str
        What users write: ``create_model(name, **options)``.
    summary : str
        One line for listings.
    target : str
        Import path of the factory, ``"package.module:attribute"``; imported when the model is created.
    licence : str
        Licence of the weights or method, as an SPDX name.
    citations : tuple of str
        What to cite, DOIs where there are some.
    """

    kind: ClassVar[str] = "model"

    name: str
    summary: str
    target: str = attrs.field(validator=_is_target)
    licence: str = ""
    citations: tuple[str, ...] = attrs.field(default=(), converter=tuple)


@attrs.frozen(kw_only=True)
class NeighborOffer:
    """A neighbor-list builder (positions → list) or converter (list → list).

    Parameters
    ----------
    name, summary, target
        As for `ModelOffer`; the target is a function, see `alchemi_core.hookspecs`.
    role : str
        ``"builder"``, or the conversion: ``"filter"``, ``"to_matrix"``, ``"to_coo"``, ``"to_half"``, ``"to_full"``.
    devices : tuple of str
        Device types served, such as ``("cpu", "cuda")``.
    rank : int
        The highest rank that serves the device wins; the reference versions have rank 0.
    """

    kind: ClassVar[str] = "neighbors"

    name: str
    summary: str
    target: str = attrs.field(validator=_is_target)
    role: Literal["builder", "filter", "to_matrix", "to_coo", "to_half", "to_full"]
    devices: tuple[str, ...] = attrs.field(default=("cpu", "cuda"), converter=tuple)
    rank: int = 0


@attrs.frozen(kw_only=True)
class DerivativeOffer:
    """A named derivative strategy, or a plain ``derivative_fn(energy, data, requested)``.

    Parameters
    ----------
    name, summary, target
        As for `ModelOffer`; the target is a strategy instance, a strategy class, or a function.
    """

    kind: ClassVar[str] = "derivative"

    name: str
    summary: str
    target: str = attrs.field(validator=_is_target)


@attrs.frozen(kw_only=True)
class ReductionOffer:
    """A rule by which the values of several steps become one output.

    Parameters
    ----------
    name, summary, target
        As for `ModelOffer`; the target is a function of values and weights.
    """

    kind: ClassVar[str] = "reduction"

    name: str
    summary: str
    target: str = attrs.field(validator=_is_target)


@attrs.frozen(kw_only=True)
class SerializerOffer:
    """A way of writing models to a pipeline file and rebuilding them.

    Parameters
    ----------
    name, summary, target
        As for `ModelOffer`; the target has ``write(model)`` and ``rebuild(spec, tensors)``.
    """

    kind: ClassVar[str] = "serializer"

    name: str
    summary: str
    target: str = attrs.field(validator=_is_target)


Offer: TypeAlias = ModelOffer | NeighborOffer | DerivativeOffer | ReductionOffer | SerializerOffer
"""Any offer."""


def load_target(target: str) -> Any:
    """Import what an offer points to.

    Raises
    ------
    PluginError
        If the module does not import or lacks the attribute; the cause is chained.
    """
    module, _, name = target.partition(":")
    try:
        return getattr(import_module(module), name)
    except Exception as error:
        raise PluginError(
            f"target {target!r} does not load: {type(error).__name__}: {error}",
            expected="an importable module with that attribute",
            who=module.partition(".")[0],
            fix="install what is missing, or ask the plugin's author",
        ) from error
