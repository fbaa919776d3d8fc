"""Ends of a graph: operations that can be differentiated once only, found before anything is lost at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.errors import DerivativeError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.autograd.graph import Node


def refuse_ends(derivative: Tensor, who: str) -> None:
    """Refuse a derivative on the graph of operations that can be differentiated once only.

    What torch leaves on the graph for these is an end that raises when a backward pass comes to it. Gradients by
    positions do not come that way: their part would be missing without a word. The gradient that flowed into the first
    backward pass must have required grad itself, or there is not even an end; `energy_derivatives` sees to that.

    Parameters
    ----------
    derivative : Tensor
        Of the energy, made with ``create_graph=True``.
    who : str
        Whose error it is.

    Raises
    ------
    DerivativeError
        If there is such an operation.
    """
    seen: set[Node] = set()
    ahead = [derivative.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        if node.name().endswith("Error"):
            raise not_twice("an operation is @once_differentiable", who)
        seen.add(node)
        ahead.extend(following for following, _ in node.next_functions)


def not_twice(reason: str, who: str) -> DerivativeError:
    """Make the error of a derivative that cannot be differentiated."""
    return DerivativeError(
        f"the first derivatives cannot be differentiated: {reason}",
        expected="models whose energy can be differentiated twice",
        who=who,
        fix="method='differences', where the strategy has it; OnGraph(order=1) in the model's config says so earlier",
    )
