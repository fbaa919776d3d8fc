"""Polarizabilities of models that take an electric field, against closed forms and finite fields."""

import math

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
    create_model,
    differentiate,
)
from alchemi_core.errors import CutGradientError, DerivativeError, LostTermError, UnknownOutputError, WiringError
from alchemi_core.quantities import COULOMB_CONSTANT

VOLUMES = {2: 0.205, 10: 0.396, 18: 1.64, 36: 2.48}
"""Å³: helium, neon, argon and krypton, about as Schwerdtfeger and Nagle have them, Mol. Phys. 117, 1200 (2019)."""

THROUGH = OnGraph({"positions", "electric_field"})


class Induced(torch.nn.Module, BaseModelMixin):
    """Atoms that polarize each other: E = −½ F·μ, with μ_i = α_i (F + Σ_j T_ij μ_j), all in one linear system."""

    def __init__(self, *, optional=True, kind=THROUGH):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(1.0, dtype=torch.float64))
        inputs = {"optional_inputs" if optional else "required_inputs": {"electric_field"}}
        self.model_config = ModelConfig(name="induced", outputs={"energy": kind}, **inputs)

    def compute(self, view, requested):
        bounds = zip(view.ptr[:-1], view.ptr[1:], strict=True)
        rows = [
            self._energy(view, slice(*ends), field) for ends, field in zip(bounds, view.electric_field, strict=True)
        ]
        return {"energy": torch.stack(rows).unsqueeze(1)}

    def _energy(self, view, atoms, field):
        places = view.positions[atoms]
        count = len(places)
        volumes = places.new_tensor([VOLUMES[z] for z in view.atomic_numbers[atoms].tolist()])
        inverse = COULOMB_CONSTANT / (self.scale.to(places) * volumes)
        vectors = places[:, None] - places
        squared = vectors.square().sum(2) + torch.eye(count, dtype=places.dtype)
        outer = 3 * vectors[..., None] * vectors[..., None, :] / squared[..., None, None]
        tensors = COULOMB_CONSTANT * (outer - torch.eye(3, dtype=places.dtype)) / squared[..., None, None] ** 1.5
        tensors = tensors * (1 - torch.eye(count, dtype=places.dtype))[..., None, None]
        matrix = torch.diag(inverse.repeat_interleave(3)) - tensors.permute(0, 2, 1, 3).reshape(3 * count, 3 * count)
        fields = field.repeat(count)
        return -0.5 * fields @ torch.linalg.solve(matrix, fields)


class Shell(BaseModelMixin):
    """E = −d·F − ½ a F² − ¼ c F⁴ per system, which has a dipole, and a polarizability that grows with the field."""

    d, a, c = torch.tensor([0.3, -0.1, 0.2], dtype=torch.float64), 0.7, 0.05

    def __init__(self):
        outputs = {"energy": OnGraph("electric_field"), "dipole": Analytic()}
        config = {"required_inputs": {"electric_field"}, "supports_pbc": True}
        self.model_config = ModelConfig(name="shell", outputs=outputs, **config)

    def compute(self, view, requested):
        field = view.electric_field
        square = field.square().sum(1)
        energy = -field @ self.d.to(field) - 0.5 * self.a * square - 0.25 * self.c * square.square()
        return {"energy": energy.unsqueeze(1), "dipole": torch.full((view.num_systems, 3), 99.0).to(field)}


class Flow(BaseModelMixin):
    """Charges that a field moves along a molecule: q_i = k F·(r_i − r̄)."""

    model_config = ModelConfig(name="flow", outputs={"charges": THROUGH}, required_inputs={"electric_field"})

    def compute(self, view, requested):
        ones = torch.ones_like(view.positions[:, 0])
        count = ones.new_zeros(view.num_systems).index_add(0, view.batch_idx, ones)
        middle = view.positions.new_zeros(view.num_systems, 3).index_add(0, view.batch_idx, view.positions)
        away = view.positions - (middle / count[:, None])[view.batch_idx]
        return {"charges": 0.1 * (away * view.electric_field[view.batch_idx]).sum(1)}


