"""Atomic virials, against closed forms, the definition written out, the virial, and heat fluxes."""

import itertools

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from hypothesis import given, settings
from hypothesis import strategies as st

from alchemi_core import (
    AtomicData,
    BaseModelMixin,
    Batch,
    ModelConfig,
    OnGraph,
    PipelineGroup,
    PipelineModelWrapper,
    PipelineStep,
    create_model,
    differentiate,
)
from alchemi_core.errors import DerivativeError, LostTermError, OptionError
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import pair_vectors

CUTOFF = 3.2
NAMES = {"atomic_virials", "virial", "forces"}


def window(r):
    """Smooth at the cutoff, and zero from there on."""
    return (1 - (r.clamp(max=CUTOFF) / CUTOFF) ** 2) ** 3


def two_hops(r, i, j, count):
    """U_i = Σ_j w(r_ij) √(1 + ρ_i ρ_j) with ρ_i = Σ_j w(r_ij)²: depends on neighbors of neighbors."""
    density = r.new_zeros(count).index_add(0, i, window(r) ** 2)
    return r.new_zeros(count).index_add(0, i, window(r) * torch.sqrt(1 + density[i] * density[j]))


class Local(BaseModelMixin):
    """A model of atomic energies that is nothing but a function of distances, pairs and the number of atoms."""

    def __init__(self, function=two_hops, name="local", inputs=(), dtype=None):
        self.function, self.inputs, self.dtype = function, inputs, dtype
        self.model_config = ModelConfig(
            name=name,
            outputs=dict.fromkeys(("energy", "node_energies"), OnGraph({"positions", "cell"})),
            required_inputs=inputs,
            supports_pbc=True,
            neighbor_config=NeighborConfig(CUTOFF),
        )

    def compute(self, view, requested):
        r = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx).norm(dim=1).to(self.dtype)
        i, j = view.neighbors.neighbor_list.long().unbind(1)
        atoms = self.function(r, i, j, view.num_atoms, *(getattr(view, name) for name in self.inputs))
        energy = atoms.new_zeros(view.num_systems).index_add(0, view.batch_idx, atoms)
        return {"node_energies": atoms, "energy": energy.unsqueeze(1)}


class Wells(BaseModelMixin):
    """U_i = ½ |r_i|²: no property of the atoms alone."""

    model_config = ModelConfig(name="wells", outputs=dict.fromkeys(("energy", "node_energies"), OnGraph("positions")))

    def compute(self, view, requested):
        atoms = 0.5 * view.positions.square().sum(1)
        energy = atoms.new_zeros(view.num_systems).index_add(0, view.batch_idx, atoms)
        return {"node_energies": atoms, "energy": energy.unsqueeze(1)}


def shared(r, i, j, count):
    """Every atom has an equal share of all pairs."""
    return (window(r).sum() / count).expand(count)


def rattled(atoms, seed=0, by=0.1):
    atoms.rattle(by, seed=seed)
    return atoms


def sheared(atoms):
    atoms.set_cell(atoms.cell.array @ [[1, 0.15, 0], [-0.1, 1, 0.3], [0.05, 0, 0.95]], scale_atoms=True)
    return atoms


@pytest.fixture
def systems():
    left_handed = bulk("Cu", "fcc", a=3.7, cubic=True)
    left_handed.set_cell(left_handed.cell.array[[1, 0, 2]])
    far = rattled(bulk("NaCl", "rocksalt", a=4.6))
    far.positions[1] += far.cell.array[0] * 3 - far.cell.array[2] * 2
    return [
        sheared(bulk("Cu", "fcc", a=3.0)),
        molecule("CH3OH"),
        rattled(sheared(left_handed)),
        rattled(fcc111("Cu", (2, 2, 2), a=3.7, vacuum=3.0)),
        Atoms("Ar", positions=[(5, 5, 5)]),
        far,
    ]


def total(each, batch):
    return each.new_zeros(batch.num_systems, 3, 3).index_add(0, batch.batch_idx, each)


