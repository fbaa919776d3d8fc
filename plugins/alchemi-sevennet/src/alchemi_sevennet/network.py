"""The network: from pair vectors and elements to one energy per atom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_sevennet.irreps import SCALAR
from alchemi_sevennet.linear import Linear, add_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from alchemi_sevennet.convolution import Convolution
    from alchemi_sevennet.gate import Gate
    from alchemi_sevennet.linear import ElementLinear, Features
    from alchemi_sevennet.radial import PairEncoding, Perceptron, RadialNetwork


class Interaction(torch.nn.Module):
    """One layer: mix, collect from neighbors, mix, add what the atom was, gate.

    Parameters
    ----------
    before, after : Linear
        Mixing before and after collecting.
    keep : Linear or ElementLinear
        Mixing of the atom's own features that are added.
    radial : RadialNetwork
        Makes hidden radial features.
    collect : Convolution
        Collects from neighbors.
    gate : Gate
        Nonlinearity.
    """

    def __init__(
        self,
        before: Linear,
        after: Linear,
        keep: Linear | ElementLinear,
        radial: RadialNetwork,
        collect: Convolution,
        gate: Gate,
    ) -> None:
        super().__init__()
        self.before, self.after, self.keep = before, after, keep
        self.radial, self.collect, self.gate = radial, collect, gate

    def forward(self, features: Features, basis: Tensor, y: Tensor, pairs: Tensor, rows: Tensor) -> Features:
        """Return the features after this layer."""
        kept = self.keep(features) if isinstance(self.keep, Linear) else self.keep(features, rows)
        collected = self.collect(self.before(features), y, self.radial(basis), pairs)
        gated: Features = self.gate(add_features(self.after(collected), kept))
        return gated


class Readout(torch.nn.Module):
    """Scalars of an atom to its energy: two linear maps, as most checkpoints have.

    Parameters
    ----------
    first, second : Linear
        To hidden scalars, and to one.
    """

    def __init__(self, first: Linear, second: Linear) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        """Return the readout [N, 1] of scalars [N, count]."""
        out: Features = self.second(self.first({SCALAR: x}))
        return out[SCALAR]


class Network(torch.nn.Module):
    """All of it.

    Parameters
    ----------
    encoding : PairEncoding
        Of distances and directions.
    embedding : Tensor [elements, count]
        First features by element.
    layers : sequence of Interaction
        In order.
    readout : Readout or Perceptron
        Scalars to energies.
    scale, shift : Tensor [elements], eV
        By element: energy = scale · readout + shift. Not fitted further.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        encoding: PairEncoding,
        embedding: Tensor,
        layers: Sequence[Interaction],
        readout: Readout | Perceptron,
        scale: Tensor,
        shift: Tensor,
    ) -> None:
        super().__init__()
        self.encoding, self.readout = encoding, readout
        self.embedding = torch.nn.Parameter(embedding)
        self.layers = torch.nn.ModuleList(layers)
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, vectors: Tensor, pairs: Tensor, rows: Tensor) -> Tensor:
        """Return the energy of each atom.

        Parameters
        ----------
        vectors : Tensor [E, 3], Å
            From atom i to atom j of each pair, both directions listed.
        pairs : Tensor [2, E], int
            Atoms i and j.
        rows : Tensor [N], int64
            Row of each atom's element.

        Returns
        -------
        Tensor [N], eV
        """
        basis, y = self.encoding(vectors)
        features: Features = {SCALAR: self.embedding.index_select(0, rows).unsqueeze(1)}
        for layer in self.layers:
            features = layer(features, basis, y, pairs, rows)
        raw = self.readout(features[SCALAR].squeeze(1)).squeeze(1)
        return raw * self.scale.index_select(0, rows) + self.shift.index_select(0, rows)
