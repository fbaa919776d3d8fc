"""Damped shifted force Coulomb against its formula written out in numpy, and against central differences."""

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erfc

from alchemi_core import (
    BaseModelMixin,
    ModelConfig,
    NeighborConfig,
    OnGraph,
    PipelineGroup,
    PipelineModelWrapper,
    create_model,
    load_pipeline,
    pair_vectors,
)
from alchemi_core.errors import GeometryError, OptionError, WiringError
from alchemi_core.quantities import COULOMB_CONSTANT

from .reference_sums import ewald_3d, strain_by_differences
from .running import ALL, run, with_charges

BOTH = pytest.mark.parametrize("hybrid", [True, False], ids=["hybrid", "graph"])
NACL = 1.7475645946
"""Madelung constant of rock salt, of the nearest-neighbor distance; R. E. Crandall and J. P. Buhler, J. Phys. A 20,
5497 (1987), doi:10.1088/0305-4470/20/16/024."""


def by_hand(positions, charges, cell, pbc, cutoff, alpha):
    """The energy in eV, over all images that can be near enough."""

    def v(r):
        slope = erfc(alpha * cutoff) / cutoff**2
        slope += 2.0 * alpha / math.sqrt(math.pi) * math.exp(-((alpha * cutoff) ** 2)) / cutoff
        return erfc(alpha * r) / r - erfc(alpha * cutoff) / cutoff + slope * (r - cutoff)

    energy = -(charges**2).sum() * (erfc(alpha * cutoff) / (2.0 * cutoff) + alpha / math.sqrt(math.pi))
    reach = [range(-6, 7) if periodic else range(1) for periodic in pbc]
    shifts = np.stack(np.meshgrid(*reach), axis=-1).reshape(-1, 3) @ cell
    r = np.linalg.norm(positions - positions[:, None] + shifts[:, None, None], axis=-1)
    near = (r > 0.0) & (r < cutoff)
    pairs = np.where(near, charges * charges[:, None] * v(np.where(near, r, 1.0)), 0.0)
    return COULOMB_CONSTANT * (energy + 0.5 * pairs.sum())


def reference(atoms, charges, cutoff, alpha):
    return by_hand(atoms.positions, charges, atoms.cell.array, atoms.pbc, cutoff, alpha)


def salt(pbc=(True, True, True)):
    """Four skewed, rattled ions with a net charge, one of them far outside the cell."""
    atoms = Atoms("NaClNaCl", [[0, 0, 0], [2.6, 0.2, 0.1], [0.3, 2.9, 2.2], [2.4, 2.2, 2.9]], pbc=pbc)
    atoms.set_cell([[5.1, 0.0, 0.3], [0.7, 5.3, 0.0], [-0.4, 0.5, 5.6]])
    atoms.positions[1] += 3.0 * atoms.cell[0] if pbc[0] else 0.0
    return atoms, np.array([0.9, -1.1, 1.3, -0.8])


PERIODICITIES = [(True, True, True), (True, True, False), (False, True, True), (False, False, True), (False,) * 3]


@BOTH
@pytest.mark.parametrize("alpha", [0.0, 0.2, 0.45])
@pytest.mark.parametrize("pbc", PERIODICITIES)
def test_energy_is_the_formula(pbc, alpha, hybrid):
    atoms, charges = salt(pbc)
    out = run("coulomb-dsf", atoms, charges, requested=("energy",), cutoff=6.5, alpha=alpha, hybrid_forces=hybrid)
    assert out["energy"].shape == (1, 1)
    assert out["energy"].item() == pytest.approx(reference(atoms, charges, 6.5, alpha), rel=1e-12)


@BOTH
@pytest.mark.parametrize("pbc", PERIODICITIES)
def test_derivatives_at_given_charges(pbc, hybrid):
    atoms, charges = salt(pbc)
    out = run("coulomb-dsf", atoms, charges, cutoff=5.2, alpha=0.25, hybrid_forces=hybrid)
    forces = np.zeros((4, 3))
    for place in np.ndindex(4, 3):
        ends = []
        for sign in (1, -1):
            moved = atoms.copy()
            moved.positions[place] += sign * 1e-5
            ends.append(reference(moved, charges, 5.2, 0.25))
        forces[place] = (ends[1] - ends[0]) / 2e-5
    np.testing.assert_allclose(out["forces"], forces, rtol=0, atol=1e-8)

    def energy(positions, cell):
        return by_hand(positions, charges, cell, pbc, 5.2, 0.25)

    strain = strain_by_differences(energy, atoms.positions, atoms.cell.array, step=1e-5)
    np.testing.assert_allclose(out["stress"][0], strain / atoms.get_volume(), rtol=0, atol=1e-8)


