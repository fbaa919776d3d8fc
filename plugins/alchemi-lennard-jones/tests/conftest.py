"""One call that every test uses: run a model in a pipeline of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest
import torch
from alchemi_lennard_jones.model import LennardJones

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper

if TYPE_CHECKING:
    from ase import Atoms

Evaluate = Callable[..., Mapping[str, torch.Tensor]]


@pytest.fixture
def evaluate() -> Evaluate:
    def run(
        atoms: Atoms | list[Atoms],
        *,
        requested: tuple[str, ...] = ("energy", "forces"),
        dtype: torch.dtype = torch.float64,
        **options: object,
    ) -> Mapping[str, torch.Tensor]:
        model = LennardJones(**options)  # type: ignore[arg-type]
        group = PipelineGroup([model], use_autograd=model.derivatives == "graph")
        return PipelineModelWrapper(groups=[group])(Batch.from_ase(atoms, dtype=dtype), requested=set(requested))

    return run
