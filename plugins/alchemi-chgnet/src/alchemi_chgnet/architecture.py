"""The architecture of a network as plain values: written to pipeline files, and checked when it comes from one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from alchemi_chgnet.checkpoints import WHO
from alchemi_chgnet.network import UNBUILDABLE, blank_network
from alchemi_core.errors import SerializationError

if TYPE_CHECKING:
    from chgnet.model.model import CHGNet
    from torch import Tensor

Check: TypeAlias = "Callable[[Any, int], bool]"
"""Tells whether a value can be right; also takes the largest size that can be."""

_MOST_LAYERS = 64
_LONGEST_TEXT = 100


def _number(low: float, high: float) -> Check:
    return lambda value, _: type(value) in (int, float) and low <= value <= high


def _flag(value: Any, _: int) -> bool:
    return isinstance(value, bool)


def _size(value: Any, most: int) -> bool:
    return type(value) is int and 1 <= value <= most


def _layers(value: Any, _: int) -> bool:
    return _size(value, _MOST_LAYERS)


def _sizes(value: Any, most: int) -> bool:
    """Accept the size of one hidden layer, several, 0 or None for none."""
    if isinstance(value, list | tuple):
        return 0 < len(value) <= _MOST_LAYERS and all(_size(one, most) for one in value)
    return value is None or (type(value) is int and value == 0) or _size(value, most)


def _coefficient(value: Any, most: int) -> bool:
    return value is None or _number(1, 1000)(value, most)


def _text(value: Any, _: int) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= _LONGEST_TEXT)


def _one_of(*names: str | None) -> Check:
    return lambda value, _: (value is None and None in names) or (isinstance(value, str) and value.lower() in names)


_NORMS = _one_of(None, "batch", "layer")
_CHECKS: dict[str, Check] = {
    **dict.fromkeys(("atom_fea_dim", "bond_fea_dim", "angle_fea_dim", "num_radial", "num_angular"), _size),
    **dict.fromkeys(
        ("atom_conv_hidden_dim", "bond_conv_hidden_dim", "angle_layer_hidden_dim", "mlp_hidden_dims"), _sizes
    ),
    **dict.fromkeys(("update_bond", "update_angle", "is_intensive", "learnable_rbf", "mlp_out_bias"), _flag),
    **dict.fromkeys(("conv_dropout", "mlp_dropout"), _number(0.0, 1.0)),
    **dict.fromkeys(("atom_graph_cutoff", "bond_graph_cutoff"), _number(0.1, 100.0)),
    **dict.fromkeys(("gMLP_norm", "readout_norm", "conv_norm"), _NORMS),
    "n_conv": _layers,
    "cutoff_coeff": _coefficient,
    "non_linearity": _one_of("relu", "silu", "scaledsilu", "gelu", "softplus", "sigmoid", "tanh"),
    "composition_model": _one_of(None, "mptrj"),
    "final_mlp": _one_of("mlp", "gated"),
    "version": _text,
}
"""All that is read of an architecture. The names are chgnet's."""

_DEFAULTS = {"conv_norm": None, "mlp_out_bias": False, "final_mlp": "MLP", "version": None}
"""Arguments that chgnet keeps only where they were given."""


def describe(network: CHGNet) -> dict[str, Any]:
    """Return the architecture of a network, in plain values."""
    given = {**_DEFAULTS, **network.model_args}
    given["final_mlp"] = "MLP" if given["final_mlp"] in ("normal", "MLP") else "gated"
    # Which table of reference energies does not matter: its values are among the weights.
    given["composition_model"] = None if network.composition_model is None else "MPtrj"
    return {name: _plain(given[name]) for name in _CHECKS}


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value.item() if hasattr(value, "item") else value


def check_architecture(found: Any, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return an architecture that came from a file, as arguments of chgnet.

    Parameters
    ----------
    found : Any
        What the file holds.
    tensors : mapping of str to Tensor
        The saved weights, whose sizes bound those of the network.

    Raises
    ------
    SerializationError
        If it is not what `describe` returns.
    """
    if not isinstance(found, Mapping) or set(found) != set(_CHECKS):
        names = sorted(map(str, found)) if isinstance(found, Mapping) else found
        raise SerializationError(
            f"its architecture is {names!r:.200}", expected=f"the entries {', '.join(_CHECKS)}", who=WHO
        )
    most = sum(tensor.numel() for tensor in tensors.values())
    for name, check in _CHECKS.items():
        if not check(found[name], most):
            raise SerializationError(
                f"its architecture has {name}={found[name]!r:.80}", expected="a value that chgnet writes", who=WHO
            )
    return dict(found)


def network_like(architecture: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> CHGNet:
    """Return a network with saved weights, once it is known that they are of its shape.

    Parameters
    ----------
    architecture : mapping
        As `check_architecture` returns it.
    tensors : mapping of str to Tensor
        Weights by their names in the network.

    Raises
    ------
    SerializationError
        If the weights do not fit, or chgnet builds no such network.
    """
    with torch.device("meta"):  # sizes without memory
        sizes = {name: one.shape for name, one in _built(architecture).state_dict().items()}
    _check_shapes(sizes, tensors)
    network = _built(architecture)
    network.load_state_dict(dict(tensors))
    return network


def _built(architecture: Mapping[str, Any]) -> CHGNet:
    try:
        return blank_network(architecture)
    except UNBUILDABLE as error:
        raise SerializationError(
            f"chgnet cannot build its network: {error}", expected="an architecture that chgnet knows", who=WHO
        ) from error


def _check_shapes(sizes: Mapping[str, torch.Size], tensors: Mapping[str, Tensor]) -> None:
    saved = {name: tensor.shape for name, tensor in tensors.items()}
    wrong = sorted(name for name in sizes.keys() | saved.keys() if sizes.get(name) != saved.get(name))
    if wrong:
        name = wrong[0]
        raise SerializationError(
            f"{len(wrong)} saved tensors do not fit its architecture, the first being {name!r}: "
            f"{list(saved.get(name, ()))} in the file",
            expected=f"{list(sizes.get(name, ()))}",
            who=WHO,
        )
