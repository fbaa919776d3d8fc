"""A serializer under check, with models that it has to write and rebuild."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.errors import SerializationError
from alchemi_core.serialization.portability import TRUST, place_named
from alchemi_core.serialization.values import encode
from alchemi_core.testing.comparing import compare
from alchemi_core.testing.failures import failure
from alchemi_core.testing.serializer_checks.evaluating import evaluated

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from alchemi_core.models import BaseModelMixin, ModelOrigin
    from alchemi_core.registry import Registry
    from alchemi_core.testing.serializer_checks.process import Findings


@attrs.frozen(eq=False)
class Written:
    """A model as a serializer writes it.

    Parameters
    ----------
    model : BaseModelMixin
        The model.
    origin : ModelOrigin
        What it is rebuilt from.
    tensors : mapping of str to Tensor
        Its state.
    """

    model: BaseModelMixin
    origin: ModelOrigin
    tensors: Mapping[str, Tensor]

    @property
    def copies(self) -> dict[str, Tensor]:
        """Tensors of their own, such as a file gives."""
        return {name: tensor.detach().clone() for name, tensor in self.tensors.items()}


@attrs.frozen(eq=False)
class SerializerSpecimen:
    """A serializer under check.

    Parameters
    ----------
    name : str
        What it is called in reports.
    serializer : object
        Has `write` and `rebuild`.
    makers : tuple of callable
        Each makes a model that it serves.
    registry : Registry
        Handed to `rebuild`; in it files find the serializer.
    target : str, optional
        Where another process imports it from.
    """

    name: str
    serializer: Any
    makers: tuple[Callable[[], BaseModelMixin], ...]
    registry: Registry
    target: str | None

    def write(self, model: BaseModelMixin) -> Written | None:
        """Return a model as written; None where whoever loads a file has to hand it over."""
        answer = self.serializer.write(model)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise failure(self.name, f"write gave {type(answer).__name__}", expected="a pair: origin, tensors")
        origin, tensors = answer
        return None if origin is None else Written(model, origin, tensors)

    def rebuild(self, written: Written, tensors: Mapping[str, Tensor] | None = None) -> BaseModelMixin:
        """Rebuild a model from what was written, on tensors of its own."""
        made = self.serializer.rebuild(written.origin, written.copies if tensors is None else tensors, self.registry)
        object.__setattr__(made, "origin", written.model.origin)  # as loading does
        return made  # type: ignore[no-any-return]

    @cached_property
    def models(self) -> tuple[BaseModelMixin, ...]:
        """The models, each made once: networks take seconds."""
        return tuple(make() for make in self.makers)

    @cached_property
    def written(self) -> tuple[Written, ...]:
        """Every model as written; those that are handed over are left out."""
        return tuple(one for model in self.models if (one := self.write(model)) is not None)

    @cached_property
    def rebuilt(self) -> tuple[BaseModelMixin, ...]:
        """What was written, rebuilt once."""
        return tuple(self.rebuild(one) for one in self.written)

    def compared(self, found: BaseModelMixin, expected: BaseModelMixin, what: str) -> str:
        """Check that two models give the same bits."""
        outputs = evaluated(expected, self.registry)
        fix = "check_fits and fill of alchemi_core.serialization.tensors put tensors back in their floating type"
        compare(evaluated(found, self.registry), outputs, what, within=0.0, fix=fix)
        return ", ".join(outputs)

    @cached_property
    def findings(self) -> Findings:
        """What came of rebuilding in a process of its own."""
        from alchemi_core.testing.serializer_checks.process import find

        return find(self)


def objection(one: Written, name: str) -> str:
    """Say what is not plain about something written, empty where all is."""
    try:
        encode(dict(one.origin.options), lambda _: "", name)
    except SerializationError as error:
        return error.found
    if place := place_named(one.origin.options):
        return f"{place}, a place on this machine"
    if TRUST in one.origin.options:
        return f"writes {TRUST!r}: whoever loads a file decides what to trust"
    for key, tensor in one.tensors.items():
        if not isinstance(key, str) or not isinstance(tensor, torch.Tensor) or tensor.requires_grad:
            return f"tensors hold {key!r:.80}, which is no detached tensor by name"
    return ""