def written_out(function, atoms):
    """W_j = Σ_i Σ_images (r_i − r_J) ⊗ ∂U_i/∂r_J, one atom i after the other, all cells within two cutoffs."""
    reach = 2 * CUTOFF
    inverse = np.linalg.pinv(atoms.cell.array[atoms.pbc]) if atoms.pbc.any() else np.zeros((3, 0))
    spread = np.ptp(atoms.positions @ inverse, axis=0) + reach * np.linalg.norm(inverse, axis=0)
    cells = itertools.product(*(range(-int(n) - 1, int(n) + 2) for n in spread))
    cells = sorted(cells, key=lambda cell: any(cell))
    places = np.concatenate([atoms.positions + np.array(cell) @ atoms.cell.array[atoms.pbc] for cell in cells])
    places, count = torch.tensor(places, requires_grad=True), len(atoms)
    every = places[:, None] - places + torch.eye(len(places), dtype=places.dtype)[..., None]
    i, j = ((every.norm(dim=2) < CUTOFF) & ~torch.eye(len(places), dtype=torch.bool)).nonzero().unbind(1)
    energies = function((places[i] - places[j]).norm(dim=1), i, j, len(places))[:count]
    virials = torch.zeros(count, 3, 3, dtype=torch.float64)
    for atom, energy in enumerate(energies):
        (gradient,) = torch.autograd.grad(energy, places, retain_graph=True)
        away = places.detach()[atom] - places.detach()
        virials += torch.einsum("Ja,Jb->Jab", away, gradient).view(-1, count, 3, 3).sum(0)
    return virials


def lennard_jones(atoms, cutoff, epsilon, sigma):
    """W_i = ½ Σ_j r_ij ⊗ f_ij with r_ij = r_i − r_j, and f_ij what j does to i."""
    reach = [
        int(np.ceil(cutoff * n)) + 1 if on else 0
        for n, on in zip(np.linalg.norm(np.linalg.pinv(atoms.cell.array), axis=0), atoms.pbc, strict=True)
    ]
    virials = np.zeros((len(atoms), 3, 3))
    for cell in itertools.product(*(range(-n, n + 1) for n in reach)):
        d = atoms.positions[:, None] - atoms.positions - np.array(cell) @ atoms.cell.array
        r = np.linalg.norm(d, axis=2)
        near = (r > 0) & (r < cutoff)
        r = np.where(near, r, 1.0)
        strength = near * 24 * epsilon * (2 * (sigma / r) ** 12 - (sigma / r) ** 6) / r**2
        virials += 0.5 * np.einsum("ij,ija,ijb->iab", strength, d, d)
    return torch.tensor(virials)


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
def test_pair_potentials(dtype, rtol):
    crystals = [
        sheared(bulk("Ar", "fcc", a=4.0)),
        rattled(bulk("Ar", "fcc", a=5.0, cubic=True)),
        Atoms("Ar2", positions=[(0, 0, 0), (2, 3, 1)]),
    ]
    model = create_model("lennard-jones", epsilon=0.3, sigma=3.0, cutoff=7.0)
    out = differentiate(model, "atomic-virials")(Batch.from_ase(crystals, dtype=dtype))
    expected = torch.cat([lennard_jones(atoms, 7.0, 0.3, 3.0) for atoms in crystals])
    assert out["atomic_virials"].dtype == dtype
    atol = 10 * rtol * float(expected.abs().max()) ** 0.5
    torch.testing.assert_close(out["atomic_virials"].double(), expected, rtol=rtol, atol=atol)


def test_the_definition_written_out(systems):
    found = differentiate(Local(), "atomic-virials")(Batch.from_ase(systems))["atomic_virials"]
    expected = torch.cat([written_out(two_hops, atoms) for atoms in systems])
    assert (expected - expected.mT).abs().max() > 1e-2, "whether rows and columns are right would not be seen"
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-10), (torch.float32, 2e-3)])
def test_they_add_up_to_the_virial(systems, dtype, atol):
    batch = Batch.from_ase(systems, dtype=dtype)
    out = differentiate(Local(), "atomic-virials")(batch, {"atomic_virials", "virial", "forces", "stress", "energy"})
    plain = PipelineModelWrapper([PipelineGroup([Local()])])(batch, {"virial", "forces", "stress", "energy"})
    for name, value in plain.items():
        torch.testing.assert_close(out[name], value, equal_nan=True)
    assert plain["virial"].abs().amax((1, 2))[[0, 1, 2, 3, 5]].min() > 0.1
    torch.testing.assert_close(total(out["atomic_virials"], batch), plain["virial"], rtol=0, atol=atol)
    assert not any(value.requires_grad for value in out.values())


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.floats(-0.35, 0.35), min_size=9, max_size=9),
    st.lists(st.booleans(), min_size=3, max_size=3),
    st.integers(1, 4),
    st.integers(0, 10**6),
)
def test_any_cell(skew, pbc, count, seed):
    turns = np.random.default_rng(seed)
    cell = 3.0 * (np.eye(3) + np.reshape(skew, (3, 3)))
    atoms = Atoms(["Ar"] * count, positions=turns.uniform(-4, 7, (count, 3)), cell=cell, pbc=pbc)
    batch = Batch.from_ase(atoms)
    out = differentiate(Local(), "atomic-virials")(batch, NAMES)
    scale = max(1.0, float(out["atomic_virials"].abs().sum()))
    # the largest tolerance there is by default in float64
    torch.testing.assert_close(total(out["atomic_virials"], batch), out["virial"], rtol=0, atol=1e-6 * scale)


