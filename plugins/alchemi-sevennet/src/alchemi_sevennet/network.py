"""The network of a checkpoint, built by the package sevenn and cut down to atomic energies."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch

from alchemi_core.errors import DataError

with warnings.catch_warnings():
    # torch deprecates torch.jit, which e3nn and sevenn use while they are imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    from sevenn import _keys as key
    from sevenn.checkpoint import SevenNetCheckpoint
    from sevenn.nn.node_embedding import OnehotEmbedding

    from alchemi_sevennet.convolution import BlockedConvolution

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

_AFTERWARDS = ("reduce_total_enegy", "force_output")
"""What sevenn appends to the network, under its own spelling: the sum over atoms and the gradient are the pipeline's."""


class Network(torch.nn.Module):
    """From pair vectors to one energy per atom.

    Parameters
    ----------
    checkpoint : SevenNetCheckpoint
        Read by sevenn.
    modality : int, optional
        Number of the level of theory, for a model fitted to several.
    """

    def __init__(self, checkpoint: SevenNetCheckpoint, modality: int | None) -> None:
        super().__init__()
        layers = {name: layer for name, layer in _build(checkpoint).items() if name not in _AFTERWARDS}
        self.layers = torch.nn.ModuleDict({name: _exchanged(layer) for name, layer in layers.items()})
        self._modality = modality

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the weights."""
        return next(self.parameters()).dtype

    def forward(self, vectors: Tensor, pairs: Tensor, rows: Tensor, batch_idx: Tensor, systems: int) -> Tensor:
        """Return the energy of each atom.

        Parameters
        ----------
        vectors : Tensor [E, 3], Å
            From atom i to atom j.
        pairs : Tensor [2, E], int64
            Atoms i and j.
        rows : Tensor [N], int64
            Row of each atom's element in the tables.
        batch_idx : Tensor [N], int64
            System of each atom.
        systems : int
            Number of systems.

        Returns
        -------
        Tensor [N], eV
        """
        data: dict[str, Any] = {
            key.EDGE_VEC: vectors,
            key.EDGE_IDX: pairs,
            key.NODE_FEATURE: rows,
            key.BATCH: batch_idx,
        }
        if self._modality is not None:
            data[key.MODAL_TYPE] = torch.full((systems,), self._modality, device=rows.device)
        for layer in self.layers.values():
            data = layer(data)
        energies: Tensor = data[key.ATOMIC_ENERGY].flatten()
        return energies


class OneHot(torch.nn.Module):
    """A one-hot embedding of sevenn, whose answer is always float32, in the floating type of the geometry.

    Parameters
    ----------
    original : OnehotEmbedding
        What is wrapped.
    """

    def __init__(self, original: OnehotEmbedding) -> None:
        super().__init__()
        self.original = original

    def forward(self, data: dict[str, Any]) -> dict[str, Any]:
        """Embed, then cast."""
        data = self.original(data)
        for name in (self.original.key_output, self.original.key_additional_output):
            if name is not None:
                data[name] = data[name].to(data[key.EDGE_VEC].dtype)
        return data


def _build(checkpoint: SevenNetCheckpoint) -> dict[str, torch.nn.Module]:
    with warnings.catch_warnings():
        # As above: building compiles with torch.jit.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return dict(checkpoint.build_model().named_children())
        except (KeyError, ValueError, AssertionError, RuntimeError) as error:
            raise DataError(
                f"{checkpoint.checkpoint_path} describes no network that sevenn builds: {error}",
                expected="a checkpoint of the installed version of sevenn",
                who="sevennet",
            ) from error


def _exchanged(layer: torch.nn.Module) -> torch.nn.Module:
    if BlockedConvolution.replaces(layer):
        return BlockedConvolution(layer)  # type: ignore[arg-type]  # replaces() looked at its type
    return OneHot(layer) if isinstance(layer, OnehotEmbedding) else layer


def read_network(path: Path, modality: int | None) -> Network:
    """Return the network of a checkpoint file that is known to be safe to read."""
    return Network(SevenNetCheckpoint(path), modality)
