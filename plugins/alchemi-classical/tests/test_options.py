"""Options that cannot be right, and what the distribution offers."""

import math
import subprocess
import sys

import numpy as np
import pytest

from alchemi_core import create_model
from alchemi_core.errors import OptionError
from alchemi_core.registry import default_registry

CU = {"D": 0.34, "a": 1.36, "r0": 2.87}
EXP = {"A": 900.0, "rho": 0.3}
LARGEST = {"C": 900 * 0.3**6 * 7**7 * math.exp(-7) / 6, "D": 900 * 0.3**8 * 9**9 * math.exp(-9) / 8}
"""C and −D that alone outweigh `EXP`: (A/ρ) rⁿ exp(−r/ρ) is largest at r = n ρ, with n = 7 and 9."""
BOND = {"atoms": (0, 1), "r0": 1.0, "k": 5.0}
BEND = {"atoms": (0, 1, 2), "theta0": 90.0, "k": 5.0}


def morse(**options):
    return "morse", {"pairs": {"Cu-Cu": CU}, "cutoff": 6.0} | options


def pair(**values):
    return morse(pairs={"Cu-Cu": CU | values})


def bond(**values):
    return "restrain-distances", {"restraints": [BOND, BOND | values]}


def bend(**values):
    return "restrain-angles", {"restraints": [BEND | values]}


