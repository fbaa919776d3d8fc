"""Copies of a model: in memory, in a file, and one that is being trained."""

from __future__ import annotations

import pickle
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.serialization.loading import load_pipeline
from alchemi_core.testing.comparing import DIFFERENCED, compare, noted
from alchemi_core.testing.differences import FINE, derivative
from alchemi_core.testing.failures import failure
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from alchemi_core.models import BaseModelMixin
    from alchemi_core.testing.specimens import Specimen


def _same(specimen: Specimen, copy: PipelineModelWrapper, original: PipelineModelWrapper, what: str, fix: str) -> str:
    """Compare a copy with what it was made of, to the last digits."""
    deviations = []
    for structure in specimen.structures:
        batch = specimen.of(structure)
        names = specimen.names_for(batch)
        found, expected = (dict(one(batch, requested=names)) for one in (copy, original))
        off = compare(found, expected, f"{structure}, {what}", within=1e-12, fix=fix)
        deviations.append((off, structure.name))
    return noted(deviations)


def check_deepcopy(specimen: Specimen) -> str:
    """Copy the model in memory."""
    copy = specimen.wrap(deepcopy(specimen.model))
    return _same(specimen, copy, specimen.pipe, "a deep copy", "no tables keyed by id(...), no links to the original")


def check_pickle(specimen: Specimen) -> str:
    """Pickle the model and read it again."""
    copy = specimen.wrap(pickle.loads(pickle.dumps(specimen.model)))  # noqa: S301 - what was just written
    fix = "no lambdas, locks or open files on self; see __getstate__"
    return _same(specimen, copy, specimen.pipe, "pickled and read again", fix)


def check_save_and_load(specimen: Specimen) -> str:
    """Save the model in a pipeline file and load it, without handing anything over."""
    original = specimen.wrap(specimen.make())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pipeline.alchemi"
        original.save(path)
        loaded = load_pipeline(path, registry=specimen.registry)
    fix = "offer a serializer: see the page on writing a plugin, section Saving"
    if loaded.model_config != original.model_config:
        raise failure(specimen.name, "the loaded model declares another config", expected="an equal one", fix=fix)
    return _same(specimen, loaded, original, "saved and loaded", fix)


def check_trainable(specimen: Specimen) -> str:
    """Compare the gradient of energy and forces by the parameters with central differences along one direction."""
    pipe = specimen.wrap(deepcopy(specimen.model))
    batch = specimen.of(specimen.structures[0])
    parameters: list[Tensor] = [one for one in pipe.parameters() if one.requires_grad]
    directions = [_uneven(one.detach()) for one in parameters]
    _leave_padding(pipe, parameters, directions)
    pipe.train()
    for module in pipe.models:
        module.eval()  # layers that differ between the modes, such as dropout, are not what is asked about

    def loss() -> Tensor:
        outputs: dict[str, Tensor] = dict(pipe(batch, requested={"energy", "forces"}))
        return outputs["energy"].sum() + outputs["forces"].square().sum()

    found = _by_graph(loss, parameters, directions, specimen.name)
    expected = _by_differences(loss, parameters, directions)
    if not bool(found.isfinite()) or not bool(expected.isfinite()):
        raise failure(
            specimen.name, f"the gradient is {float(found)}, by differences {float(expected)}", expected="numbers"
        )
    what = f"{specimen.structures[0]}, d(E + Σ F²) by the parameters against central differences"
    fix = "parameters are used as they are: no .data, .detach(), .item() or torch.tensor(parameter)"
    off = compare({"dL": found}, {"dL": expected}, what, within=specimen.within(10 * DIFFERENCED), fix=fix)
    return noted([(off, str(specimen.structures[0]))])


def _uneven(values: Tensor) -> Tensor:
    """Return a direction of the size of the values, different in every component; NaN stands for no value."""
    values = values.nan_to_num()
    counted = torch.arange(values.numel(), dtype=values.dtype, device=values.device)
    return torch.cos(counted).reshape(values.shape) * values.abs().mean()


def _leave_padding(pipe: PipelineModelWrapper, parameters: list[Tensor], directions: list[Tensor]) -> None:
    """Set directions to zero where torch gives no gradient: in rows of embeddings that are padding."""
    padded = {id(one.weight): one.padding_idx for one in pipe.modules() if isinstance(one, torch.nn.Embedding)}
    for parameter, direction in zip(parameters, directions, strict=True):
        if (row := padded.get(id(parameter))) is not None:
            direction[row] = 0.0


def _by_graph(loss: Callable[[], Tensor], parameters: list[Tensor], directions: list[Tensor], who: str) -> Tensor:
    value = loss()
    if not value.requires_grad:
        raise failure(who, "no parameter is on the graph of energy and forces", expected="trainable parameters")
    slopes = torch.autograd.grad(value, parameters, allow_unused=True)
    total = value.new_zeros(())
    for slope, direction in zip(slopes, directions, strict=True):
        total = total if slope is None else total + (slope * direction).sum()
    return total


def _by_differences(loss: Callable[[], Tensor], parameters: list[Tensor], directions: list[Tensor]) -> Tensor:
    before = [one.detach().clone() for one in parameters]

    def along(distance: float) -> Tensor:
        with torch.no_grad():
            for parameter, start, direction in zip(parameters, before, directions, strict=True):
                parameter.copy_(start + distance * direction)
        return loss().detach().cpu()

    return derivative(along, FINE)


def _is_saved(specimen: Specimen) -> bool:
    return all(one.origin is not None for one in parts_of(specimen.model))


def parts_of(model: BaseModelMixin) -> list[BaseModelMixin]:
    """Return the models that a model is made of, itself where it is no pipeline."""
    if not isinstance(model, PipelineModelWrapper):
        return [model]
    return [part for one in model.topology.models for part in parts_of(one)]


def _is_trained(specimen: Specimen) -> bool:
    module = specimen.model
    has = isinstance(module, torch.nn.Module) and any(one.requires_grad for one in module.parameters())
    return has and {"energy", "forces"} <= specimen.names and "positions" in specimen.config.autograd_inputs


CHECKS = (
    Promise("deepcopy", "a deep copy gives the same", check_deepcopy),
    Promise("pickle", "a pickled model gives the same", check_pickle),
    Promise("save-and-load", "a file alone brings the model back", check_save_and_load, _is_saved),
    Promise("trainable", "energy and forces reach the parameters", check_trainable, _is_trained),
)
