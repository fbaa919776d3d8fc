"""Models on parts of systems: the same numbers as put together by hand, and exact derivatives of them.

The hand-assembled reference cuts the structures apart with ASE, evaluates each model alone on what it is to see, and
adds up. Derivatives are compared with differences of that sum, so nothing of regions is in what they are held against.
"""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from support.differences import assert_consistent
from support.pipelines import autograd, direct, pipeline
from support.structures import batch_of, ethanol, salt, slab_without_height, water
from support.toys import (
    Charges,
    Coulomb,
    Gaussians,
    Hardness,
    HybridCoulomb,
    Kernel,
    PairSum,
    Shaped,
    Shift,
)

from alchemi_core import Analytic, Batch, Coupling, OnGraph, PipelineStep, Region, committee, region
from alchemi_core.neighbors.brute_force import build

PART = "index < 3"


def waters(count=3, seed=1):
    """Water molecules beside each other, none of them alike."""
    every = Atoms()
    for number in range(count):
        every += water(shift=(2.9 * number, 0.3 * number, 0.0))
    every.rattle(0.03, seed=seed)
    return every


def crystal():
    """Eight atoms in a cell, some of them of the part."""
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    atoms.rattle(0.1, seed=4)
    return atoms


def systems():
    return [waters(), crystal(), ethanol(), waters(2, seed=5)[:0], slab_without_height()]


def mask_of(atoms):
    """What `PART` takes of a structure."""
    return np.arange(len(atoms)) < 3


def ionic(part=PART, **options):
    return Region(part, cut_bonds=True, **options)


def alone(model, batch, name="energy", fields=()):
    pipe = pipeline(autograd(model))
    return pipe(batch.with_fields(**dict(fields)), requested={name})[name].detach()


def cut(batch, choose=mask_of):
    """The part of each system as a batch of its own, and where its atoms were."""
    masks = [choose(range(stop - start)) for start, stop in zip(batch.ptr, batch.ptr[1:], strict=False)]
    kept = torch.from_numpy(np.concatenate([np.zeros(0, bool), *masks]))
    fields = {name: value[kept] if value.shape[0] == batch.num_atoms else value for name, value in batch.fields.items()}
    part = Batch(
        positions=batch.positions[kept],
        atomic_numbers=batch.atomic_numbers[kept],
        batch_idx=batch.batch_idx[kept],
        num_systems=batch.num_systems,
        cell=batch.cell,
        pbc=batch.pbc,
        fields=fields,
    )
    return part, kept


def embedded(low, high, part=None):
    """ONIOM as an expression."""
    part = part or ionic()
    return low + region(high, part) + -1.0 * region(low, part)


def by_hand(low, high):
    """The same, each model alone on what it is to see."""
    return lambda batch: alone(low, batch) + alone(high, cut(batch)[0]) - alone(low, cut(batch)[0])


PAIRS = {
    "graph": lambda: (Gaussians(), Gaussians(2.0, cutoff=3.0, name="high")),
    "kernel in the part": lambda: (Gaussians(), Kernel(2.0, 3.0, name="high")),
    "kernel on all": lambda: (Kernel(0.7), Gaussians(2.0, name="high")),
    "matrix, half": lambda: (PairSum(4.0, "matrix"), PairSum(3.0, "matrix", half_list=True)),
    "fixed width, int64": lambda: (PairSum(3.0, "matrix", width=64), PairSum(3.5, index_dtype="int64")),
    "half pairs": lambda: (PairSum(4.0, half_list=True), PairSum(4.0)),
    "without lists": lambda: (Gaussians(), Shift()),
}


@pytest.mark.parametrize("case", PAIRS)
def test_it_is_what_is_assembled_by_hand(case):
    low, high = PAIRS[case]()
    batch = batch_of(*systems())
    assert_consistent(embedded(low, high), batch, ("forces",), energy=by_hand(low, high))


@pytest.mark.parametrize("case", ["graph", "kernel in the part", "kernel on all"])
def test_stress_of_a_part_of_crystals(case):
    low, high = PAIRS[case]()
    batch = batch_of(crystal(), salt())
    assert_consistent(embedded(low, high), batch, ("stress", "virial"), energy=by_hand(low, high))


