"""A network of mace-torch made by its own constructors from plain values, to be filled with tensors.

The constructors draw weights at random, work out couplings and compile what they generate. None of it is needed here:
random numbers are left out, couplings are among the tensors, and code is generated in the way it is for model files.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

from alchemi_core.errors import SerializationError
from alchemi_mace.checkpoints import WHO
from alchemi_mace.contractions import refit
from alchemi_mace.generated import renew_all
from alchemi_mace.sizes import check_sizes
from alchemi_mace.upstream import Contraction, e3nn, o3
from alchemi_mace.vocabulary import GATES, INTERACTIONS, NETWORKS, READOUTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from alchemi_mace.architecture import Architecture

FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""How upstream fails at values that make no network."""

_ONE_AT_A_TIME = Lock()
"""Whether code is compiled is kept by e3nn for the whole process."""

_DRAWN = frozenset({torch.randn, torch.rand, torch.empty})
_READ_BY_SIGHT = frozenset({"pair_repulsion", "joint_embedding", "embedding_readout", "conv_fusion"})
"""What forward functions ask layers whether they have it."""


def build(architecture: Architecture, tensors: Mapping[str, Tensor]) -> Any:
    """Make a network with room for tensors, whose values are not put in.

    Parameters
    ----------
    architecture : Architecture
        What it is made of.
    tensors : mapping of str to Tensor
        Of the network; cutoff and elements are read from them, of the others the shapes.

    Raises
    ------
    SerializationError
        If they make no network.
    """
    check_sizes(architecture, tensors)
    try:
        with _ONE_AT_A_TIME, _uncompiled(), _Undrawn():
            network = NETWORKS[architecture.network](**_arguments(architecture, tensors))
        _fit(network, architecture, tensors)
    except SerializationError:
        raise
    except FAILURES as error:
        raise SerializationError(
            f"{architecture.network} cannot be made of what the file holds: {type(error).__name__}: {error!s:.200}",
            expected="the architecture and the tensors of the network that was saved",
            who=WHO,
        ) from error
    return network


@contextmanager
def _uncompiled() -> Iterator[None]:
    before = e3nn.get_optimization_defaults()["jit_script_fx"]
    e3nn.set_optimization_defaults(jit_script_fx=False)
    try:
        yield
    finally:
        e3nn.set_optimization_defaults(jit_script_fx=before)


class _Undrawn(TorchFunctionMode):
    """Weights without values or memory, in this thread; the generator of random numbers is not touched."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        options = kwargs or {}
        if func in _DRAWN and "generator" not in options:
            size = options.get("size", args[0] if args and isinstance(args[0], tuple | list) else args)
            return torch.zeros((), dtype=options.get("dtype")).expand(tuple(size))
        if getattr(func, "__module__", "") == "torch.nn.init" or getattr(func, "__name__", "") in (
            "normal_",
            "uniform_",
        ):
            return options.get("tensor", args[0] if args else None)
        return func(*args, **options)


def _arguments(architecture: Architecture, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return what the constructor takes; where a tensor will be filled in, anything of its shape."""
    numbers = tensors["atomic_numbers"].tolist()
    energies = torch.zeros(tensors["atomic_energies_fn.atomic_energies"].shape).numpy()
    edges, mlp = architecture.edge_irreps, architecture.MLP_irreps
    common = {
        "r_max": float(tensors["r_max"]),
        "atomic_numbers": numbers,
        "num_elements": len(numbers),
        "num_polynomial_cutoff": int(tensors["radial_embedding.cutoff_fn.p"]),
        "num_interactions": len(architecture.correlation),
        "correlation": 1,
        "avg_num_neighbors": 1.0,
        "atomic_energies": energies,
        "hidden_irreps": o3.Irreps(architecture.hidden_irreps),
        "edge_irreps": None if edges is None else o3.Irreps(edges),
        "MLP_irreps": o3.Irreps("1x0e" if mlp is None else mlp),
        "gate": GATES[architecture.gate],
        "radial_MLP": list(architecture.radial_MLP),
        "interaction_cls": INTERACTIONS[architecture.interaction_cls],
        "interaction_cls_first": INTERACTIONS[architecture.interaction_cls_first],
        **{name: getattr(architecture, name) for name in ("num_bessel", "max_ell")},
    }
    return common if architecture.is_dipole else common | _energy_arguments(architecture, tensors)


_SAME_NAMES = (
    "pair_repulsion",
    "apply_cutoff",
    "use_reduced_cg",
    "use_so3",
    "use_agnostic_product",
    "use_last_readout_only",
    "use_embedding_readout",
    "distance_transform",
    "use_edge_irreps_first",
    "radial_type",
    "embedding_specs",
    "keep_last_layer_irreps",
)


def _energy_arguments(architecture: Architecture, tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    heads = architecture.heads
    found = {name: getattr(architecture, name) for name in _SAME_NAMES}
    found |= {"heads": None if heads is None else list(heads), "readout_cls": READOUTS[architecture.readout_cls]}
    if architecture.network == "ScaleShiftMACE":
        for name in ("scale", "shift"):
            found[f"atomic_inter_{name}"] = torch.zeros(tensors[f"scale_shift.{name}"].shape).tolist()
    return found


def _fit(network: Any, architecture: Architecture, tensors: Mapping[str, Tensor]) -> None:
    if architecture.heads is not None:
        network.heads = list(architecture.heads)
    for path, layer in list(network.named_modules()):
        if isinstance(layer, Contraction):
            product = int(path.split(".")[1])
            refit(layer, f"{path}.", tensors, architecture.correlation[product])
    renew_all(network)
    _keep_unread(network, tensors)
    _allocate(network, tensors)


def _keep_unread(network: Any, tensors: Mapping[str, Tensor]) -> None:
    """Keep buffers that earlier versions of mace-torch made and that nothing reads any more."""
    for name in sorted(tensors.keys() - network.state_dict().keys()):
        parent, _, last = name.rpartition(".")
        layer = dict(network.named_modules()).get(parent)
        if layer is None or hasattr(layer, last) or last in _READ_BY_SIGHT or not last.isidentifier():
            raise SerializationError(
                f"there is no room for the tensor {name!r}",
                expected="tensors of the layers that the constructor of mace-torch makes",
                who=WHO,
            )
        layer.register_buffer(last, tensors[name].clone())


def _allocate(network: Any, tensors: Mapping[str, Tensor]) -> None:
    """Compare shapes and kinds of numbers; only then take memory."""
    state = network.state_dict(keep_vars=True)
    for name, own in state.items():
        given = tensors.get(name)
        if given is None or given.shape != own.shape:
            found = "is not there" if given is None else f"has the shape {list(given.shape)}"
            raise SerializationError(f"tensor {name!r} {found}", expected=f"the shape {list(own.shape)}", who=WHO)
        if own.is_floating_point() and not given.is_floating_point():
            raise SerializationError(f"tensor {name!r} is {given.dtype}", expected="floating-point numbers", who=WHO)
    for name, own in state.items():
        own.data = torch.empty(own.shape, dtype=tensors[name].dtype)
    network.load_state_dict(dict(tensors))
