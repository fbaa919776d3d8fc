"""Pair potentials at the edge of what makes sense: elements, distances, batches, types, copies, lists."""

import copy
import pickle

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule

from alchemi_core import Batch, ModelView, PipelineGroup, PipelineModelWrapper, create_model, load_pipeline
from alchemi_core.errors import GeometryError, UnsupportedElementError
from alchemi_core.neighbors import brute_force
from alchemi_core.neighbors.halves import to_half

COPPER = {"D": 0.3429, "a": 1.3588, "r0": 2.866}
OXIDE = {"pairs": {"Cu-Cu": COPPER, "O-Cu": COPPER}, "cutoff": 5.0}
OXYGEN = {"A": 22764.3, "rho": 0.149, "C": 27.88}
ALL = ("energy", "forces", "stress")
MODELS = {
    "morse": {"pairs": {"Cu-Cu": COPPER, "Cu-O": COPPER}, "non_interacting": "O-O", "cutoff": 5.0},
    "buckingham": {"pairs": {"Cu-Cu": {"A": 900.0, "rho": 0.3}}, "cutoff": 5.0},
    "born-mayer": {"pairs": {"Cu-Cu": {"A": 900.0, "rho": 0.3}}, "cutoff": 5.0},
    "zbl": {"inner": 1.0, "outer": 3.0},
    "zbl, covalent": {"outer": "covalent"},
}
EACH = pytest.mark.parametrize(("name", "options"), [(n.partition(",")[0], o) for n, o in MODELS.items()], ids=MODELS)


def crystal():
    atoms = bulk("Cu", "fcc", a=3.6, cubic=True)
    atoms.rattle(0.2, seed=1)
    return atoms


@EACH
@pytest.mark.parametrize("count", [0, 1, 2])
def test_no_pairs_give_zero(evaluate, name, options, count):
    atoms = Atoms(f"Cu{count}" if count else "", np.eye(3)[:count] * 40.0, cell=[90, 90, 90], pbc=True)
    out = evaluate(atoms, name, requested=ALL, **options)
    assert out["energy"].tolist() == [[0.0]]
    assert out["forces"].tolist() == [[0.0] * 3] * count
    assert out["stress"].tolist() == [[[0.0] * 3] * 3]


@EACH
def test_no_systems(evaluate, name, options):
    out = evaluate([], name, **options)
    assert out["energy"].shape == (0, 1)
    assert out["forces"].shape == (0, 3)


@EACH
def test_a_batch_is_its_systems_one_by_one(evaluate, name, options):
    cluster = Atoms("Cu3", [[0, 0, 0], [2.2, 0, 0], [0.3, 2.4, 0.1]])
    systems = [cluster, crystal(), Atoms("Cu", [[0, 0, 0]]), bulk("Cu", a=3.4)]
    together = evaluate(systems, name, requested=ALL, **options)
    alone = [evaluate(atoms, name, **options) for atoms in systems]
    torch.testing.assert_close(together["energy"], torch.cat([out["energy"] for out in alone]), rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(together["forces"], torch.cat([out["forces"] for out in alone]), rtol=1e-12, atol=1e-13)
    assert bool(together["stress"][[0, 2]].isnan().all())
    assert bool(together["stress"][[1, 3]].isfinite().all())


@EACH
def test_float32(evaluate, name, options):
    low, high = (
        evaluate(crystal(), name, requested=ALL, dtype=dtype, **options) for dtype in (torch.float32, torch.float64)
    )
    for quantity in ALL:
        assert low[quantity].dtype == torch.float32
        scale = max(1.0, high[quantity].abs().max().item())
        torch.testing.assert_close(low[quantity].double(), high[quantity], rtol=2e-5, atol=1e-5 * scale)


@pytest.mark.parametrize(("options", "distance"), [({"inner": 0.5, "outer": 1.0}, 0.97), ({"outer": "covalent"}, 0.96)])
def test_zbl_in_float32_keeps_its_digits_where_it_ends(evaluate, options, distance):
    """There the energy is a difference of several eV, ten thousand times smaller than these."""
    pair = Atoms("OH", [[0, 0, 0], [distance, 0, 0]])
    low, high = (evaluate(pair, "zbl", dtype=dtype, **options)["energy"] for dtype in (torch.float32, torch.float64))
    assert low.item() == pytest.approx(high.item(), rel=1e-4)
    assert 0.0 < high.item() < 1e-2


@EACH
def test_copies_and_files_compute_the_same(name, options, tmp_path):
    batch, model = Batch.from_ase(crystal()), create_model(name, **options)
    pipe = PipelineModelWrapper(groups=[PipelineGroup([model], use_autograd=True)])
    pipe.save(tmp_path / "pipe.alchemi")
    energy = pipe(batch)["energy"].item()
    assert energy != 0.0
    assert load_pipeline(tmp_path / "pipe.alchemi")(batch)["energy"].item() == energy
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), create_model(name, **options).double()):
        again = PipelineModelWrapper(groups=[PipelineGroup([other], use_autograd=True)])
        assert again(batch)["energy"].item() == energy


