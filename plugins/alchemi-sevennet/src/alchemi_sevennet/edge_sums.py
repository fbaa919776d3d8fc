"""The costly part: what each atom collects from its neighbors.

For atom i, sources with components a and features u, harmonics b, paths p and components c of their targets,

    out[i, c, p, u] = Σ_j w[ij, p, u] Σ_ab C[b, c, p, a] Y[ij, b] x[j, a, u]        w[ij] = h[ij] @ V

over neighbors j. Done for all pairs at once the intermediate values of a few hundred atoms fill gigabytes; done for some
hundred pairs at a time they stay in the cache, which is what makes it several times faster. The gradient is written
out by hand for the same reason: it makes the intermediate values again, block of pairs by block of pairs, so that
nothing of the size of the pairs is kept. Where the gradient itself is to be differentiated, plain operations are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

Inputs: TypeAlias = "tuple[Tensor, Tensor, Tensor, Tensor]"

PAIRS_AT_A_TIME = 512
"""On CPU: few enough to stay in the cache, enough to make up for the cost of calls."""

PAIRS_AT_A_TIME_ELSEWHERE = 65536
"""On accelerators, where every call waits to be launched: bounded by memory."""


@attrs.frozen
class SumShape:
    """Shape of a sum over neighbors.

    Parameters
    ----------
    components : int
        2 l + 1 of the source.
    count : int
        Features u of the source.
    targets : tuple of (int, int)
        For each kind of target its 2 l + 1 and its number of paths.
    """

    components: int
    count: int
    targets: tuple[tuple[int, int], ...]

    @property
    def paths(self) -> int:
        """Number of paths."""
        return sum(paths for _, paths in self.targets)

    @property
    def rows(self) -> int:
        """Number of target components, summed over paths."""
        return sum(width * paths for width, paths in self.targets)

    def by_target(self, rows: Tensor) -> Iterator[Tensor]:
        """Split [E, rows, u] into views [E, 2 l + 1, paths, u]."""
        sizes = [width * paths for width, paths in self.targets]
        for part, shape in zip(rows.split(sizes, dim=1), self.targets, strict=True):
            yield part.unflatten(1, shape)

    def by_path(self, weights: Tensor) -> Iterator[Tensor]:
        """Split [E, paths, u] into views [E, 1, paths, u]."""
        for part in weights.split([paths for _, paths in self.targets], dim=1):
            yield part.unsqueeze(1)


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
    sums: Tensor = _EdgeSums.apply(x, y, h, v, table, pairs, shape)
    if v.requires_grad and torch.is_grad_enabled():
        sums = sums + _ThroughWeights.apply(v, x, y, h, table, pairs, shape)
    return sums


def plain_edge_sums(inputs: Inputs, table: Tensor, pairs: Tensor, shape: SumShape) -> Tensor:
    """Return the sums by plain operations, all pairs at once."""
    x, y, h, v = inputs
    rows, weights = _messages(x.index_select(0, pairs[1]), y, h, v, table, shape)[:2]
    parts = zip(shape.by_target(rows), shape.by_path(weights), strict=True)
    weighted = torch.cat([(part * weight).flatten(1, 2) for part, weight in parts], dim=1)
    return x.new_zeros(x.shape[0], shape.rows, shape.count).index_add(0, pairs[0], weighted)


def _messages(
    sources: Tensor, y: Tensor, h: Tensor, v: Tensor, table: Tensor, shape: SumShape
) -> tuple[Tensor, Tensor, Tensor]:
    """Return unweighted messages [E, rows, u], weights [E, paths, u] and couplings [E, rows, components]."""
    couplings = (y @ table).unflatten(1, (shape.rows, shape.components))
    weights = (h @ v).unflatten(1, (shape.paths, shape.count))
    rows = couplings * sources if shape.components == 1 else torch.bmm(couplings, sources)
    return rows, weights, couplings


def _chunks(pairs: Tensor) -> Iterator[slice]:
    size = PAIRS_AT_A_TIME if pairs.device.type == "cpu" else PAIRS_AT_A_TIME_ELSEWHERE
    for start in range(0, pairs.shape[1], size):
        yield slice(start, start + size)


class _EdgeSums(torch.autograd.Function):
    """The sums, with gradients by all but the weights.

    A function cannot see whether a gradient by its weights is wanted in a backward pass, only whether they could have
    one. That gradient is costly and not needed for forces, so it is left to `_ThroughWeights`, a node of its own that
    autograd passes by.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, h: Tensor, v: Tensor, table: Tensor, pairs: Tensor, shape: SumShape
    ) -> Tensor:
        ctx.save_for_backward(x, y, h, v, table, pairs)
        ctx.shape = shape
        out = x.new_zeros(x.shape[0], shape.rows * shape.count)
        for some in _chunks(pairs):
            sources = x.index_select(0, pairs[1, some])
            rows, weights, _ = _messages(sources, y[some], h[some], v, table, shape)
            for part, weight in zip(shape.by_target(rows), shape.by_path(weights), strict=True):
                part.mul_(weight)
            out.index_add_(0, pairs[0, some], rows.flatten(1))
        return out.unflatten(1, (shape.rows, shape.count))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, y, h, v, table, pairs = ctx.saved_tensors
        if torch.is_grad_enabled():
            wanted = (*ctx.needs_input_grad[:3], False)
            return (*_plain_gradients((x, y, h, v), wanted, grads[0], table, pairs, ctx.shape), None, None, None)
        by_x = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        by_y, by_h = torch.empty_like(y), torch.empty_like(h)
        for some in _chunks(pairs):
            sources = x.index_select(0, pairs[1, some])
            rows, weights, couplings = _messages(sources, y[some], h[some], v, table, ctx.shape)
            pulled = grads[0].index_select(0, pairs[0, some])
            torch.mm(_weight_gradients(rows, pulled, weights, ctx.shape), v.T, out=by_h[some])
            for part, weight in zip(ctx.shape.by_target(pulled), ctx.shape.by_path(weights), strict=True):
                part.mul_(weight)
            torch.mm(torch.bmm(pulled, sources.mT).flatten(1), table.T, out=by_y[some])
            if by_x is not None:
                by_x.flatten(1).index_add_(0, pairs[1, some], torch.bmm(couplings.mT, pulled).flatten(1))
        return by_x, by_y, by_h, None, None, None, None


