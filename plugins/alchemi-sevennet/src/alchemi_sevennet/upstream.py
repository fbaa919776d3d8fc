"""All that is used of sevenn and e3nn, imported in one place."""

from __future__ import annotations

import warnings
from typing import Any

with warnings.catch_warnings():
    # sevenn compiles one function when it is imported, in a way that torch has deprecated.
    warnings.filterwarnings("ignore", message=r".*torch\.jit\.script.* is deprecated", category=DeprecationWarning)
    from e3nn.nn import FullyConnectedNet
    from e3nn.o3 import Irreps, TensorProduct, wigner_3j
    from sevenn import _keys as keys
    from sevenn.checkpoint import SevenNetCheckpoint, _config_cp_routine
    from sevenn.model_build import build_E3_equivariant_model
    from sevenn.nn.convolution import IrrepsConvolution
    from sevenn.nn.node_embedding import OnehotEmbedding
    from sevenn.nn.scale import Rescale

complete_config: Any = _config_cp_routine
"""Brings the configuration of a checkpoint up to date and adds what it leaves out."""

__all__ = [
    "FullyConnectedNet",
    "Irreps",
    "IrrepsConvolution",
    "OnehotEmbedding",
    "Rescale",
    "SevenNetCheckpoint",
    "TensorProduct",
    "build_E3_equivariant_model",
    "complete_config",
    "keys",
    "wigner_3j",
]
