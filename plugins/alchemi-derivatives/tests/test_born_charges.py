"""Born charges, against closed forms, differences of dipoles, and the sum rule."""

import pytest
import torch
from ase import Atoms
from ase.build import bulk, molecule

from alchemi_core import (
    Analytic,
    BaseModelMixin,
    Batch,
    Constant,
    ModelConfig,
    OnGraph,
    PipelineGroup,
    PipelineModelWrapper,
    PipelineStep,
    create_model,
    differentiate,
)
from alchemi_core.errors import CutGradientError, DataError, LostTermError, OptionError

UNIT = torch.eye(3, dtype=torch.float64)


class Transfer(torch.nn.Module, BaseModelMixin):
    """q_i = Q/n + c Σ_j (χ_i − χ_j) exp(−r_ij²/2) with χ_i = Z_i + 3 Σ_j exp(−r_ij²/4), and E = Σ_i q_i²."""

    def __init__(self, constant=0.01, charge=0.0, kind=None):
        super().__init__()
        self.constant = torch.nn.Parameter(torch.tensor(constant, dtype=torch.float64))
        self.charge = charge
        kinds = {"charges": kind or OnGraph("positions"), "energy": OnGraph("positions")}
        self.model_config = ModelConfig(name="transfer", outputs=kinds)

    def compute(self, view, requested):
        same = view.batch_idx[:, None] == view.batch_idx
        squared = (view.positions[:, None] - view.positions).square().sum(2)
        pull = view.atomic_numbers.to(view.positions) + 3.0 * (torch.exp(-0.25 * squared) * same).sum(1)
        flow = (pull[:, None] - pull) * torch.exp(-0.5 * squared) * same
        charges = self.charge / same.sum(1).to(view.positions) + self.constant.to(view.positions) * flow.sum(1)
        energy = charges.new_zeros(view.num_systems).index_add(0, view.batch_idx, charges.square())
        return {"charges": charges, "energy": energy.unsqueeze(1)}


class Fixed(BaseModelMixin):
    """Ions of charge ±1."""

    model_config = ModelConfig(name="fixed", outputs={"charges": Constant()}, supports_pbc=True)

    def compute(self, view, requested):
        return {"charges": torch.where(view.atomic_numbers == 11, 1.0, -1.0).to(view.positions)}


class Polarized(BaseModelMixin):
    """μ = Σ_i A r_i with a matrix A, as a model of crystals may give it."""

    matrix = torch.tensor([[1.0, 0.2, 0.0], [0.1, 2.0, -0.3], [0.0, 0.5, 3.0]], dtype=torch.float64)

    def __init__(self, kind):
        self.model_config = ModelConfig(name="polarized", outputs={"dipole": kind}, supports_pbc=True)

    def compute(self, view, requested):
        each = view.positions @ self.matrix.T.to(view.positions)
        return {"dipole": each.new_zeros(view.num_systems, 3).index_add(0, view.batch_idx, each)}


@pytest.fixture
def molecules():
    found = [molecule(name) for name in ("H2O", "CH3OH", "NH3")]
    for seed, atoms in enumerate(found):
        atoms.rattle(0.1, seed=seed)
        atoms.translate((seed, -1.0, 2.0))
    return [*found, Atoms("Na", positions=[(1, 2, 3)])]


def sums(each, batch):
    return each.new_zeros(batch.num_systems, 3, 3).index_add(0, batch.batch_idx, each)


def differences(dipole, batch, step=1e-3):
    """dμ_i/dr_j [N, 3, 3] by central differences of fourth order."""
    out = batch.positions.new_zeros(batch.num_atoms, 3, 3)
    for atom in range(batch.num_atoms):
        for axis in range(3):
            for count, factor in ((1, 8.0), (-1, -8.0), (2, -1.0), (-2, 1.0)):
                places = batch.positions.clone()
                places[atom, axis] += count * step
                moved = dipole(batch.with_fields(positions=places))[batch.batch_idx[atom]]
                out[atom, :, axis] += factor * moved / (12 * step)
    return out


def test_two_atoms():
    """q_A = −q_B = c ΔZ g(d), g = exp(−d²/2): Z*_A = c ΔZ g (1 − d ⊗ d), and Z*_B is its negative."""
    places = torch.tensor([[0.1, 0.2, 0.3], [0.9, -0.2, 1.0]], dtype=torch.float64)
    batch = Batch.from_ase(Atoms("CO", positions=places.numpy()))
    d = places[0] - places[1]
    expected = 0.05 * -2 * torch.exp(-0.5 * d @ d) * (UNIT - torch.outer(d, d))
    found = differentiate(Transfer(0.05), "born-charges")(batch)["born_charges"]
    torch.testing.assert_close(found, torch.stack([expected, -expected]), rtol=1e-12, atol=1e-14)


