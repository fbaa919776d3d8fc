"""Weights by reference: where a plugin makes the same weights again, a file may hold their checksums instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.errors import AlchemiError, SerializationError
from alchemi_core.registry import create_model
from alchemi_core.serialization.allocation import LEAST, Limited
from alchemi_core.serialization.digests import check_tensors
from alchemi_core.serialization.likeness import difference
from alchemi_core.serialization.portability import TRUST, place_named
from alchemi_core.serialization.restoring import frozen_names, made_buffers
from alchemi_core.serialization.tensors import tensors_of
from alchemi_core.serialization.values import DTYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.models import BaseModelMixin, ModelOrigin
    from alchemi_core.registry import Registry


def refer(model: BaseModelMixin, registry: Registry) -> dict[str, Any] | None:
    """Return the checksums of a model's tensors if its options alone make them again; else None.

    A model in another floating type than it is made in can be referred to, one that was trained cannot.
    """
    origin = model.origin
    if origin is None or place_named(origin.options) or origin.options.get(TRUST):
        return None
    wanted = _described(_all_tensors(model))
    try:
        made = _made(origin, registry)
    except AlchemiError:
        return None  # made of a file that is not here: its options are for people to read
    if difference(model, made):
        return None
    return wanted if _described(_cast(_all_tensors(made), wanted)) == wanted else None


def unlike_made(model: BaseModelMixin, registry: Registry) -> str:
    """Return how a model differs from what its options make, empty where it does not.

    Raises
    ------
    AlchemiError
        If its options make no model.
    """
    origin = model.origin
    if origin is None:
        return ""
    made = _made(origin, registry)
    if found := difference(model, made):
        return f"was changed after it was made: {found:.300}"
    own, anew = _described(_all_tensors(model)), _described(_all_tensors(made))
    if own != anew:
        types = sorted({one["dtype"] for name, one in own.items() if one["dtype"] != anew.get(name, one)["dtype"]})
        return f"was made {', '.join(types)} later" if types else "has other weights than its options make"
    return "" if frozen_names(model) == frozen_names(made) else "has other parameters frozen than its options make"


def made_again(origin: ModelOrigin, reference: Mapping[str, Any], registry: Registry) -> BaseModelMixin:
    """Make a model by its options, and make sure that its tensors are those referred to.

    Raises
    ------
    SerializationError
        If they are not.
    """
    if place := place_named(origin.options):
        raise SerializationError(
            f"{place}, a file of this machine", expected="options that name none", who=origin.offer
        )
    with Limited(0, origin.offer, least=4 * LEAST):  # more than packages bring
        model = create_model(origin.offer, registry=registry, **origin.options)
    own = _all_tensors(model)
    cast = _cast(own, reference)
    if _described(cast) != dict(reference):
        raise SerializationError(
            f"the weights that {origin.offer!r} has here are not those that the file refers to",
            expected="weights with the checksums in the file",
            who=origin.offer,
            fix="install the plugin, and what it takes weights from, as they were when the file was written",
        )
    for name, tensor in own.items():
        tensor.data = cast[name]
    return model


def _made(origin: ModelOrigin, registry: Registry) -> BaseModelMixin:
    with torch.random.fork_rng(devices=[]):  # drawing weights must not show in the caller's random numbers
        return create_model(origin.offer, registry=registry, **origin.options)


def _all_tensors(model: BaseModelMixin) -> dict[str, Tensor]:
    state = tensors_of(model)
    live = model.state_dict(keep_vars=True) if state else {}  # type: ignore[attr-defined]  # a state: it is a module
    return {**live, **made_buffers(model)}


def _described(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    plain = {name: tensor.detach().cpu() for name, tensor in tensors.items()}
    return {name: _about(plain[name], one.digest) for name, one in check_tensors(plain).items()}


def _about(tensor: Tensor, digest: str) -> dict[str, Any]:
    return {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape), "sha256": digest}


def _cast(tensors: Mapping[str, Tensor], wanted: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return tensors in the floating types wanted; what is not wanted, or of a strange type, as it is."""
    types = {name: DTYPES.get(str(one.get("dtype"))) for name, one in wanted.items() if isinstance(one, dict)}
    return {name: _in(tensor.detach(), types.get(name)) for name, tensor in tensors.items()}


def _in(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    both = dtype is not None and dtype.is_floating_point and tensor.is_floating_point()
    return tensor.to(dtype) if both else tensor
