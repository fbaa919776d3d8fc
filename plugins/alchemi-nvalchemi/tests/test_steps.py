"""The toolkit's own models as steps: the same numbers as the same physics here."""

import warnings

import pytest
import torch
from alchemi_nvalchemi import NvalchemiStep
from nvalchemi.models import LennardJonesModelWrapper

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, PipelineStep, create_model
from alchemi_core.contract import Analytic, OnGraph, Partial
from alchemi_core.derivatives.finite_difference import FiniteDifference
from alchemi_core.errors import DeclarationError, DoubleCountingError, GeometryError, ModelOutputError, OptionError
from alchemi_core.quantities import COULOMB_CONSTANT

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of what its pipelines import
    from nvalchemi.models.pipeline import PipelineGroup as GroupThere
    from nvalchemi.models.pipeline import PipelineModelWrapper as PipelineThere

ALL = {"energy", "forces", "stress", "virial"}
ARGON = {"epsilon": 0.0104, "sigma": 3.4, "cutoff": 8.5}
EXACT = {"cutoff": 12.0, "accuracy": 1e-10, "coulomb_constant": COULOMB_CONSTANT}
PBE = {"a1": 0.4289, "s8": 0.7875, "a2": 4.4407, "s6": 1.0}


def largest(one, other):
    """Return the largest difference of two outputs by the largest value; places without a value must agree."""
    assert torch.equal(one.isnan(), other.isnan())
    return float((one - other).abs().nan_to_num().max() / other.abs().nan_to_num().max())