def test_differences_of_dipoles(molecules):
    batch, model = Batch.from_ase(molecules), Transfer(charge=1.0)
    pipe = PipelineModelWrapper([PipelineGroup([model])])

    def dipole(other):
        each = pipe(other, {"charges"})["charges"][:, None] * other.positions
        return each.new_zeros(other.num_systems, 3).index_add(0, other.batch_idx, each)

    out = differentiate(model, "born-charges")(batch)
    assert set(out) == {"born_charges", "dipole", "energy"}
    torch.testing.assert_close(out["dipole"], dipole(batch), rtol=1e-12, atol=1e-13)
    asymmetric = (out["born_charges"] - out["born_charges"].mT).abs().max()
    assert asymmetric > 1e-3, "whether rows and columns are right would not be seen"
    torch.testing.assert_close(out["born_charges"], differences(dipole, batch), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("charge", [0.0, 1.0, -2.0])
@pytest.mark.parametrize(("dtype", "atol"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_sum_rule(molecules, charge, dtype, atol):
    batch = Batch.from_ase(molecules, dtype=dtype)
    found = differentiate(Transfer(charge=charge), "born-charges")(batch)["born_charges"]
    assert found.dtype == dtype
    assert found[batch.batch_idx < 3].abs().amax((1, 2)).min() > 0.01
    torch.testing.assert_close(sums(found, batch), (charge * UNIT).to(dtype).expand(4, 3, 3), rtol=0, atol=atol)


def test_each_system_is_by_itself(molecules):
    pipe = differentiate(Transfer(charge=0.5), "born-charges")
    alone = [pipe(Batch.from_ase(atoms))["born_charges"] for atoms in molecules]
    torch.testing.assert_close(pipe(Batch.from_ase(molecules))["born_charges"], torch.cat(alone))


def test_fixed_charges_are_born_charges():
    batch = Batch.from_ase([Atoms("NaCl", positions=[(0, 0, 0), (2.4, 0, 1)]), Atoms("Cl")])
    expected = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)[:, None, None] * UNIT
    assert torch.equal(differentiate(Fixed(), "born-charges")(batch)["born_charges"], expected)


def test_detached_charges_are_fixed(molecules):
    batch, model = Batch.from_ase(molecules), Transfer(charge=1.0)
    group = PipelineGroup([PipelineStep(model, detach=True)], use_autograd=True, derivative_fn="born-charges")
    for mode in (False, True):
        out = PipelineModelWrapper([group]).train(mode)(batch, {"born_charges", "charges"})
        torch.testing.assert_close(out["born_charges"], out["charges"][:, None, None] * UNIT)


def test_crystals_are_refused():
    with pytest.raises(DataError, match="system 1 of the batch is periodic, where the dipole") as caught:
        differentiate(Fixed(), "born-charges")(Batch.from_ase([Atoms("Na"), bulk("NaCl", "rocksalt", a=5.64)]))
    assert "of='dipole'" in caught.value.fix


def test_dipoles_of_models():
    """μ = Σ A r: Z* = A for every atom, in crystals too."""
    batch = Batch.from_ase([bulk("NaCl", "rocksalt", a=5.64), Atoms("Na", positions=[(1, 2, 3)])])
    pipe = differentiate(Polarized(OnGraph({"positions", "cell"})), "born-charges", of="dipole")
    out = pipe(batch, {"born_charges", "dipole"})
    torch.testing.assert_close(out["born_charges"], Polarized.matrix.expand(3, 3, 3))
    torch.testing.assert_close(out["dipole"][1], Polarized.matrix @ batch.positions[2])


def test_dipoles_off_the_graph_are_refused():
    with pytest.raises(CutGradientError, match="dipole"):
        _ = differentiate(Polarized(Analytic()), "born-charges", of="dipole").plan_for({"born_charges"})
    with pytest.raises(CutGradientError, match="charges"):
        _ = differentiate(Transfer(kind=Analytic()), "born-charges").plan_for({"born_charges"})
    with pytest.raises(LostTermError, match="'charges', which no step"):
        _ = differentiate(create_model("lennard-jones"), "born-charges").plan_for({"born_charges"})


@pytest.mark.parametrize("of", ["charge", None, 1, ["charges"]])
def test_unknown_options(of):
    with pytest.raises(OptionError, match="one of 'charges', 'dipole'"):
        differentiate(Fixed(), "born-charges", of=of)


def test_forces_beside(molecules):
    batch, model = Batch.from_ase(molecules), Transfer(charge=1.0)
    plain = PipelineModelWrapper([PipelineGroup([model], use_autograd=True)])(batch, {"forces", "virial", "energy"})
    out = differentiate(model, "born-charges")(batch, {"forces", "virial", "energy", "born_charges", "dipole"})
    assert plain["forces"].abs().max() > 1e-3
    for name, value in plain.items():
        torch.testing.assert_close(out[name], value)
    assert not any(value.requires_grad for value in out.values())


def test_training_reaches_parameters(molecules):
    """With no total charge, Z* is linear in the constant."""
    batch, model = Batch.from_ase(molecules), Transfer(0.02)
    pipe = differentiate(model, "born-charges").train()
    found = pipe(batch, {"born_charges"})["born_charges"]
    weights = torch.sin(torch.arange(found.numel(), dtype=found.dtype)).view_as(found)
    (slope,) = torch.autograd.grad((found * weights).sum(), model.constant)
    torch.testing.assert_close(slope, (found.detach() * weights).sum() / 0.02)


def test_without_grad(molecules):
    batch, pipe = Batch.from_ase(molecules), differentiate(Transfer(), "born-charges")
    expected = pipe(batch)["born_charges"]
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            torch.testing.assert_close(pipe(Batch.from_ase(molecules))["born_charges"], expected)
