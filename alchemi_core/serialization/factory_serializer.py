"""The default serializer: a model is its offer, its options and its state dict."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import SerializationError
from alchemi_core.registry import create_model

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
        tensors = model.state_dict() if isinstance(model, torch.nn.Module) else {}
        return model.origin, {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}

    @staticmethod
    def rebuild(origin: ModelOrigin, tensors: Mapping[str, Tensor], registry: Registry) -> BaseModelMixin:
        """Make the model again and give it its tensors, in the floating type they were saved in."""
        model = create_model(origin.offer, registry=registry, **origin.options)
        check_fits(model, tensors, origin.offer)
        fill(model, tensors)
        return model


def check_fits(model: BaseModelMixin, tensors: Mapping[str, Tensor], who: str) -> None:
    """Check that saved tensors are those of a model.

    Raises
    ------
    SerializationError
        If names or shapes do not match.
    """
    own = model.state_dict() if isinstance(model, torch.nn.Module) else {}
    wrong = sorted(n for n in own.keys() | tensors.keys() if _shape(own.get(n)) != _shape(tensors.get(n)))
    if wrong:
        raise SerializationError(
            f"{len(wrong)} saved tensors do not match the model, the first being {wrong[0]!r}: "
            f"{_shape(tensors.get(wrong[0]))} in the file, {_shape(own.get(wrong[0]))} in the model",
            expected="the tensors of the model that was saved",
            who=who,
            fix="install the plugin version the file names",
        )


def fill(model: BaseModelMixin, tensors: Mapping[str, Tensor]) -> None:
    """Copy saved tensors that fit into a model, in the floating type they were saved in.

    Its parameters stay the same objects on the same device, as an optimizer that holds them expects.
    """
    if isinstance(model, torch.nn.Module):
        for name, own in model.state_dict(keep_vars=True).items():
            own.data = own.data.to(tensors[name].dtype)
        model.load_state_dict(dict(tensors))


def _shape(tensor: Tensor | None) -> list[int] | None:
    return None if tensor is None else list(tensor.shape)
