"""One call that tests use: run a model of this plugin on structures with given charges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from ase import Atoms

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model

ALL = ("energy", "forces", "stress")


def with_charges(systems: Atoms | Sequence[Atoms], charges: np.ndarray, dtype: torch.dtype = torch.float64) -> Batch:
    """Make a batch whose atoms carry the charges, which follow one another as the atoms do."""
    batch = Batch.from_ase(systems, dtype=dtype)
    return batch.with_fields(charges=torch.as_tensor(np.asarray(charges, dtype=float), dtype=dtype))


def run(
    name: str,
    systems: Atoms | Sequence[Atoms],
    charges: np.ndarray,
    *,
    requested: Sequence[str] = ALL,
    dtype: torch.dtype = torch.float64,
    **options: object,
) -> Mapping[str, torch.Tensor]:
    """Return what the model of that name gives, alone in an autograd group."""
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model(name, **options)], use_autograd=True)])
    return pipe(with_charges(systems, charges, dtype), requested=set(requested))
