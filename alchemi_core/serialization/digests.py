"""Digests of tensors: what tells that bytes are those that were saved.

Of a tensor up to 16 MiB it is the SHA-256 digest of its bytes, little-endian, row by row; of a larger one that of the
digests of its pieces of 16 MiB, one after the other, so that several cores can share the work.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import attrs
import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

PIECE = 16 * 1024 * 1024


@attrs.frozen
class Checked:
    """What was found when the bytes of a tensor were read.

    Parameters
    ----------
    digest : str
        In hexadecimal digits.
    has_nan : bool
        Whether any of its numbers is NaN.
    """

    digest: str
    has_nan: bool


def check_tensors(tensors: Mapping[str, Tensor]) -> dict[str, Checked]:
    """Read every tensor once, on all cores; each lies on the CPU."""
    pieces = {name: _pieces(tensor) for name, tensor in tensors.items()}
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        jobs = {name: [pool.submit(_read, piece) for piece in parts] for name, parts in pieces.items()}
        return {name: _joined([job.result() for job in parts]) for name, parts in jobs.items()}


def digest(tensor: Tensor) -> str:
    """Return the digest of one tensor."""
    return check_tensors({"": tensor})[""].digest


def _pieces(tensor: Tensor) -> list[Tensor]:
    flat = tensor.detach().contiguous().reshape(-1)
    return list(flat.split(PIECE // flat.element_size())) or [flat]


def _read(piece: Tensor) -> tuple[bytes, bool]:
    numbers = piece.view(torch.uint8).numpy()
    return hashlib.sha256(numbers.data).digest(), _has_nan(piece)


def _has_nan(piece: Tensor) -> bool:
    if not (piece.is_floating_point() or piece.is_complex()) or not piece.numel():
        return False
    wide = piece if piece.element_size() > 1 else piece.float()
    # A sum that is a number has none in it, and costs a fraction of looking at each.
    return bool(wide.sum().isnan()) and bool(wide.isnan().any())


def _joined(found: list[tuple[bytes, bool]]) -> Checked:
    digests = [one for one, _ in found]
    whole = digests[0] if len(digests) == 1 else hashlib.sha256(b"".join(digests)).digest()
    return Checked(whole.hex(), any(nan for _, nan in found))
