"""Curvature: how second derivatives by positions are taken, which the matrix and the matrix-free product share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.derivatives.ends import refuse_ends
from alchemi_core.derivatives.leaves import with_leaves
from alchemi_core.errors import OptionError
from alchemi_core.quantities import DERIVATIVES
from alchemi_derivatives.products import DifferenceProducts, GraphProducts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState
    from alchemi_derivatives.products import Products

METHODS = ("graph", "differences")

STEPS = {torch.float64: 0.005, torch.float32: 0.01}
"""Displacements in Å: truncation then costs some 1e-4 of the curvature of a bond, and what a model that computes in
single precision rounds, about 1e-6 eV/Å, no more."""

AT_ONCE = 2000
"""Atoms, in all copies, of one pass. Measured on crystals of argon and NaCl: more is hardly faster."""


@attrs.frozen(eq=False)
class Tape:
    """What `Curvature.derivatives` needs: the group's state, and the batch on leaves where the graph is used."""

    state: GroupState
    data: Batch


@attrs.frozen(kw_only=True)
class Curvature:
    """Second derivatives by positions, on the graph or by differences of forces.

    Parameters
    ----------
    who : str
        The strategy, for errors.
    method : {"graph", "differences"}
        How they are taken.
    step : float, Å, optional
        Of the differences.
    chunk : int, optional
        How many products are taken at once.

    Raises
    ------
    OptionError
        If an option cannot be right.
    """

    who: str
    method: str
    step: float | None
    chunk: int | None

    def __attrs_post_init__(self) -> None:
        if self.method not in METHODS:
            raise self._wrong("method", "'graph' or 'differences'")
        if self.step is not None and not _is_length(self.step):
            raise self._wrong("step", "a length above zero, Å")
        if self.step is not None and self.method == "graph":
            raise self._wrong("step", "no step: the graph has none", fix="method='differences'")
        if self.chunk is not None and not _is_count(self.chunk):
            raise self._wrong("chunk", "a whole number above zero")

    def _wrong(self, option: str, expected: str, fix: str = "") -> OptionError:
        who = f"derivative {self.who!r}"
        return OptionError(f"{option}={getattr(self, option)!r}", expected=expected, who=who, fix=fix)

    @property
    def first(self) -> frozenset[str]:
        """First derivatives that come with it: those of the energy on the graph; of samples only the forces."""
        return DERIVATIVES if self.method == "graph" else self.samples

    @property
    def samples(self) -> frozenset[str]:
        """What is evaluated at displaced geometries."""
        return frozenset({"forces"}) if self.method == "differences" else frozenset()

    def prepare(self, state: GroupState) -> tuple[Batch, Tape]:
        """Return the batch on which the steps run, on leaves if the graph is used."""
        data = with_leaves(state) if self.method == "graph" else state.data
        return data, Tape(state, data)

    def derivatives(
        self, energy: Tensor, tape: Tape, requested: frozenset[str], *, twice: bool
    ) -> tuple[dict[str, Tensor], Products]:
        """Return the first derivatives that are requested, and what multiplies vectors with the second ones.

        Parameters
        ----------
        energy : Tensor [B, 1], eV
            Summed, on the graph of the tape's leaves; not needed for differences.
        tape : Tape
            From `prepare`.
        requested : frozenset of str
            Any of `first`; other names are left to the caller.
        twice : bool
            Whether products will be taken.
        """
        wanted, state = requested & self.first, tape.state
        if self.method == "differences":
            found = state.sample(state.data, wanted) if wanted else {}
            return {name: found[name] for name in wanted}, DifferenceProducts(state, self._step(tape.data))
        again = twice or state.differentiable
        found = energy_derivatives(energy, tape.data, wanted | {"forces"}, create_graph=again)
        if twice:
            refuse_ends(found["forces"], f"derivative_fn {self.who}")
        who = f"derivative_fn {self.who}"
        products = GraphProducts(found["forces"], tape.data.positions, state.differentiable, who)
        return {name: found[name] for name in wanted}, products

    def chunks(self, count: int, atoms: int) -> Iterator[tuple[int, int]]:
        """Yield first and last + 1 of each range of products that are taken at once."""
        size = self.chunk or max(1, AT_ONCE // max(1, atoms))
        for first in range(0, count, size):
            yield first, min(first + size, count)

    def _step(self, data: Batch) -> float:
        return STEPS[data.dtype] if self.step is None else self.step


def _is_length(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0.0


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
