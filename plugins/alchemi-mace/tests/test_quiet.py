"""Nothing is printed, warned of, imported before it is needed, or left changed in the process."""

import os
import subprocess
import sys

import pytest

QUIET = """
import os, sys, warnings
import alchemi_mace.hooks
assert "torch" not in sys.modules
offers = alchemi_mace.hooks.alchemi_models()
assert [offer.name for offer in offers] == ["mace"]
assert "torch" not in sys.modules

from ase.build import bulk
from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model
import torch
filters = list(warnings.filters)
generator = torch.get_rng_state()
pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model("mace", checkpoint=sys.argv[1])], use_autograd=True)])
pipe(Batch.from_ase(bulk("NaCl", "rocksalt", a=5.64)))
assert warnings.filters[-len(filters):] == filters
assert os.environ.get("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "") == sys.argv[2]
assert torch.get_default_dtype() == torch.float32
assert torch.equal(torch.get_rng_state(), generator)
assert all(one.__module__.startswith("torch.") for one in torch.serialization.get_safe_globals())

warnings.simplefilter("ignore")
print("calculators of mace-torch still work:", end=" ")
from mace.calculators import MACECalculator
print(len(MACECalculator(model_paths=sys.argv[1], device="cpu", default_dtype="float64").models))
"""


@pytest.mark.parametrize("unsafe", ["", "1"])
def test_a_fresh_interpreter_where_warnings_are_errors(saved, unsafe):
    """Also below a process in which mace has switched the safe default of torch off."""
    name = "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
    environment = {
        **{key: value for key, value in os.environ.items() if key != name},
        **({name: "1"} if unsafe else {}),
    }
    program = [sys.executable, "-W", "error", "-c", QUIET, str(saved()), unsafe]
    done = subprocess.run(program, capture_output=True, text=True, check=False, env=environment)
    assert (done.stderr, done.stdout) == ("", "calculators of mace-torch still work: 1\n")


@pytest.mark.parametrize("kind", ["scaled", "zbl", "dipoles"])
def test_use(evaluate, structures, capfd, kind):
    evaluate(structures["molecule"], "energy", "forces", kind=kind)
    assert capfd.readouterr() == ("", "")
