"""The conformance suite of serializers: every check by name, in the order in which reports show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.testing.promises import Promise
from alchemi_core.testing.serializer_checks import guarding, rebuilding

if TYPE_CHECKING:
    from alchemi_core.testing.serializer_checks.specimens import SerializerSpecimen


def _elsewhere(specimen: SerializerSpecimen) -> bool:
    return specimen.target is not None


PROMISES = (
    Promise("plain", "what is written means the same on every machine", rebuilding.check_plain),
    Promise("model-unchanged", "writing leaves the model as it is", rebuilding.check_model),
    Promise("rebuilds", "what is rebuilt gives the same bits, and declares the same", rebuilding.check_rebuilds),
    Promise("float64", "models come back in float64 after .double()", rebuilding.check_double),
    Promise("trained", "trained weights come back", rebuilding.check_trained),
    Promise("again", "what was rebuilt is written as before", rebuilding.check_again),
    Promise("own-tensors", "rebuilt models share no memory", rebuilding.check_own_tensors),
    Promise("copies", "rebuilt models can be copied", rebuilding.check_copies),
    Promise("global-state", "writing and rebuilding leave the process alone and print nothing", guarding.check_process),
    Promise("hostile-tensors", "tensors that do not fit are refused", guarding.check_tensors),
    Promise("fresh-process", "origin and tensors are enough in another process", guarding.check_fresh, _elsewhere),
    Promise("opens-nothing", "rebuilding opens no file and runs no program", guarding.check_opens, _elsewhere),
    Promise("imports-nothing", "rebuilding imports nothing by a name in options", guarding.check_imports, _elsewhere),
    Promise("hostile-options", "options that nobody wrote are refused by name", guarding.check_options, _elsewhere),
    Promise("file", "pipelines load from files alone", rebuilding.check_file, _elsewhere),
)
"""The checks of serializers."""
