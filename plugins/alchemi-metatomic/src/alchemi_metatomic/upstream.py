"""metatomic, imported without torch's advice against TorchScript: it is what engines without Python run."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def unadvised() -> Iterator[None]:
    """Keep quiet about the form that exported models have: torch advises against it, and metatomic has no other."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*torch\.jit\.", category=DeprecationWarning)
        yield


with unadvised():
    from metatensor.torch import Labels, TensorBlock, TensorMap
    from metatomic.torch import (
        AtomisticModel,
        ModelCapabilities,
        ModelEvaluationOptions,
        ModelMetadata,
        ModelOutput,
        NeighborListOptions,
        System,
        load_atomistic_model,
    )

__all__ = [
    "AtomisticModel",
    "Labels",
    "ModelCapabilities",
    "ModelEvaluationOptions",
    "ModelMetadata",
    "ModelOutput",
    "NeighborListOptions",
    "System",
    "TensorBlock",
    "TensorMap",
    "load_atomistic_model",
    "unadvised",
]
