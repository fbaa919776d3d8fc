"""A pipeline as a model of TorchSim: its own validation, units and signs, further outputs, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch_sim as ts
from alchemi_torchsim import CannotServeError, TorchSimModel, as_torchsim, batch_of, state_of
from ase.build import bulk, molecule
from torch_sim.models.interface import ModelInterface, validate_model_outputs

from alchemi_core import Batch, DataError, PlanningError, committee, create_model
from alchemi_core.errors import OptionError

CPU = torch.device("cpu")
PIPELINES = ("argon", "argon_d3", "wired")
DTYPES = (torch.float64, torch.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", PIPELINES)
def test_passes_the_validation_of_torchsim(name, dtype, request):
    model = TorchSimModel(request.getfixturevalue(name), dtype=dtype)
    validate_model_outputs(model, CPU, dtype)
    assert model.compute_stress  # which the validation switches on


@pytest.mark.parametrize("name", PIPELINES)
def test_numbers_are_those_of_the_pipeline(name, mixture, request):
    pipe = request.getfixturevalue(name)
    structures = [one for one in mixture if name != "wired" or one.pbc.sum() != 1]  # PME has no wires
    found = TorchSimModel(pipe, compute_stress=True)(state_of(structures))
    expected = pipe(Batch.from_ase(structures), {"energy", "forces", "stress"})
    assert found["energy"].shape == (len(structures),)
    for one in ("energy", "forces", "stress"):
        value = expected[one].squeeze(1) if one == "energy" else expected[one]
        torch.testing.assert_close(found[one], value, rtol=1e-10, atol=1e-10, equal_nan=True)


def strained(atoms, strain):
    moved = atoms.copy()
    moved.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    return ts.io.atoms_to_state([moved], CPU, torch.float64)


@pytest.mark.parametrize("name", PIPELINES)
def test_forces_and_stress_are_derivatives_in_the_frame_of_torchsim(name, mixture, request):
    """States as TorchSim makes them: cells in columns, one flag of periodicity."""
    model, skewed, step = as_torchsim(request.getfixturevalue(name), compute_stress=True), mixture[0], 1e-4
    found = model(ts.io.atoms_to_state([skewed], CPU, torch.float64))
    for atom, axis in ((0, 0), (1, 2)):
        ends = []
        for sign in (1, -1):
            state = ts.io.atoms_to_state([skewed], CPU, torch.float64)
            state.positions[atom, axis] += sign * step
            ends.append(model(state)["energy"])
        difference = (ends[1] - ends[0]) / (2 * step)
        torch.testing.assert_close(found["forces"][atom, axis], difference[0], rtol=1e-5, atol=1e-7)
    for row, column in ((0, 0), (1, 2)):
        strain = np.zeros((3, 3))
        strain[row, column] += 0.5 * step
        strain[column, row] += 0.5 * step
        up, down = (model(strained(skewed, sign * strain))["energy"][0] for sign in (1, -1))
        difference = (up - down) / (2 * step * skewed.get_volume())
        torch.testing.assert_close(found["stress"][0, row, column], difference, rtol=1e-5, atol=1e-8)


def test_a_compressed_crystal_has_negative_stress(argon):
    """TorchSim, as ASE, calls tension positive: under pressure the diagonal is negative."""
    model = TorchSimModel(argon, compute_stress=True)
    stress = model(state_of(bulk("Ar", "fcc", a=5.0)))["stress"]
    assert (stress.diagonal(dim1=1, dim2=2) < 0).all()
    pressure = ts.quantities.get_pressure(stress, torch.zeros(1), torch.ones(1))
    assert pressure > 0


def test_a_state_is_not_changed_and_shares_its_tensors(argon_d3, mixture):
    state = state_of(mixture)
    before = {name: value.clone() for name, value in vars(state).items() if isinstance(value, torch.Tensor)}
    TorchSimModel(argon_d3)(state)
    for name, value in before.items():
        assert torch.equal(value, getattr(state, name)), name
    batch = batch_of(state)
    assert batch.positions.data_ptr() == state.positions.data_ptr()
    assert batch.batch_idx.data_ptr() == state.system_idx.data_ptr()


def test_states_as_mappings(argon):
    atoms = bulk("Ar", "fcc", a=5.3)
    state = ts.io.atoms_to_state([atoms], CPU, torch.float64)
    names = ("positions", "cell", "pbc", "atomic_numbers", "system_idx")
    model = TorchSimModel(argon)
    assert torch.equal(model({name: getattr(state, name) for name in names})["energy"], model(state)["energy"])


def test_what_is_computed_can_be_chosen(argon):
    state = state_of(bulk("Ar", "fcc", a=5.3))
    assert set(TorchSimModel(argon, compute_forces=False)(state)) == {"energy"}
    model = TorchSimModel(argon)
    assert set(model(state)) == {"energy", "forces"}
    model.compute_stress = True
    assert set(model(state)) == {"energy", "forces", "stress"}


def test_further_outputs(wired):
    model = TorchSimModel(wired, outputs={"charges"})
    atoms = bulk("NaCl", "rocksalt", a=5.64)
    found = model(state_of([atoms, atoms]))
    assert found["charges"].shape == (4,)
    torch.testing.assert_close(found["charges"].reshape(2, 2).sum(1), torch.zeros(2, dtype=torch.float64))
    spread = committee([create_model("lennard-jones", epsilon=e) for e in (0.010, 0.012)])
    found = TorchSimModel(0 + spread, outputs={"energy_std"})(state_of(bulk("Ar", "fcc", a=5.3)))
    assert found["energy_std"].shape == (1,)
    assert found["energy_std"] > 0


def test_contributions(argon_d3):
    found = TorchSimModel(argon_d3, contributions=True)(state_of(bulk("Ar", "fcc", a=5.3)))
    parts = [value for name, value in found.items() if name.startswith("energy/")]
    assert {name for name in found if name.startswith("energy/")} == {"energy/0/lennard-jones", "energy/1/dftd3"}
    torch.testing.assert_close(sum(parts), found["energy"])
    torch.testing.assert_close(found["forces/0/lennard-jones"] + found["forces/1/dftd3"], found["forces"])


def test_no_system_and_one(argon):
    model = TorchSimModel(argon, compute_stress=True)
    one = state_of(bulk("Ar", "fcc", a=5.3))
    none = state_of([])
    shapes = {name: list(value.shape) for name, value in model(none).items()}
    assert shapes == {"energy": [0], "forces": [0, 3], "stress": [0, 3, 3]}
    assert model(one)["energy"].shape == (1,)


def test_gradients_stay_where_the_pipeline_trains():
    pipe = 0 + create_model("lennard-jones")
    model = TorchSimModel(pipe)
    state = state_of(bulk("Ar", "fcc", a=5.0))
    assert not model(state)["energy"].requires_grad
    pipe.train()
    model(state)["forces"].square().sum().backward()
    model(state)["energy"].sum().backward()
    assert all(parameter.grad is not None for parameter in pipe.parameters())


def test_a_model_of_torchsim_with_its_modules(argon):
    model = TorchSimModel(argon)
    assert isinstance(model, ModelInterface)
    assert (model.device, model.dtype, model.memory_scales_with) == (CPU, torch.float64, "n_atoms_x_density")
    assert len(list(model.parameters())) == len(list(argon.parameters()))


def test_stress_that_the_pipeline_cannot_give_is_one_error(argon, springs):
    pipe = argon + springs
    with pytest.raises(CannotServeError, match="springs") as caught:
        TorchSimModel(pipe, compute_stress=True)
    assert isinstance(caught.value, PlanningError)
    assert isinstance(caught.value, NotImplementedError)
    model = TorchSimModel(pipe)
    with pytest.raises(CannotServeError, match="stress"):
        model.compute_stress = True
    validate_model_outputs(model, CPU, torch.float64)  # goes without, as TorchSim allows


def test_outputs_that_nobody_gives(argon):
    with pytest.raises(PlanningError, match="charges"):
        TorchSimModel(argon, outputs={"charges"})


def test_a_state_of_another_type(argon):
    state = state_of(molecule("H2O"), dtype=torch.float32)
    with pytest.raises(DataError, match=r"state\.to"):
        TorchSimModel(argon)(state)
    TorchSimModel(argon, dtype=torch.float32)(state)


@pytest.mark.parametrize(
    "options", [{"dtype": torch.int64}, {"dtype": "float32"}, {"device": "nowhere"}, {"device": "xla"}]
)
def test_places_and_types_that_are_not_there(argon, options):
    with pytest.raises(OptionError, match=f"{next(iter(options))}="):
        TorchSimModel(argon, **options)


def test_lists_are_kept_between_calls_of_a_trajectory():
    """Moved a little, pairs are not searched again: the list that the pipeline keeps is the one with a skin."""
    pipe = 0 + create_model("lennard-jones")
    model, state = TorchSimModel(pipe), state_of(bulk("Ar", "fcc", a=5.3, cubic=True))
    calls = []
    kept, _ = pipe._current().provisions(CPU)
    build = kept.toolkit.build
    object.__setattr__(kept.toolkit, "build", lambda *args: calls.append(args) or build(*args))
    for _ in range(6):
        state.positions = state.positions + 0.001
        model(state)
    assert len(calls) == 2  # exact at first, then with a skin