@EACH
def test_full_and_half_lists_give_the_same(name, options):
    batch, model = Batch.from_ase([crystal(), bulk("Cu", a=2.5)]), create_model(name, **options)
    pairs = brute_force.build(batch, model.model_config.neighbor_config.cutoff, 0.0)
    values = {key: batch.get(key) for key in ("positions", "atomic_numbers", "batch_idx", "cell", "pbc")}
    outs = [model.compute(ModelView(values, batch, one, "test"), frozenset()) for one in (pairs, to_half(pairs))]
    for quantity in ("energy", "node_energies"):
        torch.testing.assert_close(outs[0][quantity], outs[1][quantity], rtol=1e-12, atol=1e-12)
    assert outs[0]["energy"].detach().abs().min() > 0.0


@EACH
def test_grad_mode_of_the_caller_does_not_matter(name, options):
    batch = Batch.from_ase(crystal())
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model(name, **options)], use_autograd=True)])
    expected = pipe(batch)["forces"]
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            torch.testing.assert_close(pipe(batch)["forces"], expected, rtol=1e-12, atol=1e-12)


@EACH
def test_two_atoms_at_one_place(evaluate, name, options):
    atoms = Atoms("Cu3", [[0, 0, 0], [0, 0, 4], [0, 0, 14]], cell=[10, 10, 10], pbc=True)
    with pytest.raises(GeometryError, match="atoms 1 and 2"):
        evaluate(atoms, name, **options)


@EACH
def test_a_list_with_a_pair_at_distance_zero_is_refused(name, options):
    batch = Batch.from_ase([Atoms("Cu"), Atoms("Cu3", [[0, 0, 0], [0, 0, 2], [0, 0, 9]], cell=[7, 7, 7], pbc=True)])
    model = create_model(name, **options)
    pairs = brute_force.build(batch, model.model_config.neighbor_config.cutoff, 0.0)
    values = {key: batch.get(key) for key in ("positions", "atomic_numbers", "batch_idx", "cell", "pbc")}
    with pytest.raises(
        GeometryError, match=r"atom 1 \(Cu\) of system 1 and atom 2 \(Cu\) of system 1 are at one place"
    ):
        model.compute(ModelView(values, batch, pairs, "test"), frozenset())


class TestElements:
    def test_an_element_without_parameters_is_refused(self, evaluate):
        with pytest.raises(UnsupportedElementError, match=r"atom 1 of system 0 is Xe"):
            evaluate(Atoms("CuXe", [[0, 0, 0], [0, 0, 4]]), "morse", **OXIDE)

    def test_a_pair_without_parameters_is_refused_however_far_apart(self, evaluate):
        far = Atoms("OCuO", [[0, 0, 0], [0, 0, 4], [0, 0, 400]])
        with pytest.raises(UnsupportedElementError) as caught:
            evaluate([Atoms("Cu"), far], "morse", **OXIDE)
        assert "O-O meet in system 1" in caught.value.found
        assert "non_interacting=('O-O',)" in caught.value.fix

    def test_one_atom_meets_its_images_only_where_there_are_some(self, evaluate):
        alone = Atoms("OCu", [[0, 0, 0], [0, 0, 2.866]])
        assert evaluate(alone, "morse", **OXIDE, shift=False)["energy"].item() == pytest.approx(-COPPER["D"])
        alone.set_cell([20, 20, 20])
        alone.pbc = (False, True, False)
        with pytest.raises(UnsupportedElementError, match="O-O meet in system 0"):
            evaluate(alone, "morse", **OXIDE)

    def test_pairs_of_different_systems_do_not_meet(self, evaluate):
        options = {"pairs": {"Cu-Cu": COPPER, "O-O": COPPER}, "cutoff": 5.0}
        assert evaluate([Atoms("Cu2", np.eye(2, 3) * 2), Atoms("O2", np.eye(2, 3) * 2)], "morse", **options)
        with pytest.raises(UnsupportedElementError, match="O-Cu meet"):
            evaluate(Atoms("CuO", np.eye(2, 3) * 2), "morse", **options)

    @pytest.mark.parametrize("silent", ["O-O", ("O-O",), ["O-O"], "rest"])
    def test_pairs_declared_not_to_interact_have_no_energy(self, evaluate, silent):
        atoms = Atoms("O2", [[0, 0, 0], [0, 0, 1.2]])
        out = evaluate(atoms, "morse", **OXIDE, non_interacting=silent)
        assert out["energy"].item() == 0.0
        assert out["forces"].abs().max() == 0.0

    def test_rest_stands_for_the_elements_named_only(self, evaluate):
        with pytest.raises(UnsupportedElementError, match="Xe"):
            evaluate(Atoms("OXe", np.eye(2, 3)), "morse", **OXIDE, non_interacting="rest")

    def test_zbl_knows_all_elements_but_dummies(self, evaluate):
        assert evaluate(Atoms([1, 118], np.eye(2, 3)), "zbl", inner=1.0, outer=3.0)["energy"].item() > 0.0
        with pytest.raises(UnsupportedElementError):
            evaluate(Atoms("XH", np.eye(2, 3)), "zbl", inner=1.0, outer=3.0)
        with pytest.raises(UnsupportedElementError):
            evaluate(Atoms("BkH", np.eye(2, 3)), "zbl", outer="covalent")

    def test_zbl_with_covalent_radii_hardly_touches_molecules(self, evaluate):
        """At bond lengths, about the sum of covalent radii, its energy is small beside that of the bonds."""
        for name in ("H2O", "CH4", "NH3", "C6H6", "CH3OH"):
            atoms = molecule(name)
            assert 0.0 <= evaluate(atoms, "zbl", outer="covalent")["energy"].item() < 0.1 * len(atoms)