def test_supercells_repeat_them():
    cell = rattled(sheared(bulk("NaCl", "rocksalt", a=4.2)))
    pipe = differentiate(Local(), "atomic-virials")
    one = pipe(Batch.from_ase(cell))["atomic_virials"]
    many = pipe(Batch.from_ase(cell.repeat((3, 2, 2))))["atomic_virials"]
    torch.testing.assert_close(many, one.repeat(12, 1, 1), rtol=1e-9, atol=1e-10)


def test_where_atoms_are_counted_does_not_matter():
    crystal = rattled(sheared(bulk("NaCl", "rocksalt", a=4.2, cubic=True)))
    away = crystal.copy()
    away.positions += np.random.default_rng(1).integers(-3, 4, (len(away), 3)) @ away.cell.array
    away.positions[0] += 1e5 * away.cell.array[1]
    one, other = differentiate(Local(), "atomic-virials")(Batch.from_ase([crystal, away]))["atomic_virials"].chunk(2)
    torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-8)


def test_heat_flux_of_molecules():
    """Σ_j W_j v_j = Σ_i r_i (dU_i/dt + f_i·v_i): potential and kinetic energy of each atom change at its place."""
    batch = Batch.from_ase([rattled(molecule("CH3OH")), rattled(molecule("C2H6"), 1)])
    velocities = torch.tensor(np.random.default_rng(5).normal(size=(batch.num_atoms, 3)))
    pipe = differentiate(Local(), "atomic-virials")
    out = pipe(batch, {"atomic_virials", "forces"})
    step = 1e-4
    ends = [
        pipe(batch.with_fields(positions=batch.positions + sign * step * velocities), {"node_energies"})[
            "node_energies"
        ]
        for sign in (1, -1)
    ]
    power = (ends[0] - ends[1]) / (2 * step) + (out["forces"] * velocities).sum(1)
    flux = torch.zeros(2, 3).double().index_add(0, batch.batch_idx, batch.positions * power[:, None])
    found = (out["atomic_virials"] @ velocities[:, :, None])[:, :, 0]
    found = torch.zeros_like(flux).index_add(0, batch.batch_idx, found)
    wrong = (out["atomic_virials"].mT @ velocities[:, :, None])[:, :, 0].sum(0)
    assert (wrong - found.sum(0)).abs().max() > 1e-3
    torch.testing.assert_close(found, flux, rtol=1e-6, atol=1e-7)


def test_a_given_reach():
    batch = Batch.from_ase(rattled(bulk("Cu", "fcc", a=3.7, cubic=True)))
    expected = differentiate(Local(), "atomic-virials")(batch)["atomic_virials"]
    found = differentiate(Local(), "atomic-virials", reach=2 * CUTOFF)(batch)["atomic_virials"]
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    with pytest.raises(
        DerivativeError, match=r"with all images up to 3\.5 Å, the atomic energies of system 0"
    ) as caught:
        differentiate(Local(), "atomic-virials", reach=3.5)(batch)
    assert "reach=..." in caught.value.fix


def test_energies_that_agree_are_not_enough():
    """One cutoff is enough for atomic energies of pairs, and for their sum: what is beyond has nothing of them."""
    batch = Batch.from_ase(rattled(bulk("Cu", "fcc", a=3.7, cubic=True)))

    def far_from_zero(r, i, j, n):
        return 1e5 + 1e-3 * two_hops(r, i, j, n)

    with pytest.raises(DerivativeError, match="atomic virials of system 0 do not add up"):
        differentiate(Local(far_from_zero), "atomic-virials", reach=3.5)(batch)
    out = differentiate(Local(far_from_zero), "atomic-virials")(batch, NAMES)
    torch.testing.assert_close(total(out["atomic_virials"], batch), out["virial"], rtol=1e-8, atol=1e-10)


def test_tolerance_is_what_is_accepted():
    batch = Batch.from_ase(rattled(bulk("Ar", "fcc", a=5.2, cubic=True)))
    model = create_model("lennard-jones", cutoff=12.0, switch_on=9.0)
    out = differentiate(model, "atomic-virials", reach=9.5, tolerance=2e-2)(batch, NAMES)
    rough = (total(out["atomic_virials"], batch) - out["virial"]).abs().max() / out["virial"].abs().max()
    assert 1e-7 < rough < 0.1
    with pytest.raises(DerivativeError):
        differentiate(model, "atomic-virials", reach=9.5, tolerance=1e-4)(batch)