def born(**values):
    return "born-mayer", {"pairs": {"O-O": EXP | values}, "cutoff": 6.0}


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (("morse", {}), "option 'pairs' missing"),
        (morse(pairs={}), "pairs={}"),
        (morse(pairs="Cu-Cu"), "pairs='Cu-Cu'"),
        (morse(pairs={"Cu": CU}), "pairs names 'Cu'"),
        (morse(pairs={"Cu-Cu-Cu": CU}), "pairs names 'Cu-Cu-Cu'"),
        (morse(pairs={3: CU}), "pairs names 3"),
        (morse(pairs={"Cu-Zz": CU}), "no element 'Zz'"),
        (morse(pairs={"cu-Cu": CU}), "'Cu'"),
        (morse(pairs={"X-Cu": CU}), "no element 'X'"),
        (morse(pairs={"Cu-O": CU, "O-Cu": CU}), "names O-Cu twice"),
        (morse(pairs={"Cu-Cu": 3.0}), "pairs['Cu-Cu']=3.0"),
        (morse(pairs={"Cu-Cu": {"D": 1.0, "a": 1.0}}), "pairs['Cu-Cu'] has no 'r0'"),
        (pair(alpha=1.0), "pairs['Cu-Cu'] has 'alpha'"),
        (pair(D=0.0), "pairs['Cu-Cu']['D']=0.0"),
        (pair(D=-1.0), "pairs['Cu-Cu']['D']=-1.0"),
        (pair(a=float("nan")), "pairs['Cu-Cu']['a']=nan"),
        (pair(r0="far"), "pairs['Cu-Cu']['r0']='far'"),
        (pair(r0=True), "pairs['Cu-Cu']['r0']=True"),
        (pair(cutoff=-1.0), "pairs['Cu-Cu']['cutoff']=-1.0"),
        (pair(switch_on=7.0), "switch_on=7.0 for Cu-Cu"),
        (morse(cutoff=None), "Cu-Cu has no cutoff"),
        (morse(cutoff=float("inf")), "cutoff=inf"),
        (morse(cutoff="6"), "cutoff='6'"),
        (morse(switch_on=6.0), "switch_on=6.0 for Cu-Cu"),
        (morse(switch_on=0.0), "switch_on=0.0"),
        (morse(pairs={"Cu-Cu": CU, "O-O": CU | {"switch_on": 2.0}}), "Cu-Cu has no switch_on"),
        (morse(shift="yes"), "shift='yes'"),
        (morse(non_interacting="Cu-Cu"), "Cu-Cu is both"),
        (morse(non_interacting=("Cu",)), "non_interacting names 'Cu'"),
        (morse(non_interacting="all"), "non_interacting names 'all'"),
        (morse(non_interacting=3), "non_interacting=3"),
        (morse(cuttof=3.0), "cutoff"),
        (("buckingham", {"pairs": {"O-O": EXP | {"C": -1.0}}, "cutoff": 6.0}), "['C']=-1.0"),
        (("buckingham", {"pairs": {"O-O": EXP | {"C": 1e5}}, "cutoff": 6.0}), "O-O attracts at every distance"),
        (("buckingham", {"pairs": {"O-O": EXP | {"A": 0.0, "C": 1.0}}, "cutoff": 6.0}), "O-O attracts"),
        (("buckingham", {"pairs": {"O-O": EXP}, "cutoff": 6.0, "collapse": "alow"}), "collapse='alow'"),
        (("born-mayer", {"pairs": {"O-O": {"A": 1.0, "rho": 0.0}}, "cutoff": 6.0}), "['rho']=0.0"),
        (("born-mayer", {"pairs": {"O-O": EXP | {"sigma": -1.0}}, "cutoff": 6.0}), "['sigma']=-1.0"),
        (born(C=1e5), "O-O attracts at every distance"),
        (born(A=0.1, C=0.0, D=-1e6), "O-O attracts at every distance"),
        (born(A=0.0, D=-1e-9), "O-O attracts at every distance"),
        (born(C=-1.0, D=-1e6), "O-O attracts at every distance"),
        (born(C=1.001 * LARGEST["C"]), "O-O attracts at every distance"),
        (born(D=-1.001 * LARGEST["D"]), "O-O attracts at every distance"),
        (born(C=0.5 * LARGEST["C"], D=-0.6 * LARGEST["D"]), "O-O attracts at every distance"),
        (("zbl", {}), "option 'outer' missing"),
        (("zbl", {"outer": 2.0}), "no inner"),
        (("zbl", {"outer": 2.0, "inner": 2.0}), "inner=2, outer=2"),
        (("zbl", {"outer": -2.0, "inner": 1.0}), "outer=-2.0"),
        (("zbl", {"outer": 2.0, "inner": 0.0}), "inner=0.0"),
        (("zbl", {"outer": "covalnt"}), "outer='covalnt'"),
        (("zbl", {"outer": "covalent", "inner": 1.0}), "inner=1.0 with outer='covalent'"),
        (("restrain-distances", {"restraints": []}), "restraints=[]"),
        (("restrain-distances", {"restraints": BOND}), "restraints={"),
        (("restrain-distances", {"restraints": [(0, 1, 2.0, 5.0)]}), "restraints[0]=(0, 1, 2.0, 5.0)"),
        (("restrain-distances", {"restraints": [{"atoms": (0, 1), "k": 1.0}]}), "restraints[0] has no 'r0'"),
        (bond(theta0=3.0), "restraints[1] has 'theta0'"),
        (bond(atoms=(0, 1, 2)), "restraints[1]['atoms']=(0, 1, 2)"),
        (bond(atoms=(0, -1)), "restraints[1]['atoms']=-1"),
        (bond(atoms=(0, 1.0)), "restraints[1]['atoms']=1.0"),
        (bond(atoms=(1, 1)), "restraints[1]['atoms']=[1, 1]"),
        (bond(r0=-1.0), "restraints[1]['r0']=-1.0"),
        (bond(k=0.0), "restraints[1]['k']=0.0"),
        (bond(k=-1.0), "restraints[1]['k']=-1.0"),
        (bond(flat=-1.0), "restraints[1]['flat']=-1.0"),
        (bond(side="over"), "restraints[1]['side']='over'"),
        (bond(r0=0.0, side="below"), "acts below 0 only"),
        (bond(shift=(0, 1)), "restraints[1]['shift']=(0, 1)"),
        (bond(shift=(0, 0.5, 1)), "restraints[1]['shift']=(0, 0.5, 1)"),
        (bend(theta0=181.0), "restraints[0]['theta0']=181"),
        (bend(theta0=-1.0), "restraints[0]['theta0']=-1.0"),
        (bend(theta0=180.0, side="above"), "acts above 180 only"),
        (bend(atoms=(0, 1)), "restraints[0]['atoms']=(0, 1)"),
        (bend(shift=(0, 0, 1)), "restraints[0] has 'shift'"),
        (("restrain-positions", {"k": -1.0}), "k=-1.0"),
        (("restrain-positions", {"k": "stiff"}), "k='stiff'"),
        (("restrain-positions", {"k": [1.0, 0.0]}), "k[1]=0.0"),
        (("restrain-positions", {"k": 1.0, "atoms": []}), "atoms=[]"),
        (("restrain-positions", {"k": 1.0, "atoms": [0, 2, 2]}), "atoms names 2 twice"),
        (("restrain-positions", {"k": 1.0, "atoms": [0], "reference": [[0, 0, 0], [1, 1, 1]]}), "1 atoms, 2 reference"),
        (("restrain-positions", {"k": [1.0, 2.0], "atoms": [0]}), "1 atoms, 2 k"),
        (("restrain-positions", {"k": 1.0, "reference": [0, 0, 0]}), "reference[0]=0"),
        (("restrain-positions", {"k": 1.0, "reference": [[0, 0]]}), "reference[0]=[0, 0]"),
        (("restrain-positions", {"k": 1.0, "reference": [[0, 0, float("nan")]]}), "reference[0]=nan"),
        (("restrain-positions", {"k": 1.0, "flat": -0.1}), "flat=-0.1"),
        (("restrain-positions", {"k": 1.0, "reference": np.zeros((2, 3))}), "array.tolist()"),
        (("restrain-positions", {"k": 1.0, "atoms": [0, np.int64(3)]}), "atoms=np.int64(3)"),
        (("restrain-positions", {"k": 1.0, "fractional": "yes"}), "fractional='yes'"),
    ],
)
def test_wrong_options_are_named(call, words):
    name, options = call
    with pytest.raises(OptionError) as caught:
        create_model(name, **options)
    assert words in str(caught.value)
    assert name in caught.value.who
    assert caught.value.expected


