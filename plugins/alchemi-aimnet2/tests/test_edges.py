"""Structures, types and values at the edge of what makes sense, and beyond."""

import numpy as np
import pytest
import torch
from ase import Atoms

from alchemi_core import Batch
from alchemi_core.errors import DataError, UnsupportedElementError


@pytest.mark.parametrize("charge", [0.0, -3.0, 0.25])
@pytest.mark.parametrize("kind", ["full", "open shell"])
def test_charges_sum_to_the_total(molecules, evaluate, kind, charge):
    batch = list(molecules.values())
    out = evaluate(batch, "charges", kind=kind, fields={"total_charge": [charge] * len(batch)})
    parts = out["charges"].split([len(atoms) for atoms in batch])
    # aimnet adds 1e-6 to the sum of the shares by which it spreads what is missing
    assert [part.sum().item() for part in parts] == pytest.approx([charge] * len(batch), abs=1e-5)


@pytest.mark.parametrize("multiplicity", [1.0, 2.0, 5.0])
def test_spin_charges_sum_to_the_unpaired_electrons(molecules, evaluate, multiplicity):
    fields = {"multiplicity": [multiplicity]}
    out = evaluate(molecules["ethanol"], "spin_charges", kind="open shell", fields=fields)
    assert out["spin_charges"].sum().item() == pytest.approx(multiplicity - 1.0, abs=1e-5)


def test_defaults_are_neutral_and_closed(molecules, evaluate):
    atoms, fields = molecules["water"], {"total_charge": [0.0], "multiplicity": [1.0]}
    for kind in ("full", "open shell"):
        said, unsaid = evaluate(atoms, "energy", kind=kind, fields=fields), evaluate(atoms, "energy", kind=kind)
        assert torch.equal(said["energy"], unsaid["energy"])


def test_integers_will_do(molecules, make, pipeline):
    batch = Batch.from_ase([molecules["water"]] * 2)
    whole = batch.with_fields(total_charge=torch.tensor([[1], [-1]]), multiplicity=torch.tensor([[2], [4]]))
    real = batch.with_fields(total_charge=torch.tensor([[1.0], [-1.0]]), multiplicity=torch.tensor([[2.0], [4.0]]))
    pipe = pipeline(make("open shell"))
    assert torch.equal(pipe(whole)["energy"], pipe(real)["energy"])


def test_systems_are_independent(molecules, crystals, evaluate):
    """To the last digits: what is beside a system does not change it."""
    batch = [crystals["ice"], molecules["hydrogen"], crystals["boxed molecule"], molecules["ethanol"]]
    charges = [0.0, 1.0, -1.0, 2.0]
    names = ("energy", "charges", "forces", "stress")
    together = evaluate(batch, *names, coulomb="dsf", fields={"total_charge": charges})
    sizes = [len(atoms) for atoms in batch]
    for system, (atoms, charge) in enumerate(zip(batch, charges, strict=True)):
        cell = atoms.cell.rank == 3
        wanted = names if cell else names[:3]
        alone = evaluate(atoms, *wanted, coulomb="dsf", fields={"total_charge": [charge]})
        for name in wanted:
            own = together[name][[system]] if name in ("energy", "stress") else together[name].split(sizes)[system]
            torch.testing.assert_close(own, alone[name], rtol=1e-10, atol=1e-11)


