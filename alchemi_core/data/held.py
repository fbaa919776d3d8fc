"""Tensors that weigh steps: held by a pipeline, and brought to batches as coupling parameters are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import DataError, DeclarationError
from alchemi_core.planning.held import held_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.topology import Topology


class HeldValue(torch.nn.Module):
    """A tensor in a weight: a parameter, or a buffer where it is not to be learned.

    Parameters
    ----------
    value : Tensor [], [B] or [B, 1]
        A number, or one for each system. A `torch.nn.Parameter` stays the object that it is.
    name : str
        That of the coupling parameter; empty where the tensor has none.

    Raises
    ------
    DeclarationError
        If it is of another shape or type, or requires grad and is no parameter.
    """

    value: Tensor

    def __init__(self, value: Tensor, name: str = "") -> None:
        super().__init__()
        _check(value, name)
        self.name = name
        if isinstance(value, torch.nn.Parameter):
            self.value = value
        else:
            self.register_buffer("value", value)

    def same_as(self, other: HeldValue) -> bool:
        """Tell whether another one stands for the same tensor: moved, a buffer is a new object with the same values."""
        if self is other or self.value is other.value:
            return True
        fixed = not isinstance(self.value, torch.nn.Parameter) and not isinstance(other.value, torch.nn.Parameter)
        alike = self.value.device == other.value.device and self.value.dtype == other.value.dtype
        return fixed and bool(self.name) and alike and torch.equal(self.value, other.value)

    def of_systems(self, batch: Batch) -> Tensor:
        """Return the value of each system [B, 1], on the device of the batch and in its precision.

        Raises
        ------
        DataError
            If there is one for each of another number of systems.
        """
        value, systems = self.value, batch.num_systems
        if value.dim() and value.shape[0] != systems:
            raise DataError(
                f"the weight {self.name or 'tensor'} has one value for each of {value.shape[0]} systems",
                expected=f"one for each of the {systems} systems of the batch, or a number",
                who="weight of a step",
                fix="a tensor without axes, such as torch.tensor(0.5), weighs every system alike",
            )
        return value.reshape(-1, 1).expand(systems, 1).to(device=batch.device, dtype=batch.dtype)


def _check(value: Tensor, name: str) -> None:
    who = f"weight {name or 'of a step'}"
    if not value.is_floating_point():
        raise DeclarationError(
            f"a tensor of {value.dtype}", expected="floating numbers", who=who, fix="value.double(), or a plain number"
        )
    if value.dim() > 2 or (value.dim() == 2 and value.shape[1] != 1):
        found = f"a tensor of shape {list(value.shape)}"
        raise DeclarationError(found, expected="a number [], or one for each system, [B] or [B, 1]", who=who)
    if value.requires_grad and not isinstance(value, torch.nn.Parameter):
        raise DeclarationError(
            "a tensor that requires grad and is no parameter" + ("" if value.is_leaf else ", made from others"),
            expected="a torch.nn.Parameter, which the pipeline can hold and an optimiser change; what is made from "
            "others goes stale when they change",
            who=who,
            fix="the parameter itself in the weight, as in mix * a + (1 - mix) * b with "
            "mix = Coupling('mix', value=torch.nn.Parameter(...)); or value.detach()",
        )


def keep_held(pipeline: torch.nn.Module, topology: Topology) -> None:
    """Give a pipeline the tensors in the weights of its own steps, as a module that it has only where there are any."""
    if held := held_in(topology):
        pipeline.held_weights = torch.nn.ModuleList(held)


def with_held(batch: Batch, names: tuple[str, ...], held: Mapping[str, HeldValue], *, differentiable: bool) -> Batch:
    """Return a batch with what weights hold as fields.

    Parameters
    ----------
    batch : Batch
        As the caller gave it.
    names : tuple of str
        Those that a plan needs.
    held : mapping of str to HeldValue
        All of the pipeline.
    differentiable : bool
        Whether they stay on the graph.

    Raises
    ------
    DataError
        If the batch brings a field of such a name too, or has another number of systems.
    """
    if not names:
        return batch
    values = {}
    for name in names:
        if batch.fields.get(name) is not None:
            raise DataError(
                f"the batch brings {name!r}, which is also a weight that the pipeline holds",
                expected="one value for one name",
                who="batch",
                fix=f"a batch without it; or Coupling({name!r}) without a value, which then comes with the batch",
            )
        value = held[name].of_systems(batch)
        values[name] = value if differentiable else value.detach()
    return batch.with_parameters(values)
