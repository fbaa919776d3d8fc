"""The energies of the toy models written out by hand: all images, no lists, no graph. The referee of compositions."""

import itertools

import numpy as np
import torch
from support import differences

SPAN = range(-3, 4)
IMAGES = np.array(list(itertools.product(SPAN, SPAN, SPAN)), dtype=float)


def systems(batch):
    """Yield atoms, positions, numbers, cell and pbc of each system."""
    cells = np.zeros((batch.num_systems, 3, 3)) if batch.cell is None else batch.cell.double().numpy()
    pbc = np.zeros((batch.num_systems, 3), dtype=bool) if batch.pbc is None else batch.pbc.numpy()
    for number in range(batch.num_systems):
        atoms = (batch.batch_idx == number).numpy()
        positions, numbers = batch.positions.double().numpy()[atoms], batch.atomic_numbers.numpy()[atoms]
        yield atoms, positions, numbers, cells[number], pbc[number]


def distances(positions, cell, pbc, cutoff):
    """All (i, j, r) with r below the cutoff, each direction on its own."""
    if pbc.all():
        positions = (positions @ np.linalg.inv(cell) % 1.0) @ cell
    shifts = IMAGES[((IMAGES == 0) | pbc).all(1)]
    vectors = positions[None, None] - positions[None, :, None] + (shifts @ cell)[:, None, None]
    r = np.sqrt((vectors**2).sum(3))
    image, i, j = np.nonzero((r > 1e-9) & (r < cutoff))
    return i, j, r[image, i, j]


def window(r, cutoff):
    return (1 - (r / cutoff) ** 2) ** 3


def gaussians(batch, strength=1.0, cutoff=4.0):
    """½ Σ s·exp(−(r/2)²)·w(r) of each system, [B, 1]."""
    rows = [distances(x, cell, pbc, cutoff)[2] for _, x, _, cell, pbc in systems(batch)]
    return column(0.5 * strength * (np.exp(-(r**2) / 4) * window(r, cutoff)).sum() for r in rows)


def charges(batch, scale=0.05, cutoff=4.0):
    """q_i = Σ_j scale·(Z_j − Z_i)·exp(−r)·w(r) of all atoms, [N]."""
    rows = [np.zeros(0)]
    for _, x, z, cell, pbc in systems(batch):
        i, j, r = distances(x, cell, pbc, cutoff)
        rows.append(np.bincount(i, scale * (z[j] - z[i]) * np.exp(-r) * window(r, cutoff), minlength=len(x)))
    return torch.from_numpy(np.concatenate(rows))


def coulomb(batch, q, cutoff=5.0):
    """½ Σ 14.4 q_i q_j / r · w(r) of each system, [B, 1]."""
    rows = []
    for atoms, x, _, cell, pbc in systems(batch):
        own = q.double().numpy()[atoms]
        i, j, r = distances(x, cell, pbc, cutoff)
        rows.append(0.5 * 14.4 * (own[i] * own[j] / r * window(r, cutoff)).sum())
    return column(rows)


def hardness(batch, q, eta=3.0):
    """½ η Σ q² of each system, [B, 1]."""
    return column(0.5 * eta * (q.double().numpy()[atoms] ** 2).sum() for atoms, *_ in systems(batch))


def column(rows):
    """Numbers, one per system, as [B, 1]."""
    return torch.tensor([[float(row)] for row in rows], dtype=torch.float64)


def reference(energy, batch, names=("forces", "stress", "virial")):
    """Energy and its derivatives by central differences."""
    return {"energy": energy(batch), **differences.derivatives(energy, batch, names)}


def assert_outputs(out, expected, rtol=1e-6, atol=1e-8):
    """Compare outputs with a reference, by name; the outputs must be exactly those asked."""
    for name in out:
        torch.testing.assert_close(
            out[name], expected[name].to(out[name].dtype), rtol=rtol, atol=atol, equal_nan=True, msg=_named(name)
        )


def _named(name):
    return lambda text: f"{name}: {text}"
