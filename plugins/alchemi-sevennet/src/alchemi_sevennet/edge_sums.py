"""The costly part: what each atom collects from its neighbors.

For atom i, sources with components a and features u, harmonics b, paths p and components c of their targets,

    out[i, c, p, u] = Σ_j w[ij, p, u] Σ_ab C[b, c, p, a] Y[ij, b] x[j, a, u]        w[ij] = h[ij] @ V

over neighbors j. Done for all pairs at once, the intermediate values of a few hundred atoms fill gigabytes; done for
some hundred pairs at a time, they stay in the cache, which is what makes it several times faster. The gradient is
written out by hand for the same reason: it makes the intermediate values again, block by block, so that nothing of the
size of the pairs is kept but the inputs. Where the gradient itself is to be differentiated, plain operations are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from alchemi_sevennet.paths import SumShape

PAIRS_AT_A_TIME = 512
"""On CPU: few enough to stay in the cache, enough to make up for the cost of calls."""

PAIRS_AT_A_TIME_ELSEWHERE = 65536
"""On accelerators, where every call waits to be launched: bounded by memory."""

Inputs: TypeAlias = "tuple[Tensor, Tensor, Tensor, Tensor]"


def edge_sums(x: Tensor, y: Tensor, h: Tensor, v: Tensor, table: Tensor, pairs: Tensor, shape: SumShape) -> Tensor:
    """Return the sums, differentiable any number of times through the first four arguments.

    Parameters
    ----------
    x : Tensor [N, components, count]
        Features of the atoms.
    y : Tensor [E, harmonics]
        Harmonics of the pairs.
    h : Tensor [E, H]
        Hidden radial features of the pairs.
    v : Tensor [H, paths · count]
        Makes the weights of the paths.
    table : Tensor [harmonics, rows · components]
        Coupling coefficients.
    pairs : Tensor [2, E], int
        Atoms i and j.
    shape : SumShape
        How to read the above.

    Returns
    -------
    Tensor [N, rows, count]
    """
    sums: Tensor = _EdgeSums.apply(x, y, h, v, table, pairs, shape)  # type: ignore[no-untyped-call]
    if v.requires_grad and torch.is_grad_enabled():
        sums = sums + _ThroughWeights.apply(v, (x, y, h), table, pairs, shape)  # type: ignore[no-untyped-call]
    return sums


def plain_edge_sums(inputs: Inputs, table: Tensor, pairs: Tensor, shape: SumShape) -> Tensor:
    """Return the sums by plain operations, all pairs at once."""
    block = _block(inputs, table, pairs, shape, slice(None))
    parts = zip(shape.by_target(block.messages), shape.by_path(block.weights), strict=True)
    weighted = torch.cat([(part * weight).flatten(1, 2) for part, weight in parts], dim=1)
    return inputs[0].new_zeros(inputs[0].shape[0], shape.rows, shape.count).index_add(0, block.i, weighted)


@attrs.frozen(eq=False)
class _Block:
    """Some of the pairs.

    Atoms `i` and `j` [E]; features of j, `sources` [E, components, u]; `couplings` to targets [E, rows, components];
    `messages` before weighting [E, rows, u]; `weights` [E, paths, u].
    """

    some: slice
    i: Tensor
    j: Tensor
    sources: Tensor
    couplings: Tensor
    messages: Tensor
    weights: Tensor


def _block(inputs: Inputs, table: Tensor, pairs: Tensor, shape: SumShape, some: slice) -> _Block:
    x, y, h, v = inputs
    i, j = pairs[0, some], pairs[1, some]
    sources = x.index_select(0, j)
    couplings = (y[some] @ table).unflatten(1, (shape.rows, shape.components))
    messages = couplings * sources if shape.components == 1 else torch.bmm(couplings, sources)
    weights = (h[some] @ v).unflatten(1, (shape.paths, shape.count))
    return _Block(some, i, j, sources, couplings, messages, weights)


def _blocks(inputs: Inputs, table: Tensor, pairs: Tensor, shape: SumShape) -> Iterator[_Block]:
    size = PAIRS_AT_A_TIME if pairs.device.type == "cpu" else PAIRS_AT_A_TIME_ELSEWHERE
    for start in range(0, pairs.shape[1], size):
        yield _block(inputs, table, pairs, shape, slice(start, start + size))


def _weigh(rows: Tensor, weights: Tensor, shape: SumShape) -> None:
    """Multiply [E, rows, u] by the weights of the paths [E, paths, u], in place."""
    for part, weight in zip(shape.by_target(rows), shape.by_path(weights), strict=True):
        part.mul_(weight)


class _EdgeSums(torch.autograd.Function):
    """The sums, with gradients by all but the weights.

    A function cannot see whether a gradient by its weights is wanted in a backward pass, only whether they could have
    one. That gradient is costly and not needed for forces, so it is left to `_ThroughWeights`, a node of its own that
    autograd passes by.
    """

    @staticmethod
    def forward(x: Tensor, y: Tensor, h: Tensor, v: Tensor, table: Tensor, pairs: Tensor, shape: SumShape) -> Tensor:
        out = x.new_zeros(x.shape[0], shape.rows * shape.count)
        for block in _blocks((x, y, h, v), table, pairs, shape):
            _weigh(block.messages, block.weights, shape)
            out.index_add_(0, block.i, block.messages.flatten(1))
        sums: Tensor = out.view(x.shape[0], shape.rows, shape.count)
        return sums

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG004 - torch passes it
        *tensors, shape = inputs
        ctx.save_for_backward(*tensors)
        ctx.shape = shape

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *args: Any) -> tuple[Tensor, int]:
        """Take the members of a stack one after the other: together, their blocks would not stay in the cache."""
        each = [
            edge_sums(*(one if dim is None else one.select(dim, k) for one, dim in zip(args, in_dims, strict=True)))
            for k in range(info.batch_size)
        ]
        return torch.stack(each), 0

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, y, h, v, table, pairs = ctx.saved_tensors
        if torch.is_grad_enabled():
            found = _plain_gradients((x, y, h, v), grads[0], table, pairs, ctx.shape)
            return (*found[:3], None, None, None, None)
        return (*_gradients((x, y, h, v), grads[0], table, pairs, ctx.shape), None, None, None, None)


class _ThroughWeights(torch.autograd.Function):
    """Zero, with the gradient by the weights that `_EdgeSums` leaves out.

    The other inputs come as a tuple, which autograd does not look into: it would else visit this node on its way to the
    positions. They are on the graph all the same, so that the gradient can be differentiated by them.
    """

    @staticmethod
    def forward(
        ctx: Any, v: Tensor, others: tuple[Tensor, Tensor, Tensor], table: Tensor, pairs: Tensor, shape: SumShape
    ) -> Tensor:
        ctx.save_for_backward(v, table, pairs)
        ctx.others, ctx.shape = others, shape
        return v.new_zeros(()).expand(others[0].shape[0], shape.rows, shape.count)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (v, table, pairs), (x, y, h) = ctx.saved_tensors, ctx.others
        if torch.is_grad_enabled():
            by_v = _plain_gradients((x, y, h, v), grads[0], table, pairs, ctx.shape)[3]
        else:
            by_v = torch.zeros_like(v)
            for block in _blocks((x, y, h, v), table, pairs, ctx.shape):
                pulled = grads[0].index_select(0, block.i)
                by_v.addmm_(h[block.some].T, _by_weights(block, pulled, ctx.shape))
        return by_v, None, None, None, None


def _gradients(inputs: Inputs, grad: Tensor, table: Tensor, pairs: Tensor, shape: SumShape) -> list[Tensor]:
    """Return gradients by x, y and h."""
    x, y, h, v = inputs
    by_x, by_y, by_h = torch.zeros_like(x), torch.empty_like(y), torch.empty_like(h)
    for block in _blocks(inputs, table, pairs, shape):
        pulled = grad.index_select(0, block.i)
        torch.mm(_by_weights(block, pulled, shape), v.T, out=by_h[block.some])
        _weigh(pulled, block.weights, shape)
        torch.mm(torch.bmm(pulled, block.sources.mT).flatten(1), table.T, out=by_y[block.some])
        by_x.flatten(1).index_add_(0, block.j, torch.bmm(block.couplings.mT, pulled).flatten(1))
    return [by_x, by_y, by_h]


def _by_weights(block: _Block, pulled: Tensor, shape: SumShape) -> Tensor:
    """Return the gradient by the weights of paths, [E, paths · u]; the messages are used up."""
    out = torch.empty_like(block.weights)
    parts = zip(shape.by_target(block.messages), shape.by_target(pulled), shape.by_path(out), strict=True)
    for part, pull, into in parts:
        torch.sum(part.mul_(pull), dim=1, keepdim=True, out=into)
    return out.flatten(1)


def _plain_gradients(
    inputs: Inputs, grad: Tensor, table: Tensor, pairs: Tensor, shape: SumShape
) -> list[Tensor | None]:
    """Return gradients by x, y, h and v on the graph, for those who differentiate them again.

    They are taken by stand-ins: features depend on the harmonics of earlier layers, and a gradient by both of them as
    they are would contain what reaches the harmonics through the features.
    """
    x, y, h, v = (tensor.view_as(tensor) for tensor in inputs)
    stand_ins = (x, y, h, v)
    chosen = [tensor for tensor in stand_ins if tensor.requires_grad]
    sums = plain_edge_sums(stand_ins, table, pairs, shape)
    found = iter(torch.autograd.grad(sums, chosen, grad, create_graph=True))
    return [next(found) if tensor.requires_grad else None for tensor in stand_ins]