@pytest.mark.parametrize("half_list", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_lennard_jones(alone, step, structures, half_list, dtype):
    batch = Batch.from_ase([structures[name] for name in ("argon", "cluster", "slab")], dtype=dtype)
    found = alone(step("lennard-jones", **ARGON, half_list=half_list))(batch, ALL)
    expected = alone(create_model("lennard-jones", **ARGON, shift=False))(batch, ALL)
    for name in ALL:
        assert largest(found[name], expected[name]) < (1e-12 if dtype == torch.float64 else 2e-5), name


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_dispersion(alone, step, structures, d3_file, dtype):
    structures["salt"].set_initial_charges(None)
    batch = Batch.from_ase([structures["salt"], structures["cluster"]], dtype=dtype)
    reach = {"cutoff": 12.0, "smoothing_fraction": 0.0}
    found = alone(step("dftd3", **PBE, **reach, param_file=d3_file))(batch, ALL)
    cutoffs = {"disp2": 12.0, "cn": 12.0}
    expected = alone(create_model("dftd3", damping="bj", parameters=PBE, cutoffs=cutoffs, atm=False))(batch, ALL)
    for name in ALL:
        # the toolkit's tables and kernels are in float32
        assert largest(found[name], expected[name]) < 2e-5, name


@pytest.mark.parametrize("hybrid_forces", [False, True])
@pytest.mark.parametrize("name", ["ewald", "pme"])
def test_electrostatics(alone, step, structures, name, hybrid_forces):
    batch = Batch.from_ase([structures["salt"]] * 2)
    found = alone(step(name, **EXACT, hybrid_forces=hybrid_forces))(batch, ALL)
    expected = alone(create_model("ewald", cutoff=12.0, accuracy=1e-10))(batch, ALL)
    for quantity in ALL:
        # a mesh is not exact
        assert largest(found[quantity], expected[quantity]) < (1e-8 if name == "ewald" else 1e-6), quantity


@pytest.mark.parametrize("hybrid_forces", [False, True])
@pytest.mark.parametrize("name", ["ewald", "pme"])
def test_charges_that_follow_positions(structures, step, name, hybrid_forces):
    def pipe(coulomb):
        charges = PipelineStep(create_model("eeq"))
        return PipelineModelWrapper([PipelineGroup([charges, coulomb], use_autograd=True)])

    atoms = structures["salt"].copy()
    atoms.set_initial_charges(None)
    batch = Batch.from_ase(atoms)
    found = pipe(step(name, **EXACT, hybrid_forces=hybrid_forces))(batch, ALL)
    expected = pipe(create_model("ewald", cutoff=12.0, accuracy=1e-10))(batch, ALL)
    for quantity in ALL - {"virial"}:
        assert largest(found[quantity], expected[quantity]) < 2e-6, quantity


def test_charges_that_follow_positions_by_differences(structures, step):
    atoms = structures["salt"]
    atoms.set_initial_charges(None)
    batch, names = Batch.from_ase(atoms), {"energy", "forces", "stress"}
    steps = [create_model("eeq"), step("ewald", **EXACT, hybrid_forces=True)]
    found = PipelineModelWrapper([PipelineGroup(steps, use_autograd=True)])(batch, names)
    steps = [create_model("eeq"), step("ewald", **EXACT)]
    differences = PipelineGroup(steps, use_autograd=True, derivative_fn=FiniteDifference(1e-3))
    expected = PipelineModelWrapper([differences])(batch, names)
    for quantity in names:
        assert largest(found[quantity], expected[quantity]) < 2e-5, quantity


def test_declarations(step, d3_file):
    graph = step("ewald", **EXACT).model_config
    assert graph.kinds == {"energy": OnGraph({"positions", "cell", "charges"}, order=1)}
    assert graph.required_inputs == {"charges"}
    assert graph.needs_pbc
    hybrid = step("ewald", **EXACT, hybrid_forces=True).model_config
    fixed = Partial(at_fixed={"charges"})
    assert hybrid.kinds == {
        "energy": OnGraph({"charges"}, order=1),
        "forces": fixed,
        "stress": fixed,
        "virial": fixed,
    }
    dispersion = step("dftd3", **PBE, param_file=d3_file).model_config
    assert set(dispersion.kinds.values()) == {Analytic()}
    assert (dispersion.correction, set(dispersion.contains)) == (True, {"dispersion"})
    half = step("lennard-jones", **ARGON, half_list=True).model_config.neighbor_config
    assert (half.cutoff, half.format.value, half.half_list) == (8.5, "matrix", True)


def test_lists_are_shared(step):
    half = step("lennard-jones", **ARGON | {"cutoff": 8.0}, half_list=True)
    models = [create_model("lennard-jones", **ARGON), step("lennard-jones", **ARGON), half]
    plan = str(PipelineModelWrapper([PipelineGroup(models)]).plan_for({"energy"}))
    assert "of the same 8.5 Å pairs, then to_matrix" in plan
    assert "cut out of the 8.5 Å pairs, cheaper than building it, then to_half, then to_matrix" in plan


def test_a_pipeline_of_the_toolkit_is_a_step_too(alone, structures):
    """Of two models whose cutoffs are so near that they share a list, from which the toolkit takes what each reads."""
    near, far = (LennardJonesModelWrapper(**ARGON | {"cutoff": cutoff}) for cutoff in (8.0, 8.5))
    batch = Batch.from_ase([structures["argon"], structures["slab"]])
    whole = NvalchemiStep(PipelineThere(groups=[GroupThere(steps=[near]), GroupThere(steps=[far])]), name="both")
    with pytest.raises(ModelOutputError, match="both: it gave no stress"):
        alone(whole)(batch, ALL)
    for one in (near, far):
        one.set_config("active_outputs", {"energy", "forces", "stress"})
    found = alone(whole)(batch, ALL)
    parts = [alone(create_model("lennard-jones", **ARGON | {"cutoff": c}, shift=False))(batch, ALL) for c in (8.0, 8.5)]
    for name in ALL:
        assert largest(found[name], parts[0][name] + parts[1][name]) < 1e-12, name


def test_dispersion_is_counted_once(step, d3_file):
    twice = step("dftd3", **PBE, param_file=d3_file) + create_model("dftd3", functional="pbe")
    with pytest.raises(DoubleCountingError, match="dispersion"):
        twice.plan_for({"energy"})


def test_the_wrapper_is_left_alone(alone, structures):
    wrapper = LennardJonesModelWrapper(**ARGON)
    before = {name: repr(value) for name, value in vars(wrapper).items()}
    alone(NvalchemiStep(wrapper))(Batch.from_ase(structures["argon"]), ALL)
    assert {name: repr(value) for name, value in vars(wrapper).items()} == before


def test_wires_and_slabs_are_refused_by_sums_over_all_images(alone, step, structures):
    atoms = structures["salt"]
    atoms.pbc = (True, True, False)
    with pytest.raises(GeometryError, match="periodic in all directions"):
        alone(step("ewald", **EXACT))(Batch.from_ase(atoms), {"energy"})


def test_refusals(step):
    with pytest.raises(DeclarationError, match="no model of nvalchemi-toolkit"):
        NvalchemiStep(torch.nn.Linear(1, 1))
    with pytest.raises(OptionError, match="model='lennard-jones'"):
        step("lennard-jone")
    with pytest.raises(OptionError, match="epsilom"):
        step("lennard-jones", epsilom=1.0)
    wrapper = LennardJonesModelWrapper(**ARGON)
    wrapper.model_config.required_inputs = frozenset({"node_attrs"})
    with pytest.raises(DeclarationError, match="node_attrs"):
        NvalchemiStep(wrapper)


def test_saving(tmp_path, alone, step, structures):
    from alchemi_core import load_pipeline

    pipe, batch = alone(create_model("nvalchemi", model="lennard-jones", **ARGON)), Batch.from_ase(structures["argon"])
    pipe.save(tmp_path / "x.alchemi")
    assert torch.equal(load_pipeline(tmp_path / "x.alchemi")(batch)["forces"], pipe(batch)["forces"])
