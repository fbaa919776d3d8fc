"""What a pair's distance and direction look like to the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import attrs
import torch
from torch.nn import functional

from alchemi_core.errors import DataError
from alchemi_sevennet.gate import activation, unit_moment
from alchemi_sevennet.rotations import harmonics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor


class Envelope(Protocol):
    """A function of the distance that vanishes smoothly at the cutoff."""

    def __call__(self, distances: Tensor) -> Tensor:
        """Return the envelope at each distance."""
        ...


@attrs.frozen
class PolynomialEnvelope:
    """1 − (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) − p(p+1)/2 x^(p+2) with x = r / cutoff.

    Gasteiger, Groß and Günnemann, https://arxiv.org/abs/2003.03123, eq. 8. Its triple root at 1 is taken out,
    (1 − x)³ Σ_{k<p} (k+1)(k+2)/2 x^k, since the first form loses all digits near the cutoff.
    """

    cutoff: float
    power: int

    def __call__(self, distances: Tensor) -> Tensor:
        """Return the envelope at each distance."""
        x = distances / self.cutoff
        series = torch.zeros_like(x)
        for k in reversed(range(self.power)):
            series = series * x + 0.5 * (k + 1) * (k + 2)
        return (1.0 - x) ** 3 * series


@attrs.frozen
class SwitchingEnvelope:
    """1 up to `begin`, then (c² − r²)² (c² + 2 r² − 3 b²) / (c² − b²)³ with the cutoff c and b = `begin`.

    The switching function of XPLOR and CHARMM (Brooks et al., J. Comput. Chem. 4, 187 (1983), doi:10.1002/jcc.540040211).
    """

    cutoff: float
    begin: float

    def __call__(self, distances: Tensor) -> Tensor:
        """Return the envelope at each distance."""
        square, end, begin = distances * distances, self.cutoff**2, self.begin**2
        tail = (end - square) ** 2 * (end + 2.0 * square - 3.0 * begin) / (end - begin) ** 3
        return torch.where(distances < self.begin, torch.ones_like(tail), tail)


def make_envelope(config: Mapping[str, Any]) -> Envelope:
    """Return the envelope that a checkpoint's config describes."""
    given, cutoff = config["cutoff_function"], float(config["cutoff"])
    name = given["cutoff_function_name"]
    if name == "poly_cut":
        return PolynomialEnvelope(cutoff, given.get("poly_cut_p_value", 6))
    if name == "XPLOR":
        return SwitchingEnvelope(cutoff, float(given["cutoff_on"]))
    raise DataError(f"cutoff function {name!r}", expected="'poly_cut' or 'XPLOR'", who="SevenNet checkpoint")


class PairEncoding(torch.nn.Module):
    """Radial basis 2/c · sin(k_n r) / r times the envelope, and harmonics of the direction.

    Parameters
    ----------
    frequencies : Tensor [K], 1/Å
        Fitted k_n, near n π / cutoff.
    envelope : Envelope
        Takes pairs out smoothly.
    cutoff : float, Å
        Range of the pairs.
    highest : int
        Largest angular momentum.
    unit : bool
        Whether harmonics are taken of the direction or, in the oldest models, of the vector itself.
    """

    def __init__(self, frequencies: Tensor, envelope: Envelope, *, cutoff: float, highest: int, unit: bool) -> None:
        super().__init__()
        self.frequencies = torch.nn.Parameter(frequencies)
        self.envelope, self.cutoff, self.highest, self.unit = envelope, cutoff, highest, unit

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor]:
        """Return basis [E, K] and harmonics [E, (l + 1)²] of pair vectors [E, 3] in Å."""
        distances = torch.linalg.vector_norm(vectors, dim=1)
        scale = self.envelope(distances) * (2.0 / self.cutoff) / distances
        basis = torch.sin(distances[:, None] * self.frequencies) * scale[:, None]
        directions = vectors / distances[:, None] if self.unit else vectors
        return basis, harmonics(directions, self.highest)


class RadialNetwork(torch.nn.Module):
    """The hidden layers that turn a radial basis into what weights of couplings are made of.

    Parameters
    ----------
    weights : sequence of Tensor [in, out]
        One matrix per hidden layer, with all scale factors multiplied in.
    name : str
        Activation after each of them.
    """

    def __init__(self, weights: Sequence[Tensor], name: str) -> None:
        super().__init__()
        self.layers = torch.nn.ParameterList(torch.nn.Parameter(weight) for weight in weights)
        self.name = name

    def forward(self, basis: Tensor) -> Tensor:
        """Return the last hidden layer [E, H] of a basis [E, K]."""
        for weight in self.layers:
            basis = activation(self.name)(basis @ weight)
        return basis


def scaled_layers(weights: Sequence[Tensor], name: str) -> list[Tensor]:
    """Return the matrices of a perceptron with its scale factors multiplied in.

    A layer of n inputs divides by √n, and an activation is scaled to unit second moment (see `unit_moment`); so all but
    the first matrix take up the factor of the activation before them.
    """
    factors = [1.0] + [unit_moment(name)] * (len(weights) - 1)
    return [weight * (factor / weight.shape[0] ** 0.5) for weight, factor in zip(weights, factors, strict=True)]


class Perceptron(torch.nn.Module):
    """Readout with hidden layers instead of two linear maps.

    Parameters
    ----------
    weights : sequence of Tensor [in, out]
        All matrices, scaled.
    name : str
        Activation between them.
    """

    def __init__(self, weights: Sequence[Tensor], name: str) -> None:
        super().__init__()
        self.hidden = RadialNetwork(weights[:-1], name)
        self.last = torch.nn.Parameter(weights[-1])

    def forward(self, x: Tensor) -> Tensor:
        """Return the readout [N, 1] of scalars [N, count]."""
        return functional.linear(self.hidden(x), self.last.T)
