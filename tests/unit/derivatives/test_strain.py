"""Strain derivatives against central differences and closed forms."""

import pytest
import torch
from support import differences
from support.structures import batch_of, left_handed, mixed, salt, water

from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.derivatives.finite_difference import FiniteDifference
from alchemi_core.derivatives.strain import per_volume, strain_gradient, volumes
from alchemi_core.errors import DerivativeError


def on_leaves(batch):
    cell = None if batch.cell is None else batch.cell.clone().requires_grad_()
    return batch.with_leaves(batch.positions.clone().requires_grad_(), cell)


def energy(batch):
    """A polynomial of positions and cell without any symmetry."""
    x = batch.positions
    atomic = x[:, 0] ** 3 + x[:, 1] * x[:, 2] ** 2 + x[:, 2]
    total = x.new_zeros(batch.num_systems).index_add(0, batch.batch_idx, atomic)
    if batch.cell is not None:
        total = total + (batch.cell**2).sum((1, 2)) * batch.cell[:, 0, 1] + batch.cell[:, 2].sum(1)
    return total[:, None]


@pytest.mark.parametrize("batch", [batch_of(salt()), mixed(), batch_of(water()), batch_of(left_handed(), salt())])
def test_forces_stress_and_virial_of_any_function(batch):
    data = on_leaves(batch)
    names = {"forces", "stress", "virial"} if batch.cell is not None else {"forces", "virial"}
    out = energy_derivatives(energy(data), data, names)
    for name, expected in differences.derivatives(energy, batch, names).items():
        torch.testing.assert_close(out[name], expected, rtol=1e-8, atol=1e-8, equal_nan=True)


def test_symmetric_whatever_the_gradients():
    batch, generator = mixed(), torch.Generator().manual_seed(0)
    by_positions = torch.randn(5, 3, generator=generator, dtype=torch.float64)
    by_cell = torch.randn(2, 3, 3, generator=generator, dtype=torch.float64)
    gradient = strain_gradient(batch, by_positions, by_cell)
    assert torch.equal(gradient, gradient.mT)
    one = strain_gradient(batch_of(salt()), by_positions[:2], by_cell[:1])
    torch.testing.assert_close(one[0], gradient[0])


def test_volumes_are_positive_for_either_hand():
    cells = torch.stack([torch.diag(torch.tensor([2.0, 3.0, 4.0])), -torch.eye(3), torch.zeros(3, 3), torch.ones(3, 3)])
    assert volumes(cells).tolist() == [24.0, 1.0, 0.0, 0.0]


def test_no_volume_is_no_stress_and_spoils_no_gradient():
    strain = torch.ones(2, 3, 3, requires_grad=True)
    cell = torch.stack([2 * torch.eye(3), torch.zeros(3, 3)]).requires_grad_()
    stress = per_volume(strain, cell)
    assert stress[0].tolist() == [[0.125] * 3] * 3
    assert stress[1].isnan().all()
    stress[0].sum().backward()
    assert strain.grad.isfinite().all()
    assert cell.grad.isfinite().all()
    assert strain.grad[1].abs().max() == 0


def test_an_energy_off_the_graph_is_an_error():
    data = on_leaves(mixed())
    other = torch.zeros(2, 1, dtype=torch.float64, requires_grad=True)
    with pytest.raises(DerivativeError, match="does not depend on the positions"):
        energy_derivatives(other * 2, data, {"forces"})


@pytest.mark.parametrize(("step", "error"), [(None, 1e-7), (1e-2, 1e-3), (1e-3, 1e-5)])
def test_finite_differences_are_of_second_order(step, error):
    from alchemi_core.derivatives.base import GroupState

    batch = mixed()
    strategy = FiniteDifference() if step is None else FiniteDifference(step)
    data, tape = strategy.prepare(GroupState(batch, lambda moved, names: {"energy": energy(moved)}, False))
    out = strategy.finish(energy(data), tape, frozenset({"forces", "stress", "virial"}))
    worst = 0.0
    for name, expected in differences.derivatives(energy, batch, sorted(out)).items():
        worst = max(worst, float((out[name] - expected).nan_to_num().abs().max()))
        assert torch.equal(out[name].isnan(), expected.isnan())
    assert worst < error * (1 + float(out["virial"].abs().max()))