class InField(BaseModelMixin):
    """E = Σ_i (½ J q_i² − q_i r_i·F)."""

    def __init__(self, hardness=5.0, through=("positions", "charges", "electric_field")):
        self.hardness = hardness
        inputs = {"charges", "electric_field"}
        self.model_config = ModelConfig(name="in-field", outputs={"energy": OnGraph(through)}, required_inputs=inputs)

    def compute(self, view, requested):
        potential = (view.positions * view.electric_field[view.batch_idx]).sum(1)
        each = 0.5 * self.hardness * view.charges.square() - view.charges * potential
        return {"energy": each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each).unsqueeze(1)}


class Fixed(BaseModelMixin):
    model_config = ModelConfig(name="fixed", outputs={"charges": Constant()})

    def compute(self, view, requested):
        return {"charges": torch.where(view.atomic_numbers == 1, 0.4, -0.8).to(view.positions)}


def together(*steps, groups=()):
    first = PipelineGroup(steps, use_autograd=True, derivative_fn="polarizability")
    return PipelineModelWrapper([first, *groups])


def field(batch, *vector):
    rows = torch.tensor([vector or (0.0, 0.0, 0.0)], dtype=batch.dtype).expand(batch.num_systems, 3)
    return batch.with_fields(electric_field=rows.clone())


def silberstein(one, other, distance):
    """Polarizability volumes along and across the line between two atoms; Philos. Mag. 33, 521 (1917)."""
    cubed = distance**3
    along = (one + other + 4 * one * other / cubed) / (1 - 4 * one * other / cubed**2)
    across = (one + other - 2 * one * other / cubed) / (1 - one * other / cubed**2)
    return along, across


@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
def test_two_atoms_are_as_silberstein_has_them(dtype, rtol):
    pairs = [("Ar2", 18, 18, 3.76), ("HeNe", 2, 10, 3.03), ("KrAr", 36, 18, 2.5)]
    atoms = [Atoms(name, positions=[(0, 0, 1.0), (0, 0, 1.0 + r)]) for name, _, _, r in pairs]
    found = differentiate(Induced(), "polarizability")(Batch.from_ase(atoms, dtype=dtype))["polarizability"]
    forms = [silberstein(VOLUMES[one], VOLUMES[other], r) for _, one, other, r in pairs]
    expected = torch.stack(
        [torch.diag(torch.tensor([across, across, along], dtype=torch.float64)) for along, across in forms]
    )
    torch.testing.assert_close(COULOMB_CONSTANT * found, expected.to(dtype), rtol=rtol, atol=10 * rtol)


def test_one_atom_in_units_of_everybody():
    """Argon: 1.64 Å³ are 11.07 bohr³ and 1.8248e-40 C·m²/V."""
    out = differentiate(Induced(), "polarizability")(Batch.from_ase(Atoms("Ar")))["polarizability"][0]
    torch.testing.assert_close(out, out[0, 0] * torch.eye(3, dtype=out.dtype), rtol=0, atol=1e-15)
    assert float(out[0, 0]) * COULOMB_CONSTANT == pytest.approx(1.64, rel=1e-12)
    assert float(out[0, 0]) * 1.602176634e-19 * 1e-20 == pytest.approx(
        1.64e-30 * 4 * math.pi * 8.8541878128e-12, rel=1e-8
    )


def test_finite_fields():
    """Three atoms in a triangle, turned, at a field: −dE/dF and −d²E/dF² by differences of the energy."""
    atoms = Atoms("ArKrNe", positions=[(0.3, 0, 0), (2.4, 1.1, 0.4), (-0.5, 2.2, 1.9)])
    batch, pipe = Batch.from_ase(atoms), differentiate(Induced(), "polarizability")
    start, step = torch.tensor([[0.3, -0.2, 0.1]], dtype=torch.float64), 1e-2

    def energy(*moves):
        moved = start.clone()
        for axis, sign in moves:
            moved[0, axis] += sign * step
        return float(pipe(batch.with_fields(electric_field=moved), {"energy"})["energy"])

    out = pipe(batch.with_fields(electric_field=start), {"polarizability", "dipole"})
    for i in range(3):
        slope = -(energy((i, 1)) - energy((i, -1))) / (2 * step)
        assert float(out["dipole"][0, i]) == pytest.approx(slope, rel=1e-9, abs=1e-10)
        for j in range(3):
            signs = [(a, b) for a in (1, -1) for b in (1, -1)]
            curve = -sum(a * b * energy((i, a), (j, b)) for a, b in signs) / (4 * step**2)
            assert float(out["polarizability"][0, i, j]) == pytest.approx(curve, rel=1e-8, abs=1e-9)


