"""Compose interatomic potentials: declare, plan, run.

The public names. Each is imported when first used, so that listing models or plugins does not wait for torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alchemi_core.algebra import differentiate
    from alchemi_core.ase import AlchemiCalculator
    from alchemi_core.batching.budget import Budget
    from alchemi_core.batching.evaluate import evaluate
    from alchemi_core.batching.evaluated import Evaluated
    from alchemi_core.committees import committee
    from alchemi_core.contract import Analytic, Constant, OnGraph, Partial
    from alchemi_core.data.atomic_data import AtomicData
    from alchemi_core.data.batch import Batch
    from alchemi_core.data.view import ModelView
    from alchemi_core.derivatives.autograd import energy_derivatives
    from alchemi_core.derivatives.base import Derivative, GroupState
    from alchemi_core.embedding import region
    from alchemi_core.errors import AlchemiError, DataError, PlanningError
    from alchemi_core.forms.texts import pipeline_text
    from alchemi_core.hookspecs import hookimpl
    from alchemi_core.models import BaseModelMixin, ModelConfig
    from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
    from alchemi_core.neighbors.geometry import pair_vectors
    from alchemi_core.neighbors.lists import CooList, MatrixList
    from alchemi_core.offers import DerivativeOffer, ModelOffer, NeighborOffer, ReductionOffer, SerializerOffer
    from alchemi_core.outputs import Outputs
    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_core.quantities import DerivativeOf
    from alchemi_core.regions.region import Region
    from alchemi_core.registry import Registry, create_derivative, create_model
    from alchemi_core.serialization.loading import load_pipeline
    from alchemi_core.topology import Committee, PipelineGroup, PipelineStep
    from alchemi_core.weights import Coupling

    __version__: str

__all__ = [
    "AlchemiCalculator",
    "AlchemiError",
    "Analytic",
    "AtomicData",
    "BaseModelMixin",
    "Batch",
    "Budget",
    "Committee",
    "Constant",
    "CooList",
    "Coupling",
    "DataError",
    "Derivative",
    "DerivativeOf",
    "DerivativeOffer",
    "Evaluated",
    "GroupState",
    "MatrixList",
    "ModelConfig",
    "ModelOffer",
    "ModelView",
    "NeighborConfig",
    "NeighborListFormat",
    "NeighborOffer",
    "OnGraph",
    "Outputs",
    "Partial",
    "PipelineGroup",
    "PipelineModelWrapper",
    "PipelineStep",
    "PlanningError",
    "ReductionOffer",
    "Region",
    "Registry",
    "SerializerOffer",
    "__version__",
    "committee",
    "create_derivative",
    "create_model",
    "differentiate",
    "energy_derivatives",
    "evaluate",
    "hookimpl",
    "load_pipeline",
    "pair_vectors",
    "pipeline_text",
    "region",
]

_HOMES = {
    "algebra": ("differentiate",),
    "ase": ("AlchemiCalculator",),
    "batching.budget": ("Budget",),
    "batching.evaluate": ("evaluate",),
    "batching.evaluated": ("Evaluated",),
    "committees": ("committee",),
    "contract": ("Analytic", "Constant", "OnGraph", "Partial"),
    "data.atomic_data": ("AtomicData",),
    "data.batch": ("Batch",),
    "data.view": ("ModelView",),
    "derivatives.autograd": ("energy_derivatives",),
    "derivatives.base": ("Derivative", "GroupState"),
    "embedding": ("region",),
    "errors": ("AlchemiError", "DataError", "PlanningError"),
    "forms.texts": ("pipeline_text",),
    "hookspecs": ("hookimpl",),
    "models": ("BaseModelMixin", "ModelConfig"),
    "neighbors.config": ("NeighborConfig", "NeighborListFormat"),
    "neighbors.geometry": ("pair_vectors",),
    "neighbors.lists": ("CooList", "MatrixList"),
    "offers": ("DerivativeOffer", "ModelOffer", "NeighborOffer", "ReductionOffer", "SerializerOffer"),
    "outputs": ("Outputs",),
    "pipeline": ("PipelineModelWrapper",),
    "quantities": ("DerivativeOf",),
    "regions.region": ("Region",),
    "registry": ("Registry", "create_derivative", "create_model"),
    "serialization.loading": ("load_pipeline",),
    "topology": ("Committee", "PipelineGroup", "PipelineStep"),
    "weights": ("Coupling",),
}
_HOME = {name: f"{__name__}.{module}" for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (https://peps.python.org/pep-0562/)."""
    if name == "__version__":
        value = import_module(f"{__name__}.distributions").core_version()
    elif name in _HOME:
        value = getattr(import_module(_HOME[name]), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
