"""Nothing is printed, warned of, or imported before it is needed."""

import subprocess
import sys

QUIET = """
import sys
import alchemi_sevennet.hooks
assert "torch" not in sys.modules
offers = alchemi_sevennet.hooks.alchemi_models()
assert [offer.name for offer in offers] == ["sevennet"]
assert "torch" not in sys.modules

from ase.build import bulk
from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model
filters = list(__import__("warnings").filters)
pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model("sevennet")])])
pipe(Batch.from_ase(bulk("NaCl", "rocksalt", a=5.64)))
assert __import__("warnings").filters[-len(filters):] == filters
"""


def test_a_fresh_interpreter_where_warnings_are_errors():
    done = subprocess.run([sys.executable, "-W", "error", "-c", QUIET], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_use(evaluate, structures, capfd):
    evaluate(structures["molecule"], "energy", "forces")
    assert capfd.readouterr() == ("", "")
