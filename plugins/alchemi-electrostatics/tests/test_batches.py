"""Many systems at once give what each gives alone."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model

from .ions import SKEWED, charges_of, gas
from .running import run, with_charges

MODELS = pytest.mark.parametrize("model", ["ewald", "pme"])
HYBRID = pytest.mark.parametrize("hybrid", [True, False], ids=["hybrid", "graph"])


def mixture():
    """All kinds of periodicity, sizes far apart, an empty system, and one atom."""
    return [
        molecule("CH3CH2OH"),
        gas(14, seed=30),
        gas(5, pbc=(True, False, True), seed=31),
        Atoms(),
        bulk("NaCl", "rocksalt", a=5.64, cubic=True).repeat((1, 1, 3)),
        Atoms("Na", [[0.1, 0.2, 0.3]], cell=[3.0, 3.0, 3.0], pbc=True),
        gas(6, cell=SKEWED[[1, 0, 2]], seed=32),
        gas(7, pbc=(True, True, False), seed=33),
        molecule("H2O", cell=[8.0, 8.0, 8.0]),
    ]


def charges_for(systems):
    return [charges_of(atoms, total=row % 3 - 1.0, seed=row) if len(atoms) else [] for row, atoms in enumerate(systems)]


@HYBRID
@MODELS
def test_mixture_equals_one_by_one(model, hybrid):
    systems = mixture()
    charges = charges_for(systems)
    wanted = ("energy", "forces", "virial")
    together = run(model, systems, np.concatenate(charges), requested=wanted, hybrid_forces=hybrid)
    alone = [
        run(model, [atoms], own, requested=wanted, hybrid_forces=hybrid)
        for atoms, own in zip(systems, charges, strict=True)
        if len(atoms)
    ]
    filled = torch.tensor([len(atoms) > 0 for atoms in systems])
    for name, value in together.items():
        kept = value if name == "forces" else value[filled]
        torch.testing.assert_close(kept, torch.cat([out[name] for out in alone]), rtol=1e-11, atol=1e-11)
    assert together["energy"][~filled].item() == 0.0


@MODELS
def test_order_does_not_matter(model):
    systems = mixture()
    charges = charges_for(systems)
    forward = run(model, systems, np.concatenate(charges), requested=("energy",))["energy"]
    backward = run(model, systems[::-1], np.concatenate(charges[::-1]), requested=("energy",))["energy"]
    torch.testing.assert_close(forward, backward.flip(0), rtol=1e-12, atol=1e-12)


@MODELS
def test_many_of_slightly_different_size(model):
    systems = [gas(8 + row % 3, cell=(1.0 + 0.02 * row) * SKEWED, seed=row) for row in range(9)]
    charges = charges_for(systems)
    together = run(model, systems, np.concatenate(charges))
    alone = [run(model, atoms, own) for atoms, own in zip(systems, charges, strict=True)]
    for name, value in together.items():
        torch.testing.assert_close(value, torch.cat([out[name] for out in alone]), rtol=1e-11, atol=1e-11)


@HYBRID
@MODELS
def test_nothing_and_molecules_only(model, hybrid):
    for nothing in ([Atoms()], [Atoms(cell=[5.0, 5.0, 5.0], pbc=True)], []):
        empty = run(model, nothing, [], requested=("energy", "forces"), hybrid_forces=hybrid)
        assert empty["energy"].tolist() == [[0.0]] * len(nothing)
        assert empty["forces"].shape == (0, 3)
    pair = [molecule("NaCl"), Atoms("Na")]
    out = run(model, pair, [1.0, -1.0, 3.0], requested=("energy", "forces"), hybrid_forces=hybrid)
    assert out["energy"][1].item() == 0.0
    assert out["forces"][:2].abs().max() > 1.0
    assert out["forces"][2].tolist() == [0.0, 0.0, 0.0]


@MODELS
def test_nothing_is_kept_between_calls_and_threads_do_not_meet(model):
    """One model, many cells, at once and one after the other."""
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model(model)], use_autograd=True)])
    batches = [
        with_charges(gas(9, cell=(1.0 + 0.05 * row) * SKEWED, seed=3), charges_of(gas(9, seed=3))) for row in range(4)
    ]
    first = [pipe(batch, {"energy", "forces", "stress"}) for batch in batches]
    with ThreadPoolExecutor(4) as threads:
        second = list(threads.map(lambda batch: pipe(batch, {"energy", "forces", "stress"}), batches * 3))
    for row, out in enumerate(second):
        for name, value in out.items():
            torch.testing.assert_close(value, first[row % 4][name], rtol=1e-12, atol=1e-12)


@MODELS
def test_modes_of_grad_change_nothing(model):
    batch = with_charges(gas(9, seed=3), charges_of(gas(9, seed=3)))
    for hybrid in (True, False):
        pipe = PipelineModelWrapper(
            groups=[PipelineGroup([create_model(model, hybrid_forces=hybrid)], use_autograd=True)]
        )
        usual = pipe(batch, {"energy", "forces", "stress"})
        with torch.no_grad():
            without = pipe(batch, {"energy", "forces", "stress"})
        with torch.inference_mode():
            inference = pipe(batch, {"energy", "forces", "stress"})
        for name, value in usual.items():
            assert torch.equal(value, without[name])
            assert torch.equal(value, inference[name])


@pytest.mark.parametrize(("model", "tolerance"), [("ewald", 2e-5), ("pme", 2e-5)])
def test_float32_is_computed_in_double_and_cast(model, tolerance):
    systems = mixture()
    charges = np.concatenate(charges_for(systems))
    wanted = ("energy", "forces", "virial")
    batch = with_charges(systems, charges, torch.float32)
    same = Batch(
        positions=batch.positions.double(),
        atomic_numbers=batch.atomic_numbers,
        batch_idx=batch.batch_idx,
        num_systems=batch.num_systems,
        cell=batch.cell.double(),
        pbc=batch.pbc,
        fields={"charges": batch.fields["charges"].double()},
    )
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model(model)], use_autograd=True)])
    low, high = pipe(batch, set(wanted)), pipe(same, set(wanted))
    for name in wanted:
        assert low[name].dtype == torch.float32
        torch.testing.assert_close(low[name].double(), high[name], rtol=tolerance, atol=tolerance)
