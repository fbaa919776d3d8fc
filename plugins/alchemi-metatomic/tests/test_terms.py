"""Every model that can be exported, against the pipeline that it was exported from."""

import pytest

from alchemi_core import Coupling, PipelineGroup, PipelineModelWrapper, create_model

ARGON = {"cutoff": 8.0, "switch_on": 7.0}
MIXED = {"epsilon": {"Ar": 0.0104, "Kr": 0.014}, "sigma": {"Ar": 3.4, "Kr": 3.65}, "cutoff": 8.0}
COPPER = {"D": 0.3429, "a": 1.3588, "r0": 2.866}
OXYGEN = {"A": 22764.3, "rho": 0.149, "C": 27.88}
SILICA = {"O-O": {"A": 1388.773, "rho": 0.3623, "C": 175.0}, "Si-O": {"A": 18003.7572, "rho": 0.2052, "C": 133.5381}}
SALT = {"Na-Cl": {"A": 1256.31, "rho": 0.3164, "D": 2.0, "cutoff": 6.0}, "Cl-Cl": {"A": 3488.0, "rho": 0.33, "C": 73.0}}

CASES = [
    ("lennard-jones", ARGON, ("crystal", "skewed", "slab", "mixture")),
    ("lennard-jones", {"cutoff": 8.5}, ("crystal",)),
    ("lennard-jones", {**ARGON, "half_list": True, "format": "matrix"}, ("crystal", "slab")),
    ("lennard-jones", {**ARGON, "derivatives": "analytic"}, ("crystal",)),
    ("lennard-jones", MIXED, ("mixture", "crystal")),
    ("morse", {"pairs": {"Cu-Cu": COPPER}, "cutoff": 9.0, "switch_on": 7.0}, ("copper",)),
    ("morse", {"pairs": {"Cu-Cu": COPPER}, "cutoff": 6.0}, ("copper",)),
    ("buckingham", {"pairs": SILICA, "cutoff": 8.0, "non_interacting": "rest", "collapse": "allow"}, ("silica",)),
    ("born-mayer", {"pairs": SALT, "cutoff": 9.0, "switch_on": 5.0, "non_interacting": "rest"}, ("salt",)),
    ("zbl", {"inner": 0.6, "outer": 2.5}, ("silica", "squeezed")),
    ("zbl", {"outer": "covalent"}, ("silica", "squeezed")),
    ("coulomb-dsf", {"cutoff": 9.0, "hybrid_forces": False}, ("salt",)),
    ("coulomb-dsf", {"cutoff": 9.0}, ("salt",)),
]
RUNS = [
    pytest.param(name, options, one, id=f"{name}-{n}-{one}")
    for n, (name, options, on) in enumerate(CASES)
    for one in on
]


def alone(model):
    return PipelineModelWrapper([PipelineGroup([model], use_autograd=True)])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("name", "options", "on"), RUNS)
def test_same_as_the_pipeline(agree, structure, name, options, on, dtype):
    agree(alone(create_model(name, **options)), structure(on), dtype=dtype)


def test_weighted_sum(agree, structure):
    near, far = create_model("lennard-jones", cutoff=5.0), create_model("lennard-jones", **ARGON)
    agree(0.3 * near - 1.7 * far + 0.0 * create_model("zbl", outer="covalent"), structure("crystal"))


def test_couplings_are_fixed(agree, structure):
    near, far, lam = create_model("lennard-jones", cutoff=5.0), create_model("lennard-jones", **ARGON), Coupling()
    agree(lam * near + (1 - lam) ** 2 * far, structure("crystal"), couplings={"coupling": 0.3})


def test_what_a_coupling_switches_off_is_left_out(agree, structure):
    lam, far = Coupling(), create_model("lennard-jones", **ARGON)
    agree(far + lam * create_model("eeq", energy=True), structure("crystal"), couplings={"coupling": 0.0})


def test_trained_parameters(agree, structure):
    model = create_model("lennard-jones", **ARGON)
    model.epsilon.data.mul_(1.3)
    agree(alone(model), structure("crystal"))


def test_exporting_leaves_the_pipeline(exported, structure):
    model = create_model("lennard-jones", **ARGON)
    pipe, atoms = alone(model), structure("crystal")
    calculator = exported(pipe)
    assert all(parameter.requires_grad for parameter in model.parameters())
    atoms.calc = calculator
    before = atoms.get_potential_energy()
    model.epsilon.data.mul_(2.0)
    atoms.calc.reset()
    assert atoms.get_potential_energy() == before


def test_salt_of_three_models(agree, structure):
    models = [
        create_model("born-mayer", pairs=SALT, cutoff=9.0, non_interacting="rest"),
        create_model("coulomb-dsf", cutoff=9.0, hybrid_forces=False),
        create_model("zbl", outer="covalent"),
    ]
    agree(PipelineModelWrapper([PipelineGroup(models, use_autograd=True)]), structure("salt"))
