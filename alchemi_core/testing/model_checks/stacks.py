"""Stacks: members of a model that declares it can be stacked, in one call and one by one."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.stacking.form import obstacle
from alchemi_core.stacking.stack import Stack
from alchemi_core.testing.comparing import compare, noted
from alchemi_core.testing.failures import failure
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from alchemi_core.testing.specimens import Specimen
    from alchemi_core.testing.structures import Structure

_MEMBERS = 2
_STRUCTURES = 4
"""Crystals and molecules are among the first ones."""
_FIX = "compute() has to be a function of parameters, buffers and view alone; else leave stackable out of the config"


def check_stacked(specimen: Specimen) -> str:
    """Compare copies with other weights, evaluated in one call, with each of them alone."""
    members = [_member(specimen.model, number) for number in range(_MEMBERS)]
    stack = Stack.of(members)
    if stack is None:
        raise failure(
            specimen.name,
            f"declares that it can be stacked, and copies of it cannot: {obstacle(members)}",
            expected="copies that differ in weights only",
            fix="override stack_form, or leave stackable out of the config",
        )
    return noted((_deviation(specimen, stack, one), one.name) for one in specimen.structures[:_STRUCTURES])


def _deviation(specimen: Specimen, stack: Stack, structure: Structure) -> float:
    batch = specimen.listed(specimen.of(structure))
    names = specimen.names_for(batch) & (specimen.config.outputs | specimen.config.autograd_outputs)
    together = stack.evaluate(batch, batch.neighbors[0] if batch.neighbors else None, names)
    worst = 0.0
    for number, member in enumerate(stack.models):
        alone = dict(specimen.wrap(member)(batch, requested=names))
        found = {name: value[number] for name, value in together.items()}
        off = compare(found, alone, f"{structure}, member {number} of a stack", within=1e-9, fix=_FIX)
        worst = max(worst, off)
    return worst


def _member(model: Any, number: int) -> Any:
    """Return a copy whose weights are a few per cent off."""
    member = deepcopy(model)
    with torch.no_grad():
        for parameter in member.parameters():
            if parameter.is_floating_point():
                counted = torch.arange(parameter.numel(), dtype=parameter.dtype, device=parameter.device)
                parameter.mul_(1.0 + 0.03 * number * torch.cos(counted).reshape(parameter.shape))
    return member


def _is_stackable(specimen: Specimen) -> bool:
    return specimen.config.stackable


CHECKS = (
    Promise(
        "stacked", "members with other weights give in one call what they give alone", check_stacked, _is_stackable
    ),
)
