"""Terms: what a pipeline's energy is a weighted sum of, in TorchScript; or the reason why it cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.declaration import declare
from alchemi_core.errors import ExportError
from alchemi_core.registry import default_registry
from alchemi_core.scripting import ScriptableModel
from alchemi_metatomic.upstream import unadvised
from alchemi_metatomic.weights import number_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemi_core.declaration import Declaration
    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_core.planning.flat import FlatStep
    from alchemi_core.scripting import ScriptableEnergy

INPUTS = {"charges": ("charge", "e")}
"""Inputs of models that engines can bring: name and unit in metatomic, by the name here."""


@attrs.frozen(eq=False)
class Term:
    """One step of a pipeline as engines run it.

    Parameters
    ----------
    label : str
        Of the step.
    step : FlatStep
        As declared.
    weight : float
        Factor on its energy.
    module : torch.jit.ScriptModule
        Energies of atoms, see `alchemi_core.scripting.ScriptableEnergy`.
    cutoff : float, Å
        Of its pairs; zero where it reads none.
    half_list : bool
        Whether it reads each pair once.
    interaction_range : float, Å
        How far from an atom others can change its energy.
    """

    label: str
    step: FlatStep
    weight: float
    module: Any
    cutoff: float
    half_list: bool
    interaction_range: float

    @property
    def inputs(self) -> frozenset[str]:
        """What it reads beside the geometry."""
        return self.step.declared.required_inputs


def terms_of(pipe: PipelineModelWrapper, couplings: Mapping[str, float]) -> tuple[Term, ...]:
    """Return the terms of a pipeline's energy, in order; steps with a weight of zero, by a coupling too, are none.

    Parameters
    ----------
    pipe : PipelineModelWrapper
        The pipeline.
    couplings : mapping of str to float
        Values of coupling parameters, at which weights are fixed.

    Raises
    ------
    ExportError
        If a step cannot be run without Python, or the energy is no weighted sum of the steps'. The step is named.
    """
    declared = declare(pipe.topology, pipe.registry or default_registry())
    _check_whole(declared)
    _check_used(couplings, declared)
    weights = {step.index: number_of(step, declared.held, couplings) for step in declared.steps if _adds(step)}
    terms = tuple(_term(declared.steps[index], weight, declared) for index, weight in weights.items() if weight != 0.0)
    if not terms:
        raise ExportError("no step adds to the energy", expected="an energy", who="pipeline")
    return terms


def _adds(step: FlatStep) -> bool:
    """Tell whether a step adds to the energy, under this name."""
    return step.counts and dict(step.names).get("energy") == "energy"


def _check_whole(declared: Declaration) -> None:
    keys = declared.settings.additive_keys
    if keys is not None and "energy" not in keys:
        raise ExportError("additive_keys leaves the energy out", expected="an energy that is summed", who="pipeline")
    for group in declared.groups:
        if group.derivative_fn is not None and any(map(_adds, group.steps)):
            raise ExportError(
                f"group {group.index} has a derivative of its own",
                expected="forces and stress that are the derivatives of the energy: engines take them",
                who=group.steps[0].label,
                fix="PipelineGroup(steps, use_autograd=True), without derivative_fn",
            )


def _check_used(couplings: Mapping[str, float], declared: Declaration) -> None:
    known = frozenset().union(*(step.couplings for step in declared.steps))
    if strange := sorted(set(couplings) - known):
        raise ExportError(
            f"no weight is a function of {', '.join(map(repr, strange))}",
            expected="one of " + ", ".join(map(repr, sorted(known))) if known else "no coupling: weights are numbers",
            who="couplings",
        )


def _term(step: FlatStep, weight: float, declared: Declaration) -> Term:
    _check_atoms(step)
    _check_inputs(step, declared)
    energy = _energy(step)
    neighbors = step.declared.neighbor_config
    return Term(
        label=step.label,
        step=step,
        weight=weight,
        module=_compiled(energy.module, step),
        cutoff=0.0 if neighbors is None else neighbors.cutoff,
        half_list=neighbors is not None and neighbors.half_list,
        interaction_range=energy.interaction_range,
    )


def _check_atoms(step: FlatStep) -> None:
    if step.regions:
        raise ExportError(
            "it is evaluated on a part of each system",
            expected="a step on all atoms: engines divide systems by places, not by what atoms belong to",
            who=step.label,
        )


def _check_inputs(step: FlatStep, declared: Declaration) -> None:
    config = step.declared
    for other in declared.steps[: step.index]:
        if passed := (config.required_inputs | config.optional_inputs) & {known for _, known in other.names}:
            raise ExportError(
                f"it reads {', '.join(sorted(passed))} of step {other.index} ({other.label})",
                expected="steps that stand for themselves: values of other steps depend on atoms that an engine that "
                "divides a system does not have in one place",
                who=step.label,
                fix=_without_charges(step) if passed == {"charges"} else "",
            )
    if strange := sorted(config.required_inputs - INPUTS.keys()):
        raise ExportError(
            f"it reads {', '.join(strange)}",
            expected="inputs that engines bring: positions, elements, cell, " + ", ".join(sorted(INPUTS)),
            who=step.label,
        )


def _without_charges(step: FlatStep) -> str:
    if isinstance(step.model, ScriptableModel):
        return "an engine can bring charges: export the pipeline without the step that they come from"
    return "leave both steps out, or run the pipeline in Python: pipe.as_ase()"


def _energy(step: FlatStep) -> ScriptableEnergy:
    """Return the energy of a step, its module not yet compiled."""
    if not isinstance(step.model, ScriptableModel):
        raise ExportError(
            "it has no form that runs without Python",
            expected="a model with scriptable_energy(), see alchemi_core.scripting",
            who=step.label,
            fix="leave the step out, or run the pipeline in Python: pipe.as_ase()",
        )
    try:
        with unadvised():
            return step.model.scriptable_energy()
    except ExportError as error:
        raise ExportError(error.found, expected=error.expected, who=step.label, fix=error.fix) from error


def _compiled(module: torch.nn.Module, step: FlatStep) -> Any:
    """Return a module in TorchScript."""
    try:
        with unadvised():
            return torch.jit.script(module.eval())
    except (RuntimeError, TypeError, ValueError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise ExportError(
            f"TorchScript does not compile it: {reason}",
            expected="a module that torch.jit.script takes",
            who=step.label,
            fix="tell the author of the model's plugin",
        ) from error
