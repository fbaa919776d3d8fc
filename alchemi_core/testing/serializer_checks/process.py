"""Findings: what came of rebuilding in a process of its own, where looking on leaves nothing behind."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import attrs

from alchemi_core.testing.failures import failure
from alchemi_core.testing.fresh_python import run_module
from alchemi_core.testing.serializer_checks.hostile import BAIT, FILE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemi_core.testing.serializer_checks.specimens import SerializerSpecimen


@attrs.frozen
class Findings:
    """What came of rebuilding elsewhere.

    Parameters
    ----------
    honest : tuple of str
        Of each model as it was written: ``"made"``, or what was raised.
    hostile : mapping of str to str
        Of each change of options: ``"refused"``, ``"made"``, or what else was raised.
    seen : tuple of str
        Files opened, and modules imported, that are none of the plugin's own.
    """

    honest: tuple[str, ...]
    hostile: Mapping[str, str]
    seen: tuple[str, ...]


def find(specimen: SerializerSpecimen) -> Findings:
    """Rebuild every model in a fresh interpreter, as written and with hostile options.

    Raises
    ------
    AssertionError
        If the interpreter dies, or is not done in time.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        for bait in (f"{BAIT}.py", FILE):
            (folder / bait).write_text("bait = dict\n", encoding="utf-8")
        pairs = [(one.origin, one.copies) for one in specimen.written]
        job = {"target": specimen.target, "registry": specimen.registry, "written": pairs}
        (folder / "job.pickle").write_bytes(pickle.dumps(job))
        run = run_module("alchemi_core.testing.serializer_checks.abroad", str(folder), folder=folder)
        result = folder / "found.json"
        if not result.is_file():
            text = "\n".join(run.stderr.splitlines()[-5:]) or f"exit status {run.returncode}"
            raise failure(
                f"{specimen.name}, rebuilding in a process of its own",
                f"the process ended: {text}",
                expected="a model, or a SerializationError",
                fix="compare sizes in options with the shapes of tensors before anything is built",
            )
        found = json.loads(result.read_text(encoding="utf-8"))
        return Findings(tuple(found["honest"]), found["hostile"], tuple(found["seen"]))
