"""Exported models in files, whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.atomic_write import replacing
from alchemi_metatomic.upstream import unadvised

if TYPE_CHECKING:
    from pathlib import Path

    from alchemi_metatomic.upstream import AtomisticModel

END = ".pt"
"""How files of metatomic end."""


def write_model(model: AtomisticModel, path: Path) -> None:
    """Write a model to a file.

    Parameters
    ----------
    model : AtomisticModel
        What `alchemi_metatomic.export` returns.
    path : Path
        The file; what is there stays until the new one is whole.
    """
    with replacing(path) as draft, unadvised():
        model.save(draft)
