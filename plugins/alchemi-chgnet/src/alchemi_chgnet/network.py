"""From a checkpoint to the network of the package chgnet."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from chgnet.model.composition_model import AtomRef
from chgnet.model.model import CHGNet

from alchemi_chgnet.checkpoints import WHO
from alchemi_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

UNBUILDABLE = (ArithmeticError, AssertionError, RuntimeError, TypeError, ValueError)
"""How chgnet fails at arguments or tensors that do not fit."""


def _silent(function: Any) -> Callable[..., None]:
    """Return a copy of a function in whose namespace ``print`` does nothing.

    Chgnet announces every network on the standard output. Redirecting that for a while would swallow what other threads
    write, and two threads doing so could leave it redirected for good.
    """
    namespace = {**function.__globals__, "print": lambda *_: None}
    copy = FunctionType(function.__code__, namespace, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def build_network(model: Mapping[str, Any]) -> CHGNet:
    """Return the network that a checkpoint describes, with its weights.

    Parameters
    ----------
    model : mapping
        ``model_args`` and ``state_dict``.

    Raises
    ------
    DataError
        If arguments or tensors do not fit the network, or it gives no energies of atoms.
    """
    tensors = model["state_dict"]
    # Files do not say whether outputs of the message layers have a bias, as those of 0.2.0 do; their tensors do.
    arguments = {**model["model_args"], "mlp_out_bias": _has_output_bias(tensors)}
    try:
        network = blank_network(arguments)
        network.load_state_dict(tensors)
    except UNBUILDABLE as error:
        raise DataError(str(error), expected="a checkpoint of chgnet 0.4 or earlier", who=WHO) from error
    _check_atomic(network)
    return network


def blank_network(arguments: Mapping[str, Any]) -> CHGNet:
    """Return a network with weights as first drawn; one of `UNBUILDABLE` is raised where chgnet cannot build it."""
    network: CHGNet = CHGNet.__new__(CHGNet)
    # The graph converter is not used: its plain form asks for no compiled extension.
    _silent(CHGNet.__init__)(network, **{**arguments, "graph_converter_algorithm": "legacy"})
    return network


def _has_output_bias(tensors: Mapping[str, Any]) -> bool:
    return any(name.endswith(".bias") and ".mlp_out." in name for name in tensors)


def _check_atomic(network: CHGNet) -> None:
    """Refuse networks whose energy is no sum over atoms; no released one is of that kind."""
    if not network.mlp_first:
        raise DataError("mlp_first=False: the energy is read from the crystal as a whole", expected="True", who=WHO)
    if not isinstance(network.composition_model, AtomRef | None):
        kind = type(network.composition_model).__name__
        raise DataError(f"composition model {kind}", expected="reference energies by element, or none", who=WHO)


def depends_on_company(network: CHGNet) -> bool:
    """Tell whether bonds without angles are changed when there are angles elsewhere in the batch.

    Chgnet passes over its bond layers when a batch has no angle at all. A bond without angles passes them unchanged,
    unless they add a bias, as those of 0.2.0 do, or normalise.
    """
    layers = [layer for layer in network.bond_conv_layers if layer is not None]
    return any(layer.bond_norm is not None or _has_bias(layer) for layer in layers)


def _has_bias(layer: Any) -> bool:
    return layer.use_mlp_out and any(name.endswith("bias") for name, _ in layer.mlp_out.named_parameters())


def reference_energies(network: CHGNet) -> Tensor | None:
    """Return the reference energy of each element from hydrogen on, Tensor [94], eV; None for a network without."""
    if network.composition_model is None:
        return None
    table: Tensor = network.composition_model.get_parameter("fc.weight")[0]
    return table
