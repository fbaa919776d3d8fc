"""What a state dict does not carry of a model: buffers that are made, frozen parameters, modes, ties of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from torch import Tensor

    from alchemi_core.models import BaseModelMixin


def made_buffers(model: BaseModelMixin) -> dict[str, Tensor]:
    """Return floating buffers that are not part of the state: what `to(dtype)` has rounded does not come back."""
    if not isinstance(model, torch.nn.Module):
        return {}
    state = model.state_dict()
    return {name: one for name, one in model.named_buffers() if name not in state and one.is_floating_point()}


def frozen_names(model: BaseModelMixin) -> list[str]:
    """Return the names of parameters that are not trained."""
    if not isinstance(model, torch.nn.Module):
        return []
    return [name for name, one in model.named_parameters(remove_duplicate=False) if not one.requires_grad]


def restore_buffers(model: BaseModelMixin, saved: Mapping[str, Tensor]) -> None:
    """Put back buffers that the model has with the same shape; others belong to what it works out by itself."""
    if not isinstance(model, torch.nn.Module):
        return
    for name, own in model.named_buffers():
        if name in saved and _alike(saved[name], own):
            own.data = saved[name].to(own.device, copy=True)


def _alike(saved: Tensor, own: Tensor) -> bool:
    return saved.shape == own.shape and saved.is_floating_point() and own.is_floating_point()


def restore_frozen(model: BaseModelMixin, frozen: Iterable[str]) -> None:
    """Train what was trained and leave alone what was frozen."""
    names = set(frozen)
    if isinstance(model, torch.nn.Module):
        for name, one in model.named_parameters(remove_duplicate=False):
            if one.is_floating_point():
                one.requires_grad_(name not in names)


def training_names(model: BaseModelMixin) -> list[str]:
    """Return the names of modules in training mode; that of the model itself is empty."""
    if not isinstance(model, torch.nn.Module):
        return []
    return [name for name, one in model.named_modules(remove_duplicate=False) if one.training]


def restore_modes(model: BaseModelMixin, training: Iterable[str]) -> None:
    """Put modules into the mode they were in: dropout and batch norms give other numbers in training."""
    names = set(training)
    if isinstance(model, torch.nn.Module):
        for name, one in model.named_modules(remove_duplicate=False):
            if one.training != (name in names):
                one.training = name in names


def tie(models: Iterable[tuple[object, Mapping[str, str]]]) -> None:
    """Make one parameter of those that were one.

    Parameters
    ----------
    models : iterable of (BaseModelMixin or HeldValue, mapping of str to str)
        Each with the keys of its tensors by name; parameters of the same key are the same.
    """
    first: dict[str, torch.nn.Parameter] = {}
    for model, keys in models:
        own = dict(model.named_parameters(remove_duplicate=False)) if isinstance(model, torch.nn.Module) else {}
        for name, parameter in own.items():
            shared = first.setdefault(keys.get(name, ""), parameter) if name in keys else parameter
            if shared is not parameter:
                _replace(model, name, shared)


def _replace(model: object, name: str, parameter: torch.nn.Parameter) -> None:
    path, _, last = name.rpartition(".")
    assert isinstance(model, torch.nn.Module)
    model.get_submodule(path).register_parameter(last, parameter)