class TestCollapse:
    def peak(self, d=0.0):
        """Where the curve has its maximum: found on a grid of u itself."""
        r = np.linspace(0.2, 1.2, 1_000_001)
        u = 22764.3 * np.exp(-r / 0.149) - 27.88 / r**6 + d / r**8
        return r[np.argmax(u)]

    @pytest.mark.parametrize(("name", "d"), [("buckingham", None), ("born-mayer", 0.0), ("born-mayer", -0.3)])
    def test_atoms_inside_the_maximum_are_refused(self, evaluate, name, d):
        pair = OXYGEN | ({} if d is None else {"D": d})
        options = {"pairs": {"O-O": pair}, "cutoff": 8.0}
        place = self.peak(d or 0.0)
        assert evaluate(Atoms("O2", np.eye(2, 3) * [place + 1e-5, 0, 0]), name, **options)["energy"].isfinite().all()
        inside = Atoms("O2", np.eye(2, 3) * [place - 1e-5, 0, 0])
        with pytest.raises(GeometryError, match=r"atom \d \(O\) of system 1 .* inside the maximum"):
            evaluate([Atoms("O"), inside], name, **options)
        assert evaluate(inside, name, **options, collapse="allow")["forces"].isfinite().all()

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    @pytest.mark.parametrize("distance", [2e-6, 1e-4, 0.01, 0.1, 0.5])
    def test_however_close(self, evaluate, distance, dtype):
        close = Atoms("O2", [[0, 0, 0], [distance, 0, 0]])
        with pytest.raises(GeometryError, match="inside the maximum"):
            evaluate(close, "buckingham", dtype=dtype, pairs={"O-O": OXYGEN}, cutoff=8.0)

    def test_far_out_where_the_curve_attracts_again_nothing_is_refused(self, evaluate):
        options = {"pairs": {"O-O": OXYGEN}, "cutoff": 12.0, "shift": False}
        for distance in (2.5, 3.5, 8.0, 11.9):
            out = evaluate(Atoms("O2", [[0, 0, 0], [distance, 0, 0]]), "buckingham", **options)
            assert out["energy"].isfinite().all()

    def test_a_repulsive_last_term_keeps_atoms_apart(self, evaluate):
        pair = {"A": 0.2, "rho": 0.3, "sigma": 2.0, "C": 5.0, "D": 2.0}
        out = evaluate(Atoms("O2", [[0, 0, 0], [0.3, 0, 0]]), "born-mayer", pairs={"O-O": pair}, cutoff=8.0)
        assert out["forces"][0, 0].item() < 0.0

    def test_a_pair_without_attraction_may_be_close(self, evaluate):
        pairs = {"O-O": {"A": 900.0, "rho": 0.3}}
        assert evaluate(Atoms("O2", np.eye(2, 3) * 0.01), "buckingham", pairs=pairs, cutoff=8.0)["energy"].item() > 0


def test_what_they_contain():
    zbl = create_model("zbl", outer="covalent").model_config
    assert (set(zbl.contains), zbl.correction) == ({"repulsion"}, True)
    exponential = {"O-O": {"A": 900.0, "rho": 0.3}}
    for name, more in (("buckingham", {"C": 1.0}), ("born-mayer", {"C": 1.0}), ("born-mayer", {"D": -1.0})):
        assert create_model(name, pairs=exponential, cutoff=5.0).model_config.contains == {}
        pairs = {"O-O": exponential["O-O"] | more}
        assert create_model(name, pairs=pairs, cutoff=5.0).model_config.contains.keys() == {"dispersion"}
    for repulsive in ({"D": 5.0}, {"C": -1.0}, {"C": -1.0, "D": 5.0}):
        pairs = {"O-O": exponential["O-O"] | repulsive}
        assert create_model("born-mayer", pairs=pairs, cutoff=5.0).model_config.contains == {}