class _ThroughWeights(torch.autograd.Function):
    """Zero, with the gradient by the weights that `_EdgeSums` leaves out."""

    @staticmethod
    def forward(
        ctx: Any, v: Tensor, x: Tensor, y: Tensor, h: Tensor, table: Tensor, pairs: Tensor, shape: SumShape
    ) -> Tensor:
        ctx.save_for_backward(v, x, y, h, table, pairs)
        ctx.shape = shape
        return x.new_zeros(()).expand(x.shape[0], shape.rows, shape.count)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        v, x, y, h, table, pairs = ctx.saved_tensors
        if torch.is_grad_enabled():
            wanted = (False, False, False, True)
            found = _plain_gradients((x, y, h, v), wanted, grads[0], table, pairs, ctx.shape)
            return (found[3], *(None,) * 6)
        by_v = torch.zeros_like(v)
        for some in _chunks(pairs):
            sources = x.index_select(0, pairs[1, some])
            rows, weights, _ = _messages(sources, y[some], h[some], v, table, ctx.shape)
            pulled = grads[0].index_select(0, pairs[0, some])
            by_v.addmm_(h[some].T, _weight_gradients(rows, pulled, weights, ctx.shape))
        return (by_v, *(None,) * 6)


def _weight_gradients(rows: Tensor, pulled: Tensor, weights: Tensor, shape: SumShape) -> Tensor:
    """Return the gradient by the weights of paths, [E, paths · u]; `rows` is used up."""
    out = torch.empty_like(weights)
    parts = zip(shape.by_target(rows), shape.by_target(pulled), shape.by_path(out), strict=True)
    for part, pull, into in parts:
        torch.sum(part.mul_(pull), dim=1, keepdim=True, out=into)
    return out.flatten(1)


def _plain_gradients(
    inputs: Inputs, wanted: tuple[bool, ...], grad: Tensor, table: Tensor, pairs: Tensor, shape: SumShape
) -> list[Tensor | None]:
    """Return gradients on the graph, for those who differentiate them again."""
    chosen = [tensor for tensor, want in zip(inputs, wanted, strict=True) if want]
    sums = plain_edge_sums(inputs, table, pairs, shape)
    found = iter(torch.autograd.grad(sums, chosen, grad, create_graph=True))
    return [next(found) if want else None for want in wanted]
