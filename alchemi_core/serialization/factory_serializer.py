"""The default serializer: a model is its offer, its options and its tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import SerializationError
from alchemi_core.registry import create_model
from alchemi_core.serialization.allocation import Limited
from alchemi_core.serialization.portability import TRUST, place_named
from alchemi_core.serialization.tensors import check_fits, fill, tensors_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.models import BaseModelMixin, ModelOrigin
from alchemi_core.registry import Registry


class FactorySerializer:
    """Serves every model that `create_model` made of options that mean the same everywhere."""

    @staticmethod
    def write(model: BaseModelMixin) -> tuple[ModelOrigin | None, dict[str, Tensor]]:
        """Return where the model came from, and its tensors.

        Returns
        -------
        origin : ModelOrigin or None
            None where it was made by hand, or of a file: another machine cannot make it again.
        tensors : dict of str to Tensor
            Its state.
        """
        origin = model.origin
        if origin is None or place_named(origin.options):
            return None, tensors_of(model)
        options = {name: value for name, value in origin.options.items() if name != TRUST}
        return attrs.evolve(origin, options=options), tensors_of(model)

    @staticmethod
    def rebuild(origin: ModelOrigin, tensors: Mapping[str, Tensor], registry: Registry) -> BaseModelMixin:
        """Make the model again and give it its tensors, in the floating type they were saved in."""
        if place := place_named(origin.options):
            raise SerializationError(
                f"{place}, a file of this machine", expected="options that name none", who=origin.offer
            )
        held = {id(one): one.nbytes for one in tensors.values()}  # under however many names
        with Limited(sum(held.values()), origin.offer):
            model = create_model(origin.offer, registry=registry, **origin.options)
        check_fits(model, tensors, origin.offer)
        fill(model, tensors)
        return model
