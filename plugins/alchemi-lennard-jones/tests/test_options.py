"""Options that cannot be right, and what the distribution offers."""

import subprocess
import sys

import pytest

from alchemi_core import create_model
from alchemi_core.errors import OptionError


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"epsilon": -1.0}, "epsilon=-1.0"),
        ({"epsilon": float("nan")}, "epsilon=nan"),
        ({"sigma": 0.0}, "sigma=0.0"),
        ({"sigma": "wide"}, "sigma='wide'"),
        ({"cutoff": 0.0}, "cutoff=0.0"),
        ({"cutoff": float("inf")}, "cutoff=inf"),
        ({"cutoff": 8.0, "switch_on": 9.0}, "switch_on=9.0"),
        ({"switch_on": 0.0}, "switch_on=0.0"),
        ({"format": "matrx"}, "format='matrix'"),
        ({"derivatives": "autograd"}, "derivatives='autograd'"),
        ({"epsilon": {"Arr": 1.0}}, "no element 'Arr'"),
        ({"epsilon": {"X": 1.0}}, "no element 'X'"),
        ({"epsilon": {}}, "no element in"),
        ({"epsilon": {"Ar": 1.0}, "sigma": {"Ar": 3.0, "Kr": 3.0}}, "Kr has only one"),
        ({"epsilon": {"Ar": 1.0, "Kr": -2.0}}, "epsilon=-2.0"),
        ({"sgima": 3.0}, "sigma"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(OptionError) as caught:
        create_model("lennard-jones", **options)
    assert words in str(caught.value)


def test_offer_makes_the_model():
    model = create_model("lennard-jones", cutoff=8.0, switch_on=6.0)
    assert model.model_config.name == "lennard-jones"
    assert model.origin.offer == "lennard-jones"
    assert model.model_config.elements is None


def test_elements_are_those_with_parameters():
    assert create_model("lennard-jones", epsilon={"Kr": 1.0, "Ar": 1.0}).model_config.elements == {18, 36}


def test_hooks_import_nothing_heavy():
    code = "import sys, alchemi_lennard_jones.hooks as h; h.alchemi_models(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