def test_ase_subsets_and_three_calls_summed():
    """As it would be written without regions: structures cut with ASE, forces put back by hand."""
    low, high, atoms = Gaussians(), Gaussians(2.0, cutoff=3.5, name="high"), waters()
    small = atoms[:3]
    outputs = [pipeline(autograd(m))(batch_of(a)) for m, a in ((low, atoms), (high, small), (low, small))]
    energy = outputs[0]["energy"] + outputs[1]["energy"] - outputs[2]["energy"]
    forces = outputs[0]["forces"].clone()
    forces[:3] += outputs[1]["forces"] - outputs[2]["forces"]
    given = embedded(low, high, Region(PART))(batch_of(atoms))
    torch.testing.assert_close(given["energy"], energy)
    torch.testing.assert_close(given["forces"], forces)


SAME = {
    "numbers": ([0, 1, 2], {}),
    "mask": ([True] * 3 + [False] * 6, {}),
    "field": ("qm", {"qm": torch.tensor([True] * 3 + [False] * 6)}),
    "both": ("index < 3 and number > 0", {}),
    "in": ("index in (0, 1, 2)", {}),
}


@pytest.mark.parametrize("how", SAME)
def test_all_ways_to_choose_are_one(how):
    part, fields = SAME[how]
    batch = batch_of(waters())
    one, other = (region(Gaussians(), chosen) for chosen in (PART, part))
    expected, given = one(batch), other(batch.with_fields(**fields))
    assert all(torch.equal(expected[name], given[name]) for name in ("energy", "forces"))


def test_all_atoms_are_the_model_itself():
    batch = batch_of(*systems())
    plain, all_of = pipeline(direct(Gaussians()))(batch), region(Gaussians(), "index >= 0")(batch)
    assert all(torch.equal(plain[name], all_of[name]) for name in ("energy", "forces"))


def test_no_atoms_are_nothing():
    batch = batch_of(*systems())
    nothing = region(Gaussians(), "element == 'U'")(batch, {"energy", "forces", "virial"})
    assert all(not bool(value.any()) for value in nothing.values())


@pytest.mark.parametrize("batch", [Batch.from_ase([]), batch_of(water()[:0])], ids=["no system", "no atoms"])
def test_nothing_to_choose_from(batch):
    outputs = embedded(Gaussians(), PairSum(3.0, "matrix"))(batch, {"energy", "forces"})
    assert outputs["energy"].shape == (batch.num_systems, 1)
    assert not bool(outputs["energy"].any())


def test_systems_together_are_systems_apart(dtype, precision):
    pipe = embedded(Gaussians(), Kernel(2.0, 3.0, name="high"))
    batch = batch_of(*systems(), dtype=dtype)
    together = pipe(batch, {"energy", "forces"})
    apart = [pipe(batch_of(one, dtype=dtype), {"energy", "forces"}) for one in systems()]
    for name in ("energy", "forces"):
        torch.testing.assert_close(together[name], torch.cat([one[name] for one in apart]), **precision)
        assert together[name].dtype == dtype


def test_one_list_for_all():
    plan = embedded(Gaussians(), Gaussians(2.0, name="high")).plan
    assert len(plan.lists) == len(plan.sources) == 1
    assert plan.lists[0].readers == (0, 1, 2)


def test_a_list_that_the_batch_brings():
    batch = batch_of(waters())
    pipe = embedded(Gaussians(), Gaussians(2.0, name="high"))
    brought = batch.with_neighbors(build(batch, 6.0, 0.0))
    torch.testing.assert_close(pipe(brought)["forces"], pipe(batch)["forces"])


def test_regions_in_regions_are_what_is_in_both():
    batch = batch_of(*systems())
    inner = region(region(Gaussians(), ionic("index < 6")), ionic("index >= 2 and element != 'H'"))
    outer = region(Gaussians(), ionic("index >= 2 and index < 6 and element != 'H'"))
    assert torch.equal(inner(batch)["forces"], outer(batch)["forces"])
    assert "gaussians on (index >= 2 and element != 'H') and (index < 6)" in inner.plan.labels
    assert "gaussians on index < 6" in region(region(Gaussians(), "index < 6"), "index < 6").plan.labels


@pytest.mark.parametrize("coulomb", [Coulomb, HybridCoulomb])
def test_charges_wired_inside_a_part(coulomb):
    """Charges of the part, wired within it: forces carry their chain rule."""
    chain = pipeline(autograd(PipelineStep(Charges("q"), wire={"q": "charges"}), coulomb()))
    batch = batch_of(waters(), crystal())

    def energy(other):
        part, _ = cut(other)
        charges = alone(Charges("q"), part, "q")
        return alone(Coulomb(), part, fields={"charges": charges})

    assert_consistent(region(chain, ionic()), batch, ("forces",), energy=energy)


