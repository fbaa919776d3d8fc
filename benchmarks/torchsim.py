"""TorchSim with a pipeline against TorchSim with its own model, and relaxation in batches against ASE one by one.

Both sides do the same work, in turns, and the least processor time counts, so that other programs on the machine tell
little. Argon by Lennard-Jones costs next to nothing per atom: what is seen is what programs add to it, so learned
potentials gain less by batches. Run: ``python benchmarks/torchsim.py``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Literal

import alchemi_torchsim.engine as theirs
import numpy as np
import torch
from alchemi_torchsim import TorchSimModel, relax, run_md
from ase import Atoms, units
from ase.build import bulk, fcc111
from ase.md.verlet import VelocityVerlet
from ase.optimize import FIRE
from torch_sim.io import atoms_to_state

from alchemi_core import create_model
from alchemi_core.pipeline import PipelineModelWrapper

ARGON = {"sigma": 3.4, "epsilon": 0.0104, "cutoff": 8.5}
FMAX = 0.01


def argon() -> PipelineModelWrapper:
    """Return the pipeline; not shifted, as TorchSim's."""
    pipe: PipelineModelWrapper = 0 + create_model("lennard-jones", shift=False, **ARGON)
    return pipe


def crystals(count: int) -> list[Atoms]:
    """Return cells of 32 atoms, each shaken in its own way."""
    found = [bulk("Ar", "fcc", a=5.26, cubic=True) * (2, 2, 2) for _ in range(count)]
    for number, atoms in enumerate(found):
        atoms.rattle(0.1, seed=number)
    return found


def mixture(count: int) -> list[Atoms]:
    """Return crystals, slabs and clusters of 4 to 13 atoms."""
    cluster = bulk("Ar", "fcc", a=5.26, cubic=True)
    cluster.pbc = False
    shapes = [bulk("Ar", "fcc", a=5.26, cubic=True), fcc111("Ar", (2, 2, 3), a=5.26), cluster]
    found = [shapes[number % 3].copy() for number in range(count)]
    for number, atoms in enumerate(found):
        atoms.rattle(0.1, seed=number)
    return found