def test_models_in_float32_agree_to_float32():
    batch = Batch.from_ase([rattled(sheared(bulk("Cu", "fcc", a=3.7, cubic=True))), rattled(molecule("CH3OH"))])
    rough = differentiate(Local(dtype=torch.float32), "atomic-virials")(batch)["atomic_virials"]
    exact = differentiate(Local(), "atomic-virials")(batch)["atomic_virials"]
    assert 1e-10 < (rough - exact).abs().max() < 2e-4
    just = differentiate(Local(dtype=torch.float32), "atomic-virials", reach=2 * CUTOFF)(batch)["atomic_virials"]
    torch.testing.assert_close(just, rough, rtol=0, atol=2e-4)


def test_molecules_in_large_boxes():
    """Nothing is within reach at first; what is there then is found all the same."""
    boxed = molecule("H2O", cell=[14.0, 14.0, 14.0], pbc=True)
    free = molecule("H2O")
    near = create_model("lennard-jones", sigma=1.2, cutoff=5.0)
    out = differentiate(near, "atomic-virials")(Batch.from_ase([boxed, free]))["atomic_virials"]
    torch.testing.assert_close(out[:3], out[3:])
    far = create_model("lennard-jones", epsilon=0.2, sigma=5.5, cutoff=17.0)
    pair = Atoms("Ar", cell=[14.0, 14.0, 14.0], pbc=True)
    found = differentiate(far, "atomic-virials")(Batch.from_ase(pair))["atomic_virials"]
    torch.testing.assert_close(found, lennard_jones(pair, 17.0, 0.2, 5.5), rtol=1e-9, atol=1e-12)


def test_energies_of_the_whole_are_refused():
    crystal = rattled(bulk("Cu", "fcc", a=3.7, cubic=True))
    with pytest.raises(DerivativeError, match="energies of system 0 are not those of the whole") as caught:
        differentiate(Local(shared), "atomic-virials")(Batch.from_ase(crystal))
    assert "surroundings of finite size" in caught.value.expected
    assert "long-range" in caught.value.fix


def test_atoms_tied_to_places_are_refused():
    with pytest.raises(DerivativeError, match="atomic virials of system 0 do not add up"):
        differentiate(Wells(), "atomic-virials")(Batch.from_ase(molecule("H2O")))


def test_energies_off_the_graph_are_refused():
    off = create_model("lennard-jones", sigma=2.0, derivatives="analytic")
    group = PipelineGroup([Local(), off], use_autograd=True, derivative_fn="atomic-virials")
    for atoms in (rattled(bulk("Cu", "fcc", a=3.7)), molecule("H2O")):
        with pytest.raises(DerivativeError, match="atomic virials of system 0 do not add up"):
            PipelineModelWrapper([group])(Batch.from_ase(atoms), {"atomic_virials"})


def test_energies_without_atoms_are_refused():
    spring = create_model("restrain-distances", restraints=[{"atoms": (0, 1), "r0": 1.0, "k": 5.0}])
    group = PipelineGroup([Local(), spring], use_autograd=True, derivative_fn="atomic-virials")
    with pytest.raises(LostTermError, match="node_energies"):
        _ = PipelineModelWrapper([group]).plan_for({"atomic_virials"})
    groups = [PipelineGroup([Local()], use_autograd=True, derivative_fn="atomic-virials"), PipelineGroup([Local()])]
    with pytest.raises(LostTermError, match="atomic_virials"):
        _ = PipelineModelWrapper(groups).plan_for({"atomic_virials"})


def test_sums_of_models(systems):
    batch = Batch.from_ase(systems[:3])
    morse = create_model("lennard-jones", epsilon=0.01, sigma=1.5, cutoff=4.0)
    pipe = differentiate(2.0 * Local() + 0.5 * morse, "atomic-virials")
    one, other = (differentiate(model, "atomic-virials")(batch)["atomic_virials"] for model in (Local(), morse))
    torch.testing.assert_close(pipe(batch)["atomic_virials"], 2.0 * one + 0.5 * other, rtol=1e-9, atol=1e-9)


