"""Laws that hold whatever the potential is: conserved energy, no net force, no net torque, pressure as −dE/dV."""

import torch
from support.pipelines import autograd, direct, pipeline
from support.structures import batch_of, ethanol, mixed, salt
from support.toys import Charges, Coulomb, Gaussians, Hardness, Kernel

from alchemi_core.topology import PipelineStep


def repulsive(**settings):
    """Charges that follow the positions, on top of repulsion that keeps atoms apart."""
    step = PipelineStep(Charges("q"), wire={"q": "charges"})
    return pipeline(autograd(step, Coulomb(), Hardness(), Gaussians(30.0)), direct(Kernel(5.0, 5.5)), **settings)


def trajectory(pipe, batch, steps, dt):
    """Velocity Verlet with unit masses: total energies [steps, B]."""
    names, velocities = {"energy", "forces"}, torch.zeros_like(batch.positions)
    out, totals = pipe(batch, requested=names), []
    for _ in range(steps):
        velocities = velocities + 0.5 * dt * out["forces"]
        batch = batch.with_fields(positions=batch.positions + dt * velocities)
        out = pipe(batch, requested=names)
        velocities = velocities + 0.5 * dt * out["forces"]
        kinetic = 0.5 * velocities.square().sum(1)
        kinetic = kinetic.new_zeros(batch.num_systems).index_add(0, batch.batch_idx, kinetic)
        totals.append(kinetic + out["energy"].flatten())
    return torch.stack(totals), batch


def test_dynamics_conserves_energy_while_lists_are_reused():
    """The drift falls with the square of the step, as that of the integrator: nothing jumps when lists change."""
    coarse, moved = trajectory(repulsive(skin=0.4), mixed(), 100, 0.02)
    fine, _ = trajectory(repulsive(skin=0.4), mixed(), 200, 0.01)
    assert (moved.positions - mixed().positions).norm(dim=1).max() > 1.0
    spread = [(t.max(0).values - t.min(0).values).max() for t in (coarse, fine)]
    assert 3.0 < spread[0] / spread[1] < 5.0


def test_reuse_of_lists_does_not_change_a_trajectory():
    with_skin, _ = trajectory(repulsive(skin=0.6), mixed(), 40, 0.02)
    without, _ = trajectory(repulsive(skin=0.0), mixed(), 40, 0.02)
    torch.testing.assert_close(with_skin, without, rtol=1e-10, atol=1e-10)


def test_no_net_force_and_no_net_torque():
    batch = batch_of(ethanol(), salt(), ethanol())
    forces = repulsive()(batch, requested={"forces"})["forces"]
    net = torch.zeros(3, 3, dtype=torch.float64).index_add(0, batch.batch_idx, forces)
    torch.testing.assert_close(net, torch.zeros_like(net), rtol=0, atol=1e-11)
    for molecule in (slice(0, 9), slice(11, 20)):
        torque = torch.linalg.cross(batch.positions[molecule], forces[molecule]).sum(0)
        torch.testing.assert_close(torque, torch.zeros_like(torque), rtol=0, atol=1e-10)


def test_pressure_is_minus_the_slope_of_energy_over_volume():
    pipe, batch = repulsive(), batch_of(salt())

    def at(scale):
        swollen = batch.with_fields(positions=batch.positions * scale, cell=batch.cell * scale)
        return pipe(swollen, requested={"energy"})["energy"].item(), torch.linalg.det(swollen.cell).abs().item()

    (more, larger), (less, smaller) = at(1 + 1e-4), at(1 - 1e-4)
    stress = pipe(batch, requested={"stress"})["stress"][0]
    torch.testing.assert_close(stress.trace().item() / 3, (more - less) / (larger - smaller), rtol=1e-6, atol=0)
    assert stress.trace() < 0
