"""Tensors of a checkpoint by name, each used once, so that none is forgotten."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import DataError
from alchemi_sevennet.irreps import SCALAR
from alchemi_sevennet.rotations import coupling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_sevennet.irreps import Blocks, Irrep

WHO = "SevenNet checkpoint"

_NO_WEIGHTS = re.compile(r"\.(convolution|gate)\.|\.output_mask$|\.(linear|fc_tensor_product)\.f\.")
"""Constants of the package that wrote the file: coupling coefficients, masks."""

_COUPLING = re.compile(r"\._w3j_(\d+)_(\d+)_(\d+)$")


_OLD_NAMES = {
    "EdgeEmbedding": "edge_embedding",
    "reducing nn input to hidden": "reduce_input_to_hidden",
    "reducing nn hidden to energy": "reduce_hidden_to_energy",
    "denumerator": "denominator",
    " ": "_",
}
"""Parts of names that were written differently before version 0.10, in the order to be replaced."""


class StoredTensors:
    """The state dict of a checkpoint.

    Parameters
    ----------
    tensors : mapping of str to Tensor
        As stored.
    """

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = {_today(name): tensor.detach().float() for name, tensor in tensors.items()}
        self._unused = {n for n, t in self._tensors.items() if t.numel() and not _NO_WEIGHTS.search(n)}

    def take(self, name: str) -> Tensor:
        """Return a tensor.

        Raises
        ------
        DataError
            If the checkpoint lacks it.
        """
        if name not in self._tensors:
            raise DataError(
                f"no tensor {name!r}", expected="a checkpoint written by sevenn 0.9.1 or later", who=WHO
            )
        self._unused.discard(name)
        return self._tensors[name].clone()

    def has(self, name: str) -> bool:
        """Tell whether there is such a tensor, and it is not empty."""
        return name in self._tensors and self._tensors[name].numel() > 0

    def perceptron(self, prefix: str) -> list[Tensor]:
        """Return the matrices ``prefix.layer0.weight``, ``prefix.layer1.weight``, ... as stored."""
        count = sum(re.fullmatch(re.escape(prefix) + r"\.layer\d+\.weight", name) is not None for name in self._tensors)
        return [self.take(f"{prefix}.layer{number}.weight") for number in range(count)]

    def signs(self, prefix: str) -> dict[tuple[int, int, int], float]:
        """Return −1 for each coupling that the model was fitted with reversed; conventions have changed once."""
        found = {}
        for name, stored in self._tensors.items():
            if name.startswith(prefix) and (match := _COUPLING.search(name)):
                triple = (int(match[1]), int(match[2]), int(match[3]))
                found[triple] = float(torch.sign((stored * coupling(*triple)).sum()))
        return found

    def check_all_used(self) -> None:
        """Raise `DataError` if something was stored that this network has no place for."""
        if self._unused:
            raise DataError(
                f"{len(self._unused)} tensors have no place in the network, such as {min(self._unused)!r}",
                expected="an architecture of sevenn 0.13 or earlier",
                who=WHO,
            )


def _today(name: str) -> str:
    for old, new in _OLD_NAMES.items():
        name = name.replace(old, new)
    return name


def split_linear(
    flat: Tensor, reads: Blocks, gives: Blocks, modalities: int = 0
) -> tuple[dict[Irrep, Tensor], Tensor | None]:
    """Return the matrices of a linear map by irrep and, one row per modality, what each modality adds to even scalars.

    Matrices are stored one after the other in the order of the blocks read, the modalities last as further even scalars.
    A map from n features is scaled by 1/√n.
    """
    counts = {block.irrep: block.count for block in gives}
    shapes = [(block.irrep, block.count, counts[block.irrep]) for block in reads if block.irrep in counts]
    if modalities:
        shapes.append((SCALAR, modalities, counts[SCALAR]))
    parts = flat.reshape(-1).split([rows * columns for _, rows, columns in shapes])
    total = {irrep: sum(rows for other, rows, _ in shapes if other == irrep) for irrep in counts}
    matrices = [
        (irrep, part.reshape(rows, columns) / total[irrep] ** 0.5)
        for part, (irrep, rows, columns) in zip(parts, shapes, strict=True)
    ]
    extra = matrices.pop()[1] if modalities else None
    return dict(matrices), extra
