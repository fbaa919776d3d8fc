"""dE/dλ: two springs switched into each other, a soft core, and ideal results of thermodynamic integration."""

import math

import pytest
import torch
from alchemi_derivatives.coupling import CouplingDerivative
from ase import Atoms
from ase.build import bulk
from numpy.polynomial.legendre import leggauss

from alchemi_core import (
    BaseModelMixin,
    Batch,
    Coupling,
    ModelConfig,
    OnGraph,
    PipelineGroup,
    PipelineModelWrapper,
    PipelineStep,
    create_model,
    differentiate,
)
from alchemi_core.errors import DataError, LostTermError, WiringError

NAMES = frozenset({"dE_dlambda", "d2E_dlambda2"})
LAM = Coupling()


class Well(BaseModelMixin):
    """E = ½ k Σ |r_i|²."""

    def __init__(self, stiffness):
        self.stiffness = stiffness
        self.model_config = ModelConfig(name="well", outputs={"energy": OnGraph("positions")})

    def compute(self, view, requested):
        each = 0.5 * self.stiffness * view.positions.square().sum(1)
        energy = each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each)
        return {"energy": energy.unsqueeze(1)}


class SoftCore(BaseModelMixin):
    """E = Σ_i λ / (α(1 − λ)² + |r_i|²): a repulsion that opens as λ goes to zero."""

    def __init__(self, through=("positions", "coupling")):
        self.model_config = ModelConfig(
            name="soft-core", outputs={"energy": OnGraph(through)}, required_inputs={"coupling"}
        )

    def compute(self, view, requested):
        lam = view.coupling[view.batch_idx].squeeze(1)
        each = lam / (0.5 * (1 - lam) ** 2 + view.positions.square().sum(1))
        energy = each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each)
        return {"energy": energy.unsqueeze(1)}


def batch(*values, dtype=torch.float64):
    atoms = [Atoms("Ar2", positions=[(0.3 + k, 0.1, -0.2), (0.5, 1.0 + k, 0.7)]) for k in range(len(values))]
    return Batch.from_ase(atoms, dtype=dtype).with_fields(coupling=torch.tensor(values, dtype=dtype)[:, None])


def squares(data):
    each = data.positions.square().sum(1)
    return each.new_zeros(data.num_systems).index_add(0, data.batch_idx, each)[:, None]


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
def test_two_wells(dtype, rtol):
    """E(λ) = ½((1 − λ)k_A + λ²k_B) r² differentiates to ½(−k_A + 2λk_B) r² and k_B r²."""
    pipe = differentiate((1 - LAM) * Well(2.0) + LAM * LAM * Well(7.0), "dE-dlambda")
    data = batch(0.0, 0.4, 1.0, dtype=dtype)
    out = pipe(data, requested=NAMES)
    lam, square = data.fields["coupling"], squares(data)
    torch.testing.assert_close(out["dE_dlambda"], 0.5 * (14.0 * lam - 2.0) * square, rtol=rtol, atol=rtol)
    torch.testing.assert_close(out["d2E_dlambda2"], 7.0 * square, rtol=rtol, atol=rtol)


