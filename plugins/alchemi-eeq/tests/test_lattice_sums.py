"""Slabs, wires and crystals against sums over images in other forms, written down independently."""

import numpy as np
from alchemi_eeq.parameters import read_parameters
from ase.units import Bohr
from scipy.special import erf, erfc

SPLITTING = 0.31  # 1/Bohr; the model has 0.2


def table(atoms):
    _, parameters = read_parameters()
    names = ("electronegativity", "hardness", "coordination", "width", "radius")
    return {name: getattr(parameters, name)[atoms.numbers].numpy() for name in names}


def images(atoms, reach):
    """Translations along periodic directions with up to `reach` steps, in Bohr."""
    ranges = [range(-reach, reach + 1) if periodic else (0,) for periodic in atoms.pbc]
    return np.array([(a, b, c) for a in ranges[0] for b in ranges[1] for c in ranges[2]]) @ atoms.cell.array / Bohr


def counts(atoms, own):
    """Coordination numbers by the formula of the article."""
    vectors = atoms.positions / Bohr
    d = np.linalg.norm(vectors[None, :, None] - vectors[:, None, None] + images(atoms, 4), axis=3)
    ratio = d / (own["radius"][:, None, None] + own["radius"][None, :, None])
    total = np.where(d > 1e-9, 0.5 * (1 + erf(-7.5 * (ratio - 1))), 0.0).sum((1, 2))
    return np.log(1 + np.exp(8)) - np.log(1 + np.exp(8 - total))


def solved(atoms, long_ranged, complement):
    """Charges for a long-ranged matrix and what remains of Gaussian charges near by."""
    own = table(atoms)
    vectors = atoms.positions / Bohr
    d = np.linalg.norm(vectors[None, :, None] - vectors[:, None, None] + images(atoms, 5), axis=3)
    gamma = 1 / np.sqrt(own["width"][:, None] ** 2 + own["width"][None] ** 2)
    safe = np.where(d > 1e-9, d, 1.0)
    near = np.where(d > 1e-9, (complement(safe) - erfc(gamma[:, :, None] * safe)) / safe, 0.0).sum(2)
    return charges(atoms, own, near + long_ranged)


def charges(atoms, own, interaction):
    size = len(atoms)
    matrix = np.ones((size + 1, size + 1))
    matrix[:size, :size] = interaction + np.diag(own["hardness"] + np.sqrt(2 / np.pi) / own["width"])
    matrix[size, size] = 0
    force = own["coordination"] * np.sqrt(counts(atoms, own)) - own["electronegativity"]
    return np.linalg.solve(matrix, np.append(force, atoms.info.get("charge", 0.0)))[:size]


def split(distance):
    return erfc(SPLITTING * distance)


def separations(atoms):
    places = atoms.positions / Bohr
    return places[None] - places[:, None]


def ewald(atoms, reach=9):
    """Interaction of smeared charges in a crystal; P. P. Ewald, Ann. Phys. 369, 253 (1921)."""
    reciprocal = 2 * np.pi * np.linalg.inv(atoms.cell.array / Bohr).T
    steps = np.arange(-reach, reach + 1)
    g = np.array(np.meshgrid(steps, steps, steps)).reshape(3, -1).T @ reciprocal
    g = g[np.linalg.norm(g, axis=1) > 1e-9]
    squared = (g**2).sum(1)
    weights = 4 * np.pi / (atoms.get_volume() / Bohr**3) * np.exp(-squared / (4 * SPLITTING**2)) / squared
    return np.cos(separations(atoms) @ g.T) @ weights - 2 * SPLITTING / np.sqrt(np.pi) * np.eye(len(atoms))


def parry(atoms, reach=9):
    """The same in a slab; D. E. Parry, Surf. Sci. 49, 433 (1975)."""
    a, b = atoms.cell.array[:2] / Bohr
    normal = np.cross(a, b)
    area = np.linalg.norm(normal)
    normal /= area
    reciprocal = 2 * np.pi * np.linalg.inv([a, b, normal]).T[:2]
    d, alpha = separations(atoms), SPLITTING
    z = d @ normal
    total = -2 * np.sqrt(np.pi) / area * (np.exp(-((alpha * z) ** 2)) / alpha + np.sqrt(np.pi) * z * erf(alpha * z))
    for m, n in np.ndindex(2 * reach + 1, 2 * reach + 1):
        g = (m - reach) * reciprocal[0] + (n - reach) * reciprocal[1]
        k = np.linalg.norm(g)
        if k > 1e-9:
            up, down = (np.exp(s * k * z) * erfc(k / (2 * alpha) + s * alpha * z) for s in (1, -1))
            total += np.pi / area * np.cos(d @ g) / k * (up + down)
    return total - 2 * alpha / np.sqrt(np.pi) * np.eye(len(atoms))


