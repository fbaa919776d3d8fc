"""Wiring: who feeds whom. Names are resolved to the closest earlier producer; doubt is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.errors import WiringError, nearest
from alchemi_core.planning.flat import FlatGroup, FlatStep, Scope, inner_topology
from alchemi_core.planning.regional import reads_beyond, selected_by_output, within
from alchemi_core.quantities import DERIVATIVES, GEOMETRY, QUANTITIES, Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alchemi_core.topology import PipelineStep, Topology


_FROM_ASE = {
    "charges": "set_initial_charges(...)",
    "total_charge": "info['charge']",
    "multiplicity": "info['spin']",
}
"""Where `Batch.from_ase` finds inputs."""


@attrs.frozen
class Wire:
    """One input of a step: its producer's number and output, or None when the batch brings it."""

    name: str
    optional: bool
    producer: int | None
    output: str = ""


def resolve_wires(groups: Sequence[FlatGroup]) -> tuple[tuple[Wire, ...], ...]:
    """Find the producer of each input of each step.

    Returns
    -------
    tuple of tuple of Wire
        Wires of each step, by step number.

    Raises
    ------
    WiringError
        If two equally close steps produce one input, or the only ones see fewer atoms than its reader.
    """
    steps = [step for group in groups for step in group.steps]
    return tuple(_wires_of(step, steps[: step.index]) for step in steps)


def _wires_of(step: FlatStep, earlier: Sequence[FlatStep]) -> tuple[Wire, ...]:
    required = sorted(step.config.required_inputs - GEOMETRY)
    optional = sorted(step.config.optional_inputs - step.config.required_inputs - GEOMETRY)
    return tuple(
        _resolve(step, name, earlier, optional=is_optional)
        for names, is_optional in ((required, False), (optional, True))
        for name in names
    )


def _resolve(step: FlatStep, name: str, earlier: Sequence[FlatStep], *, optional: bool) -> Wire:
    seen = [other for other in earlier if not step.is_beside(other)]
    producers = [(other, output) for other in seen for output, known_as in other.names if known_as == name]
    if not producers:
        return Wire(name, optional, None)
    if any(name in region.fields for region in step.regions):
        raise selected_by_output(name, step, producers[-1][0])
    beyond, producers = producers, [(other, output) for other, output in producers if within(step, other)]
    if not producers:
        raise reads_beyond(name, step, beyond[-1][0])
    depth = max(_common(step.scope, other.scope) for other, _ in producers)
    closest = [(other, output) for other, output in producers if _common(step.scope, other.scope) == depth]
    if len(closest) > 1:
        producers_of_one = [other for other, _ in closest]
        raise ambiguous(name, producers_of_one, f"step {step.index} ({step.label})", _rename(name, producers_of_one))
    producer, output = closest[0]
    return Wire(name, optional, producer.index, output)