def test_charges_of_the_whole_read_in_a_part():
    """Charges that all atoms make, read by a model of the part: the chain rule reaches atoms outside of it."""
    steps = [Charges(), PipelineStep(Coulomb(), atoms=ionic()), PipelineStep(Hardness(), weight=0.5)]
    batch = batch_of(waters(), crystal())

    def energy(other):
        charges = alone(Charges(), other, "charges")
        _, kept = cut(other)
        part, _ = cut(other)
        inside = alone(Coulomb(), part, fields={"charges": charges[kept]})
        return inside + 0.5 * alone(Hardness(), other, fields={"charges": charges})

    pipe = pipeline(autograd(*steps))
    assert_consistent(pipe, batch, ("forces",), energy=energy)
    outside = ~cut(batch)[1]
    only = pipeline(autograd(*steps[:2]))(batch, {"forces"})["forces"]
    assert bool(only[outside].abs().max() > 1e-6)


def test_charges_detached_inside_a_part():
    steps = [PipelineStep(Charges(), detach=True, atoms=ionic()), PipelineStep(Coulomb(), atoms=ionic())]
    batch = batch_of(waters())
    part, kept = cut(batch)
    charges = alone(Charges(), part, "charges")
    expected = torch.zeros_like(batch.positions)
    expected[kept] = alone(Coulomb(), part, "forces", fields={"charges": charges})
    torch.testing.assert_close(pipeline(autograd(*steps))(batch, {"forces"})["forces"], expected)


def test_weights_that_switch_by_a_coupling():
    lam = Coupling()
    pipe = pipeline(direct(Gaussians(), PipelineStep(Gaussians(3.0, name="high"), weight=1 - 0.5 * lam, atoms=ionic())))
    batch = batch_of(waters(), crystal()).with_fields(coupling=torch.tensor([[0.2], [0.6]], dtype=torch.float64))
    factor = 1 - 0.5 * batch.fields["coupling"]
    low, high = Gaussians(), Gaussians(3.0)
    expected = alone(low, batch) + factor * alone(high, cut(batch)[0])
    torch.testing.assert_close(pipe(batch, {"energy"})["energy"], expected)


def test_contributions_name_the_part():
    outputs = embedded(Gaussians(), Kernel(2.0, name="high"))(batch_of(waters()), contributions=True)
    energies = [part for part in outputs.contributions if part.name == "energy"]
    assert [part.label for part in energies] == ["gaussians", f"high on {PART}", f"gaussians on {PART}"]
    torch.testing.assert_close(sum(part.value for part in energies), outputs["energy"])


def test_finite_differences_of_a_part():
    """The strategy evaluates copies of the systems side by side: numbers and masks hold in each."""
    batch = batch_of(waters(2), waters(2, seed=8))
    shaped = Shaped(Analytic())
    for part in ([0, 1, 2], [True] * 3 + [False] * 3, PART):
        pipe = pipeline(autograd(PipelineStep(shaped, atoms=part), derivative_fn="finite-difference"))
        expected = region(Gaussians(), part)(batch, {"forces"})["forces"]
        torch.testing.assert_close(pipe(batch, {"forces"})["forces"], expected, rtol=1e-6, atol=1e-8)


def test_a_second_derivative_reaches_parameters():
    """In training, the loss of forces of a part has gradients, and forces outside of it none."""
    high = Gaussians(2.0, name="high")
    pipe = embedded(Gaussians(), high).train()
    forces = pipe(batch_of(waters()), {"forces"})["forces"]
    forces[:3].square().sum().backward(retain_graph=True)
    inside = high.strength.grad.clone()
    high.strength.grad = None
    forces[3:].square().sum().backward()
    assert float(inside.abs()) > 0
    assert high.strength.grad is None or float(high.strength.grad.abs()) == 0


def test_values_that_do_not_add_up():
    """What is not of the whole is NaN outside, is not computed unasked, and gives way to what sees all atoms."""
    batch = batch_of(waters())
    alone_ = region(Charges(), PART)
    assert "charges" not in alone_.active_outputs
    charges = alone_(batch, {"charges"})["charges"]
    torch.testing.assert_close(charges[:3], alone(Charges(), cut(batch)[0], "charges"))
    assert bool(charges[3:].isnan().all())
    both = pipeline(direct(Charges(), PipelineStep(Charges(), atoms=PART)))
    assert torch.equal(both(batch, {"charges"})["charges"], alone(Charges(), batch, "charges"))


