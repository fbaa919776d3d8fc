"""From a checkpoint to a model: what ``create_model("chgnet")`` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_chgnet.checkpoints import DEFAULT, WHO, find_checkpoint, read_checkpoint
from alchemi_chgnet.model import CHGNetModel
from alchemi_chgnet.network import build_network, reference_energies
from alchemi_core.errors import OptionError

if TYPE_CHECKING:
    from pathlib import Path

    from chgnet.model.model import CHGNet

_NO_REFERENCE = 1e-9
"""Reference energies in eV below this are what a least-squares fit without data leaves."""


def load_chgnet(checkpoint: str | Path = DEFAULT, *, trusted: bool = False) -> CHGNetModel:
    """Make a model of a checkpoint.

    Parameters
    ----------
    checkpoint : str or Path
        Name of shipped weights (``0.3.0``, ``0.2.0``, ``r2scan``), or path of a checkpoint file.
    trusted : bool
        Whether code in a checkpoint file may run. Only needed for files that hold more than tensors and numbers.

    Raises
    ------
    OptionError
        If there is no such checkpoint.
    InputFileError
        If a file is no checkpoint, or must not be read without trust.
    DataError
        If it describes a network that is not known here.
    """
    if not isinstance(trusted, bool):
        raise OptionError(f"trusted={trusted!r}", expected="True or False", who=WHO)
    path, provenance = find_checkpoint(checkpoint)
    network = build_network(read_checkpoint(path, trusted=trusted))
    never_seen = frozenset() if provenance.shipped is None else provenance.shipped.never_seen
    return CHGNetModel(network, provenance, _elements(network) - never_seen)


def _elements(network: CHGNet) -> frozenset[int]:
    """Return the elements in the tables of the network, less those whose reference energy no structure determined."""
    table = reference_energies(network)
    if table is None:
        return frozenset(range(1, network.atom_embedding.embedding.num_embeddings + 1))
    return frozenset((number + 1 for number, energy in enumerate(table.tolist()) if abs(energy) > _NO_REFERENCE))