def _common(one: Scope, other: Scope) -> int:
    """Length of the common start of two scopes."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def ambiguous(name: str, producers: Sequence[FlatStep], who: str, fix: str) -> WiringError:
    """Make the error for a name that several steps produce."""
    given = ", ".join(f"step {p.index} ({p.label})" for p in producers)
    return WiringError(
        f"{name!r} is produced by {given}",
        expected="one producer for one name",
        who=who,
        fix=fix,
    )


def ambiguous_output(name: str, producers: Sequence[FlatStep]) -> WiringError:
    """Make the error for an output of the whole that several steps produce and nothing makes one."""
    if name == "energy" or name in DERIVATIVES:
        fix = f"add {name!r} to additive_keys; weights make a mean of a sum: 0.5 * a + 0.5 * b"
    else:
        fix = f"{_rename(name, producers)}, or make one of them: reductions={{{name!r}: 'mean'}}"
    return ambiguous(name, producers, "outputs of the pipeline", fix)


def _rename(name: str, producers: Sequence[FlatStep]) -> str:
    last = producers[-1]
    return f"rename one: PipelineStep({last.variable}, wire={{{name!r}: '{name}_{last.index}'}})"


def check_wires(topology: Topology) -> None:
    """Check the renames of a topology and of all nested ones.

    Raises
    ------
    WiringError
        If a key is no output of the step, a summed quantity is renamed, or two outputs get one name.
    """
    for group in topology.groups:
        for step in group.steps:
            inner = inner_topology(step.model)
            if inner is not None:
                check_wires(inner)
            _check_step(step)
            _check_served(step)


def _check_served(step: PipelineStep) -> None:
    """Refuse renames of what only derivative strategies inside a nested pipeline give."""
    for key in sorted(set(step.wire) - _produced(step)):
        raise WiringError(
            f"wire renames {key!r}, which only a derivative strategy inside gives",
            expected="renames of outputs of models",
            who=step.model.model_config.name,
            fix=f"leave {key!r} out of wire: it is known under its own name",
        )


def _check_step(step: PipelineStep) -> None:
    outputs = step.model.model_config.outputs
    who = step.model.model_config.name
    for key in step.wire:
        if key not in outputs:
            raise _misspelt(key, outputs, who)
        if key == "energy" or key in DERIVATIVES:
            raise WiringError(
                f"wire renames {key!r}, which is summed under its own name",
                expected="renames of outputs that are passed on, such as charges",
                who=who,
                fix=f"leave {key!r} out of wire",
            )
    for key, name in step.wire.items():
        if name in GEOMETRY or name == "energy" or name in DERIVATIVES:
            raise WiringError(
                f"wire renames {key!r} to {name!r}, which is not passed from step to step",
                expected="a name that later steps declare as an input beyond the geometry",
                who=who,
                fix=f"declare {name!r} as an output of the model, if it is one",
            )
        if (one := QUANTITIES.get(key)) and (other := QUANTITIES.get(name)) and not _like(one, other):
            raise WiringError(
                f"wire renames {_told(one)} to {_told(other)}",
                expected="two names of one quantity, of the same shape and unit",
                who=who,
                fix="convert it in a model of its own, or use another name",
            )
    names = [step.wire.get(output, output) for output in sorted(outputs)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        raise WiringError(f"two of its outputs are called {name!r}", expected="one name each", who=who)


def _produced(step: PipelineStep) -> frozenset[str]:
    """Outputs that models of a step give, under the names that they have inside it."""
    inner = inner_topology(step.model)
    if inner is None:
        return frozenset(step.model.model_config.outputs)
    steps = [one for group in inner.groups for one in group.steps]
    return frozenset(one.wire.get(name, name) for one in steps for name in _produced(one))


def _misspelt(key: str, outputs: Iterable[str], who: str) -> WiringError:
    close = nearest(key, outputs)
    fix = f"wire={{{close!r}: ...}}" if close else "use one of its outputs; wire maps an output to an input name"
    return WiringError(
        f"wire names {key!r}, which the model does not produce",
        expected="one of " + ", ".join(sorted(outputs)),
        who=who,
        fix=fix,
    )


def missing_input(name: str, reader: FlatStep, earlier: Sequence[FlatStep]) -> WiringError:
    """Make the error for an input that nothing before a step produces and the batch does not bring."""
    quantity = QUANTITIES.get(name)
    told = _told(quantity) if quantity else repr(name)
    lines = [f"needs {told}; nothing before it produces that and the batch does not bring it"]
    lines += [f"  step {s.index} ({s.label}) produces {', '.join(known for _, known in s.names)}" for s in earlier]
    return WiringError(
        "\n".join(lines),
        expected="a producer earlier in the pipeline, or the field on the batch",
        who=f"step {reader.index} ({reader.label})",
        fix=_suggestion(name, earlier),
    )


def _suggestion(name: str, earlier: Sequence[FlatStep]) -> str:
    """Suggest the rename of a like-shaped output with the nearest name, else a field on the batch."""
    wanted = QUANTITIES.get(name)
    for step in reversed(earlier):
        candidates = {
            output: known
            for output, known in step.names
            if known not in ("energy", *DERIVATIVES) and _like(QUANTITIES.get(output), wanted)
        }
        if candidates:
            close = nearest(name, candidates) or next(iter(candidates))
            return f"PipelineStep({step.variable}, wire={{{close!r}: {name!r}}})"
    if name not in QUANTITIES:
        return f"batch.with_fields({name}=...); of ASE arrays, Batch.from_ase(atoms, arrays=[{name!r}])"
    return f"batch.with_fields({name}=...)" + (f", or {_FROM_ASE[name]} of ASE structures" if name in _FROM_ASE else "")


def _told(quantity: Quantity) -> str:
    """Return a quantity as errors name it, such as ``'charges' [N] in e``."""
    return f"{quantity.name!r} {quantity.axes}" + (f" in {quantity.unit}" if quantity.unit else "")


def _like(one: Quantity | None, other: Quantity | None) -> bool:
    """Tell whether one can stand for the other; where the table does not know the other, nobody can say."""
    if one is None or other is None:
        return False
    return (one.per, one.shape, one.unit) == (other.per, other.shape, other.unit)
