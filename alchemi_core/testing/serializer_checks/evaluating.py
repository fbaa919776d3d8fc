"""What a model gives on the first named structures that suit it: enough to tell two models apart."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import torch

from alchemi_core.contract import OnGraph
from alchemi_core.data.batch import Batch
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.quantities import GEOMETRY
from alchemi_core.testing.fitting import fitted
from alchemi_core.testing.made_inputs import made_input
from alchemi_core.testing.structures import STRUCTURES
from alchemi_core.topology import PipelineGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from alchemi_core.models import BaseModelMixin, ModelConfig
    from alchemi_core.registry import Registry

ENOUGH = 2
"""Structures that a model is evaluated on."""


def piped(model: BaseModelMixin, registry: Registry) -> PipelineModelWrapper:
    """Return the pipeline of a model alone, which keeps no lists between calls."""
    on_graph = isinstance(model.model_config.kinds.get("energy"), OnGraph)
    return PipelineModelWrapper([PipelineGroup([model], use_autograd=on_graph)], skin=0.0, registry=registry)


def evaluated(model: BaseModelMixin, registry: Registry) -> dict[str, Tensor]:
    """Evaluate a model in evaluation mode.

    Returns
    -------
    dict of str to Tensor
        Such as ``"energy of water"``.
    """
    if isinstance(model, torch.nn.Module):
        model.eval()
    pipe = piped(model, registry)
    out: dict[str, Tensor] = {}
    for name, batch in islice(_batches(model.model_config), ENOUGH):
        wanted = pipe.model_config.outputs - (frozenset() if batch.cell is not None else {"stress"})
        found = pipe(batch, requested=wanted)
        out |= {f"{output} of {name}": value for output, value in found.items()}
    return out


def _batches(config: ModelConfig) -> Iterator[tuple[str, Batch]]:
    """Yield the named structures whose periodicity a model accepts, of elements that it knows."""
    for structure in STRUCTURES:
        atoms = structure.make()
        if config.supports_pbc if atoms.pbc.any() else not config.needs_pbc:
            batch = Batch.from_ase(fitted(atoms, config.elements))
            wanted = config.required_inputs - GEOMETRY - frozenset(batch.fields)
            yield structure.name, batch.with_fields(**{name: made_input(name, batch) for name in sorted(wanted)})
