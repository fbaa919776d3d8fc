"""Memory: how much goes into one batch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from alchemi_core.batching.memory import HostMemory
from alchemi_core.errors import OptionError
from alchemi_torchsim.flight import Room

if TYPE_CHECKING:
    from alchemi_torchsim.model import TorchSimModel

BYTES_PER_PAIR = 400
"""About what a pair takes in a pair potential on the autograd graph: vectors, distances, and their gradients; measured
for Lennard-Jones in copper, 330."""

BYTES_PER_LEARNED_PAIR = 60_000
"""What it takes in a network: measured in copper, in float64, 55,000 for CHGNet and 8,000 for SevenNet-0."""

LEARNED = 10_000
"""Parameters beyond which models count as networks."""

ATOMS_PER_VOLUME = 0.1
"""1/Å³, above what most condensed matter has: an estimate that errs on the safe side."""

SHARE = 0.25
"""Of the memory that is free at the start."""

UNTOLD = 1e9
"""Bytes that count as free where the system does not tell."""

ENOUGH = 2000
"""Atoms in a batch beyond which a processor gains nothing: see benchmarks/torchsim.py."""


def room_for(model: TorchSimModel, atoms_at_once: int | None) -> Room:
    """Return how much goes into one batch.

    Parameters
    ----------
    model : TorchSimModel
        Says where it computes and how far it sees.
    atoms_at_once : int or None
        What the user wants.

    Raises
    ------
    OptionError
        If that is no number of atoms.
    """
    if atoms_at_once is not None:
        if type(atoms_at_once) is not int or atoms_at_once < 1:
            raise OptionError(f"atoms_at_once={atoms_at_once!r}", expected="a whole number above 0", who="batch")
        return Room("n_atoms", float(atoms_at_once))
    if model.device.type != "cpu":
        return Room(model.memory_scales_with, None)
    config = model.pipe.model_config.neighbor_config
    per_atom = _bytes_per_pair(model) * _neighbors(5.0 if config is None else config.cutoff)
    return Room("n_atoms", float(min(ENOUGH, max(1, int(SHARE * _free_bytes() / per_atom)))))


def _bytes_per_pair(model: TorchSimModel) -> int:
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return BYTES_PER_LEARNED_PAIR if parameters > LEARNED else BYTES_PER_PAIR


def _neighbors(cutoff: float) -> float:
    return 4.0 / 3.0 * math.pi * cutoff**3 * ATOMS_PER_VOLUME


def _free_bytes() -> float:
    free = HostMemory().free()
    return UNTOLD if free is None else float(free)
