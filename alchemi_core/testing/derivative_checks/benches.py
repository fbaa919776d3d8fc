"""Bench: a composition that a strategy is checked on, and what its energies and charges are without the strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.data.batch import Batch
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.quantities import QUANTITIES, STRAIN, DerivativeOf
from alchemi_core.testing.derivative_checks.bench_models import (
    Bonds,
    Moments,
    Reported,
    Response,
    Screened,
    Transfer,
)
from alchemi_core.testing.made_inputs import made_input
from alchemi_core.topology import PipelineGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from torch import Tensor

    from alchemi_core.models import BaseModelMixin
    from alchemi_core.registry import Registry
    from alchemi_core.testing.structures import Structure

_GEOMETRY = frozenset({"positions", "cell", STRAIN})
SYSTEM_INPUT = 0.3
"""Value of inputs that the quantity table does not have: one for each system."""


@attrs.frozen(eq=False)
class Bench:
    """What strategies are checked on: bonds, charges that a second step reads, and what responds to further inputs.

    Parameters
    ----------
    served : mapping of str to DerivativeOf
        What the strategy gives, and how that is taken.
    inputs : mapping of str to callable
        Further fields of batches that the strategy reads, each a function from a batch to a tensor.
    registry : Registry, optional
        Where neighbor backends come from.
    """

    served: Mapping[str, DerivativeOf]
    inputs: Mapping[str, Callable[[Batch], Tensor]]
    registry: Registry | None = None

    @property
    def variables(self) -> tuple[str, ...]:
        """Inputs beside the geometry that derivatives are taken by."""
        return tuple(sorted(frozenset(name for one in self.served.values() for name in one.through) - _GEOMETRY))

    def models(
        self, strength: float = 1.0, meet: Callable[[], None] | None = None, *, reported: bool = False
    ) -> list[BaseModelMixin]:
        """Return the steps.

        Parameters
        ----------
        strength : float
            The parameter of each.
        meet : callable, optional
            Called at every evaluation of the first.
        reported : bool
            Whether a step is added that reports its own forces.
        """
        models: list[BaseModelMixin] = [Bonds(strength, meet), Transfer(strength), Screened(strength)]
        models += [Response(self.variables, strength)] if self.variables else []
        models += [Moments(strength)] if any(one.of == "dipole" for one in self.served.values()) else []
        return [*models, Reported()] if reported else models

    def pipe(
        self, derivative_fn: Any, models: Iterable[BaseModelMixin] | None = None, registry: Registry | None = None
    ) -> PipelineModelWrapper:
        """Return the composition with a strategy."""
        group = PipelineGroup(list(models or self.models()), use_autograd=True, derivative_fn=derivative_fn)
        return PipelineModelWrapper([group], skin=0.0, registry=registry or self.registry)

    def values(self, batch: Batch, names: Iterable[str], strength: float = 1.0) -> dict[str, Tensor]:
        """Return outputs of the models, without the strategy."""
        pipe = PipelineModelWrapper([PipelineGroup(self.models(strength))], skin=0.0, registry=self.registry)
        return dict(pipe(batch, requested=frozenset(names)))

    def energies(self, batch: Batch) -> Tensor:
        """Return the energy of each system, Tensor [B], eV."""
        return self.values(batch, {"energy"})["energy"].flatten()

    def batch(self, *structures: Structure, dtype: torch.dtype = torch.float64) -> Batch:
        """Return structures as a batch with every input."""
        return self.with_inputs(Batch.from_ase([one.make() for one in structures], dtype=dtype))

    def with_inputs(self, batch: Batch) -> Batch:
        """Return a batch with every input that the models or the strategy read."""
        made = {name: _made(name, batch) for name in self.variables if name not in self.inputs}
        return batch.with_fields(**made, **{name: make(batch) for name, make in self.inputs.items()})


def _made(name: str, batch: Batch) -> Tensor:
    if name in QUANTITIES:
        return made_input(name, batch)
    return batch.positions.new_full((batch.num_systems, 1), SYSTEM_INPUT)


def standard_way(name: str) -> DerivativeOf:
    """Return how a derivative is taken where a strategy gives its name alone, as planning reads it."""
    known = QUANTITIES.get(name)
    return known.derivative if known is not None and known.derivative is not None else DerivativeOf()