def test_models_that_read_it():
    data = batch(0.2, 0.9)
    out = differentiate(SoftCore() + (1 - LAM) * Well(3.0), "dE-dlambda")(data, requested=NAMES)

    def energy(lam):
        r2 = data.positions.square().sum(1).view(2, 2)
        soft = (lam / (0.5 * (1 - lam) ** 2 + r2)).sum(1, keepdim=True)
        return soft + (1 - lam) * 1.5 * squares(data)

    lam, h = data.fields["coupling"], 1e-4
    ahead, here, behind = energy(lam + h), energy(lam), energy(lam - h)
    torch.testing.assert_close(out["dE_dlambda"], (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(out["d2E_dlambda2"], (ahead - 2 * here + behind) / h**2, rtol=1e-4, atol=1e-5)


def test_a_model_that_reads_it_off_the_graph_is_refused():
    pipe = differentiate(SoftCore(through=("positions",)) + LAM * Well(3.0), "dE-dlambda")
    with pytest.raises(LostTermError, match="soft-core"):
        pipe(batch(0.5), requested=NAMES)


def test_forces_and_stress_come_along():
    crystal = Batch.from_ase(bulk("Ar", "fcc", a=5.2, cubic=True))
    crystal = crystal.with_fields(coupling=torch.tensor([[0.3]], dtype=torch.float64))
    first = create_model("lennard-jones", sigma=3.4, epsilon=0.0104, cutoff=6.0)
    second = create_model("lennard-jones", sigma=3.2, epsilon=0.02, cutoff=5.0)
    pipe = (1 - LAM) * first + LAM * second
    plain = pipe(crystal, requested={"energy", "forces", "stress"})
    out = differentiate(pipe, "dE-dlambda")(crystal, requested={"energy", "forces", "stress", "dE_dlambda"})
    for name, value in plain.items():
        torch.testing.assert_close(out[name], value, rtol=1e-12, atol=1e-12)
    ends = [model(crystal, requested={"energy"})["energy"] for model in (1.0 * first, 1.0 * second)]
    torch.testing.assert_close(out["dE_dlambda"], ends[1] - ends[0])


def test_integration_gives_the_free_energy_of_springs():
    """ΔF = (3/2) kT ln(k_B / k_A) per atom: ⟨½(k_B − k_A) r²⟩ = (3/2) kT (k_B − k_A)/k(λ) with exact averages."""
    start, end, temperature = 2.0, 7.0, 0.025
    pipe = differentiate((1 - LAM) * Well(start) + LAM * Well(end), "dE-dlambda")
    total = 0.0
    for node, share in zip(*leggauss(16), strict=True):
        lam = 0.5 * (1.0 + node)
        radius = math.sqrt(3 * temperature / ((1 - lam) * start + lam * end))
        atom = Batch.from_ase(Atoms("Ar", positions=[(radius, 0, 0)]))
        atom = atom.with_fields(coupling=torch.tensor([[lam]], dtype=torch.float64))
        total += 0.5 * share * float(pipe(atom, requested={"dE_dlambda"})["dE_dlambda"])
    assert total == pytest.approx(1.5 * temperature * math.log(end / start), rel=1e-9)


def test_another_name():
    strategy = CouplingDerivative(parameter="torsion")
    pipe = differentiate(Coupling("torsion") * Well(2.0), strategy)
    data = batch(0.5).with_fields(torsion=torch.tensor([[0.25]], dtype=torch.float64))
    torch.testing.assert_close(pipe(data, requested={"dE_dlambda"})["dE_dlambda"], squares(data))


def test_nothing_that_depends_on_it_is_zero():
    out = differentiate(Well(2.0), "dE-dlambda")(batch(0.5, 0.6), requested=NAMES | {"forces"})
    assert not out["dE_dlambda"].any()
    assert not out["d2E_dlambda2"].any()


def test_without_its_value():
    pipe = differentiate(SoftCore(), "dE-dlambda")
    with pytest.raises(WiringError, match="coupling"):
        pipe(Batch.from_ase(Atoms("Ar")), requested={"dE_dlambda"})


@pytest.mark.parametrize("given", [torch.int64, torch.float32, torch.bool])
def test_its_value_in_another_type(given):
    """At λ = 1 the slope is ½(−k_A + 2 k_B) r²."""
    pipe = differentiate((1 - LAM) * Well(2.0) + LAM * LAM * Well(7.0), "dE-dlambda")
    data = batch(1.0).with_fields(coupling=torch.ones(1, 1, dtype=given))
    out = pipe(data, requested=NAMES)
    assert {value.dtype for value in out.values()} == {torch.float64}
    torch.testing.assert_close(out["dE_dlambda"], 6.0 * squares(data))
    torch.testing.assert_close(out["d2E_dlambda2"], 7.0 * squares(data))


@pytest.mark.parametrize("fields", [{}, {"torsion": torch.ones(2)}])
def test_a_parameter_that_the_batch_lacks(fields):
    """As where a step produces it."""
    data = batch(0.5).with_fields(**fields)
    with pytest.raises(DataError, match="'torsion'"):
        CouplingDerivative(parameter="torsion").finish(squares(data), (data, False), frozenset({"dE_dlambda"}))


def test_losses_on_it_reach_parameters():
    pipe = differentiate((1 - LAM) * Well(2.0) + LAM * LAM * Well(7.0), "dE-dlambda")
    pipe.train()
    data = batch(0.4)
    moved = data.positions.clone().requires_grad_(True)
    out = pipe(data.with_leaves(moved, None), requested={"dE_dlambda"})["dE_dlambda"]
    (gradient,) = torch.autograd.grad(out.sum(), moved)
    torch.testing.assert_close(gradient, (14.0 * 0.4 - 2.0) * data.positions)


class SwitchedCharges(BaseModelMixin):
    """q_i = ±λ² (1 + |r_i|²): charges that depend on λ and on positions."""

    def __init__(self):
        kind = OnGraph({"positions", "coupling"})
        self.model_config = ModelConfig(
            name="switched-charges", outputs={"charges": kind}, required_inputs={"coupling"}
        )

    def compute(self, view, requested):
        sign = torch.ones_like(view.positions[:, 0]).index_fill(0, torch.arange(0, len(view.positions), 2), -1.0)
        lam = view.coupling[view.batch_idx].squeeze(1)
        return {"charges": sign * lam**2 * (1 + view.positions.square().sum(1))}


class Pairs(BaseModelMixin):
    """E = q_1 q_2 / r of pairs of atoms."""

    def __init__(self):
        self.model_config = ModelConfig(
            name="pairs", outputs={"energy": OnGraph({"positions", "charges"})}, required_inputs={"charges"}
        )

    def compute(self, view, requested):
        ends, charges = view.positions.view(-1, 2, 3), view.charges.view(-1, 2)
        return {"energy": (charges.prod(1) / (ends[:, 0] - ends[:, 1]).norm(dim=1)).unsqueeze(1)}


def by_differences(pipe, data, step=1e-3):
    def energy(shift):
        moved = data.with_fields(coupling=data.fields["coupling"] + shift)
        return pipe(moved, requested={"energy"})["energy"]

    return (8 * (energy(step) - energy(-step)) - (energy(2 * step) - energy(-2 * step))) / (12 * step)


@pytest.mark.parametrize("weight", [1.0, 1 - LAM, LAM.ramp(0.0, 0.6), 1 - LAM**2])
def test_charges_that_depend_on_it(weight):
    group = PipelineGroup(
        [SwitchedCharges(), PipelineStep(Pairs(), weight=weight)], use_autograd=True, derivative_fn="dE-dlambda"
    )
    pipe = PipelineModelWrapper([group])
    data = batch(0.2, 0.9)
    found = pipe(data, requested={"dE_dlambda"})["dE_dlambda"]
    torch.testing.assert_close(found, by_differences(pipe, data), rtol=1e-8, atol=1e-9)


def test_groups_with_it_and_without_it_add_up():
    soft = differentiate(SoftCore() + LAM * Well(2.0), "dE-dlambda")
    pipe = soft + (1 - LAM**2) * Well(3.0)
    data = batch(0.2, 0.9)
    found = pipe(data, requested={"dE_dlambda"})["dE_dlambda"]
    torch.testing.assert_close(found, by_differences(pipe, data), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("weights", [(1 - LAM, LAM**2), (1 - LAM.ramp(0.0, 0.5), LAM.ramp(0.4, 1.0) ** 3)])
def test_weights_alone_give_the_same(weights):
    one, two = weights
    pipe = one * Well(2.0) + two * Well(7.0)
    data = batch(0.0, 0.2, 0.45, 0.5, 1.0)
    expected = differentiate(pipe, "dE-dlambda")(data, requested=NAMES)
    found = pipe(data, requested=NAMES)
    for name in NAMES:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-12, atol=1e-12)


def test_another_parameter_of_a_strategy_holds_for_all_groups():
    torsion = Coupling("torsion")
    pipe = differentiate(torsion * Well(2.0), CouplingDerivative(parameter="torsion")) + torsion**2 * Well(3.0)
    data = batch(0.5).with_fields(torsion=torch.tensor([[0.25]], dtype=torch.float64))
    torch.testing.assert_close(pipe(data, requested={"dE_dlambda"})["dE_dlambda"], (1 + 0.75) * squares(data))


def test_a_model_that_reads_it_without_the_strategy_is_refused():
    with pytest.raises(LostTermError, match=r"'coupling'.*dE_dlambda"):
        (SoftCore() + LAM * Well(3.0))(batch(0.5), requested={"dE_dlambda"})
