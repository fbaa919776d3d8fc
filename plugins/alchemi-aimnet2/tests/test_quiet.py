"""Nothing is printed, warned of, or imported before it is needed; no logging is set up."""

import subprocess
import sys

QUIET = """
import logging, sys
import alchemi_aimnet2.hooks
assert "torch" not in sys.modules
offers = alchemi_aimnet2.hooks.alchemi_models()
assert [offer.name for offer in offers] == ["aimnet2"]
assert "torch" not in sys.modules and "aimnet" not in sys.modules

from ase.build import molecule
from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model
filters = list(__import__("warnings").filters)
model = create_model("aimnet2", checkpoint=sys.argv[1])
pipe = PipelineModelWrapper(groups=[PipelineGroup([model], use_autograd=True)])
pipe(Batch.from_ase(molecule("H2O")))
assert __import__("warnings").filters[-len(filters):] == filters
assert not logging.getLogger().handlers
"""


def test_a_fresh_interpreter_where_warnings_are_errors(checkpoints):
    command = [sys.executable, "-W", "error", "-c", QUIET, str(checkpoints["full"])]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if not line.startswith("Warp CUDA")]  # where there is no GPU
    assert (done.returncode, done.stdout, said) == (0, "", [])


def test_use(evaluate, molecules, capfd):
    evaluate(molecules["water"], "energy", "forces")
    assert capfd.readouterr() == ("", "")