def test_at_the_field_of_the_batch():
    """μ = d + a F + c F² F, α = (a + c F²) 1 + 2 c F ⊗ F."""
    batch = field(Batch.from_ase([molecule("H2O"), bulk("Ar", a=5.2)]), 0.4, -1.0, 2.0)
    out = differentiate(Shell(), "polarizability")(batch, {"polarizability", "dipole", "energy"})
    vector = batch.fields["electric_field"][0]
    dipole = Shell.d + (Shell.a + Shell.c * vector @ vector) * vector
    expected = (Shell.a + Shell.c * vector @ vector) * torch.eye(3).double() + 2 * Shell.c * torch.outer(vector, vector)
    torch.testing.assert_close(out["dipole"], dipole.expand(2, 3))
    torch.testing.assert_close(out["polarizability"], expected.expand(2, 3, 3))


def test_a_field_that_is_optional_is_zero_where_none_is_given():
    batch = Batch.from_ase(Atoms("ArNe", positions=[(0, 0, 0), (1, 2, 2)]))
    pipe = differentiate(Induced(), "polarizability")
    out, given = pipe(batch), pipe(field(batch))
    torch.testing.assert_close(out["polarizability"], given["polarizability"])
    assert out["dipole"].tolist() == [[0, 0, 0]]
    assert "electric_field" not in batch.fields


def test_a_field_that_is_required_must_be_given():
    batch = Batch.from_ase(Atoms("Ar"))
    with pytest.raises(WiringError, match="'electric_field'") as caught:
        differentiate(Induced(optional=False), "polarizability")(batch)
    assert "with_fields(electric_field=" in caught.value.fix
    assert differentiate(Induced(optional=False), "polarizability")(field(batch))["polarizability"].shape == (1, 3, 3)


def test_models_that_read_no_field_add_nothing():
    batch = Batch.from_ase(Atoms("ArNe", positions=[(0, 0, 0), (1, 2, 2)]))
    alone = differentiate(Induced(), "polarizability")(batch)["polarizability"]
    argon = create_model("lennard-jones")
    box = create_model("lennard-jones", derivatives="analytic")
    for pipe in (
        together(Induced(), argon),
        together(Induced(), box),
        together(Induced(), groups=[PipelineGroup([box])]),
    ):
        torch.testing.assert_close(pipe(batch, {"polarizability"})["polarizability"], alone)
    torch.testing.assert_close(together(0.5 * Induced())(batch, {"polarizability"})["polarizability"], 0.5 * alone)


def test_forces_beside():
    """With all asked at once, each is what it is alone; the black box adds its forces."""
    atoms = Atoms("ArKr", positions=[(0, 0, 0), (1, 2, 2.4)], cell=[9, 9, 9])
    batch = field(Batch.from_ase(atoms), 0.5, 1.0, -0.5)
    for derivatives in ("graph", "analytic"):
        model = create_model("lennard-jones", derivatives=derivatives)
        plain = PipelineModelWrapper([PipelineGroup([Induced(), model], use_autograd=True)])
        out = together(Induced(), model)(batch, {"polarizability", "dipole", "forces", "stress", "virial", "energy"})
        expected = plain(batch, {"forces", "stress", "virial", "energy"})
        for name, value in expected.items():
            torch.testing.assert_close(out[name], value)
        assert not any(value.requires_grad for value in out.values())


def test_forces_of_atoms_in_a_field():
    """Argon dimer in a field along its axis: F = ½ F² dα/dr, with Silberstein's α."""
    r, strength = 3.5, 2.0
    batch = field(Batch.from_ase(Atoms("Ar2", positions=[(0, 0, 0), (0, 0, r)])), 0.0, 0.0, strength)
    found = differentiate(Induced(), "polarizability")(batch, {"forces"})["forces"]
    step = 1e-4
    ends = [silberstein(1.64, 1.64, r + sign * step)[0] for sign in (1, -1)]
    slope = (ends[0] - ends[1]) / (2 * step) / COULOMB_CONSTANT
    assert float(found[1, 2]) == pytest.approx(0.5 * strength**2 * slope, rel=1e-7)


