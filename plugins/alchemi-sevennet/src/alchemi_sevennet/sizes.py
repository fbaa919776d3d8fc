"""Whether saved weights are as many as an architecture asks for, counted before anything is built.

Every large tensor of the network is one of those counted here, or smaller than one of them, so that a small file cannot
have a large network built.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

from alchemi_core.errors import SerializationError
from alchemi_sevennet.checkpoints import WHO
from alchemi_sevennet.upstream import Irreps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

Counts: TypeAlias = "Counter[tuple[int, int]]"
"""How many features there are of each degree and parity."""

_LAYERS = "network.layers."
_SCALAR = (0, 1)


def check_sizes(architecture: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Refuse weights that are fewer than a network of an architecture has.

    Parameters
    ----------
    architecture : mapping
        As `alchemi_sevennet.architecture.check_architecture` returns it.
    tensors : mapping of str to Tensor
        The saved weights.

    Raises
    ------
    SerializationError
        If a tensor is missing or too small.
    """
    for name, needed in _needed(architecture):
        saved = tensors.get(_LAYERS + name)
        if saved is None or saved.numel() < needed:
            raise SerializationError(
                f"its architecture asks for {needed} numbers in {_LAYERS + name!r}, "
                f"the file holds {0 if saved is None else saved.numel()}",
                expected="the tensors of the model that was saved",
                who=WHO,
            )


def _needed(architecture: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield names of tensors and the number of elements they have at least; levels of theory add some."""
    features = [_counts(text) for text in architecture["irreps_manual"]]
    yield "onehot_to_feature_x.linear.weight", len(architecture["_type_map"]) * features[0][_SCALAR]
    for step in range(len(features) - 1):
        yield from _step(architecture, step, features[step], features[step + 1])
    yield from _readout(architecture, features[-1])


def _step(architecture: Mapping[str, Any], step: int, x: Counts, out: Counts) -> Iterator[tuple[str, int]]:
    is_last = step == len(architecture["irreps_manual"]) - 2
    summed, gated = _summed(architecture, x, out, even=is_last), _gated(out)
    connected = _weights(x, gated)
    if architecture["self_connection_type"][step] == "linear":
        yield f"{step}_self_connection_intro.linear.weight", connected
    else:
        yield f"{step}_self_connection_intro.fc_tensor_product.weight", connected * len(architecture["_type_map"])
    yield f"{step}_self_interaction_1.linear.weight", _weights(x, x)
    yield f"{step}_self_interaction_2.linear.weight", _weights(summed, gated)
    sizes = [_basis(architecture), *architecture["weight_nn_hidden_neurons"], summed.total()]
    yield from _dense(f"{step}_convolution.weight_nn", sizes)


def _readout(architecture: Mapping[str, Any], x: Counts) -> Iterator[tuple[str, int]]:
    size = sum(count * (2 * degree + 1) for (degree, _), count in x.items())
    if architecture["readout_as_fcn"]:
        yield from _dense("readout_FCN.fcn", [size, *(architecture["readout_fcn_hidden_neurons"] or ()), 1])
    else:
        yield "reduce_input_to_hidden.linear.weight", x[_SCALAR] * (size // 2)
        yield "reduce_hidden_to_energy.linear.weight", size // 2


def _dense(name: str, sizes: list[int]) -> Iterator[tuple[str, int]]:
    for layer, (low, high) in enumerate(pairwise(sizes)):
        yield f"{name}.layer{layer}.weight", low * high


def _basis(architecture: Mapping[str, Any]) -> int:
    return int(architecture["radial_basis"].get("bessel_basis_num", 8))


def _counts(text: str) -> Counts:
    counts: Counts = Counter()
    for count, irrep in Irreps(text):
        counts[irrep.l, irrep.p] += count
    return counts


def _weights(one: Counts, other: Counts) -> int:
    """Return the number of weights of a linear map."""
    return sum(count * other[irrep] for irrep, count in one.items())


def _gated(out: Counts) -> Counts:
    """Return what goes into a gate: what comes out of it, and a scalar for every feature that is none."""
    parity = 1 if out[_SCALAR] else -1
    gates = sum(count for (degree, _), count in out.items() if degree > 0)
    return out + Counter({(0, parity): gates})


def _summed(architecture: Mapping[str, Any], x: Counts, out: Counts, *, even: bool) -> Counts:
    """Return what a convolution gives: products of features and harmonics, up to the highest degree kept."""
    highest = max(degree for degree, _ in out)
    parity = -1 if architecture["is_parity"] else 1
    summed: Counts = Counter()
    for (degree, sign), count in x.items():
        for harmonic in range(architecture["lmax"] + 1):
            product = sign * parity**harmonic
            for target in range(abs(degree - harmonic), min(degree + harmonic, highest) + 1):
                if product == 1 or not even:
                    summed[target, product] += count
    return summed