def least(sides: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Return the least processor time of each side, in seconds; rounds alternate between them."""
    best = [float("inf")] * len(sides)
    for _ in range(rounds):
        for number, side in enumerate(sides):
            start = time.process_time()
            side()
            best[number] = min(best[number], time.process_time() - start)
    return best


def calls(model: torch.nn.Module, state: theirs.SimState, count: int) -> Callable[[], None]:
    """Return a function that evaluates a model along a path, atoms moving by some thousandths of an Å."""

    def run() -> None:
        for step in range(count):
            state.positions = state.positions + 0.002 * (-1) ** (step // 8)
            model(state)

    return run


def compare_calls(systems: int, rounds: int, count: int = 16) -> str:
    """Energies and forces of a batch: TorchSim's model against the pipeline in it."""
    states = [atoms_to_state(crystals(systems), torch.device("cpu"), torch.float64) for _ in range(2)]
    own = theirs.LennardJonesModel(**ARGON, dtype=torch.float64)
    pipe = TorchSimModel(argon())
    apart = float((own(states[0])["energy"] - pipe(states[1])["energy"]).abs().max())
    slow, fast = (
        1e3 * one / count for one in least([calls(own, states[0], count), calls(pipe, states[1], count)], rounds)
    )
    return f"{systems:>7}{32 * systems:>7}{slow:>12.2f}{fast:>12.2f}{slow / fast:>8.2f}{apart:>12.0e}"


def one_by_one(pipe: PipelineModelWrapper, structures: Sequence[Atoms]) -> list[float]:
    """Relax with ASE; returns energies."""
    energies = []
    for atoms in structures:
        copy = atoms.copy()
        copy.calc = pipe.as_ase()
        FIRE(copy, logfile=None).run(fmax=FMAX, steps=500)
        energies.append(copy.get_potential_energy())
    return energies


def compare_relaxation(count: int, sizes: Sequence[int]) -> list[str]:
    """Relax the same structures both ways, in batches of several sizes."""
    pipe, structures = argon(), mixture(count)
    (reference,) = least([lambda: one_by_one(pipe, structures)], 1)
    expected, lines = one_by_one(pipe, structures), []
    for size in sizes:
        results = list(relax(pipe, structures, fmax=FMAX, atoms_at_once=size))
        (taken,) = least([lambda size=size: list(relax(pipe, structures, fmax=FMAX, atoms_at_once=size))], 2)
        apart = max(abs(result.energy - energy) for result, energy in zip(results, expected, strict=True))
        lines.append(f"{size:>7}{reference:>14.1f}{taken:>14.1f}{reference / taken:>8.1f}{apart:>12.0e}")
    return lines


def compare_cells(count: int) -> str:
    """Relax cells too, with the deformation for a variable and with its logarithm."""
    pipe, structures = argon(), [bulk("Ar", "fcc", a=5.2 + 0.01 * number, cubic=True) for number in range(count)]
    steps = []

    def side(cell: bool | Literal["frechet"]) -> Callable[[], None]:  # noqa: FBT001
        return lambda: steps.append(sum(one.steps for one in relax(pipe, structures, fmax=FMAX, cell=cell)))

    plain, frechet = least([side(True), side("frechet")], 2)
    return f"{count:>7}{plain:>14.2f}{frechet:>14.2f}{1e3 * (frechet - plain) / steps[-1]:>20.2f}"


def ase_dynamics(pipe: PipelineModelWrapper, structures: Sequence[Atoms], steps: int) -> None:
    """Move with ASE, one after the other."""
    for atoms in structures:
        copy = atoms.copy()
        copy.set_momenta(np.zeros_like(copy.positions))
        copy.calc = pipe.as_ase()
        VelocityVerlet(copy, 2.0 * units.fs).run(steps)


def compare_dynamics(count: int, steps: int = 50) -> str:
    """Velocity Verlet both ways."""
    pipe, structures = argon(), mixture(count)
    sides = [
        lambda: ase_dynamics(pipe, structures, steps),
        lambda: list(run_md(pipe, structures, steps=steps, timestep=2.0, temperature=0.0, every=steps)),
    ]
    slow, fast = (1e3 * one / steps / count for one in least(sides, 2))
    return f"{count:>7}{slow:>14.3f}{fast:>14.3f}{slow / fast:>8.1f}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--systems", nargs="+", type=int, default=[1, 10, 50])
    parser.add_argument("--structures", type=int, default=100)
    parser.add_argument("--sizes", nargs="+", type=int, default=[13, 100, 500, 2000])
    options = parser.parse_args()
    print(f"torch threads {torch.get_num_threads()}, float64, processor time")
    print("\nenergies and forces of a batch, ms a call")
    print(f"{'systems':>7}{'atoms':>7}{'TorchSim':>12}{'alchemi':>12}{'ratio':>8}{'apart (eV)':>12}")
    for systems in options.systems:
        print(compare_calls(systems, options.rounds), flush=True)
    print(f"\nrelaxation of {options.structures} structures of 4 to 12 atoms, positions, fmax {FMAX} eV/Å, s")
    print(f"{'at once':>7}{'ASE':>14}{'in batches':>14}{'ratio':>8}{'apart (eV)':>12}")
    print("\n".join(compare_relaxation(options.structures, options.sizes)), flush=True)
    print("\nrelaxation of cells, s, and what the logarithm takes more, ms a structure and step")
    print(f"{'systems':>7}{'deformation':>14}{'logarithm':>14}{'more':>20}")
    print(compare_cells(20), flush=True)
    print("\nvelocity Verlet, ms a structure and step")
    print(f"{'systems':>7}{'ASE':>14}{'in batches':>14}{'ratio':>8}")
    print(compare_dynamics(options.structures))


if __name__ == "__main__":
    main()
