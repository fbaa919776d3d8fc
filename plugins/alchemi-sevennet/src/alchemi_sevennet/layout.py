"""The shape of a network: which features each interaction layer reads, couples and gives.

The rules are those by which the published checkpoints were made (NequIP, https://doi.org/10.1038/s41467-022-29939-5;
SevenNet, https://doi.org/10.1021/acs.jctc.4c00190). They fix the order in which a checkpoint stores its weights.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_sevennet.irreps import SCALAR, Block, Blocks, Irrep, parse_blocks, products

if TYPE_CHECKING:
    from collections.abc import Mapping


@attrs.frozen
class Path:
    """One way of coupling a feature of a neighbor with a harmonic of the pair.

    Parameters
    ----------
    source : Block
        Features read.
    degree : int
        Angular momentum of the harmonic.
    target : Irrep
        What comes out, as many as go in.
    """

    source: Block
    degree: int
    target: Irrep


@attrs.frozen
class LayerLayout:
    """Features along one interaction layer.

    Parameters
    ----------
    reads : Blocks
        Features of the atoms.
    paths : tuple of Path
        Couplings, grouped by target, within a target by source and degree: the order of the weights since version 0.11.
    gives : Blocks
        Features after the gate.
    """

    reads: Blocks
    paths: tuple[Path, ...]
    gives: Blocks

    @property
    def coupled(self) -> Blocks:
        """Features between coupling and mixing, one block per irrep."""
        grouped = groupby(self.paths, key=lambda path: path.target)
        return tuple(Block(sum(path.source.count for path in paths), target) for target, paths in grouped)

    @property
    def unsorted_paths(self) -> tuple[Path, ...]:
        """Paths by source, degree and target: the order of the weights before version 0.11."""
        order = {block: index for index, block in enumerate(self.reads)}
        return tuple(sorted(self.paths, key=lambda path: (order[path.source], path.degree, path.target[0])))

    @property
    def gate_parity(self) -> int:
        """Parity of the scalars that open the gates."""
        return 1 if any(block.irrep == SCALAR for block in self.gives) else -1

    @property
    def gates(self) -> int:
        """Number of features that are gated, each by a scalar of its own."""
        return sum(block.count for block in self.gives if block.irrep[0] > 0)

    @property
    def before_gate(self) -> Blocks:
        """Features that go into the gate: scalars, among them those for the gates, and what is gated."""
        counts = {block.irrep: block.count for block in self.gives}
        if self.gates:
            gate = (0, self.gate_parity)
            counts[gate] = counts.get(gate, 0) + self.gates
        return tuple(Block(counts[irrep], irrep) for irrep in sorted(counts))


def layer_layouts(config: Mapping[str, Any]) -> tuple[LayerLayout, ...]:
    """Return the layers of the network that a checkpoint's config describes."""
    harmonics = harmonic_irreps(config)
    depth = config["num_convolution_layer"]
    manual = config.get("irreps_manual") or None
    reads = parse_blocks(manual[0]) if manual else (Block(config["channel"], SCALAR),)
    layouts = []
    for layer in range(depth):
        last = layer == depth - 1
        gives = parse_blocks(manual[layer + 1]) if manual else _outputs(config, reads, harmonics, last=last)
        top = max(block.irrep[0] for block in gives)
        layouts.append(LayerLayout(reads, _paths(reads, harmonics, top, even=last), gives))
        reads = gives
    return tuple(layouts)


def harmonic_irreps(config: Mapping[str, Any]) -> tuple[Irrep, ...]:
    """Return the irreps of the harmonics; without parity all count as even."""
    given = config.get("lmax_edge", -1)
    top = given if given > 0 else config["lmax"]
    return tuple((l, (-1) ** l if config["is_parity"] else 1) for l in range(top + 1))


def _outputs(config: Mapping[str, Any], reads: Blocks, harmonics: tuple[Irrep, ...], *, last: bool) -> Blocks:
    """All irreps that can be made, each as often as there are channels; scalars only in the last layer."""
    given = config.get("lmax_node", -1)
    top = 0 if last else given if given > 0 else config["lmax"]
    targets = {path.target for path in _paths(reads, harmonics, top, even=last)}
    return tuple(Block(config["channel"], irrep) for irrep in sorted(targets))


def _paths(reads: Blocks, harmonics: tuple[Irrep, ...], top: int, *, even: bool) -> tuple[Path, ...]:
    paths = [
        Path(source, harmonic[0], target)
        for source in reads
        for harmonic in harmonics
        for target in products(source.irrep, harmonic)
        if target[0] <= top and (target[1] == 1 or not even)
    ]
    return tuple(sorted(paths, key=lambda path: path.target))
