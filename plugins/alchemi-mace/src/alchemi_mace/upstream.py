"""All that is used of mace-torch and e3nn, imported in one place.

Importing mace sets an environment variable by which ``torch.load`` runs code in files again, for the whole process.
Nothing here depends on that, so it is put back; ``mace.calculators``, which does, sets it for itself.
"""

from __future__ import annotations

import io
import os
import warnings
from contextlib import contextmanager, redirect_stdout
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNSAFE = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"


@contextmanager
def _environment_without(name: str) -> Iterator[None]:
    before = os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


# e3nn reads its table of constants, which holds slices, and compiles functions in a way that torch has deprecated.
with _environment_without(_UNSAFE), warnings.catch_warnings(), torch.serialization.safe_globals([slice]):
    warnings.filterwarnings("ignore", message=r".*torch\.jit\..* is deprecated", category=DeprecationWarning)
    import e3nn
    from e3nn import o3
    from e3nn.math import normalize2mom
    from e3nn.o3._linear import Instruction as LinearInstruction
    from e3nn.o3._linear import _codegen_linear as linear_code
    from e3nn.o3._tensor_product._codegen import codegen_tensor_product_left_right as product_code
    from e3nn.o3._tensor_product._instruction import Instruction as ProductInstruction
    from e3nn.util.codegen import CodeGenMixin

    with redirect_stdout(io.StringIO()):  # mace prints that an accelerator is not installed
        from mace.modules import (
            MACE,
            EnergyDipolesMACE,
            InteractionBlock,
            NonLinearReadoutBlock,
            ScaleShiftMACE,
            interaction_classes,
        )
        from mace.modules.blocks import NonLinearBiasReadoutBlock
        from mace.modules.gate import GatedEquivariantBlock
        from mace.modules.radial import (
            AgnesiTransform,
            BesselBasis,
            ChebychevBasis,
            GaussianBasis,
            SoftTransform,
        )
        from mace.modules.symmetric_contraction import Contraction
        from mace.modules.wrapper_ops import CuEquivarianceConfig, OEQConfig
        from mace.tools.utils import get_cache_dir
    from opt_einsum_fx import optimize_einsums_full

__all__ = [
    "MACE",
    "AgnesiTransform",
    "BesselBasis",
    "ChebychevBasis",
    "CodeGenMixin",
    "Contraction",
    "CuEquivarianceConfig",
    "EnergyDipolesMACE",
    "GatedEquivariantBlock",
    "GaussianBasis",
    "InteractionBlock",
    "LinearInstruction",
    "NonLinearBiasReadoutBlock",
    "NonLinearReadoutBlock",
    "OEQConfig",
    "ProductInstruction",
    "ScaleShiftMACE",
    "SoftTransform",
    "e3nn",
    "get_cache_dir",
    "interaction_classes",
    "linear_code",
    "normalize2mom",
    "o3",
    "optimize_einsums_full",
    "product_code",
]
