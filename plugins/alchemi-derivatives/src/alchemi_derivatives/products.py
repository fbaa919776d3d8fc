"""Products of second derivatives with vectors: on the graph, or as differences of forces. No matrix is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs
import torch

from alchemi_core.derivatives.ends import not_twice
from alchemi_core.errors import DerivativeError

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState

SIGNS = (1.0, -1.0)


class Products(Protocol):
    """H v for several v at once: Tensor [K, N, 3] to Tensor [K, N, 3], multiplied by eV/Å²."""

    def __call__(self, directions: Tensor) -> Tensor:
        """Multiply."""
        ...


@attrs.frozen(eq=False)
class GraphProducts:
    """Vector-Jacobian products of the forces; being symmetric, Hv is vᵀH.

    Several are taken by one vectorised backward pass where every operation of the models has a rule for that, which is
    up to 30 times as fast, and one by one where some operation has none.

    Parameters
    ----------
    forces : Tensor [N, 3], eV/Å
        On a graph, if not that of `positions`.
    positions : Tensor [N, 3], Å
        The leaf.
    create_graph : bool
        Whether the products can be differentiated again.
    who : str
        The strategy, for errors.
    """

    forces: Tensor
    positions: Tensor
    create_graph: bool
    who: str

    def __call__(self, directions: Tensor) -> Tensor:
        """Multiply."""
        if not directions.numel():
            return torch.zeros_like(directions)
        if len(directions) == 1:
            return self._product(directions[0]).unsqueeze(0)
        try:
            return self._product(directions, vectorised=True)
        except RuntimeError:
            # Which operations have a rule, torch only says by failing. Whatever else is wrong fails again below.
            return torch.stack([self._product(direction) for direction in directions])

    def _product(self, directions: Tensor, *, vectorised: bool = False) -> Tensor:
        try:
            (product,) = torch.autograd.grad(
                self.forces,
                self.positions,
                directions,
                retain_graph=True,
                create_graph=self.create_graph,
                allow_unused=True,  # forces may be on the graph of parameters alone
                is_grads_batched=vectorised,
            )
        except RuntimeError as error:
            if vectorised or isinstance(error, torch.OutOfMemoryError):
                raise
            raise not_twice(" ".join(str(error).split()), self.who) from error
        return torch.zeros_like(directions) if product is None else -product


@attrs.frozen(eq=False)
class DifferenceProducts:
    """Central differences of forces: Hv ≈ (F(r − sv) − F(r + sv)) / 2s, s so that no atom moves further than `step`.

    All displaced copies are one batch.

    Parameters
    ----------
    state : GroupState
        Samples forces.
    step : float, Å
        Largest displacement of an atom.
    """

    state: GroupState
    step: float

    def __call__(self, directions: Tensor) -> Tensor:
        """Multiply."""
        if not directions.numel():
            return torch.zeros_like(directions)
        largest = self._most(directions.abs().amax(dim=2))
        moves = largest > 0.0
        # The squares of very small numbers are zero: lengths are those of vectors whose largest component is one.
        units = directions / largest.where(moves, 1.0)
        longest = self._most(units.norm(dim=2)).where(moves, 1.0)
        moved = units * (self.step / longest)
        ahead, behind = self._forces([self.state.data.positions + sign * moved for sign in SIGNS])
        # A system that stays where it is has no products, whatever its forces are rounded to.
        return torch.where(moves, (behind - ahead) * (longest / (2.0 * self.step)) * largest, 0.0)

    def _most(self, values: Tensor) -> Tensor:
        """Return the largest value [K, N] of each atom's system: [K, N, 1]."""
        data = self.state.data
        systems = data.batch_idx.expand(len(values), -1)
        most = values.new_zeros(len(values), data.num_systems).scatter_reduce(1, systems, values, "amax")
        return most[:, data.batch_idx].unsqueeze(2)

    def _forces(self, moved: list[Tensor]) -> list[Tensor]:
        if len(moved[0]) == 1:  # of the same size as the batch, which values that are held fixed need
            return [self._sample(self.state.data.with_fields(positions=one[0])).unsqueeze(0) for one in moved]
        count = sum(len(one) for one in moved)
        copies = self.state.data.repeated(count).with_fields(positions=torch.cat(moved).flatten(0, 1))
        try:
            forces = self._sample(copies)
        except DerivativeError as error:
            fix = f"the option chunk=1, or {error.fix}" if error.fix else "the option chunk=1"
            raise DerivativeError(error.found, expected=error.expected, who=error.who, fix=fix) from error
        return list(forces.view(len(moved), *moved[0].shape))

    def _sample(self, batch: Batch) -> Tensor:
        return self.state.sample(batch, {"forces"})["forces"]