class Breathing(torch.nn.Module, BaseModelMixin):
    """Charges that depend on positions and cell: q_i = z_i + c Σ_j exp(−r_ij) over neighbors up to 5 Å."""

    def __init__(self, *, base=(0.9, -1.1, 1.3, -0.8), strength=0.5):
        super().__init__()
        self.base, self.strength = base, strength
        self.model_config = ModelConfig(
            name="breathing",
            outputs={"charges": OnGraph({"positions", "cell"})},
            supports_pbc=True,
            neighbor_config=NeighborConfig(5.0),
        )

    def compute(self, view, requested):
        vectors = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)
        near = torch.exp(-vectors.norm(dim=1)) - math.exp(-5.0)
        base = view.positions.new_tensor(self.base)[torch.arange(view.num_atoms) % len(self.base)]
        return {"charges": base.index_add(0, view.neighbors.neighbor_list[:, 0], self.strength * near)}


def fed(*, derivative_fn=None, strength=0.5, **options):
    models = [Breathing(strength=strength), create_model("coulomb-dsf", cutoff=5.2, alpha=0.25, **options)]
    return PipelineModelWrapper(groups=[PipelineGroup(models, use_autograd=True, derivative_fn=derivative_fn)])


@BOTH
@pytest.mark.parametrize("pbc", [(True, True, True), (False, True, False)])
def test_derivatives_where_charges_follow_the_positions(pbc, hybrid):
    atoms, charges = salt(pbc)
    batch = with_charges(atoms, charges)
    out = fed(hybrid_forces=hybrid)(batch, requested=set(ALL))
    sampled = fed(hybrid_forces=hybrid, derivative_fn="finite-difference")(batch, requested=set(ALL))
    for name in ALL:
        torch.testing.assert_close(out[name], sampled[name], rtol=1e-6, atol=1e-6)
    fixed = run("coulomb-dsf", atoms, fed()(batch, requested={"charges"})["charges"], cutoff=5.2, alpha=0.25)
    assert (out["forces"] - fixed["forces"]).abs().max() > 0.1, "the charges' own part is too small to be tested"


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(0, 6), min_size=1, max_size=4),
    alpha=st.sampled_from([0.0, 0.1, 0.3]),
)
def test_hybrid_and_graph_agree_on_any_batch(seed, sizes, alpha):
    random = np.random.default_rng(seed)
    systems = [
        Atoms(
            f"Ar{n}" if n else "",
            random.uniform(-6.0, 6.0, (n, 3)),
            cell=4.0 * np.eye(3) + random.uniform(-1.0, 1.0, (3, 3)),
            pbc=random.random(3) < 0.6,
        )
        for n in sizes
    ]
    charges = random.normal(size=sum(sizes))
    names = ("energy", "forces", "stress", "virial")
    hybrid, graph = (
        run("coulomb-dsf", systems, charges, requested=names, cutoff=5.0, alpha=alpha, hybrid_forces=flag)
        for flag in (True, False)
    )
    for name in names:
        scale = max(1.0, graph[name].abs().max().item()) if graph[name].numel() else 1.0
        torch.testing.assert_close(hybrid[name], graph[name], rtol=1e-10, atol=1e-11 * scale)


@pytest.mark.parametrize(("cutoff", "alpha", "tolerance"), [(12.0, 0.2, 3e-3), (20.0, 0.2, 1e-4), (30.0, 0.15, 1e-5)])
def test_rock_salt_tends_to_its_madelung_energy(cutoff, alpha, tolerance):
    """What the damped sum lacks is Ewald's part in reciprocal space, which is little here."""
    atoms = bulk("NaCl", "rocksalt", a=5.64)
    out = run("coulomb-dsf", atoms, [1.0, -1.0], requested=("energy",), cutoff=cutoff, alpha=alpha)
    assert out["energy"].item() == pytest.approx(-NACL * COULOMB_CONSTANT / 2.82, rel=tolerance)


@pytest.mark.parametrize(("alpha", "energy", "forces"), [(0.2, 0.002, 0.1), (0.15, 0.02, 0.025)])
def test_near_ewald_on_a_disordered_crystal(alpha, energy, forces):
    """What a cutoff of 12 Å is worth: less damping costs energy and spares forces."""
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True) * (2, 2, 2)
    atoms.rattle(0.3, seed=1)
    charges = np.where(atoms.numbers == 11, 1.0, -1.0)
    out, exact = run("coulomb-dsf", atoms, charges, alpha=alpha), ewald_3d(atoms.positions, charges, atoms.cell.array)
    assert out["energy"].item() == pytest.approx(COULOMB_CONSTANT * exact.energy, rel=energy)
    off = np.linalg.norm(out["forces"].numpy() / COULOMB_CONSTANT - exact.forces)
    assert off < forces * np.linalg.norm(exact.forces)


