"""Stack: members of one architecture, evaluated in one call."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.derivatives.grad_mode import grad_mode
from alchemi_core.errors import CompositionError
from alchemi_core.stacking.call import Call
from alchemi_core.stacking.form import Form, form_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.models import BaseModelMixin
    from alchemi_core.neighbors.lists import NeighborList


@attrs.frozen(eq=False)
class Stack:
    """Models that differ in nothing but their weights, evaluated in one call.

    Parameters, and buffers that are not the same in all members, get an axis of members in front, and the code of one
    member runs once for all of them. Weights are read in every call, so that members can be trained, loaded anew or
    moved meanwhile. They are not changed, and remain models of their own.

    A call holds a copy of the weights of all members, and what the members need for their intermediate values, all at
    a time. That is faster than one call after the other where calls are short and most of the time goes into starting
    operations, and slower where the values of one member fill the cache of the processor.

    Parameters
    ----------
    models : tuple of BaseModelMixin
        The members K; `of` tells whether they can be stacked.
    """

    models: tuple[BaseModelMixin, ...]
    _kept: dict[str, Form] = attrs.field(factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, models: Sequence[BaseModelMixin]) -> Stack | None:
        """Return the stack of models; None where they cannot be stacked, which `form.obstacle` explains.

        They have to declare it, and to be the same in everything that is neither a parameter nor a buffer. What cannot
        be compared counts as different.

        Parameters
        ----------
        models : sequence of BaseModelMixin
            The members.
        """
        form = form_of(models)
        if isinstance(form, str):
            return None
        made = cls(tuple(models))
        made._kept["form"] = form
        return made

    @cached_property
    def size(self) -> int:
        """Number of parameters of one member."""
        (first, *_) = self.models
        return sum(one.numel() for one in first.parameters()) if isinstance(first, torch.nn.Module) else 0

    def fits(self) -> bool:
        """Tell whether the members can still be stacked: changes of one of them may have set them apart."""
        return not isinstance(self._current(), str)

    def evaluate(
        self, batch: Batch, neighbors: NeighborList | None, names: Iterable[str], *, differentiable: bool = False
    ) -> dict[str, Tensor]:
        """Evaluate all members; forces, stress and virial come from one backward pass.

        Parameters
        ----------
        batch : Batch
            Systems, with the inputs that the models read. Off the graph, unless `differentiable`.
        neighbors : CooList or MatrixList, or None
            The list that the models declare, made for this batch.
        names : iterable of str
            Outputs of the models, and any of forces, stress and virial.
        differentiable : bool
            Whether outputs stay on the graph of weights and batch.

        Returns
        -------
        dict of str to Tensor
            By name, with an axis of members in front: energy [K, B, 1] eV, forces [K, N, 3] eV/Å, stress [K, B, 3, 3]
            eV/Å³, virial [K, B, 3, 3] eV. There is no stress where the batch has no cell.

        Raises
        ------
        CompositionError
            If the members cannot be stacked, any more.
        UnknownOutputError
            If a name is none of their outputs.
        WiringError
            If the batch lacks an input that they require.
        ModelOutputError
            If they leave out what they declare, or give it another shape.
        DerivativeError
            If their energy does not depend on the positions.
        """
        form = self._current()
        if isinstance(form, str):
            raise _apart(form)
        call = Call.of(form, batch, neighbors, frozenset(names), differentiable=differentiable)
        with grad_mode(enabled=differentiable or bool(call.derived)):
            values = call.run()
        return values if differentiable else {name: value.detach() for name, value in values.items()}

    def _current(self) -> Form | str:
        """Return the form of the members as they are now, or why there is none."""
        kept = self._kept.get("form")
        if kept is not None and kept.marks.hold():
            return kept
        with torch.inference_mode(mode=False):
            made = form_of(self.models)
        if isinstance(made, Form):
            self._kept["form"] = made
        return made

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.models,)


def _apart(reason: str) -> CompositionError:
    return CompositionError(
        reason,
        expected="members that differ in the values of parameters and buffers only",
        who="stack",
        fix="evaluate them one by one",
    )
