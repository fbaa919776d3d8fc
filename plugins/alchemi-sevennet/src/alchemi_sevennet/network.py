"""The network of a checkpoint, built by the package sevenn and cut down to atomic energies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.errors import InputFileError
from alchemi_sevennet.architecture import describe
from alchemi_sevennet.checkpoints import WHO, read_checkpoint
from alchemi_sevennet.convolution import BlockedConvolution
from alchemi_sevennet.upstream import OnehotEmbedding, SevenNetCheckpoint, complete_config, keys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

_AFTERWARDS = ("reduce_total_enegy", "force_output")
"""What sevenn appends, under its own spelling: the sum over atoms and the gradient are the pipeline's."""

UNBUILDABLE = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""How sevenn fails at a configuration that it does not understand."""


@attrs.frozen(eq=False)
class Loaded:
    """A network and what it was built from.

    Parameters
    ----------
    network : Network
        With the weights.
    architecture : mapping
        As `alchemi_sevennet.architecture.describe` returns it.
    """

    network: Network
    architecture: Mapping[str, Any]

    @property
    def cutoff(self) -> float:
        """Range of pairs, Å."""
        return float(self.architecture["cutoff"])

    @property
    def rows(self) -> dict[int, int]:
        """Row of each atomic number in the tables."""
        return dict(self.architecture["_type_map"])

    @property
    def modalities(self) -> dict[str, int]:
        """Number of each level of theory, empty for a model of one."""
        return dict(self.architecture["_modal_map"])


class Network(torch.nn.Module):
    """From pair vectors to one energy per atom.

    Parameters
    ----------
    layers : dict of str to Module
        sevenn's, in order.
    """

    def __init__(self, layers: dict[str, torch.nn.Module]) -> None:
        super().__init__()
        kept = {name: _exchanged(layer) for name, layer in layers.items() if name not in _AFTERWARDS}
        self.layers = torch.nn.ModuleDict(kept)

    @property
    def dtype(self) -> torch.dtype:
        """Floating type of the weights."""
        return next(self.parameters()).dtype

    def forward(self, vectors: Tensor, pairs: Tensor, rows: Tensor, modality: int | None) -> Tensor:
        """Return the energy of each atom.

        Parameters
        ----------
        vectors : Tensor [E, 3], Å
            From atom i to atom j, in the floating type of the weights.
        pairs : Tensor [2, E], int64
            Atoms i and j.
        rows : Tensor [N], int64
            Row of each atom's element in the tables.
        modality : int, optional
            Number of the level of theory, for a model fitted to several.

        Returns
        -------
        Tensor [N], eV
        """
        data: dict[str, Any] = {keys.EDGE_VEC: vectors, keys.EDGE_IDX: pairs, keys.NODE_FEATURE: rows}
        if modality is not None:
            data[keys.MODAL_TYPE] = rows.new_tensor(modality)
        for layer in self.layers.values():
            data = layer(data)
        energies: Tensor = data[keys.ATOMIC_ENERGY].flatten()
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
                data[name] = data[name].to(data[keys.EDGE_VEC].dtype)
        return data


def _exchanged(layer: torch.nn.Module) -> torch.nn.Module:
    if BlockedConvolution.replaces(layer):
        return BlockedConvolution(layer)
    return OneHot(layer) if isinstance(layer, OnehotEmbedding) else layer


def can_stack(network: Network) -> bool:
    """Tell whether layers can run for several members at once: convolutions of another make write into tensors."""
    kinds = [type(layer) for name, layer in network.layers.items() if name.endswith("_convolution")]
    compiled = any(isinstance(layer, torch.jit.ScriptModule) for layer in network.modules())
    return not compiled and all(kind is BlockedConvolution for kind in kinds)


def load_network(path: Path, *, trusted: bool = False) -> Loaded:
    """Build the network of a checkpoint.

    Parameters
    ----------
    path : Path
        File written by sevenn.
    trusted : bool
        Whether code in the file may run, where it cannot be read otherwise.

    Raises
    ------
    InputFileError
        If it must not be read without trust, or sevenn cannot build it.
    """
    content = read_checkpoint(path, trusted=trusted)
    try:
        checkpoint = _opened(path, content)
        model = checkpoint.build_model()
        return cut_down(model, describe(checkpoint.config, dict(model.named_children())))
    except UNBUILDABLE as error:
        raise InputFileError(
            f"{path} describes no network that sevenn builds: {type(error).__name__}: {error}",
            expected="a checkpoint that the installed version of sevenn can read",
            who=WHO,
        ) from error


def _opened(path: Path, content: dict[str, Any]) -> SevenNetCheckpoint:
    """Return a checkpoint of sevenn with its content in place: what sevenn does to read it runs code in the file."""
    checkpoint = SevenNetCheckpoint(path)
    checkpoint._config = complete_config(content["config"])
    checkpoint._model_state_dict = content["model_state_dict"]
    checkpoint._loaded = True
    return checkpoint


def cut_down(model: Any, architecture: Mapping[str, Any]) -> Loaded:
    """Return a model of sevenn as a network that ends at the energies of atoms."""
    model.set_is_batch_data(flag=False)  # one level of theory for all atoms, not one per system
    return Loaded(Network(dict(model.named_children())), architecture)
