"""The generated code of layers, made anew from the numbers that describe it.

Linear layers and tensor products of e3nn and the contractions of mace run code that is generated when they are made. A
saved model holds that code: TorchScript of the former, Python source of the latter. Whoever loads these runs what the
file's author wrote. Here neither is looked at: the same generators are called again, with nothing but whole numbers,
factors and names of modes, since what they make of them is source as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from alchemi_mace.upstream import (
    Contraction,
    LinearInstruction,
    ProductInstruction,
    linear_code,
    o3,
    optimize_einsums_full,
    product_code,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor
    from torch.fx import GraphModule

_LETTERS = "wxvnzrtyuops"
"""mace's letters for the axes that a contraction leaves alone."""

_MODES = frozenset({"uvw", "uvu", "uvv", "uuw", "uuu", "uvuv", "uvu<v", "u<vw"})
"""e3nn's names of the ways in which features are paired."""

_EXAMPLES = 10
"""Atoms for which the order of a contraction is chosen; mace has the same."""


def renew_linear(layer: o3.Linear) -> None:
    """Generate the code of a linear layer."""
    made = linear_code(
        _irreps(layer.irreps_in),
        _irreps(layer.irreps_out),
        _instructions(layer.instructions, LinearInstruction),
        shared_weights=bool(layer.shared_weights),
        optimize_einsums=bool(layer._optimize_einsums),
    )
    layer._compiled_main = made[0]


def renew_product(layer: o3.TensorProduct) -> None:
    """Generate the code of a tensor product, its coupling coefficients in the precision of the layer."""
    code = product_code(
        _irreps(layer.irreps_in1),
        _irreps(layer.irreps_in2),
        _irreps(layer.irreps_out),
        _instructions(layer.instructions, ProductInstruction),
        bool(layer.shared_weights),
        bool(layer._specialized_code),
        bool(layer._optimize_einsums),
    )
    for name, _ in list(code.named_buffers()):
        l1, l2, l3 = (int(degree) for degree in name.split("_")[-3:])
        setattr(code, name, o3.wigner_3j(l1, l2, l3, dtype=layer.output_mask.dtype))
    layer._compiled_main_left_right = code


def _irreps(value: Any) -> o3.Irreps:
    """Return irreps made of plain numbers, whatever else the file put into them."""
    parts = [(mul, ir.l, ir.p) for mul, ir in value] if isinstance(value, o3.Irreps) else [(value, 0, 0)]
    if not all(type(number) is int for part in parts for number in part):
        raise ValueError("a layer has irreps that are none")
    return o3.Irreps([(mul, (degree, parity)) for mul, degree, parity in parts])


def _instructions(given: Any, kind: Any) -> list[Any]:
    """Return instructions made of plain numbers and names of modes."""
    plain = [kind(*one) for one in given]
    if not all(_is_plain(value) for one in plain for value in one):
        raise ValueError("a layer has instructions that are none")
    return plain


def _is_plain(value: object) -> bool:
    if type(value) is tuple:
        return all(_is_plain(part) for part in value)
    return type(value) in (bool, int, float) or (type(value) is str and value in _MODES)


def renew_contraction(layer: Contraction) -> None:
    """Generate the contractions of features with couplings: Batatia et al., equations 10 and 11."""
    coupling = layer.U_tensors(layer.correlation)
    layer.graph_opt_main = _main(layer, coupling)
    layer.contractions_weighting = torch.nn.ModuleList()
    layer.contractions_features = torch.nn.ModuleList()
    for order in range(layer.correlation - 1, 0, -1):
        weights = layer.weights[layer.correlation - 1 - order]
        layer.contractions_weighting.append(_weighting(layer.U_tensors(order), weights, order))
        layer.contractions_features.append(_features(layer.U_tensors(order), weights, order))


def _free(coupling: Tensor, order: int) -> int:
    """Tell whether the couplings have an axis for the components of the result: scalars have none."""
    return coupling.dim() - order - 1


def _main(layer: Contraction, coupling: Tensor) -> GraphModule:
    order = layer.correlation
    left = _LETTERS[: order + _free(coupling, order) - 1]
    elements, _, channels = layer.weights_max.shape
    atoms = (_example(coupling, channels, coupling.shape[-2]), _example(coupling, elements))
    return _optimized(f"{left}ik,ekc,bci,be->bc{left}", coupling, layer.weights_max, *atoms)


def _weighting(coupling: Tensor, weights: Tensor, order: int) -> GraphModule:
    left = _LETTERS[: order + _free(coupling, order)]
    return _optimized(f"{left}k,ekc,be->bc{left}", coupling, weights, _example(coupling, weights.shape[0]))


def _features(coupling: Tensor, weights: Tensor, order: int) -> GraphModule:
    left = _LETTERS[: order - 1 + _free(coupling, order)]
    channels = weights.shape[2]
    summed = _example(coupling, channels, *coupling.shape[:-1])
    return _optimized(f"bc{left}i,bci->bc{left}", summed, _example(coupling, channels, coupling.shape[-2]))


def _example(like: Tensor, *shape: int) -> Tensor:
    """Return something of the shape of features, which takes no memory: nothing is computed with it."""
    return like.new_zeros(()).expand(_EXAMPLES, *shape)


def _optimized(equation: str, *examples: Tensor) -> GraphModule:
    """Write down an einsum as contractions of two operands at a time, in the order that is best for the examples."""
    graph = torch.fx.Graph()
    operands = [graph.placeholder(f"operand_{number}") for number in range(len(examples))]
    graph.output(graph.call_function(torch.einsum, (equation, *operands)))
    module = torch.fx.GraphModule(torch.nn.Module(), graph)
    optimized: GraphModule = optimize_einsums_full(model=module, example_inputs=tuple(one.detach() for one in examples))
    return optimized


RENEW: dict[type, Callable[..., None]] = {
    o3.Linear: renew_linear,
    o3.TensorProduct: renew_product,
    Contraction: renew_contraction,
}
"""By class; a layer of several of these classes gets each renewal."""


def renew_all(network: torch.nn.Module) -> None:
    """Generate the code of every layer that has any; from then on copies hold it as it is, not compiled."""
    for layer in list(network.modules()):
        for kind, renew in RENEW.items():
            if isinstance(layer, kind):
                renew(layer)
                vars(layer).pop("__codegen__", None)
