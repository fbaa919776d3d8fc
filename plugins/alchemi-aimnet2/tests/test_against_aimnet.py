"""Energies, charges, forces and stress are those of aimnet's own calculator."""

import copy
import json

import numpy as np
import pytest
import torch
from aimnet.config import build_module
from alchemi_aimnet2.testing import save_random_checkpoint
from ase import Atoms
from ase.build import molecule

from alchemi_core.errors import OptionError

SCALES = {"energy": 1.0, "charges": 1e-2, "spin_charges": 1e-2, "forces": 0.1, "stress": 0.1}
"""Size of the terms whose sum may be far smaller."""


def agree(out, reference, *names, tolerance=1e-4, system=slice(None), atoms=slice(None)):
    """To 1e-4 of the largest: aimnet computes in float32, and charges are small differences; see below for float64."""
    for name in names:
        expected = np.asarray(getattr(reference, name))
        value = out[name][system if name in ("energy", "stress") else atoms].numpy().reshape(expected.shape)
        scale = max(np.abs(expected).max(), SCALES[name])
        np.testing.assert_allclose(value, expected, rtol=0, atol=tolerance * scale, err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_molecules(any_molecule, evaluate, calculate, dtype):
    any_molecule.positions -= any_molecule.positions.mean(0).round()  # aimnet's float32 coordinates are coarse far away
    out = evaluate(any_molecule, "energy", "charges", "forces", dtype=dtype)
    agree(out, calculate(any_molecule), "energy", "charges", "forces")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_crystals(any_crystal, evaluate, calculate, dtype):
    out = evaluate(any_crystal, "energy", "charges", "forces", "stress", coulomb="dsf", dtype=dtype)
    agree(out, calculate(any_crystal), "energy", "charges", "forces", "stress")


@pytest.mark.parametrize("kind", ["bare", "dispersion"])
def test_crystals_without_coulomb(crystals, evaluate, calculate, kind):
    for atoms in crystals.values():
        out = evaluate(atoms, "energy", "charges", "forces", "stress", kind=kind)
        agree(out, calculate(atoms, kind), "energy", "charges", "forces", "stress")


@pytest.mark.parametrize("kind", ["bare", "coulomb", "dispersion", "open shell"])
def test_other_checkpoints(molecules, evaluate, calculate, kind):
    for atoms in (molecules["ethanol"], molecules["far apart"]):
        agree(
            evaluate(atoms, "energy", "charges", "forces", kind=kind),
            calculate(atoms, kind),
            "energy",
            "charges",
            "forces",
        )


def test_checkpoints_differ(molecules, evaluate):
    """Otherwise the tests above would pass with terms left out."""
    kinds = ("full", "bare", "coulomb", "dispersion", "open shell")
    energies = {round(evaluate(molecules["ethanol"], "energy", kind=kind)["energy"].item(), 4) for kind in kinds}
    assert len(energies) == len(kinds)


@pytest.mark.parametrize("charge", [-2.0, 1.0, 0.5])
@pytest.mark.parametrize("kind", ["full", "open shell"])
def test_charged_molecules(molecules, evaluate, calculate, kind, charge):
    for atoms in (molecules["ethanol"], molecules["atom"]):
        out = evaluate(atoms, "energy", "charges", "forces", kind=kind, fields={"total_charge": [charge]})
        agree(out, calculate(atoms, kind, charge), "energy", "charges", "forces")


@pytest.mark.parametrize(("charge", "mult"), [(0.0, 1.0), (0.0, 3.0), (1.0, 2.0), (-1.0, 4.0)])
def test_open_shells(molecules, evaluate, calculate, charge, mult):
    fields = {"total_charge": [charge], "multiplicity": [mult]}
    names = ("energy", "charges", "spin_charges", "forces")
    for atoms in (molecules["ethanol"], molecules["water"], molecules["atom"]):
        out = evaluate(atoms, *names, kind="open shell", fields=fields)
        agree(out, calculate(atoms, "open shell", charge, mult), *names)


def test_a_batch(molecules, crystals, evaluate, calculate):
    """Molecules and crystals mixed, each with a charge of its own."""
    batch = [molecules["water"], crystals["ice"], molecules["atom"], crystals["one molecule among images"]]
    charges = [1.0, -1.0, 0.0, 2.0]
    names = ("energy", "charges", "forces")
    out = evaluate(batch, *names, "stress", kind="dispersion", fields={"total_charge": charges})
    stops = np.cumsum([len(atoms) for atoms in batch])
    for system, (atoms, charge, stop) in enumerate(zip(batch, charges, stops, strict=True)):
        reference = calculate(atoms, "dispersion", charge)
        own = slice(stop - len(atoms), stop)
        agree(out, reference, *names, system=system, atoms=own)
        if atoms.pbc.all():
            agree(out, reference, "stress", system=system)
        else:
            assert bool(out["stress"][system].isnan().all())


def test_a_cluster(evaluate, calculate):
    """Pairs beyond every cutoff, which only the sum over all pairs has."""
    atoms = Atoms()
    for place in np.ndindex(3, 2, 2):
        water = molecule("H2O")
        water.rotate(50 * sum(place), (1, 1, place[0]))
        water.translate(np.multiply(place, 9.0))
        atoms += water
    assert np.ptp(atoms.positions[:, 0]) > 15
    agree(evaluate(atoms, "energy", "charges", "forces"), calculate(atoms), "energy", "charges", "forces")


@pytest.fixture
def add_checkpoint(checkpoints, tmp_path, monkeypatch):
    """Let another file be one of the kinds."""
    return lambda kind, path: monkeypatch.setitem(checkpoints, kind, path)


def test_coulomb_that_the_network_does_not_take_off(tmp_path, add_checkpoint, molecules, crystals, evaluate, calculate):
    """Then aimnet's sum is that over long range, with 4.6 Å where the file does not say it."""
    add_checkpoint("whole", save_random_checkpoint(tmp_path / "whole.pt", coulomb=False, needs_coulomb=True))
    for atoms, coulomb in ((molecules["ethanol"], None), (crystals["ice"], "dsf")):
        out = evaluate(atoms, "energy", "charges", "forces", kind="whole", coulomb=coulomb)
        agree(out, calculate(atoms, "whole"), "energy", "charges", "forces")


def with_learned_dispersion(path):
    """Add what networks with dispersion of their own have: two more numbers per atom, for C6 and polarizability."""
    content = torch.load(path, weights_only=True)
    description = json.loads(content["model_yaml"])
    mlp = description["kwargs"]["outputs"]["energy_mlp"]["kwargs"]["mlp"]
    head = {"n_in": 16, "n_out": 2, "key_in": "aim", "key_out": "disp_param", "mlp": mlp}
    description["kwargs"]["outputs"] |= {
        "disp_mlp": {"class": "aimnet.modules.Output", "kwargs": head},
        "disp_param": {"class": "aimnet.modules.lr.DispParam", "kwargs": {}},
        "d3ts": {"class": "aimnet.modules.D3TS", "kwargs": {"a1": 0.4, "a2": 4.0, "s8": 0.8}},
    }
    torch.manual_seed(4)
    weights = {**build_module(copy.deepcopy(description)).state_dict(), **content["state_dict"]}
    weights["outputs.disp_param.disp_param0"] = 5.0 + 10.0 * torch.rand(87, 2)
    content |= {"model_yaml": json.dumps(description), "state_dict": weights}
    torch.save({**content, "has_embedded_d3ts": True, "has_embedded_lr": True}, path)
    return path


@pytest.mark.parametrize("coulomb", [True, False])
def test_dispersion_learned_with_the_network(
    tmp_path, add_checkpoint, molecules, crystals, evaluate, calculate, coulomb
):
    path = save_random_checkpoint(tmp_path / "learned.pt", coulomb=coulomb, dispersion=False)
    add_checkpoint("learned", with_learned_dispersion(path))
    names = ("energy", "charges", "forces")
    for atoms in (molecules["ethanol"], crystals["ice"]):
        periodic = bool(atoms.pbc.all())
        out = evaluate(atoms, *names, kind="learned", coulomb="dsf" if coulomb and periodic else None)
        agree(out, calculate(atoms, "learned"), *names)


def test_learned_dispersion_stays(tmp_path, add_checkpoint, make):
    path = save_random_checkpoint(tmp_path / "learned.pt", dispersion=False)
    add_checkpoint("learned", with_learned_dispersion(path))
    assert set(make("learned", coulomb=False).model_config.contains) == {"dispersion"}
    assert make("learned", coulomb=False).model_config.neighbor_config.cutoff == 15.0
    with pytest.raises(OptionError, match="learned with its network"):
        make("learned", dispersion=False)


@pytest.fixture
def double_reference(monkeypatch, checkpoints):
    """aimnet's calculator where it casts to float64 instead, with the differentiable form of its D3."""
    from aimnet.calculators import AIMNet2Calculator
    from aimnet.models.base import AIMNet2Base

    def wider(kinds):
        return [torch.float64 if kind is torch.float32 else kind for kind in kinds]

    for name in ("_required_keys_dtype", "_optional_keys_dtype"):
        monkeypatch.setattr(AIMNet2Base, name, wider(getattr(AIMNet2Base, name)))
    for name in ("keys_in", "keys_in_optional"):
        kinds = getattr(AIMNet2Calculator, name)
        monkeypatch.setattr(AIMNet2Calculator, name, dict(zip(kinds, wider(kinds.values()), strict=True)))

    def run(atoms, kind):
        calculator = AIMNet2Calculator(str(checkpoints[kind]), device="cpu", deterministic=True)
        for part in (calculator.model, calculator.external_coulomb, calculator.external_dftd3):
            if part is not None:
                part.double()
        periodic = bool(atoms.pbc.all())
        if periodic and calculator.external_coulomb is not None:
            calculator.set_lrcoulomb_method("dsf")
        cell = {"cell": torch.tensor(atoms.cell.array)} if periodic else {}
        data = {"coord": torch.tensor(atoms.positions), "numbers": atoms.numbers, "charge": 1.0, "mult": 1.0, **cell}
        return calculator(data, forces=True, stress=periodic)

    return run


@pytest.mark.parametrize("kind", ["full", "open shell", "bare"])
def test_in_float64(molecules, crystals, evaluate, double_reference, kind):
    for atoms in (molecules["ethanol"], crystals["ice"], crystals["outside its cell"]):
        periodic = bool(atoms.pbc.all())
        coulomb = "dsf" if periodic and kind != "bare" else None
        names = ("energy", "charges", "forces", *(["stress"] if periodic else []))
        out = evaluate(atoms, *names, kind=kind, coulomb=coulomb, fields={"total_charge": [1.0]})
        reference = double_reference(atoms, kind)
        for name in names:
            expected = reference[name].detach().double().reshape(out[name].shape)
            torch.testing.assert_close(
                out[name], expected, rtol=1e-9, atol=1e-9, msg=lambda text, name=name: f"{name}: {text}"
            )
