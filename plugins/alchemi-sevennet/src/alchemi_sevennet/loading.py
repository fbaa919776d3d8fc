"""From a checkpoint to a model: what ``create_model("sevennet")`` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.errors import OptionError, nearest
from alchemi_sevennet.checkpoints import DEFAULT, WHO, find_checkpoint
from alchemi_sevennet.model import SevenNet
from alchemi_sevennet.network import load_network

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def load_sevennet(checkpoint: str | Path = DEFAULT, *, modal: str | None = None, trusted: bool = False) -> SevenNet:
    """Make a model of a checkpoint.

    Parameters
    ----------
    checkpoint : str or Path
        Name of shipped weights (``sevennet-0``, ``sevennet-0_22may2024``, ``sevennet-l3i5``, ``sevennet-mf-0``, or
        ``7net-...``), or path of a checkpoint file.
    modal : str, optional
        Which level of theory, for models fitted to several: ``"PBE"`` or ``"R2SCAN"`` for ``sevennet-mf-0``.
    trusted : bool
        Whether code in a checkpoint file may run. Only needed for files that hold more than tensors and numbers.

    Raises
    ------
    OptionError
        If there is no such checkpoint or modality, or a modality is missing.
    InputFileError
        If a file is no checkpoint, or must not be read without trust.
    """
    if not isinstance(trusted, bool):
        raise OptionError(f"trusted={trusted!r}", expected="True or False", who=WHO)
    path, provenance = find_checkpoint(checkpoint)
    loaded = load_network(path, trusted=trusted)
    return SevenNet(loaded, provenance, _choose(loaded.modalities, modal))


def _choose(modalities: Mapping[str, int], modal: str | None) -> str | None:
    """Return the modality to use, None for a model that has none."""
    listed = ", ".join(map(repr, modalities))
    if not modalities:
        if modal is None:
            return None
        raise OptionError(
            f"modal={modal!r}", expected="no modal: this model was fitted to one level of theory", who=WHO
        )
    if modal is None:
        fix = f"modal={next(iter(modalities))!r}"
        raise OptionError("modal is missing", expected=f"one of {listed}", who=WHO, fix=fix)
    names = {name.lower(): name for name in modalities}
    if modal.lower() not in names:
        near = nearest(modal.lower(), names)
        fix = f"modal={names[near]!r}" if near else ""
        raise OptionError(f"modal={modal!r}", expected=f"one of {listed}", who=WHO, fix=fix)
    return names[modal.lower()]
