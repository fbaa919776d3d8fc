"""How one model stands in a file: whose it is, what it was made with, what it declares, and where its tensors are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.errors import AlchemiError, SerializationError
from alchemi_core.offers import ModelOffer
from alchemi_core.serialization.contract_text import describe_config
from alchemi_core.serialization.entries import is_plain
from alchemi_core.serialization.likeness import difference
from alchemi_core.serialization.portability import TRUST, place_named, portable
from alchemi_core.serialization.references import refer
from alchemi_core.serialization.restoring import frozen_names, made_buffers, training_names
from alchemi_core.serialization.values import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.models import BaseModelMixin, ModelOrigin
    from alchemi_core.registry import Registry
    from alchemi_core.serialization.entries import Entry
    from alchemi_core.serialization.shelf import Shelf

DEFAULT_SERIALIZER = "factory"


@attrs.frozen(eq=False)
class ModelWriter:
    """Writes models of one pipeline.

    Parameters
    ----------
    shelf : Shelf
        Takes their tensors.
    registry : Registry
        Knows whose they are.
    by_reference : bool
        Whether weights that the plugin itself makes are left out, and named by their checksums.
    """

    shelf: Shelf
    registry: Registry
    by_reference: bool = False

    def write(self, model: BaseModelMixin, number: int) -> Entry:
        """Return the entry of a model.

        Raises
        ------
        SerializationError
            If an option is nothing that a file can hold.
        """
        reference, why = (refer(model, self.registry) if self.by_reference else None), ""
        if reference is not None:
            origin, kept = model.origin, {"weights": {}, "buffers": {}, "reference": reference}
        else:
            origin, tensors = serializer_of(model.origin, self.registry).write(model)
            weights = self._kept(tensors, f"{number}.weights")
            kept = {"weights": weights, "buffers": self._kept(made_buffers(model), f"{number}.buffers")}
            why = "" if origin is None else self._doubt(model, origin, weights)
            origin = None if why else origin
        modes = {"frozen": frozen_names(model), "training": training_names(model)}
        return {**self._about(model, origin, number, why), **kept, **modes}

    def _doubt(self, model: BaseModelMixin, origin: ModelOrigin, weights: Mapping[str, str]) -> str:
        """Say why the model would not come back as it is, empty where it does: it is made again to see."""
        encode(dict(origin.options), lambda _: "", origin.offer)  # what no file can hold is an error, not a doubt
        held = {name: self.shelf.tensors[key] for name, key in weights.items()}
        serializer = serializer_of(model.origin, self.registry)
        try:
            with torch.random.fork_rng(devices=[]):  # drawing weights must not show in the caller's random numbers
                made = serializer.rebuild(_untrusted(origin), held, self.registry)
        except AlchemiError as error:
            return f"it was changed after it was made: {error.found}"
        found = difference(model, made)
        return f"it was changed after it was made: {found:.300}" if found else ""

    def _kept(self, tensors: Mapping[str, Tensor], start: str) -> dict[str, str]:
        return {name: self.shelf.keep(f"{start}.{name}", tensor) for name, tensor in tensors.items()}

    def _about(self, model: BaseModelMixin, written: ModelOrigin | None, number: int, why: str) -> Entry:
        config = model.model_config
        if not is_plain(config.name):
            raise SerializationError(f"is the name {config.name!r:.80}", expected="a printable one", who="model_config")
        common = {"name": config.name, "citations": list(config.citations), "contract": describe_config(config)}
        if written is None or model.origin is None:
            return {"offer": None, "why": why or _why_not(model), **common}
        offer = self.registry.find(ModelOffer, model.origin.offer)
        owner = self.registry.owner(offer)
        about = {"plugin": owner.distribution, "version": owner.version, "licence": offer.licence}
        return {"offer": offer.name, **self._options(model.origin, written, number), **about, **common}

    def _options(self, origin: ModelOrigin, written: ModelOrigin, number: int) -> Entry:
        """Return what the model was made with, and what it is rebuilt from where that is something else."""
        taken = iter(range(2**31))

        def keep(tensor: Tensor) -> str:
            return self.shelf.keep(f"{number}.options.{next(taken)}", tensor)

        both = portable(origin.options), dict(_untrusted(written).options)
        options, exact = (encode(one, keep, origin.offer) for one in both)
        return {"options": options} if exact == options else {"options": options, "spec": exact}


def _untrusted(origin: ModelOrigin) -> ModelOrigin:
    return attrs.evolve(origin, options={name: value for name, value in origin.options.items() if name != TRUST})


def serializer_of(origin: ModelOrigin | None, registry: Registry) -> Any:
    """Return the serializer offered for a model's name, else the one for all factories."""
    own = origin is not None and origin.offer in registry.names("serializer")
    name = origin.offer if own and origin is not None else DEFAULT_SERIALIZER
    return registry.load(registry.find("serializer", name))


def _why_not(model: BaseModelMixin) -> str:
    """Say why a model cannot be rebuilt from the file."""
    if model.origin is None:
        return "it was made by hand, so no plugin can rebuild it"
    place = place_named(model.origin.options)
    maker = f"create_model({model.origin.offer!r}, ...)"
    if place:
        return f"{maker} was given a place on the machine that wrote the file: {place}"
    return f"the plugin of {maker} cannot write it without code or a file of its own"
