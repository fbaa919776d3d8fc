"""Whether an architecture fits the tensors it comes with, before anything is allocated for it.

Every size that a network grows with is compared with the shape of a tensor that is there, so that building takes no
more memory than the tensors do, up to a small factor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.errors import SerializationError
from alchemi_mace.checkpoints import WHO
from alchemi_mace.upstream import o3

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_mace.architecture import Architecture

MAX_SCALARS = 4096
"""Of the layer before the energies, all heads together."""

MAX_CUTOFF = 1000.0
"""In Å."""

MAX_ELEMENT = 118

_RADIAL = {"bessel": "bessel_weights", "gaussian": "gaussian_weights", "chebyshev": "n"}
_SKIPPING = ("RealAgnosticResidualInteractionBlock", "RealAgnosticDensityResidualInteractionBlock")
_MIXING = ("RealAgnosticInteractionBlock", "RealAgnosticDensityInteractionBlock")


def check_sizes(architecture: Architecture, tensors: Mapping[str, Tensor]) -> None:
    """Compare what would be built with the tensors of the network.

    Raises
    ------
    SerializationError
        If they contradict each other.
    """
    sizes = Sizes(tensors)
    _check_values(sizes, tensors)
    hidden = o3.Irreps(architecture.hidden_irreps)
    elements, channels = sizes.numel("atomic_numbers"), hidden.count("0e")
    sizes.equal("node_embedding.linear.weight", elements * channels)
    sizes.equal(f"radial_embedding.bessel_fn.{_RADIAL[architecture.radial_type]}", architecture.num_bessel)
    _check_products(architecture, sizes, hidden)
    _check_interactions(architecture, sizes, hidden, elements * channels**2)
    _check_edges(architecture, sizes, hidden)
    if architecture.MLP_irreps is not None:
        heads = len(architecture.heads or ("Default",))
        sizes.bound("MLP_irreps", heads * o3.Irreps(architecture.MLP_irreps).num_irreps, MAX_SCALARS)


class Sizes:
    """Sizes of the tensors of a network by name."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self._tensors = tensors

    def numel(self, name: str) -> int:
        """Return how many numbers a tensor has."""
        if name not in self._tensors:
            raise _contradiction(f"there is no tensor {name!r}")
        return self._tensors[name].numel()

    def equal(self, name: str, size: int) -> None:
        """Refuse a tensor of another size."""
        if self.numel(name) != size:
            raise _contradiction(f"{name!r} has {self.numel(name)} numbers where the architecture has {size}")

    def least(self, name: str, size: int) -> None:
        """Refuse a tensor of a lesser size."""
        if self.numel(name) < size:
            raise _contradiction(f"{name!r} has {self.numel(name)} numbers where the architecture has {size} or more")

    @staticmethod
    def bound(what: str, size: int, most: int) -> None:
        """Refuse what is larger than any network."""
        if size > most:
            raise _contradiction(f"{what} has {size} channels, more than {most}")


def _contradiction(found: str) -> SerializationError:
    return SerializationError(found, expected="the tensors of the network that was saved", who=WHO)


def _paths(one: o3.Irreps, other: o3.Irreps) -> int:
    """Count the weights of a linear layer."""
    return sum(left.mul * right.mul for left in one for right in other if left.ir == right.ir)


def _check_values(sizes: Sizes, tensors: Mapping[str, Tensor]) -> None:
    """Refuse a cutoff and elements that cannot be; these two are read while a network is built."""
    sizes.equal("r_max", 1)
    sizes.least("atomic_numbers", 1)
    cutoff, numbers = float(tensors["r_max"]), tensors["atomic_numbers"]
    if not 0 < cutoff < MAX_CUTOFF:
        raise _contradiction(f"the cutoff is {cutoff:g}")
    whole = numbers.dim() == 1 and not numbers.is_floating_point() and not numbers.is_complex()
    listed = numbers.tolist() if whole else []
    if not listed or len(set(listed)) < len(listed) or not 0 < min(listed) <= max(listed) <= MAX_ELEMENT:
        raise _contradiction(f"the elements are {numbers.tolist()!s:.80}")


def _check_products(architecture: Architecture, sizes: Sizes, hidden: o3.Irreps) -> None:
    layers = len(architecture.correlation)
    sizes.equal("products.0.linear.weight", _paths(hidden, hidden))
    for layer in range(1, layers):
        sizes.least(f"products.{layer}.linear.weight", 1)
    components = (architecture.max_ell + 1) ** 2
    for layer, order in enumerate(architecture.correlation):
        sizes.least(f"products.{layer}.symmetric_contractions.contractions.0.U_matrix_{order}", components**order)


def _check_interactions(architecture: Architecture, sizes: Sizes, hidden: o3.Irreps, mixing: int) -> None:
    """Of the layers that mix channels by element, which are the largest."""
    first, layers = architecture.interaction_cls_first, len(architecture.correlation)
    for layer in range(layers):
        kind = architecture.interaction_cls if layer else first
        if kind in _SKIPPING:
            scalars = hidden.count("0e") * (hidden[0].mul if str(hidden[0].ir) == "0e" else 0)
            sizes.least(f"interactions.{layer}.skip_tp.weight", mixing and scalars)
        if kind in _MIXING:
            sizes.least(f"interactions.{layer}.skip_tp.weight", mixing)


def _check_edges(architecture: Architecture, sizes: Sizes, hidden: o3.Irreps) -> None:
    if architecture.edge_irreps is None or architecture.is_dipole:
        return
    edges, last = o3.Irreps(architecture.edge_irreps), len(architecture.correlation) - 1
    if last:
        sizes.equal(f"interactions.{last}.linear_up.weight", _paths(hidden, edges))
    elif architecture.use_edge_irreps_first:
        sizes.equal("interactions.0.linear_up.weight", hidden.count("0e") * edges.count("0e"))
