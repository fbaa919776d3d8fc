"""The conformance kit of alchemi, on a file that a pipeline was exported to."""

import tempfile
from pathlib import Path

from alchemi_metatomic import Metatomic, export
from alchemi_metatomic.writing import write_model

from alchemi_core import create_model
from alchemi_core.testing import ModelSubject, parametrize_conformance, structure_named

SOME = [structure_named(name) for name in ("ethanol", "rock-salt", "slab")]


FOLDER = tempfile.TemporaryDirectory()
"""Goes when the tests end: copies of a model read its file again."""


def saved():
    """Make a model of a file."""
    path = Path(FOLDER.name) / "x.pt"
    if not path.exists():
        write_model(export(create_model("lennard-jones", cutoff=6.0, switch_on=5.0)), path)
    return Metatomic(path)


@parametrize_conformance("alchemi-metatomic", ModelSubject(saved, name="metatomic", structures=SOME))
def test_conformance(check):
    check()
