"""Form: what the members of a stack have in common, and where the tensors of each are."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.quantities import DERIVATIVES, FURTHER_DERIVATIVES
from alchemi_core.stacking.likeness import difference
from alchemi_core.stacking.marks import Marks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_core.models import BaseModelMixin, ModelConfig


class Runner(torch.nn.Module):
    """Calls a model as ``torch.func.functional_call`` calls modules.

    Parameters
    ----------
    model : BaseModelMixin
        A module.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, view: ModelView, requested: frozenset[str]) -> Mapping[str, Tensor]:
        """Compute."""
        answer: Mapping[str, Tensor] = self.model.compute(view, requested)
        return answer


@attrs.frozen(eq=False)
class Form:
    """What members have in common.

    Parameters
    ----------
    config : ModelConfig
        Of all members.
    own : mapping of str to tuple of Tensor
        Parameters and buffers that members have each for themselves, by name, one of every member.
    shared : mapping of str to Tensor
        Buffers that are the same in all members, by name.
    marks : Marks
        What this was made of.
    spare : Runner
        Code without numbers, never run itself: copies of it are.
    """

    config: ModelConfig
    own: Mapping[str, tuple[Tensor, ...]]
    shared: Mapping[str, Tensor]
    marks: Marks
    spare: Runner = attrs.field(repr=False)
    _runners: deque[Runner] = attrs.field(factory=deque, init=False, repr=False)

    @contextmanager
    def runner(self) -> Iterator[Runner]:
        """Lend a module to one call, which puts tensors into it: no two threads get the same."""
        try:
            lent = self._runners.pop()
        except IndexError:
            lent = deepcopy(self.spare)
        try:
            yield lent
        finally:
            self._runners.append(lent)

    def stacked(self) -> dict[str, Tensor]:
        """Return the members' own tensors with an axis of members in front, on their graph where grad is enabled."""
        return {name: torch.stack(tensors) for name, tensors in self.own.items()}


def obstacle(models: Sequence[BaseModelMixin]) -> str:
    """Return why models cannot be stacked, as text; empty where they can.

    Parameters
    ----------
    models : sequence of BaseModelMixin
        The members.
    """
    found = form_of(models)
    return found if isinstance(found, str) else ""


def form_of(models: Sequence[BaseModelMixin]) -> Form | str:
    """Return what models have in common, or why they cannot be stacked."""
    if found := _undeclared(models):
        return found
    marks = Marks.of(models)
    forms: list[Any] = [model.stack_form() for model in models]
    for number, (model, form) in enumerate(zip(models, forms, strict=True)):
        if found := _misnamed(model, form) or difference(forms[0], form):
            return f"member {number} differs from member 0 in {found}" if number else f"its stack form: {found}"
    tensors = _tensors_of(models)
    buffers = tensors.keys() & dict(forms[0].named_buffers(remove_duplicate=False)).keys()
    shared = {name for name in buffers if all(torch.equal(tensors[name][0], one) for one in tensors[name][1:])}
    return Form(
        config=models[0].model_config,
        own={f"model.{name}": several for name, several in tensors.items() if name not in shared},
        shared={f"model.{name}": tensors[name][0] for name in shared},
        marks=marks,
        spare=Runner(_emptied(forms[0])),
    )


def _undeclared(models: Sequence[BaseModelMixin]) -> str:
    if not models:
        return "there are no models"
    for model in models:
        config = model.model_config
        if not config.stackable:
            return f"{config.name} does not declare that it can be stacked"
        if not isinstance(model, torch.nn.Module):
            return f"{config.name} is no torch.nn.Module"
        if type(model) is not type(models[0]):
            return f"{type(models[0]).__name__} and {type(model).__name__} are two classes"
        if "positions" not in config.autograd_inputs:
            return f"the energy of {config.name} is not on the graph of the positions"
        if config.outputs & (DERIVATIVES | FURTHER_DERIVATIVES):
            return f"{config.name} gives derivatives itself"
    return ""


def _names(model: Any) -> dict[str, Any]:
    """Return all tensors by every name they have."""
    return {
        **dict(model.named_parameters(remove_duplicate=False)),
        **dict(model.named_buffers(remove_duplicate=False)),
    }


def _tied(tensors: Mapping[str, Tensor]) -> list[int]:
    """Return for each tensor the place of the first that is the same one."""
    first: dict[int, int] = {}
    return [first.setdefault(id(tensor), place) for place, tensor in enumerate(tensors.values())]


def _misnamed(model: Any, form: Any) -> str:
    if not isinstance(form, torch.nn.Module) or form is model:
        return "no module of its own"
    own, formed = _names(model), _names(form)
    if list(own) != list(formed):
        return f"tensors {', '.join(sorted(set(own) ^ set(formed)))}, in one of them"
    return "" if _tied(own) == _tied(formed) else "which tensors are one"


def _tensors_of(models: Sequence[Any]) -> dict[str, tuple[Tensor, ...]]:
    """Return each tensor of all members, by the first of its names."""
    named = [_names(model) for model in models]
    firsts = [name for place, (name, first) in enumerate(zip(named[0], _tied(named[0]), strict=True)) if first == place]
    return {name: tuple(own[name] for own in named) for name in firsts}


def _emptied(form: Any) -> Any:
    """Take the numbers out of a form, whose memory is then free."""
    empty: dict[int, Tensor] = {}
    for module in form.modules():
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                if tensor is not None:
                    held[name] = empty.setdefault(id(tensor), tensor.detach().to("meta"))
    return form