def test_charges_that_flow():
    """q = k F·s with s from the middle: E = Σ (½ J k² (F·s)² − k (F·s)(F·s)), α = (2 k − J k²) Σ s ⊗ s."""
    waters = [molecule("H2O"), molecule("CH3OH")]
    batch = field(Batch.from_ase(waters), 0.2, -0.1, 0.3)
    out = together(Flow(), InField())(batch, {"polarizability", "dipole"})
    for atoms, found in zip(waters, out["polarizability"], strict=True):
        away = torch.tensor(atoms.positions - atoms.positions.mean(0))
        torch.testing.assert_close(found, (2 * 0.1 - 5.0 * 0.1**2) * away.T @ away, rtol=1e-12, atol=1e-13)


def test_fixed_charges_have_a_dipole_and_no_polarizability():
    batch = field(Batch.from_ase(molecule("H2O")), 0.1, 0.2, 0.3)
    out = together(Fixed(), InField())(batch, {"polarizability", "dipole"})
    assert torch.equal(out["polarizability"], torch.zeros(1, 3, 3).double())
    dipole = torch.tensor([[-0.8], [0.4], [0.4]]).double() * batch.positions
    torch.testing.assert_close(out["dipole"][0], dipole.sum(0))


def test_terms_that_would_be_lost_are_refused():
    off = Induced(kind=OnGraph("positions"))
    box = Induced(kind=Analytic())
    for model in (off, box):
        with pytest.raises(LostTermError, match="polarizability"):
            _ = together(Induced(), model).plan_for({"polarizability"})
    once = Induced(kind=OnGraph({"positions", "electric_field"}, order=1))
    assert differentiate(once, "polarizability").plan_for({"dipole"})
    with pytest.raises(LostTermError, match="once only"):
        _ = differentiate(once, "polarizability").plan_for({"polarizability"})
    with pytest.raises(CutGradientError, match=r"would miss \(dE/dcharges\)\(dcharges/dF\)"):
        _ = together(Flow(), InField(through=("positions", "electric_field"))).plan_for({"polarizability"})


def test_without_any_model_for_fields():
    with pytest.raises(UnknownOutputError, match="polarizability"):
        _ = differentiate(create_model("lennard-jones"), "polarizability").plan_for({"polarizability"})


def test_a_field_that_is_declared_and_not_used():
    class Deaf(BaseModelMixin):
        model_config = ModelConfig(name="deaf", outputs={"energy": THROUGH}, optional_inputs={"electric_field"})

        def compute(self, view, requested):
            return {"energy": view.positions.sum().reshape(1, 1)}

    with pytest.raises(DerivativeError, match="does not depend on 'electric_field'"):
        differentiate(Deaf(), "polarizability")(Batch.from_ase(Atoms("Ar")))


def test_training_reaches_parameters():
    """One atom: α is proportional to the scale."""
    model = Induced()
    pipe = differentiate(model, "polarizability").train()
    out = pipe(field(Batch.from_ase(Atoms("Ar")), 0.1, 0.2, 0.3), {"polarizability", "dipole"})
    for value in out.values():
        weights = torch.cos(torch.arange(value.numel())).view_as(value).double()
        (slope,) = torch.autograd.grad((value * weights).sum(), model.scale, retain_graph=True)
        torch.testing.assert_close(slope, (value.detach() * weights).sum())
    two = Batch.from_ase(Atoms("ArKr", positions=[(0, 0, 0), (0, 0, 2.6)]))
    found = pipe(two, {"polarizability"})["polarizability"]
    (slope,) = torch.autograd.grad(found[0, 2, 2], model.scale)
    ends = [silberstein(1.64 * s, 2.48 * s, 2.6)[0] for s in (1 + 1e-5, 1 - 1e-5)]
    assert float(slope) * COULOMB_CONSTANT == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-7)


def test_without_grad():
    atoms = Atoms("ArNe", positions=[(0, 0, 0), (1, 2, 2)])
    pipe = differentiate(Induced(), "polarizability")
    expected = pipe(Batch.from_ase(atoms))["polarizability"]
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            torch.testing.assert_close(pipe(Batch.from_ase(atoms))["polarizability"], expected)
