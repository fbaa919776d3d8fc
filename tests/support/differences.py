"""The referee: derivatives of any energy function by central differences of fourth order, in float64.

f'(x) ≈ [8 (f(x+h) − f(x−h)) − (f(x+2h) − f(x−2h))] / 12h. Nothing here is shared with the code under test.
"""

import torch

STENCIL = ((1, 8.0), (-1, -8.0), (2, -1.0), (-2, 1.0))


def slope(energy, along, step):
    """Derivative [B] of ``energy(x)`` at 0 along a change that ``along(x)`` applies."""
    return sum(factor * energy(along(count * step)).flatten() for count, factor in STENCIL) / (12.0 * step)


def forces(energy, batch, step=1e-3):
    """−dE/dr [N, 3] of a function from batches to energies [B, 1]."""
    out = torch.zeros_like(batch.positions)
    for atom in range(batch.num_atoms):
        for axis in range(3):

            def moved(x, atom=atom, axis=axis):
                positions = batch.positions.detach().clone()
                positions[atom, axis] += x
                return batch.with_fields(positions=positions)

            out[atom, axis] = -slope(energy, moved, step)[batch.batch_idx[atom]]
    return out


def strain_derivative(energy, batch, step=1e-3):
    """dE/dε [B, 3, 3] for symmetric strains of all systems at once."""
    out = batch.positions.new_zeros(batch.num_systems, 3, 3)
    for i in range(3):
        for j in range(i, 3):

            def strained(x, i=i, j=j):
                strain = torch.eye(3, dtype=batch.dtype)
                strain[i, j] += 0.5 * x
                strain[j, i] += 0.5 * x
                changes = {"positions": batch.positions.detach() @ strain}
                if batch.cell is not None:
                    changes["cell"] = batch.cell.detach() @ strain
                return batch.with_fields(**changes)

            out[:, i, j] = out[:, j, i] = slope(energy, strained, step)
    return out


def derivatives(energy, batch, names):
    """The named derivatives; rows of the stress are NaN where a system has no volume."""
    out = {}
    if "forces" in names:
        out["forces"] = forces(energy, batch)
    if {"stress", "virial"} & set(names):
        gradient = strain_derivative(energy, batch)
        out["virial"] = -gradient
        volume = torch.linalg.det(batch.cell).abs() if batch.cell is not None else torch.zeros(batch.num_systems)
        out["stress"] = gradient / torch.where(volume > 1e-9, volume, torch.nan).view(-1, 1, 1)
    return {name: out[name] for name in names}


def assert_consistent(pipe, batch, names=("forces", "stress", "virial"), energy=None, rtol=1e-6, atol=1e-8):
    """Assert that a pipeline's derivatives are those of its energy, or of the energy function given."""
    asked = pipe(batch, requested={"energy", *names})
    energy = energy or (lambda other: pipe(other, requested={"energy"})["energy"])
    torch.testing.assert_close(asked["energy"], energy(batch).detach(), rtol=1e-12, atol=1e-12)
    for name, expected in derivatives(energy, batch, names).items():
        torch.testing.assert_close(asked[name], expected, rtol=rtol, atol=atol, equal_nan=True, msg=_named(name))


def _named(name):
    return lambda text: f"{name}: {text}"
