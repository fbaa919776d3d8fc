"""Whether derivatives are right: against differences, symmetric, complete, in both floating types, trainable."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import AlchemiError
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.testing.comparing import compare, noted
from alchemi_core.testing.derivative_checks.bench_models import Reported
from alchemi_core.testing.derivative_checks.references import ABOUT, REFERENCES
from alchemi_core.testing.derivative_checks.trials import DerivativeSpecimen, is_refusal, uneven
from alchemi_core.testing.differences import derivative
from alchemi_core.testing.failures import failure
from alchemi_core.testing.promises import Promise
from alchemi_core.topology import PipelineGroup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from alchemi_core.testing.structures import Structure

SYMMETRIC = ("stress", "virial", "hessian", "elastic_tensor", "clamped_elastic_tensor", "polarizability")
FIRST = ("forces", "stress", "virial")
SINGLE = 2e-3
"""Relative: float32 against float64."""

SINGLE_SAMPLED = 5e-2
"""Relative: differences in float32, which lose half of the digits."""

STEP = 1e-3
"""Of differences by a parameter."""


def check_value(specimen: DerivativeSpecimen, name: str) -> str:
    """Compare a derivative with differences, on every structure where it was answered."""
    deviations = []
    for structure in specimen.homes(name):
        batch, found = specimen.bench.batch(structure), specimen.trials[structure, name].outputs[name]
        pair = REFERENCES[name](found, specimen.bench, batch, specimen.bench.served[name])
        if pair is not None:
            what = f"{name} of {structure} against central differences"
            off = compare({name: pair[0]}, {name: pair[1]}, what, within=specimen.within)
            deviations.append((off, structure.name))
    return noted(deviations)


def check_symmetric(specimen: DerivativeSpecimen) -> str:
    """Compare with the transpose."""
    within, deviations = specimen.within / (1.0 if specimen.samples else 100.0), []
    for structure, name, value in _all(specimen):
        if name in SYMMETRIC:
            fix = "½ (x + xᵀ) where only rounding differs; a sum that is not symmetric lacks a term"
            what = f"{name} of {structure} against its transpose"
            deviations.append((compare({name: value}, {name: value.mT}, what, within=within, fix=fix), structure.name))
    return noted(deviations)


def _all(specimen: DerivativeSpecimen) -> Iterator[tuple[Structure, str, Tensor]]:
    for (structure, name), trial in specimen.trials.items():
        if name in trial.outputs:
            yield structure, name, trial.outputs[name]


def check_reported(specimen: DerivativeSpecimen) -> str:
    """Add a step that reports its own forces, and look for these in the sum, once."""
    deviations = []
    for structure, names in specimen.settings:
        for name in sorted(set(FIRST) & set(names)):
            batch = specimen.bench.batch(structure)
            trial = specimen.tried(batch, {name}, reported=True)
            if is_refusal(trial):
                continue
            added = dict(PipelineModelWrapper([PipelineGroup([Reported()])], skin=0.0)(batch, requested={name}))
            expected = {name: specimen.trials[structure, name].outputs[name] + added[name]}
            fix = "differences of energies and forces that are sampled, all of them or none: see samples"
            what = f"{name} of {structure} with a step that reports its own"
            deviations.append((compare(trial.outputs, expected, what, within=specimen.within, fix=fix), structure.name))
    return noted(deviations) if deviations else "refused"


def check_single(specimen: DerivativeSpecimen) -> str:
    """Compare float32 with float64."""
    within, deviations = max(SINGLE_SAMPLED if specimen.samples else SINGLE, specimen.accuracy), []
    for structure, names in specimen.settings:
        for name in names:
            trial = specimen.tried(specimen.bench.batch(structure, dtype=torch.float32), {name})
            if is_refusal(trial):
                continue
            expected = {name: specimen.trials[structure, name].outputs[name]}
            what = f"{name} of {structure} in float32 against float64"
            deviations.append((compare(trial.outputs, expected, what, within=within), structure.name))
    return noted(deviations) if deviations else "refused"


def check_training(specimen: DerivativeSpecimen) -> str:
    """Differentiate by a parameter in training mode, where that is not refused, and compare with differences."""
    deviations = []
    for structure, names in specimen.settings:
        for name in names:
            try:
                found = _trained(specimen, structure, name)
            except AlchemiError:
                continue
            expected = _by_strength(specimen, structure, name)
            what, key = f"{name} of {structure} in training", f"the gradient of {name} by parameters"
            fix = "create_graph=tape.differentiable; where it cannot be, refuse: raise DerivativeError in prepare"
            off = compare({key: found}, {key: expected}, what, within=specimen.within, fix=fix)
            deviations.append((off, f"{name} of {structure}"))
    return noted(deviations) if deviations else "refused"


def _trained(specimen: DerivativeSpecimen, structure: Structure, name: str) -> Tensor:
    models = specimen.bench.models()
    pipe = specimen.bench.pipe(specimen.make(), models).train()
    value = pipe(specimen.bench.batch(structure), requested={name})[name]
    if not value.requires_grad:
        raise failure(
            f"{name} of {structure} in training",
            "is off the graph",
            expected="a derivative that a loss can be made of, or an error",
            fix="create_graph=tape.differentiable; where it cannot be, refuse: raise DerivativeError in prepare",
        )
    uneven(value).backward()
    grads = [one.grad for model in models if isinstance(model, torch.nn.Module) for one in model.parameters()]
    return torch.stack([one for one in grads if one is not None]).sum()


def _by_strength(specimen: DerivativeSpecimen, structure: Structure, name: str) -> Tensor:
    """Return the derivative by the parameters of all models together, by differences in evaluation mode."""

    def at(strength: float) -> Tensor:
        pipe = specimen.bench.pipe(specimen.make(), specimen.bench.models(strength))
        return uneven(pipe(specimen.bench.batch(structure), requested={name})[name])

    return derivative(lambda change: at(1.0 + change), STEP)


def values_of(specimen: DerivativeSpecimen) -> list[Promise[DerivativeSpecimen]]:
    """Return the check of each derivative that the quantity table has and that the strategy serves."""
    known = [name for name in specimen.names if name in REFERENCES]
    return [Promise(name, ABOUT[name], partial(check_value, name=name)) for name in known]


PROMISES = (
    Promise(
        "symmetric",
        "stress, Hessians and other second-rank derivatives are symmetric",
        check_symmetric,
        lambda specimen: bool(set(SYMMETRIC) & set(specimen.names)),
    ),
    Promise(
        "reported-steps",
        "a step that reports its own forces is in the sum once",
        check_reported,
        lambda specimen: bool(set(FIRST) & set(specimen.names)),
    ),
    Promise("float32", "float32 gives what float64 gives", check_single),
    Promise("training", "in training, derivatives reach the parameters, or are refused", check_training),
)
