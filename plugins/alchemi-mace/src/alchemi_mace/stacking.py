"""What makes layers of mace-torch run for several members at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode

if TYPE_CHECKING:
    from torch import Tensor

UNUSED_CODE = "_compiled_main_right"
"""Of tensor products of e3nn: compiled, and never called in a network."""


def can_stack(network: torch.nn.Module) -> bool:
    """Tell whether layers can run for several members at once: none is compiled, none embeds charges or spins."""
    if getattr(network, "embedding_specs", None):
        return False
    compiled = [name for name, layer in network.named_modules() if isinstance(layer, torch.jit.ScriptModule)]
    return all(name.endswith(f".{UNUSED_CODE}") for name in compiled)


class WithoutWriting(TorchFunctionMode):
    """In this thread, in place of operations that write into a tensor, the same ones that return a new tensor.

    mace-torch sums up messages in tensors that it makes for them, which have no axis of members, whereas the messages
    have one. It goes on with what these operations return, never with the tensor that it passed to them.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        instead = _INSTEAD.get(func, func)
        return instead(*args, **(kwargs or {}))


def _summed(out: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Add [E, ...] to rows of [N, ...]: as ``scatter_add``, several times faster for one row number per entry."""
    if dim != 0 or any(index.stride()[1:]):
        return out.scatter_add(dim, index, src)
    while index.dim() > 1:
        index = index.select(-1, 0)
    return out.index_add(0, index, src)


def _as_it_is(tensor: Tensor, requires_grad: bool = True) -> Tensor:  # noqa: ARG001, FBT001, FBT002 - the signature of torch
    """Leave positions off the graph: they are zeros, see `alchemi_mace.network.graph`."""
    return tensor


_INSTEAD: dict[Any, Any] = {
    torch.Tensor.scatter_add_: _summed,
    torch.Tensor.requires_grad_: _as_it_is,
    torch.Tensor.__iadd__: torch.Tensor.add,
}