def test_order_of_systems(molecules, evaluate):
    batch = [molecules[name] for name in ("ethanol", "atom", "water", "far apart")]
    one, other = evaluate(batch, "energy")["energy"], evaluate(batch[::-1], "energy")["energy"]
    torch.testing.assert_close(other.flip(0), one, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"coulomb": "dsf"}, {"coulomb": False, "dispersion": False}])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_systems_without_atoms(molecules, evaluate, options, dtype):
    batch = [Atoms(), molecules["water"], Atoms(), molecules["atom"], Atoms()]
    fields = {"total_charge": [0.0, 1.0, 0.0, 0.0, 0.0]}
    out = evaluate(batch, "energy", "forces", "charges", fields=fields, dtype=dtype, **options)
    assert out["energy"][[0, 2, 4]].flatten().tolist() == [0.0] * 3
    alone = evaluate(molecules["water"], "energy", fields={"total_charge": [1.0]}, dtype=dtype, **options)
    torch.testing.assert_close(out["energy"][[1]], alone["energy"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["full", "open shell"])
def test_no_atoms_at_all(evaluate, kind):
    names = ("energy", "charges", "forces", "stress", *(["spin_charges"] if kind == "open shell" else []))
    out = evaluate([Atoms(cell=[5, 5, 5], pbc=True)] * 2, *names, kind=kind, coulomb=False)
    assert out["energy"].tolist() == [[0.0]] * 2
    assert out["stress"].abs().max() == 0.0
    assert [out[name].shape[0] for name in names if name not in ("energy", "stress")] == [0] * (len(names) - 2)


def test_lone_atoms(evaluate, molecules):
    """The energy of one atom does not depend on where it is, nor on atoms out of reach where there is no Coulomb."""
    options = {"coulomb": False, "dispersion": False}
    here = evaluate(molecules["atom"], "energy", "forces", **options)
    assert here["forces"].tolist() == [[0.0] * 3]
    pair = Atoms("OO", [[0, 0, 0], [0, 0, 30]])
    both = evaluate(pair, "energy", "forces", **options)
    assert both["energy"].item() == pytest.approx(2 * here["energy"].item(), rel=1e-5)  # but for those 1e-6
    assert both["forces"].abs().max() == 0.0


def test_network_ends_smoothly_at_its_cutoff(evaluate):
    """The charges are still those of the whole system, which is neutral: two equal atoms have none."""
    apart, near, at = (
        evaluate(Atoms("N2", [[0, 0, 0], [0, 0, r]]), "energy", "forces", coulomb=False, dispersion=False)
        for r in (6.0, 4.9999, 5.0)
    )
    assert near["energy"].item() == pytest.approx(apart["energy"].item(), abs=1e-7)
    assert at["energy"].item() == pytest.approx(apart["energy"].item(), rel=1e-13)


def test_far_from_the_origin(evaluate, molecules):
    """float32 weights, float64 positions: what is lost is that of the weights, not that of coordinates of 900 Å."""
    atoms = molecules["far away"]
    near = atoms.copy()
    near.translate([-900] * 3)
    for coulomb in (None, "dsf", False):
        one, other = (
            evaluate(each, "energy", "forces", coulomb=coulomb, dispersion=False, dtype="float32")
            for each in (atoms, near)
        )
        torch.testing.assert_close(one["forces"], other["forces"], rtol=0, atol=2e-6)


@pytest.mark.parametrize("weights", ["float32", "float64"])
@pytest.mark.parametrize("positions", [torch.float32, torch.float64])
def test_values_come_in_the_type_of_the_positions(crystals, evaluate, weights, positions):
    names = ("energy", "charges", "forces", "stress")
    out = evaluate(crystals["ice"], *names, coulomb="dsf", dtype=weights, positions=positions)
    expected = evaluate(crystals["ice"], *names, coulomb="dsf")
    for name in names:
        assert out[name].dtype == positions
        scale = float(expected[name].abs().max()) if name != "stress" else 0.1
        torch.testing.assert_close(out[name].double(), expected[name], rtol=0, atol=2e-5 * scale + 1e-6)


def test_doubled_cell(crystals, evaluate):
    options = {"coulomb": "dsf"}
    one = evaluate(crystals["ice"], "energy", "stress", "charges", **options)
    two = evaluate(crystals["ice"].repeat((2, 1, 1)), "energy", "stress", "charges", **options)
    assert two["energy"].item() == pytest.approx(2 * one["energy"].item(), rel=1e-6)
    torch.testing.assert_close(two["stress"], one["stress"], rtol=1e-6, atol=1e-6)


def test_rotation_turns_forces_and_stress(crystals, evaluate):
    atoms = crystals["ice"]
    turned = atoms.copy()
    turned.rotate(40, (1, 2, 3), rotate_cell=True)
    matrix = np.linalg.solve(atoms.cell.array, turned.cell.array)
    names = ("energy", "charges", "forces", "stress")
    one, other = evaluate(atoms, *names, coulomb="dsf"), evaluate(turned, *names, coulomb="dsf")
    for name in ("energy", "charges"):
        torch.testing.assert_close(other[name], one[name], rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(other["forces"], one["forces"].numpy() @ matrix, atol=1e-9)
    np.testing.assert_allclose(other["stress"][0], matrix.T @ one["stress"][0].numpy() @ matrix, atol=1e-10)


def test_all_pairs_of_a_periodic_system(crystals, molecules, thin_slab, evaluate):
    for batch in (crystals["ice"], [molecules["water"], crystals["ice"]], thin_slab):
        with pytest.raises(DataError, match="periodic") as caught:
            evaluate(batch, "energy")
        assert "ewald" in caught.value.fix
        assert "coulomb=False" in caught.value.fix


def test_a_cell_alone_is_not_periodic(molecules, evaluate):
    atoms = molecules["water"]
    expected = evaluate(atoms, "energy")["energy"]
    atoms.cell = [10, 10, 10]
    out = evaluate(atoms, "energy", "stress")
    torch.testing.assert_close(out["energy"], expected, rtol=1e-13, atol=1e-13)
    assert bool(out["stress"].isfinite().all())


@pytest.mark.parametrize("symbol", ["F", "Na", "Gd", "U"])
def test_unknown_elements(evaluate, symbol):
    with pytest.raises(UnsupportedElementError, match=symbol):
        evaluate(Atoms(["O", symbol], [[0, 0, 0], [0, 0, 2]]), "energy")


@pytest.mark.parametrize("values", [[2.0, 1.0], [1.0, 3.0]])
def test_open_shells_for_a_network_of_closed_ones(molecules, evaluate, values):
    with pytest.raises(DataError, match="closed shells only") as caught:
        evaluate([molecules["water"]] * 2, "energy", fields={"multiplicity": values})
    assert "aimnet2-nse" in caught.value.fix


@pytest.mark.parametrize("value", [0.0, -1.0, 1.5, float("nan")])
def test_multiplicities_that_are_none(molecules, evaluate, value):
    with pytest.raises(DataError, match="multiplicity"):
        evaluate(molecules["water"], "energy", kind="open shell", fields={"multiplicity": [value]})


def test_charges_of_a_wrong_shape(molecules, make, pipeline):
    batch = Batch.from_ase(molecules["water"])
    with pytest.raises(DataError):
        pipeline(make())(batch.with_fields(total_charge=torch.zeros(3, 1, dtype=torch.float64)))