def test_inputs_of_the_batch_are_those_of_the_images_too():
    salt = rattled(bulk("NaCl", "rocksalt", a=4.4, cubic=True))
    batch = Batch.from_ase([salt, salt])
    strengths = torch.where(batch.atomic_numbers == 11, 1.0, -1.5).double()
    cases = {"charges": strengths, "strengths": strengths}
    for name, values in cases.items():
        model = Local(lambda r, i, j, n, q: r.new_zeros(n).index_add(0, i, q[i] * q[j] * window(r)), inputs=(name,))
        out = differentiate(model, "atomic-virials")(batch.with_fields(**{name: values}), NAMES)
        torch.testing.assert_close(total(out["atomic_virials"], batch), out["virial"], rtol=1e-9, atol=1e-10)
        assert out["virial"].abs().max() > 0.1


def test_charges_of_another_size_are_refused():
    class Charges(BaseModelMixin):
        model_config = ModelConfig(name="charges", outputs={"charges": OnGraph("positions")}, supports_pbc=True)

        def compute(self, view, requested):
            return {"charges": view.positions.sum(1)}

    model = Local(lambda r, i, j, n, q: r.new_zeros(n).index_add(0, i, q[i] * q[j] * window(r)), inputs=("charges",))
    group = PipelineGroup(
        [PipelineStep(Charges(), detach=True), model], use_autograd=True, derivative_fn="atomic-virials"
    )
    with pytest.raises(DerivativeError, match="other systems than those of the call, of which 'charges' of step 1"):
        PipelineModelWrapper([group])(Batch.from_ase(bulk("Cu")), {"atomic_virials"})


def test_training_reaches_parameters_and_positions():
    atoms = rattled(sheared(bulk("Ar", "fcc", a=4.4)))
    model = create_model("lennard-jones", epsilon=0.2, sigma=3.0, cutoff=5.0, switch_on=4.0)
    pipe, batch = differentiate(model, "atomic-virials").train(), Batch.from_ase(atoms.repeat((2, 1, 1)))
    weights = torch.cos(torch.arange(18).double()).view(2, 3, 3)

    def weighted(places, cell):
        moved = batch.with_fields(positions=places, cell=cell)
        return (pipe(moved, {"atomic_virials"})["atomic_virials"] * weights).sum()

    places, cell = batch.positions.clone().requires_grad_(True), batch.cell.clone().requires_grad_(True)
    value = weighted(places, cell)
    slope, by_places, by_cell = torch.autograd.grad(value, (model.epsilon, places, cell))
    torch.testing.assert_close(slope.sum(), value.detach() / 0.2)
    change = torch.sin(torch.arange(15).double()).view(5, 3)
    step = 1e-4
    with torch.no_grad():
        ends = [weighted(places + s * step * change[:2], cell + s * step * change[2:]) for s in (1, -1)]
    found = (by_places * change[:2]).sum() + (by_cell * change[2:]).sum()
    torch.testing.assert_close(found, (ends[0] - ends[1]) / (2 * step), rtol=1e-6, atol=1e-7)


def test_nothing_at_all():
    none = AtomicData(positions=torch.zeros(0, 3).double(), atomic_numbers=torch.zeros(0, dtype=torch.int64))
    pipe = differentiate(Local(), "atomic-virials")
    assert pipe(Batch.from_data_list([none]))["atomic_virials"].shape == (0, 3, 3)
    water = AtomicData.from_ase(rattled(molecule("H2O")))
    out = pipe(Batch.from_data_list([none, water, none]))["atomic_virials"]
    torch.testing.assert_close(out, pipe(water.to_batch())["atomic_virials"])
    assert pipe(Batch.from_ase(Atoms("Ar")))["atomic_virials"].tolist() == [np.zeros((3, 3)).tolist()]


@pytest.mark.parametrize("name", ["reach", "tolerance"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), "8", True, [8.0]])
def test_options_that_cannot_be(name, value):
    with pytest.raises(OptionError, match="a number above zero"):
        differentiate(Local(), "atomic-virials", **{name: value})


def test_without_grad(systems):
    pipe = differentiate(Local(), "atomic-virials")
    expected = pipe(Batch.from_ase(systems[:3]))["atomic_virials"]
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            torch.testing.assert_close(pipe(Batch.from_ase(systems[:3]))["atomic_virials"], expected)


def test_a_field_that_may_go_by_atom_or_by_system():
    """With one atom in each crystal its length does not tell."""
    model = create_model("lennard-jones", cutoff=6.0, switch_on=4.5, epsilon=0.01, sigma=2.3)
    data = Batch.from_ase([bulk("Ne", "fcc", a=3.6)]).with_fields(unknown=torch.ones(1, 1, dtype=torch.float64))
    with pytest.raises(DerivativeError, match="unknown"):
        differentiate(model, "atomic-virials")(data, requested={"atomic_virials"})
