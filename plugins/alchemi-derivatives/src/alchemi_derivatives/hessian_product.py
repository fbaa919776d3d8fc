"""Hessian times vector without the Hessian, for systems whose matrix would not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import attrs
import torch

from alchemi_core.algebra import differentiate
from alchemi_core.errors import DataError
from alchemi_core.frozenmap import FrozenMap
from alchemi_core.quantities import DerivativeOf
from alchemi_derivatives.curvature import Curvature
from alchemi_derivatives.first_derivatives import FIRST

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState
    from alchemi_core.models import BaseModelMixin
    from alchemi_derivatives.curvature import Tape

OUTPUT, FIELD = "hessian_product", "directions"


@attrs.frozen(kw_only=True)
class HessianProduct:
    """H v of every system in eV/Å², for vectors that the batch carries as ``directions``, [N, 3] or [N, K, 3].

    The matrix is never built: memory is that of the forces times `chunk`. The output ``hessian_product`` has the shape
    of ``directions``.

    Parameters
    ----------
    method, step, chunk
        As those of `Hessian`; with differences no atom moves further than `step`.

    Raises
    ------
    OptionError
        If an option cannot be right.
    DataError
        If the batch has no such directions.
    """

    name: ClassVar[str] = "hessian-product"

    method: str = "graph"
    step: float | None = None
    chunk: int | None = None

    def __attrs_post_init__(self) -> None:
        _ = self._curvature

    @property
    def _curvature(self) -> Curvature:
        return Curvature(who=self.name, method=self.method, step=self.step, chunk=self.chunk)

    @property
    def serves(self) -> FrozenMap[str, DerivativeOf]:
        """What it can return, and how that is taken."""
        first = {name: FIRST[name] for name in self._curvature.first}
        return FrozenMap({**first, OUTPUT: DerivativeOf(order=2)})

    @property
    def samples(self) -> frozenset[str]:
        """What it evaluates at displaced geometries."""
        return self._curvature.samples

    def prepare(self, state: GroupState) -> tuple[Batch, Tape]:
        """Put the batch on leaves where the graph is used."""
        return self._curvature.prepare(state)

    def finish(self, energy: Tensor, tape: Tape, requested: frozenset[str]) -> dict[str, Tensor]:
        """Return what is requested."""
        twice = OUTPUT in requested
        directions = _directions(tape.data) if twice else None
        out, products = self._curvature.derivatives(energy, tape, requested, twice=twice)
        if directions is None:
            return out
        several = directions.transpose(0, 1) if directions.dim() == 3 else directions[None]
        ranges = self._curvature.chunks(len(several), tape.data.num_atoms)
        found = [several[:0], *(products(several[first:last]) for first, last in ranges)]
        return out | {OUTPUT: torch.cat(found).transpose(0, 1).reshape(directions.shape)}


def _directions(batch: Batch) -> Tensor:
    given = batch.fields.get(FIELD)
    shape = "nothing" if given is None else f"a tensor of shape {list(given.shape)}"
    if given is None or given.dim() not in (2, 3) or (given.shape[0], given.shape[-1]) != (batch.num_atoms, 3):
        raise DataError(
            f"the field {FIELD!r} is {shape}",
            expected=f"[{batch.num_atoms}, 3] or [{batch.num_atoms}, K, 3]: a vector for each atom",
            who="derivative_fn hessian-product",
            fix=f"batch.with_fields({FIELD}=...)",
        )
    return given.to(batch.positions)


def hessian_product(model: BaseModelMixin, batch: Batch, vectors: Tensor, **options: Any) -> Tensor:
    """Multiply vectors with the Hessian of a model or pipeline.

    ::

        (H v)_k = Σ_l d²E / dr_k dr_l v_l

    Each call evaluates the model anew. Where many are to follow each other, make the pipeline once,
    ``differentiate(model, HessianProduct())``, and give it batches ``with_fields(directions=...)``.

    Parameters
    ----------
    model : BaseModelMixin
        Model or pipeline.
    batch : Batch
        Systems; the product of each is its own.
    vectors : Tensor [..., N, 3]
        One or several.
    **options
        Of `HessianProduct`.

    Returns
    -------
    Tensor [..., N, 3]
        In eV/Å² times the unit of the vectors.

    Raises
    ------
    DataError
        If the vectors do not fit the batch.
    PlanningError
        If a model cannot be differentiated twice.
    """
    shape = (batch.num_atoms, 3)
    if tuple(vectors.shape[-2:]) != shape:
        raise DataError(f"vectors of shape {list(vectors.shape)}", expected=f"[..., {shape[0]}, 3]", who=OUTPUT)
    several = vectors.reshape(vectors.shape[:-2].numel(), *shape).transpose(0, 1)
    pipe = differentiate(model, HessianProduct(**options))
    product: Tensor = pipe(batch.with_fields(**{FIELD: several}), requested={OUTPUT})[OUTPUT]
    return product.transpose(0, 1).reshape(vectors.shape)