def test_charges_that_are_said_to_add_up():
    """ONIOM of charges: with additive_keys, those of the parts are 0 elsewhere."""
    batch = batch_of(waters())
    pipe = pipeline(
        direct(
            Charges(), PipelineStep(Charges(cutoff=2.0), atoms=PART), PipelineStep(Charges(), atoms=PART, weight=-1)
        ),
        additive_keys={"energy", "forces", "charges"},
    )
    part, kept = cut(batch)
    expected = alone(Charges(), batch, "charges")
    expected[kept] += alone(Charges(cutoff=2.0), part, "charges") - alone(Charges(), part, "charges")
    torch.testing.assert_close(pipe(batch, {"charges"})["charges"], expected)


class Spy(Gaussians):
    """Remembers what it was shown."""

    def compute(self, view, requested):
        self.seen = {name: getattr(view, name) for name in ("total_charge", "multiplicity", "name_of_mine")}
        self.sizes = (view.num_atoms, view.ptr, view.as_batch().num_atoms)
        return super().compute(view, requested)


def test_what_a_model_is_shown():
    spy = Spy(optional_inputs={"total_charge", "multiplicity", "name_of_mine"})
    mine = torch.arange(9.0, dtype=torch.float64)
    batch = batch_of(waters()).with_fields(total_charge=torch.full((1, 1), 5.0), name_of_mine=mine)
    region(spy, PART, charge=-1, multiplicity=2)(batch)
    assert spy.seen["total_charge"].tolist() == [[-1.0]]
    assert spy.seen["multiplicity"].tolist() == [[2.0]]
    assert torch.equal(spy.seen["name_of_mine"], mine[:3])
    assert spy.sizes == (3, (0, 3), 3)


def test_elements_are_those_of_the_part():
    """A model that knows no sodium serves the water beside it."""
    model = Gaussians(elements={1, 8})
    atoms = waters() + Atoms("Na", positions=[(0, 0, 9)])
    assert region(model, "element in ('O', 'H')").model_config.elements is None
    torch.testing.assert_close(
        region(model, "element != 'Na'")(batch_of(atoms))["energy"], alone(Gaussians(), batch_of(waters()))
    )


def test_a_calculator_reads_arrays_and_sees_them_change():
    atoms = waters()
    atoms.calc = region(Gaussians(), "tags == 1").as_ase()
    assert atoms.get_potential_energy() == 0.0
    atoms.set_tags([1] * 3 + [0] * 6)
    expected = region(Gaussians(), PART)(batch_of(waters()))
    assert atoms.get_potential_energy() == pytest.approx(float(expected["energy"]), abs=1e-12)
    np.testing.assert_allclose(atoms.get_forces(), expected["forces"].numpy(), atol=1e-12)


def test_a_graph_that_a_caller_differentiates_through():
    """Positions that require grad, in training mode: the energy of the part is on their graph."""
    batch = batch_of(waters())
    leaf = batch.positions.clone().requires_grad_()
    pipe = region(Gaussians(), PART).train()
    energy = pipe(batch.with_fields(positions=leaf), {"energy"})["energy"].sum()
    (slope,) = torch.autograd.grad(energy, leaf)
    torch.testing.assert_close(-slope, region(Gaussians(), PART)(batch, {"forces"})["forces"])


def test_the_kind_of_a_part_is_that_of_its_model():
    config = region(Shaped(OnGraph({"positions", "cell"})), PART).model_config
    assert config.outputs == {"energy", "forces", "stress", "virial"}
    assert config.neighbor_config.cutoff == 4.0


def test_a_committee_on_a_part():
    """Its mean and its doubt are those of the part, and the doubt about forces elsewhere is 0."""
    members = [Gaussians(strength, name="one") for strength in (1.0, 1.5)]
    batch = batch_of(waters())
    names = {"energy", "forces", "energy_std", "forces_std"}
    given = region(committee(members), PART)(batch, names)
    part, kept = cut(batch)
    alone_ = committee(members)(part, names)
    for name in ("energy", "energy_std"):
        torch.testing.assert_close(given[name], alone_[name])
    for name in ("forces", "forces_std"):
        torch.testing.assert_close(given[name][kept], alone_[name])
        assert not bool(given[name][~kept].any())
