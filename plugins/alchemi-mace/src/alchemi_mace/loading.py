"""The model from a file of mace-torch: what is offered under its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.errors import OptionError
from alchemi_mace.checkpoints import WHO, find_checkpoint, read_model
from alchemi_mace.model import DTYPES, MACE

if TYPE_CHECKING:
    from pathlib import Path

    import torch


def load(checkpoint: str | Path, *, head: str | None = None, dtype: str | None = None, trusted: bool = False) -> MACE:
    """Make the model from a file.

    Parameters
    ----------
    checkpoint : str or Path
        Path of a model file, or the name of a foundation model of mace-torch (``medium-mpa-0``, ``small_off``,
        ``mace_omol``, ...), whose file is looked for where mace-torch keeps it.
    head : str, optional
        Which readout, for models fitted to several sets of data; by default the only one or the one called default.
    dtype : {"float32", "float64"}, optional
        Floating type of the weights, by default as stored.
    trusted : bool
        Whether code in the file may run. Only needed for files that hold more than the layers of a MACE model.

    Raises
    ------
    OptionError
        If there is no such checkpoint, head or floating type, or a head is missing.
    InputFileError
        If a file holds no model that is served, or must not be read without trust.
    """
    floating = _floating(dtype)
    path, foundation = find_checkpoint(checkpoint)
    network = read_model(path, trusted=trusted)
    if floating is not None:
        network.to(floating)
    return MACE(network, head=head, foundation=foundation)


def _floating(dtype: str | None) -> torch.dtype | None:
    if dtype is None:
        return None
    if dtype not in DTYPES:
        raise OptionError(f"dtype={dtype!r}", expected="'float32' or 'float64', or nothing: as stored", who=WHO)
    return DTYPES[dtype]
