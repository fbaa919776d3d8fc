"""Specimen: a model under check with the structures it is checked on, and the ways of asking it."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.contract import OnGraph
from alchemi_core.data.batch import Batch
from alchemi_core.data.view import ModelView
from alchemi_core.errors import DataError, PlanningError
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.quantities import GEOMETRY, QUANTITIES
from alchemi_core.testing.fitting import fitted
from alchemi_core.testing.made_inputs import made_input
from alchemi_core.testing.structures import STRUCTURES, Structure
from alchemi_core.topology import PipelineGroup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ase import Atoms
    from torch import Tensor

    from alchemi_core.models import BaseModelMixin, ModelConfig
    from alchemi_core.registry import Registry
    from alchemi_core.testing.model_subject import ModelSubject


@attrs.frozen(eq=False)
class Specimen:
    """A model under check.

    Parameters
    ----------
    name : str
        What it is called in reports.
    model : BaseModelMixin
        The model, its weights in float64.
    make : callable
        Makes it as a user gets it.
    structures : tuple of Structure
        What it is checked on.
    refused : mapping of Structure to str
        Structures that it refuses, with what it says; no other check looks at these.
    inputs : mapping of str to callable
        How further inputs are made of a batch.
    accuracy : float
        Relative error of the method itself.
    device : str
        Where it is checked.
    registry : Registry, optional
        Where neighbor backends come from.
    """

    name: str
    model: BaseModelMixin
    make: Callable[[], BaseModelMixin]
    structures: tuple[Structure, ...]
    refused: Mapping[Structure, str]
    inputs: Mapping[str, Callable[[Batch], Tensor]]
    accuracy: float
    device: str
    registry: Registry | None
    pipe: PipelineModelWrapper = attrs.field(init=False)

    @pipe.default
    def _pipe(self) -> PipelineModelWrapper:
        return self.wrap(self.model)

    @property
    def config(self) -> ModelConfig:
        """What the model declares."""
        return self.model.model_config

    @property
    def is_pipeline(self) -> bool:
        """Whether it is a composition, which has no contract of its own but those of its parts."""
        return isinstance(self.model, PipelineModelWrapper)

    @property
    def names(self) -> frozenset[str]:
        """Outputs that can be asked of a crystal and that the quantity table knows."""
        known = self.pipe.model_config.outputs & frozenset(QUANTITIES)
        return frozenset(name for name in known if self._is_planned(name)) if self.is_pipeline else known

    def _is_planned(self, name: str) -> bool:
        """Whether every term of a sum gives the output: shares of atoms, say, are often given by one term only."""
        try:
            self.pipe.plan_for({name})
        except PlanningError:
            return False
        return True

    def wrap(self, model: BaseModelMixin) -> PipelineModelWrapper:
        """Return the pipeline of a model alone, which keeps no lists between calls."""
        energy = model.model_config.kinds.get("energy")
        group = PipelineGroup([model], use_autograd=isinstance(energy, OnGraph))
        return PipelineModelWrapper([group], skin=0.0, registry=self.registry)

    def atoms(self, structure: Structure) -> Atoms:
        """Return a structure of elements that the model knows."""
        return fitted(structure.make(), self.config.elements)

    def batch(self, *atoms: Atoms, dtype: torch.dtype = torch.float64) -> Batch:
        """Return structures with the inputs that the model requires."""
        return self.with_inputs(Batch.from_ase(list(atoms), dtype=dtype, device=self.device))

    def with_inputs(self, batch: Batch) -> Batch:
        """Return a batch with the inputs that the model requires and optional ones that it can make use of."""
        wanted = sorted((self.config.required_inputs | frozenset(self.inputs)) - GEOMETRY - frozenset(batch.fields))
        made = {name: self.inputs[name](batch) if name in self.inputs else made_input(name, batch) for name in wanted}
        return batch.with_fields(**made)

    def of(self, structure: Structure, dtype: torch.dtype = torch.float64) -> Batch:
        """Return a structure alone as a batch."""
        return self.batch(self.atoms(structure), dtype=dtype)

    def names_for(self, batch: Batch) -> frozenset[str]:
        """Outputs that can be asked of a batch."""
        if batch.cell is not None:
            return self.names
        # a virial that is made of a reported stress needs the volume too
        reports = "stress" in self.config.outputs and "virial" not in self.config.outputs
        made = reports and not isinstance(self.config.kinds.get("energy"), OnGraph)
        return self.names - ({"stress", "virial"} if made else {"stress"})

    def refusal(self, atoms: Atoms) -> str:
        """Return what the model says where it refuses a structure with a clear error, else nothing."""
        try:
            self.run(self.batch(atoms))
        except DataError as error:
            return f"{type(error).__name__}: {error}"
        except Exception:  # noqa: BLE001 - no refusal, but a failure: every check that uses the structure reports it
            return ""
        return ""

    def within(self, tolerance: float) -> float:
        """Return a relative tolerance, no tighter than the method itself is."""
        return max(tolerance, self.accuracy)

    def run(self, batch: Batch, names: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Evaluate the model as the only step of a pipeline."""
        asked = self.names_for(batch) if names is None else frozenset(names)
        return dict(self.pipe(batch, requested=asked))

    def listed(self, batch: Batch) -> Batch:
        """Return the batch with the neighbor list that the model declares."""
        for hook in self.pipe.make_neighbor_hooks(self.pipe.active_outputs):
            batch = hook(batch)
        return batch

    def raw(
        self, batch: Batch, names: Iterable[str], instead: Mapping[str, Tensor] | None = None
    ) -> Mapping[str, Tensor]:
        """Call the model itself, with a view of a batch; tensors by name take the place of the batch's."""
        own = self.config
        listed = self.listed(batch.with_neighbors()) if own.needs_neighborlist and not batch.neighbors else batch
        known = sorted({*GEOMETRY, *own.required_inputs, *own.optional_inputs})
        values = {name: (instead or {}).get(name, batch.get(name)) for name in known}
        neighbors = listed.neighbors[0] if own.needs_neighborlist else None
        return self.model.compute(ModelView(values, batch, neighbors, self.name), frozenset(names))


def specimen_of(subject: ModelSubject) -> Specimen:
    """Make the specimen of a subject: the model once, in float64, and the structures that suit it."""
    model = subject.make()
    if isinstance(model, torch.nn.Module):
        model = (deepcopy(model) if model is subject.model else model).double().to(subject.device)
    specimen = Specimen(
        name=subject.name,
        model=model,
        make=subject.make,
        structures=suitable(model.model_config) if subject.structures is None else subject.structures,
        refused={},
        inputs=subject.inputs,
        accuracy=subject.accuracy,
        device=subject.device,
        registry=subject.registry,
    )
    refused = {one: text for one in specimen.structures if (text := specimen.refusal(specimen.atoms(one)))}
    taken = tuple(one for one in specimen.structures if one not in refused)
    return attrs.evolve(specimen, structures=taken, refused=refused)


def suitable(config: ModelConfig) -> tuple[Structure, ...]:
    """Return the named structures whose periodicity a model accepts."""

    def suits(structure: Structure) -> bool:
        periodic = bool(structure.make().pbc.any())
        return config.supports_pbc if periodic else not config.needs_pbc

    return tuple(one for one in STRUCTURES if suits(one))
