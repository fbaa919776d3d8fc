"""Whether rebuilding is safe: of files from anybody, in any process, and for the process it happens in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.errors import SerializationError
from alchemi_core.testing.failures import failure
from alchemi_core.testing.process_state import ProcessState, printed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from alchemi_core.testing.serializer_checks.specimens import SerializerSpecimen, Written

DRAWS = {"torch's random numbers", "numpy's random numbers", "Python's random numbers"}
"""Which making a network draws, whose weights are then replaced."""


def check_process(specimen: SerializerSpecimen) -> None:
    """Compare the state of the process before and after, random numbers aside."""
    for model in specimen.models:
        before = ProcessState.now()
        with printed() as said:
            one = specimen.write(model)
            if one is not None:
                specimen.rebuild(one)
        changed = [*(name for name in before.changed(ProcessState.now()) if name not in DRAWS), *said]
        if changed:
            what = f"writing and rebuilding {model.model_config.name}"
            raise failure(what, f"changed {', '.join(changed)}", expected="a process that is left as it was")


def check_tensors(specimen: SerializerSpecimen) -> str:
    """Rebuild from tensors that do not fit."""
    count = 0
    for one in specimen.written:
        for what, tensors in _hostile_tensors(one):
            try:
                specimen.rebuild(one, tensors)
            except SerializationError:
                count += 1
                continue
            except Exception as error:
                raise _not_refused(one, what, f"raised {type(error).__name__}: {error}") from error
            raise _not_refused(one, what, "rebuilt all the same")
    return f"{count} refused"


def _not_refused(one: Written, what: str, found: str) -> AssertionError:
    fix = "check_fits(model, tensors, who) of alchemi_core.serialization.tensors, before anything is filled in"
    return failure(f"{one.origin.offer} with {what}", found, expected="a SerializationError", fix=fix)


def _hostile_tensors(one: Written) -> Iterator[tuple[str, dict[str, Tensor]]]:
    given = one.copies
    yield "a tensor more", {**given, "conformance_surplus": torch.zeros(1)}
    names = sorted(given)
    for name in names[len(names) // 2 :][:1]:
        yield f"{name} missing", {key: value for key, value in given.items() if key != name}
        yield f"{name} longer by a row", {**given, name: _longer(given[name])}
        if given[name].is_floating_point():
            yield f"{name} of whole numbers", {**given, name: given[name].nan_to_num().to(torch.int64)}


def _longer(tensor: Tensor) -> Tensor:
    return torch.cat([tensor, tensor[:1]]) if tensor.dim() and len(tensor) else tensor.new_zeros(3)


def check_fresh(specimen: SerializerSpecimen) -> str:
    """Rebuild in a process in which nothing was written."""
    for found in specimen.findings.honest:
        if found != "made":
            raise failure(
                f"{specimen.name}, in a process of its own",
                found,
                expected="a model, from origin and tensors alone",
                fix="keep nothing outside of what write returns",
            )
    return f"{len(specimen.findings.honest)} models"


def check_opens(specimen: SerializerSpecimen) -> str:
    """Look at files opened and programs run meanwhile, also with names of files in place of options."""
    seen = [one for one in specimen.findings.seen if not one.startswith("import ")]
    if seen:
        raise failure(
            f"{specimen.name}, rebuilding",
            "; ".join(seen[:5]),
            expected="no file opened, nothing unpickled, no program run: files come from anybody",
            fix="write what a file of the model holds, not its name",
        )
    return f"{len(specimen.findings.hostile)} rebuilds watched"


def check_imports(specimen: SerializerSpecimen) -> str:
    """Look at modules imported meanwhile that are named in options."""
    if seen := [one for one in specimen.findings.seen if one.startswith("import ")]:
        raise failure(
            f"{specimen.name}, rebuilding",
            "; ".join(seen),
            expected="nothing imported by a name in options",
            fix="look names up in a table of your own",
        )
    return f"{len(specimen.findings.hostile)} rebuilds watched"


def check_options(specimen: SerializerSpecimen) -> str:
    """Rebuild with options of wrong types, huge ones, NaN, missing and further ones."""
    hostile = specimen.findings.hostile
    wrong = {what: found for what, found in hostile.items() if found not in ("refused", "made")}
    for what, found in wrong.items():
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise failure(
            what,
            f"{found}{more}",
            expected="a SerializationError, or a model where the value is one that it can have",
            fix="check type and bounds of every option first, and compare sizes with the shapes of tensors",
        )
    return f"{sum(found == 'refused' for found in hostile.values())} of {len(hostile)} refused"
