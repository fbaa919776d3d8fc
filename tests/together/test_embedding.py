"""ONIOM of the plugins' models: what is put together by hand, and forces that are derivatives of it."""

import numpy as np
import pytest
import torch
from ase.build import molecule
from ase.calculators.qmmm import SimpleQMMM
from support.differences import forces as by_differences

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model, differentiate, load_pipeline, region

pytestmark = pytest.mark.usefixtures("prints")  # Warp says on stderr that there is no CUDA driver

PART = "index < 3"


def waters():
    """A molecule and two others around it."""
    every = molecule("H2O")
    for shift in ([0.0, 2.9, 0.3], [2.8, -0.4, 0.8]):
        other = molecule("H2O")
        other.translate(shift)
        every += other
    every.rattle(0.05, seed=2)
    return every


@pytest.fixture(scope="module")
def pairs():
    return create_model("lennard-jones", epsilon=0.01, sigma=2.4)


@pytest.fixture(scope="module")
def electrostatic():
    return PipelineModelWrapper([PipelineGroup([create_model("eeq"), create_model("coulomb-dsf")], use_autograd=True)])


@pytest.fixture(params=["chgnet", "sevennet", "lennard-jones", "smooth D3", "eeq and dsf"])
def high(request, learned, smooth_d3, pairs, electrostatic):
    own = {"lennard-jones": pairs, "smooth D3": smooth_d3, "eeq and dsf": electrostatic}
    return learned[request.param] if request.param in learned else own[request.param]


def oniom(low, high):
    return low + region(high, PART) + -1.0 * region(low, PART)


def one(model, atoms):
    """Energy and forces of one model alone, in float64."""
    out = (1.0 * model)(Batch.from_ase(atoms), {"energy", "forces"})
    return float(out["energy"]), out["forces"].numpy()


def test_it_is_what_is_put_together_by_hand(high, pairs):
    """Structures cut with ASE, three calls, summed here."""
    atoms = waters()
    (e_low, f_low), (e_high, f_high), (e_part, f_part) = one(pairs, atoms), one(high, atoms[:3]), one(pairs, atoms[:3])
    f_low[:3] += f_high - f_part
    energy, forces = one(oniom(pairs, high), atoms)
    scale = 1e-5 if abs(e_high) > 1 else 1e-9  # learned models compute in float32
    assert energy == pytest.approx(e_low + e_high - e_part, abs=scale)
    np.testing.assert_allclose(forces, f_low, atol=scale)


@pytest.mark.parametrize("name", ["smooth D3", "eeq and dsf"])
def test_forces_are_differences_of_the_energy(name, smooth_d3, electrostatic, pairs):
    pipe = oniom(pairs, {"smooth D3": smooth_d3, "eeq and dsf": electrostatic}[name])
    batch = Batch.from_ase(waters())
    expected = by_differences(lambda other: pipe(other, {"energy"})["energy"], batch)
    torch.testing.assert_close(pipe(batch, {"forces"})["forces"], expected, rtol=1e-5, atol=1e-7)


def test_learned_models_on_all_and_on_a_part(learned):
    """The other way round: the learned model is the low level, and another the high one."""
    atoms = waters()
    pipe = oniom(learned["sevennet"], learned["chgnet"])
    (e_low, f_low), (e_high, f_high), (e_part, f_part) = (
        one(learned["sevennet"], atoms),
        one(learned["chgnet"], atoms[:3]),
        one(learned["sevennet"], atoms[:3]),
    )
    f_low[:3] += f_high - f_part
    energy, forces = one(pipe, atoms)
    assert energy == pytest.approx(e_low + e_high - e_part, abs=1e-4)
    np.testing.assert_allclose(forces, f_low, atol=1e-4)


def test_ase_finds_the_same(pairs, learned):
    atoms, pipe = waters(), oniom(pairs, learned["chgnet"])
    atoms.calc = SimpleQMMM([0, 1, 2], *((1.0 * model).as_ase() for model in (learned["chgnet"], pairs, pairs)))
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    atoms.calc = pipe.as_ase()
    assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-5)
    np.testing.assert_allclose(atoms.get_forces(), forces, atol=1e-5)


def test_a_hessian_of_a_part(pairs):
    """Second derivatives of the sum: the block of the part is that of the part alone, and nothing else is there."""
    atoms = waters()
    batch, part = Batch.from_ase(atoms), Batch.from_ase(atoms[:6])
    whole = differentiate(region(pairs, "index < 6"), "hessian")(batch, {"hessian"})["hessian"][0]
    alone = differentiate(1.0 * pairs, "hessian")(part, {"hessian"})["hessian"][0]
    torch.testing.assert_close(whole[:18, :18], alone)
    assert not bool(whole[18:].any())


def test_saved_and_loaded_it_is_bitwise_the_same(tmp_path, pairs, learned):
    pipe, batch = oniom(pairs, learned["chgnet"]), Batch.from_ase(waters())
    out = pipe(batch)
    for name in ("p.alchemi", "p.toml"):
        pipe.save(tmp_path / name)
        again = load_pipeline(tmp_path / name)(batch)
        assert all(torch.equal(again[key], out[key]) for key in out)
