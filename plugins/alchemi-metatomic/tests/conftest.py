"""Exported models in ASE, and the structures that tests share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from alchemi_metatomic import export
from alchemi_metatomic.upstream import unadvised
from ase import Atoms
from ase.build import bulk, fcc111, molecule

with unadvised():
    from metatomic_ase import MetatomicCalculator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let torch say that TorchScript is deprecated: it is what metatomic is made of, and what engines run."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore:.torch.jit.*is deprecated:DeprecationWarning"))


def salt() -> Atoms:
    """Rock salt with charges, displaced."""
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    atoms.set_initial_charges([1.0, -1.0] * 4)
    atoms.rattle(0.2, seed=3)
    return atoms


def skewed() -> Atoms:
    """One atom that meets its own images in a cell without right angles, far from it."""
    atoms = bulk("Ar", "fcc", a=5.26)
    atoms.set_cell(atoms.cell.array @ [[1.0, 0.1, 0.2], [0.0, 1.1, -0.1], [0.05, 0.0, 0.9]], scale_atoms=True)
    atoms.positions += 3 * atoms.cell[0] - 2 * atoms.cell[1]
    return atoms


def slab() -> Atoms:
    """A slab with vacuum, periodic in two directions."""
    atoms = fcc111("Ar", (2, 2, 3), a=5.26, vacuum=8.0)
    atoms.rattle(0.1, seed=1)
    return atoms


def crystal() -> Atoms:
    """Solid argon, displaced."""
    atoms = bulk("Ar", "fcc", a=5.26, cubic=True)
    atoms.rattle(0.1, seed=2)
    return atoms


def mixture() -> Atoms:
    """Argon and krypton, one atom out of reach."""
    return Atoms("ArKrAr", [(0, 0, 0), (3.6, 0.4, 0), (0, 0, 40)])


def silica() -> Atoms:
    """Cristobalite-like silica, displaced."""
    atoms = bulk("SiO", "zincblende", a=4.2, cubic=True)
    atoms.rattle(0.05, seed=5)
    return atoms


def copper() -> Atoms:
    """Copper, displaced."""
    atoms = bulk("Cu", cubic=True)
    atoms.rattle(0.1, seed=4)
    return atoms


def squeezed() -> Atoms:
    """A molecule, its atoms pressed into each other."""
    atoms = molecule("CH3OH")
    atoms.positions *= 0.7
    return atoms


STRUCTURES = {make.__name__: make for make in (salt, skewed, slab, crystal, mixture, silica, copper, squeezed)}


@pytest.fixture
def structure() -> Callable[[str], Atoms]:
    """Make a structure by its name."""
    return lambda name: STRUCTURES[name]()


@pytest.fixture
def exported(tmp_path) -> Callable[..., MetatomicCalculator]:
    """Export, save, load again: an ASE calculator of metatomic that checks all tensors that cross its boundary."""

    def make(pipe, **options):
        path = tmp_path / "model.pt"
        export(pipe, **options).save(path)
        return MetatomicCalculator(path, check_consistency=True, device="cpu", do_gradients_with_energy=False)

    return make


@pytest.fixture
def agree(exported) -> Callable[..., None]:
    """Compare an exported pipeline with the pipeline itself: energy, energies of atoms, forces, stress."""

    def check(pipe, atoms, *, dtype="float64", couplings=None):
        precise = dtype == "float64"
        one, other = atoms.copy(), atoms.copy()
        one.info.update(couplings or {})
        one.calc = pipe.as_ase(dtype=getattr(torch, dtype))
        other.calc = exported(pipe, dtype=dtype, couplings=couplings)
        scale = abs(one.get_potential_energy())
        assert scale > 1e-4, "nothing was tested"
        rel = 1e-12 if precise else 3e-6
        assert other.get_potential_energy() == pytest.approx(one.get_potential_energy(), rel=rel)
        assert other.get_potential_energies().sum() == pytest.approx(one.get_potential_energy(), rel=rel)
        largest = abs(one.get_forces()).max()
        tolerance = (1e-11 if precise else 1e-4) * max(largest, scale)
        assert abs(other.get_forces() - one.get_forces()).max() < tolerance
        if atoms.pbc.all():
            stress = one.get_stress()
            assert abs(other.get_stress() - stress).max() < (1e-11 if precise else 1e-4) * abs(stress).max()

    return check
