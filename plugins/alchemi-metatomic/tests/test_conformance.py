"""The conformance kit of alchemi, on a file that a pipeline was exported to."""

import tempfile
from pathlib import Path

from alchemi_metatomic.writing import write_model

from alchemi_core import create_model
from alchemi_core.testing import ModelSubject, parametrize_conformance, structure_named
from alchemi_metatomic import Metatomic, export

SOME = [structure_named(name) for name in ("ethanol", "rock-salt", "slab")]


def saved():
    """Make a model of a file that is gone once it is read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.pt"
        write_model(export(create_model("lennard-jones", cutoff=6.0, switch_on=5.0)), path)
        return Metatomic(path)


@parametrize_conformance("alchemi-metatomic", ModelSubject(saved, name="metatomic", structures=SOME))
def test_conformance(check):
    check()
