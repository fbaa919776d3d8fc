"""The default serializer: a model is its offer, its options and its tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.registry import create_model
from alchemi_core.serialization.tensors import check_fits, fill, tensors_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.models import BaseModelMixin, ModelOrigin
    from alchemi_core.registry import Registry


class FactorySerializer:
    """Serves every model that `create_model` made."""

    @staticmethod
    def write(model: BaseModelMixin) -> tuple[ModelOrigin | None, dict[str, Tensor]]:
        """Return where the model came from, None where it was made by hand, and its tensors."""
        return model.origin, tensors_of(model)

    @staticmethod
    def rebuild(origin: ModelOrigin, tensors: Mapping[str, Tensor], registry: Registry) -> BaseModelMixin:
        """Make the model again and give it its tensors, in the floating type they were saved in."""
        model = create_model(origin.offer, registry=registry, **origin.options)
        check_fits(model, tensors, origin.offer)
        fill(model, tensors)
        return model
