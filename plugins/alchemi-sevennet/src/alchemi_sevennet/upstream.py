"""All that is used of sevenn and e3nn, imported in one place."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # sevenn compiles one function when it is imported, in a way that torch has deprecated.
    warnings.filterwarnings("ignore", message=r".*torch\.jit\.script.* is deprecated", category=DeprecationWarning)
    from e3nn.nn import FullyConnectedNet
    from e3nn.o3 import TensorProduct, wigner_3j
    from sevenn import _keys as keys
    from sevenn.checkpoint import SevenNetCheckpoint
    from sevenn.nn.convolution import IrrepsConvolution
    from sevenn.nn.node_embedding import OnehotEmbedding

__all__ = [
    "FullyConnectedNet",
    "IrrepsConvolution",
    "OnehotEmbedding",
    "SevenNetCheckpoint",
    "TensorProduct",
    "keys",
    "wigner_3j",
]