@BOTH
def test_trace_of_the_virial(hybrid):
    """tr(dE/dε) = Σ_pairs r dv/dr, each pair's own formula summed by hand."""
    atoms, charges = salt()
    virial = run("coulomb-dsf", atoms, charges, requested=("virial",), cutoff=5.2, alpha=0.25, hybrid_forces=hybrid)
    grown = [reference_scaled(atoms, charges, 1.0 + sign * 1e-5) for sign in (1, -1)]
    assert -virial["virial"][0].trace().item() == pytest.approx((grown[0] - grown[1]) / 2e-5, rel=1e-8)


def reference_scaled(atoms, charges, factor):
    return by_hand(atoms.positions * factor, charges, atoms.cell.array * factor, atoms.pbc, 5.2, 0.25)


@pytest.mark.parametrize("distance", [1.0, 3.999999, 4.000001, 5.0])
def test_pair_is_smooth_at_the_cutoff(distance):
    pair = Atoms("NaCl", [[0, 0, 0], [0, distance, 0]])
    out = run("coulomb-dsf", pair, [1.0, -1.0], requested=("energy", "forces"), cutoff=4.0, alpha=0.2)
    alone = run("coulomb-dsf", Atoms("Na"), [1.0], requested=("energy",), cutoff=4.0, alpha=0.2)
    near = 4.0 - distance
    if abs(near) > 1e-3:
        assert (abs(out["energy"].item() - 2.0 * alone["energy"].item()) > 1.0) == (near > 0)
    else:
        assert out["energy"].item() == pytest.approx(2.0 * alone["energy"].item(), abs=1e-10)
        assert out["forces"].abs().max() < 1e-5


@BOTH
def test_batch_gives_what_its_systems_give(hybrid):
    crystal, charges = salt()
    parts = [
        (crystal, charges),
        (Atoms("Na", [[1.0, 2.0, 3.0]]), np.array([1.0])),
        (Atoms("HO", [[0, 0, 0], [0, 0, 1.1]]), np.array([0.4, -0.7])),
        (Atoms(), np.zeros(0)),
        salt((True, False, True)),
    ]
    options = {"cutoff": 6.0, "alpha": 0.2, "hybrid_forces": hybrid}
    together = run("coulomb-dsf", [atoms for atoms, _ in parts], np.concatenate([q for _, q in parts]), **options)
    singles = [run("coulomb-dsf", atoms, q, requested=("energy", "forces"), **options) for atoms, q in parts]
    torch.testing.assert_close(together["energy"], torch.cat([out["energy"] for out in singles]), rtol=1e-13, atol=0)
    torch.testing.assert_close(together["forces"], torch.cat([out["forces"] for out in singles]), rtol=0, atol=1e-12)
    assert together["stress"].isfinite().flatten(1).all(dim=1).tolist() == [True, False, False, False, True]


@BOTH
def test_no_atoms_at_all(hybrid):
    out = run("coulomb-dsf", Atoms(cell=[9, 9, 9], pbc=True), np.zeros(0), hybrid_forces=hybrid)
    assert out["energy"].tolist() == [[0.0]]
    assert out["stress"].tolist() == [[[0.0] * 3] * 3]


@BOTH
def test_left_handed_cell(hybrid):
    atoms, charges = salt()
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array[[1, 0, 2]])
    first, second = (run("coulomb-dsf", one, charges, cutoff=6.0, hybrid_forces=hybrid) for one in (atoms, turned))
    for name in ALL:
        torch.testing.assert_close(first[name], second[name], rtol=1e-12, atol=1e-13)


@BOTH
def test_float32(hybrid):
    atoms, charges = salt()
    low, high = (
        run("coulomb-dsf", atoms, charges, dtype=dtype, cutoff=6.0, hybrid_forces=hybrid)
        for dtype in (torch.float32, torch.float64)
    )
    for name, tolerance in (("energy", 1e-3), ("forces", 1e-3), ("stress", 1e-4)):
        assert low[name].dtype == torch.float32
        torch.testing.assert_close(low[name].double(), high[name], rtol=0, atol=tolerance)


@BOTH
def test_charges_of_another_dtype(hybrid):
    atoms, charges = salt()
    batch = with_charges(atoms, charges)
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model("coulomb-dsf", hybrid_forces=hybrid)], True)])
    wide = pipe(batch, requested={"energy"})["energy"]
    narrow = pipe(batch.with_fields(charges=batch.fields["charges"].float()), requested={"energy"})["energy"]
    assert narrow.dtype == torch.float64
    torch.testing.assert_close(narrow, wide, rtol=1e-6, atol=0)


@BOTH
@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_grad_mode(hybrid, mode):
    atoms, charges = salt()
    expected = run("coulomb-dsf", atoms, charges, hybrid_forces=hybrid)
    with mode():
        out = run("coulomb-dsf", atoms, charges, hybrid_forces=hybrid)
    for name in ALL:
        torch.testing.assert_close(out[name], expected[name], rtol=0, atol=0)