def along_wire(atoms, axis):
    """Σ_n 1/|d + n L| − 1/|n L|, its tail removed by Richardson extrapolation in the number of images."""
    step = atoms.cell.array[axis] / Bohr
    length, d = np.linalg.norm(step), separations(atoms)

    def partial(most):
        n = np.arange(1, most + 1)
        total = -2 * np.sum(1 / (n * length)) * np.ones(d.shape[:2])
        for sign in (1, -1):
            total += (1 / np.linalg.norm(d[:, :, None] + sign * n[:, None] * step, axis=3)).sum(2)
        return total

    # partial sums to the middle between two images, so that only even powers of the number are left
    ends = [np.mean([partial(most), partial(most - 1)], axis=0) for most in (200, 400, 800)]
    first = [(4 * ends[k + 1] - ends[k]) / 3 for k in (0, 1)]
    near = np.linalg.norm(d, axis=2) + np.eye(len(atoms))
    return (16 * first[1] - first[0]) / 15 + 1 / near - np.eye(len(atoms))


def test_splitting_does_not_matter(evaluate, some_system):
    names = ("charges", "energy", "forces")
    results = [evaluate(some_system, energy=True, requested=names, cutoff=cutoff) for cutoff in (None, 16.0, 21.0)]
    for other in results[1:]:
        for name in names:
            np.testing.assert_allclose(other[name], results[0][name], rtol=0, atol=2e-9)


def test_crystal(evaluate, systems):
    for name in ("salt", "perovskite", "zinc sulfide, skewed"):
        atoms = systems[name]
        np.testing.assert_allclose(evaluate(atoms)["charges"], solved(atoms, ewald(atoms), split), rtol=0, atol=2e-8)


def test_slab(evaluate, systems):
    for charge in (0.0, 1.0):
        atoms = systems["sheet"]
        atoms.info["charge"] = charge
        np.testing.assert_allclose(evaluate(atoms)["charges"], solved(atoms, parry(atoms), split), rtol=0, atol=2e-8)


def test_wire(evaluate, systems):
    for charge in (0.0, -1.0):
        atoms = systems["chain"]
        atoms.info["charge"] = charge
        expected = solved(atoms, along_wire(atoms, 1), np.zeros_like)
        np.testing.assert_allclose(evaluate(atoms)["charges"], expected, rtol=0, atol=2e-8)


def triples(reach):
    steps = np.arange(-reach, reach + 1)
    return np.array(np.meshgrid(steps, steps, steps)).reshape(3, -1).T


def multicharge_splitting(lattice, volume):
    """The α at which terms of multicharge's two sums fall off alike, found by halving intervals as it does."""
    shortest = np.linalg.norm(lattice, axis=1).min()
    wave = 2 * np.pi * np.linalg.norm(np.linalg.inv(lattice), axis=0).min()

    def excess(alpha):
        far = [np.exp(-((g * wave / alpha) ** 2) / 4) / (g * wave) ** 2 * 4 * np.pi / volume for g in (4, 5)]
        near = [erfc(alpha * r * shortest) / (r * shortest) for r in (2, 3)]
        return far[0] - far[1] - near[0] + near[1]

    high, tolerance = 1e-8, np.sqrt(np.finfo(float).eps)
    while excess(high) < -tolerance:
        high *= 2
    low = high / 2
    while excess(high) < tolerance:
        high *= 2
    middle = (low + high) / 2
    while abs(excess(middle)) > tolerance:
        low, high = (middle, high) if excess(middle) < 0 else (low, middle)
        middle = (low + high) / 2
    return middle


def truncated(atoms):
    """Charges from as few terms as multicharge takes: two lattice vectors each way, around the nearest images."""
    own, lattice, size = table(atoms), atoms.cell.array / Bohr, len(atoms)
    volume, around = atoms.get_volume() / Bohr**3, triples(2) @ lattice
    alpha = multicharge_splitting(lattice, volume)
    waves = np.delete(triples(2), 62, axis=0) @ (2 * np.pi * np.linalg.inv(lattice).T)
    squared = (waves**2).sum(1)
    weights = 4 * np.pi / volume * np.exp(-squared / (4 * alpha**2)) / squared
    total = -2 * alpha / np.sqrt(np.pi) * np.eye(size)
    for i, j in np.ndindex(size, size):
        gamma = 1 / np.hypot(own["width"][i], own["width"][j])
        images = (atoms.positions[i] - atoms.positions[j]) / Bohr - triples(1) @ lattice
        lengths = (images**2).sum(1)
        lengths[lengths < 1e-8] = np.inf
        nearest = images[lengths < lengths.min() + 0.01]
        for image in nearest:
            r = np.linalg.norm(image + around, axis=1)
            r = r[r > 1e-8]
            terms = np.sum((erf(gamma * r) - erf(alpha * r)) / r) + np.cos(waves @ image) @ weights
            total[i, j] += terms / len(nearest)
    return charges(atoms, own, total)


def test_charges_of_multicharge_follow_from_its_truncation(evaluate, multicharge, systems):
    """In small cells they are off by so much; sums as short as its own give them to the last digits."""
    small = (systems["salt"], 1e-5), (systems["zinc sulfide, skewed"], 1e-5), (systems["salt"].repeat(3), 3e-4)
    for atoms, error in small:
        theirs = multicharge(atoms)
        np.testing.assert_allclose(truncated(atoms), theirs, rtol=0, atol=2e-9)
        assert 0.8 * error < np.abs(evaluate(atoms)["charges"].numpy() - theirs).max() < 1.2 * error
