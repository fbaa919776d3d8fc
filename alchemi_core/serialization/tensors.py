"""The tensors of a model: taken out for a file, compared with those of another model, put back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import SerializationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.models import BaseModelMixin


def tensors_of(model: BaseModelMixin) -> dict[str, Tensor]:
    """Return the parameters and persistent buffers of a model by name, detached; empty where it is no module.

    Raises
    ------
    SerializationError
        If its state holds anything but tensors.
    """
    state = model.state_dict() if isinstance(model, torch.nn.Module) else {}
    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise SerializationError(
                f"its state holds {name!r}, which is {type(value).__name__}",
                expected="tensors",
                who=model.model_config.name,
                fix="keep it in an option of the model, or offer a serializer for it (hook alchemi_serializers)",
            )
    return {name: tensor.detach() for name, tensor in state.items()}


def check_fits(model: BaseModelMixin, tensors: Mapping[str, Tensor], who: str) -> None:
    """Check that saved tensors are those of a model.

    Raises
    ------
    SerializationError
        If names, shapes or kinds of numbers do not match.
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
    for name, tensor in tensors.items():
        if own[name].dtype != tensor.dtype and not (own[name].is_floating_point() and tensor.is_floating_point()):
            raise SerializationError(
                f"the saved tensor {name!r} is {tensor.dtype}", expected=f"{own[name].dtype}, as in the model", who=who
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
