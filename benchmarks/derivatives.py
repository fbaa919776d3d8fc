"""Derivatives: the Hessian of 100 atoms by each way to get it, and forces with stress in one backward pass or two.

The Hessian is that of a disordered Lennard-Jones cluster. Peers: ASE's `Vibrations`, central differences one
displacement at a time with the same model as its calculator, and `torch.func.hessian` of the same energy written in
plain torch with the pairs given, which has neither lists to build nor systems to tell apart. All agree before they are
timed. One backward pass against two: what `energy_derivatives` does, against a `derivative_fn` that differentiates by
positions and by strain one after the other, as summing what calculators return amounts to. Run:
``python benchmarks/derivatives.py``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk
from ase.vibrations import Vibrations

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model, differentiate, energy_derivatives

SIGMA, EPSILON, CUTOFF = 3.4, 0.0104, 8.5
STEP = 1e-3
WANTED = frozenset({"energy", "forces", "stress"})
Results = dict[str, tuple[float, torch.Tensor]]


def cluster(atoms: int) -> Atoms:
    """Return the atoms nearest to the middle of a disordered piece of fcc argon."""
    crystal = bulk("Ar", "fcc", a=5.4, cubic=True) * (5, 5, 5)
    crystal.rattle(0.2, seed=1)
    distances = np.linalg.norm(crystal.positions - crystal.positions.mean(0), axis=1)
    return Atoms("Ar" * atoms, positions=crystal.positions[np.argsort(distances)[:atoms]])


def argon() -> Any:
    """Return the model of all sides."""
    return create_model("lennard-jones", sigma=SIGMA, epsilon=EPSILON, cutoff=CUTOFF, shift=False)


def timed(run: Callable[[], Any], budget: float) -> tuple[float, Any]:
    """Return the shortest time of a call in seconds, and its result."""
    result = run()
    best, until = float("inf"), time.perf_counter() + budget
    while best == float("inf") or time.perf_counter() < until:
        start = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - start)
    return best, result


def by_ase(atoms: Atoms) -> torch.Tensor:
    """Return the Hessian by ASE's own differences."""
    atoms = atoms.copy()
    atoms.calc = PipelineModelWrapper([PipelineGroup([argon()], use_autograd=True)]).as_ase()
    with tempfile.TemporaryDirectory() as folder:
        vibrations = Vibrations(atoms, name=str(Path(folder) / "vib"), delta=STEP)
        vibrations.run()
        return torch.from_numpy(vibrations.get_vibrations().get_hessian_2d())


def by_torch_func(batch: Batch) -> torch.Tensor:
    """Return the Hessian by forward over reverse mode of plain torch."""
    i, j = torch.triu_indices(batch.num_atoms, batch.num_atoms, offset=1)
    near = (batch.positions[i] - batch.positions[j]).norm(dim=1) < CUTOFF
    i, j = i[near], j[near]

    def energy(positions: torch.Tensor) -> torch.Tensor:
        sixth = (SIGMA**2 / (positions[i] - positions[j]).square().sum(1)) ** 3
        return (4.0 * EPSILON * (sixth**2 - sixth)).sum()

    found: torch.Tensor = torch.func.hessian(energy)(batch.positions)
    return found.reshape(3 * batch.num_atoms, 3 * batch.num_atoms)


def hessians(number: int, budget: float) -> None:
    """Print the times of all ways to a Hessian."""
    atoms = cluster(number)
    batch = Batch.from_ase(atoms)
    graph, differences = (
        differentiate(argon(), "hessian", **options) for options in ({}, {"method": "differences", "step": STEP})
    )
    sides: dict[str, Callable[[], torch.Tensor]] = {
        "ours, graph": lambda: graph(batch, {"hessian"})["hessian"][0],
        "ours, differences": lambda: differences(batch, {"hessian"})["hessian"][0],
        "ASE Vibrations": lambda: by_ase(atoms),
        "torch.func.hessian": lambda: by_torch_func(batch),
    }
    results = {name: timed(side, budget) for name, side in sides.items()}
    reference = results["ours, graph"][1]
    print(f"Hessian of {number} atoms")
    report({name: seconds for name, (seconds, _) in results.items()})
    worst = {name: float((found - reference).abs().max()) for name, (_, found) in results.items()}
    print("  largest difference to ours: " + ", ".join(f"{name} {value:.1e}" for name, value in worst.items()))


def two_passes(energy: torch.Tensor, data: Batch, requested: set[str]) -> dict[str, torch.Tensor]:
    """Differentiate once for the forces, and once more for the stress."""
    (slope,) = torch.autograd.grad(energy.sum(), data.positions, retain_graph=True)
    return {"forces": -slope} | energy_derivatives(energy, data, requested - {"forces"})


def passes(names: list[str], cells: int, budget: float) -> None:
    """Print the times of forces with stress in one backward pass and in two."""
    crystal = bulk("NaCl", "rocksalt", a=5.64, cubic=True) * (cells, cells, cells)
    crystal.rattle(0.05, seed=1)
    batch = Batch.from_ase(crystal)
    for name in names:
        model = argon() if name == "lennard-jones" else create_model(name)
        one, two = (
            PipelineModelWrapper([PipelineGroup([model], use_autograd=True, derivative_fn=function)])
            for function in (None, two_passes)
        )
        results = {side: timed(lambda p=pipe: p(batch, WANTED), budget) for side, pipe in (("one", one), ("two", two))}
        difference = float((results["one"][1]["stress"] - results["two"][1]["stress"]).abs().max())
        print(f"forces and stress, {name}, {len(crystal)} atoms (stress differs by {difference:.0e} eV/Å³)")
        report({f"{side} backward pass{'es' * (side == 'two')}": seconds for side, (seconds, _) in results.items()})


def report(times: dict[str, float]) -> None:
    """Print times, and how they compare to the first."""
    first = next(iter(times.values()))
    for name, seconds in times.items():
        print(f"  {name:<20} {1e3 * seconds:10.2f} ms   ({seconds / first:.2f}x)")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--atoms", type=int, default=100)
    parser.add_argument("--cells", type=int, default=3, help="edge of the rock salt crystal in cells")
    parser.add_argument("--models", nargs="*", default=["lennard-jones", "sevennet"])
    parser.add_argument("--budget", type=float, default=5.0, help="seconds spent on each side")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads; shortest of several calls; (x): time over the first")
    hessians(options.atoms, options.budget)
    passes(options.models, options.cells, options.budget)


if __name__ == "__main__":
    main()
