"""From a checkpoint file to sevenn's own network, without what alchemi does itself."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_sevennet.convolution import FusedConvolution, is_known

if TYPE_CHECKING:
    from pathlib import Path

OWN_WORK = ("onehot_idx_to_onehot", "one_hot_modality", "reduce_total_enegy", "force_output")
"""Layers left out, by sevenn's names: elements and modality are encoded here in the precision of the weights; sums over
systems and derivatives belong to the pipeline."""


@attrs.frozen(eq=False)
class Loaded:
    """A network and what it says of itself.

    Parameters
    ----------
    layers : torch.nn.ModuleDict
        sevenn's layers in order, by its names.
    cutoff : float, Å
        Range of pairs.
    rows : mapping of int to int
        Row of each atomic number.
    modalities : mapping of str to int
        Number of each level of theory, empty for a model of one.
    """

    layers: torch.nn.ModuleDict
    cutoff: float
    rows: dict[int, int]
    modalities: dict[str, int]


def load_network(path: Path) -> Loaded:
    """Build the network of a checkpoint that may be trusted; see `alchemi_sevennet.checkpoints.check_plain`."""
    with warnings.catch_warnings():
        # e3nn calls torch.jit.script when it is imported, which torch has deprecated.
        warnings.filterwarnings("ignore", message=r".*torch\.jit\..* is deprecated", category=DeprecationWarning)
        from sevenn.checkpoint import SevenNetCheckpoint

        model = SevenNetCheckpoint(path).build_model()
    model.set_is_batch_data(False)
    layers = {name: _exchanged(layer) for name, layer in model.named_children() if name not in OWN_WORK}
    return Loaded(
        torch.nn.ModuleDict(layers), float(model.cutoff), dict(model.type_map), dict(getattr(model, "modal_map", None) or {})
    )


def _exchanged(layer: torch.nn.Module) -> torch.nn.Module:
    return FusedConvolution(layer) if is_known(layer) else layer


def run_layers(layers: torch.nn.ModuleDict, data: dict[str, Any]) -> dict[str, Any]:
    """Run the layers in order on a dictionary of sevenn's keys, which they fill."""
    for layer in layers.values():
        data = layer(data)
    return data