def test_direct_group_takes_the_forces_at_fixed_charges():
    atoms, charges = salt()
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model("coulomb-dsf")])])
    out, expected = pipe(with_charges(atoms, charges)), run("coulomb-dsf", atoms, charges)
    assert set(out) == set(ALL)
    for name in ALL:
        torch.testing.assert_close(out[name], expected[name], rtol=0, atol=0)


@BOTH
def test_gradient_by_charges(hybrid):
    """dE/dq, which training of a charge model needs, by central differences."""
    atoms, charges = salt()
    model = create_model("coulomb-dsf", cutoff=5.2, alpha=0.25, hybrid_forces=hybrid)
    pipe = PipelineModelWrapper(groups=[PipelineGroup([model], use_autograd=True)]).train()
    batch = with_charges(atoms, charges)
    leaf = batch.fields["charges"].clone().requires_grad_()
    pipe(batch.with_fields(charges=leaf), requested={"energy"})["energy"].sum().backward()
    for k in range(4):
        ends = [reference(atoms, charges + sign * 1e-4 * np.eye(4)[k], 5.2, 0.25) for sign in (1, -1)]
        assert leaf.grad[k].item() == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=1e-9)


def test_second_derivatives():
    """The Hessian by differentiating the graph twice, against differences of the forces in closed form."""
    atoms, charges = salt((False,) * 3)
    model = create_model("coulomb-dsf", cutoff=5.2, alpha=0.25, hybrid_forces=False)
    pipe = PipelineModelWrapper(groups=[PipelineGroup([model], use_autograd=True)]).train()
    batch = with_charges(atoms, charges)
    leaf = batch.positions.clone().requires_grad_()
    forces = pipe(batch.with_fields(positions=leaf), requested={"forces"})["forces"]
    (row,) = torch.autograd.grad(-forces[1, 2], leaf)
    ends = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions[1, 2] += sign * 1e-5
        ends.append(run("coulomb-dsf", moved, charges, requested=("forces",), cutoff=5.2, alpha=0.25)["forces"])
    torch.testing.assert_close(row, (ends[1] - ends[0]) / 2e-5, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cutoff": 0.0}, "cutoff=0.0"),
        ({"cutoff": -3.0}, "cutoff=-3.0"),
        ({"cutoff": math.inf}, "cutoff=inf"),
        ({"cutoff": "12"}, "cutoff='12'"),
        ({"cutoff": True}, "cutoff=True"),
        ({"cutoff": None}, "cutoff=None"),
        ({"alpha": -0.1}, "alpha=-0.1"),
        ({"alpha": math.nan}, "alpha=nan"),
        ({"alpha": None}, "alpha=None"),
        ({"hybrid_forces": 1}, "hybrid_forces=1"),
        ({"cutof": 9.0}, "cutoff"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(OptionError) as caught:
        create_model("coulomb-dsf", **options)
    assert words in str(caught.value)


@BOTH
def test_two_atoms_at_one_place(hybrid):
    atoms = Atoms("NaClNa", [[0, 0, 0], [0, 0, 3], [0, 0, 13]], cell=[10, 10, 10], pbc=True)
    with pytest.raises(GeometryError, match="atoms 1 and 2"):
        run("coulomb-dsf", atoms, [1.0, -1.0, 1.0], hybrid_forces=hybrid)


def test_charges_nobody_gives():
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model("coulomb-dsf")])])
    atoms, charges = salt()
    batch = with_charges(atoms, charges)
    bare = type(batch).from_ase(atoms)
    with pytest.raises(WiringError, match="charges"):
        pipe(bare)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_compute_the_same(again):
    model = create_model("coulomb-dsf", cutoff=7.0, alpha=0.3, hybrid_forces=False)
    batch = with_charges(*salt())
    energies = [
        PipelineModelWrapper(groups=[PipelineGroup([one], use_autograd=True)])(batch)["energy"].item()
        for one in (model, again(model))
    ]
    assert energies[0] == energies[1] != 0.0


def test_saved_and_loaded(tmp_path):
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model("coulomb-dsf", cutoff=7.0)], use_autograd=True)])
    pipe.save(tmp_path / "salt.alchemi")
    batch = with_charges(*salt())
    assert load_pipeline(tmp_path / "salt.alchemi")(batch)["energy"].item() == pipe(batch)["energy"].item()


def test_what_it_says_of_itself():
    config = create_model("coulomb-dsf", cutoff=7.0).model_config
    assert set(config.contains) == {"coulomb"}
    assert config.required_inputs == {"charges"}
    assert (config.neighbor_config.cutoff, config.neighbor_config.half_list) == (7.0, True)
    assert config.citations == ("10.1063/1.2206581",)