@pytest.mark.parametrize(
    "values",
    [
        {"C": 0.999 * LARGEST["C"]},
        {"D": -0.999 * LARGEST["D"]},
        {"C": 0.4 * LARGEST["C"], "D": -0.5 * LARGEST["D"]},
        {"C": 1e5, "D": 1e3},
        {"C": -1e5, "D": -1.0},
        {"C": -1e5},
        {"A": 0.0, "D": 5.0},
        {"A": 0.1, "C": 0.0, "D": -1e6, "sigma": 20.0},
    ],
)
def test_a_curve_that_repels_somewhere_is_taken(values):
    name, options = born(**values)
    assert create_model(name, **options).model_config.name == "born-mayer"
    r = np.geomspace(1e-2, 10.0, 100_001)
    own = {"A": EXP["A"], "sigma": 0.0, "C": 0.0, "D": 0.0} | values
    wall = own["A"] / 0.3 * np.exp((own["sigma"] - r) / 0.3)
    assert np.max(wall - 6 * own["C"] / r**7 + 8 * own["D"] / r**9) > 0.0


NAMES = {"morse", "zbl", "buckingham", "born-mayer", "restrain-positions", "restrain-distances", "restrain-angles"}


def test_offers():
    own = {
        offer.name: offer
        for record in default_registry().records
        if record.name == "classical"
        for offer in record.offers
    }
    assert set(own) == NAMES
    assert all(offer.summary and offer.licence for offer in own.values())


def test_elements_are_those_with_parameters():
    pairs = {"Cu-O": CU}
    assert create_model("morse", pairs=pairs, cutoff=5.0, non_interacting=("Ar-Cu",)).model_config.elements == {
        8,
        18,
        29,
    }


def test_hooks_import_nothing_heavy():
    code = "import sys, alchemi_classical.hooks as h; h.alchemi_models(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
