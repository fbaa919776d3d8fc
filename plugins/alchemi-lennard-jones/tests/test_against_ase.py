"""The same potential in ASE."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones as Reference
from ase.stress import voigt_6_to_full_3x3_stress

OPTIONS = {"epsilon": 0.0104, "sigma": 3.40}
VARIANTS = [
    {"format": layout, "half_list": half, "derivatives": derivatives}
    for layout in ("coo", "matrix")
    for half in (False, True)
    for derivatives in ("graph", "analytic")
]


def rattled(atoms, amplitude=0.1):
    atoms.rattle(amplitude, seed=7)
    return atoms


def structures():
    skewed = bulk("Ar", "fcc", a=5.26)
    skewed.set_cell(skewed.cell.array @ [[1.0, 0.1, 0.2], [0.0, 1.1, -0.1], [0.05, 0.0, 0.9]], scale_atoms=True)
    outside = rattled(bulk("Ar", "fcc", a=5.26, cubic=True))
    outside.positions[2] += outside.cell[0] * 3 - outside.cell[1] * 2
    slab = rattled(bulk("Ar", "fcc", a=5.3, cubic=True) * (2, 1, 1))
    slab.pbc = (True, True, False)
    left_handed = rattled(bulk("Ar", "fcc", a=5.26, cubic=True))
    left_handed.set_cell(left_handed.cell.array[[1, 0, 2]])
    return {
        "one atom that meets its own images": bulk("Ar", "fcc", a=5.26),
        "skewed": skewed,
        "outside its cell": outside,
        "slab": slab,
        "left-handed": left_handed,
        "supercell": rattled(bulk("Ar", "fcc", a=5.26, cubic=True) * (2, 2, 2)),
        "cluster": rattled(Atoms("Ar5", np.indices((5, 1, 1)).reshape(3, -1).T * [3.7, 0.0, 0.0]), 0.3),
    }


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: "-".join(map(str, v.values())))
def test_energy_forces_stress(evaluate, variant):
    batch = structures()
    out = evaluate(
        list(batch.values()), requested=("energy", "forces", "stress"), cutoff=8.1, shift=True, **OPTIONS, **variant
    )
    start = 0
    for row, (name, atoms) in enumerate(batch.items()):
        atoms.calc = Reference(rc=8.1, **OPTIONS)
        stop = start + len(atoms)
        assert out["energy"][row].item() == pytest.approx(atoms.get_potential_energy(), rel=1e-11), name
        np.testing.assert_allclose(out["forces"][start:stop], atoms.get_forces(), atol=1e-12, err_msg=name)
        if atoms.pbc.any():
            stress = voigt_6_to_full_3x3_stress(atoms.get_stress())
            np.testing.assert_allclose(out["stress"][row], stress, atol=1e-14, err_msg=name)
        start = stop


def test_node_energies(evaluate):
    atoms = structures()["supercell"]
    atoms.calc = Reference(rc=8.1, **OPTIONS)
    nodes = evaluate(atoms, requested=("node_energies",), cutoff=8.1, **OPTIONS)["node_energies"]
    np.testing.assert_allclose(nodes, atoms.get_potential_energies(), rtol=1e-11)
