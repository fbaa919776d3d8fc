"""Atomic virials of learned models, and the compositions that have none."""

import pytest
import torch
from ase.build import bulk, molecule

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model, differentiate
from alchemi_core.errors import DerivativeError, LostTermError

pytestmark = pytest.mark.usefixtures("prints")  # Warp says on stderr that there is no CUDA driver


def total(each, batch):
    return each.new_zeros(batch.num_systems, 3, 3).index_add(0, batch.batch_idx, each)


def rattled(atoms, seed=0):
    atoms.rattle(0.1, seed=seed)
    return atoms


@pytest.mark.parametrize("name", ["sevennet", "chgnet"])
def test_they_add_up_to_the_virial(learned, name):
    """Messages pass over some 25 Å, but most that matters is nearby: with 12 Å little is missing."""
    batch = Batch.from_ase([rattled(bulk("NaCl", "rocksalt", a=5.6)), rattled(molecule("CH3OH"))])
    pipe = differentiate(learned[name], "atomic-virials", reach=12.0, tolerance=1e-3)
    out = pipe(batch, {"atomic_virials", "virial", "forces"})
    plain = PipelineModelWrapper([PipelineGroup([learned[name]])])(batch, {"virial", "forces"})
    torch.testing.assert_close(out["forces"], plain["forces"], rtol=0, atol=1e-4)
    crystal, alcohol = (total(out["atomic_virials"], batch) - plain["virial"]).abs().amax((1, 2)).tolist()
    assert crystal < 5e-3
    assert alcohol < 1e-4
    assert plain["virial"].abs().amax((1, 2)).min() > 0.5


def test_too_short_a_reach_is_refused(learned):
    batch = Batch.from_ase(rattled(bulk("NaCl", "rocksalt", a=5.6)))
    with pytest.raises(DerivativeError, match=r"with all images up to 6 Å, the atomic"):
        differentiate(learned["chgnet"], "atomic-virials", reach=6.0)(batch)


def test_charges_beside_have_none(learned):
    steps = [learned["sevennet"], create_model("eeq"), create_model("ewald")]
    group = PipelineGroup(steps, use_autograd=True, derivative_fn="atomic-virials")
    with pytest.raises(LostTermError, match="node_energies"):
        _ = PipelineModelWrapper([group], accept={"coulomb", "level_of_theory"}).plan_for({"atomic_virials"})


def test_dispersion_beside_has_none(learned, d3):
    group = PipelineGroup([learned["sevennet"], d3], use_autograd=True, derivative_fn="atomic-virials")
    with pytest.raises(LostTermError, match=r"dftd3.*node_energies"):
        _ = PipelineModelWrapper([group]).plan_for({"atomic_virials"})
