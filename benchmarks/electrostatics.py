"""Electrostatics: time of `pme` and `ewald` from 1k to 100k ions against torch-pme, each as accurate as `pme`.

Rock salt at its density, every ion displaced by a few tenths of an Å. A call has the neighbor list to build, then the
energy, or energy and forces, to compute. Settings of torch-pme are searched first: for each number of interpolation
nodes the coarsest mesh that reaches the force error of `pme`, measured against tight Ewald; of these, and of the meshes
of 2ⁿ points that it can have, the fastest. Each side of each size runs in a process of its own. Run:
``python benchmarks/electrostatics.py``.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Any

import numpy as np
import torch
from ase import Atoms
from ase.build import bulk

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model
from alchemi_core.quantities import COULOMB_CONSTANT

EDGE, DISPLACEMENT = 5.64, 0.3
SIDES = ("pme", "ewald", "torch-pme", "torch-p3m")
PEERS = {"torch-pme": "PMECalculator", "torch-p3m": "P3MCalculator"}
NODES = {"torch-pme": (4, 5, 6, 7), "torch-p3m": (3, 4, 5)}
SHORTEST, LONGEST = 3.5, 11.0
"""Cutoffs of torch-pme that are tried, Å."""
LONG = 20.0
STEPS = ("list", "energy", "energy+forces")
Figures = dict[str, Any]
Steps = Iterator[tuple[str, Callable[[], Any]]]


def salt(atoms: int) -> Atoms:
    """Return the cube of disordered rock salt whose size is nearest to the number of atoms."""
    crystal = bulk("NaCl", "rocksalt", a=EDGE, cubic=True) * ([max(1, round((atoms / 8) ** (1 / 3)))] * 3)
    crystal.rattle(DISPLACEMENT, seed=1)
    return crystal


def charges_of(atoms: Atoms) -> torch.Tensor:
    """Return +1 for sodium and −1 for chlorine."""
    return torch.from_numpy(np.where(atoms.numbers == 11, 1.0, -1.0))


def ours(name: str, atoms: Atoms, options: Figures) -> Steps:
    """Yield the steps of one of our models; energy and forces are computed with a list already there."""
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model(name, **options)], use_autograd=True)])
    (add_list,) = pipe.make_neighbor_hooks({"energy", "forces"})
    batch = Batch.from_ase(atoms).with_fields(charges=charges_of(atoms))
    # in turn, as a pipeline keeps the list of a geometry that it meets again
    places = cycle([batch, batch.with_fields(positions=batch.positions + 0.01)])
    yield "list", lambda: add_list(next(places))
    ready = add_list(batch)
    yield "energy", lambda: pipe(ready, requested={"energy"})["energy"]

    def both() -> tuple[torch.Tensor, torch.Tensor]:
        out = pipe(ready, requested={"energy", "forces"})
        return out["energy"], out["forces"]

    yield "energy+forces", both


def peer(name: str, atoms: Atoms, options: Figures) -> Steps:
    """Yield the steps of torch-pme, with half lists of vesin as its documentation has them."""
    import torchpme
    from vesin import NeighborList

    potential = torchpme.CoulombPotential(smearing=options["smearing"])
    settings = {"mesh_spacing": options["spacing"], "interpolation_nodes": options["nodes"]}
    calculator = getattr(torchpme, PEERS[name])(potential, full_neighbor_list=False, **settings).double()
    finder = NeighborList(cutoff=options["cutoff"], full_list=False, n_threads=torch.get_num_threads())
    points, box = atoms.positions, atoms.cell.array

    def pairs() -> Any:
        return finder.compute(points, box, periodic=True, quantities="PS", copy=True)

    yield "list", pairs
    index, shifts = (torch.from_numpy(array.astype(np.int64)) for array in pairs())
    positions, cell = torch.from_numpy(points), torch.from_numpy(box)
    charges, moved = charges_of(atoms)[:, None], shifts.double() @ cell

    def energy(places: torch.Tensor) -> torch.Tensor:
        distances = (places[index[:, 1]] - places[index[:, 0]] + moved).norm(dim=1)
        potentials = calculator(charges, cell, places, index, distances)
        return COULOMB_CONSTANT * (charges * potentials).sum()

    def both() -> tuple[torch.Tensor, torch.Tensor]:
        leaf = positions.clone().requires_grad_()
        value = energy(leaf)
        return value.detach(), -torch.autograd.grad(value, leaf)[0]

    yield "energy", lambda: energy(positions)
    yield "energy+forces", both


def steps_of(side: str, atoms: Atoms, options: Figures) -> Steps:
    """Yield names and functions of what is timed."""
    return peer(side, atoms, options) if side in PEERS else ours(side, atoms, options)


def shortest(function: Callable[[], object], budget: float) -> float:
    """Return the shortest time of a call in s; the first one, which loads kernels, counts only if it is long."""
    times: list[float] = []
    while len(times) < 2 or (sum(times) < budget and len(times) < 30):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
        if times[0] > LONG:
            return times[0]
    return min(times[1:])


def errors(side: str, atoms: Atoms, options: Figures, exact: tuple[float, torch.Tensor]) -> tuple[float, float]:
    """Return relative errors of the energy and, root mean square, of the forces."""
    energy, forces = dict(steps_of(side, atoms, options))["energy+forces"]()
    wrong = (forces - exact[1]).norm() / exact[1].norm()
    return abs(float(energy) / exact[0] - 1.0), float(wrong)


def tight(atoms: Atoms) -> tuple[float, torch.Tensor]:
    """Return energy and forces by a tight Ewald sum."""
    energy, forces = dict(ours("ewald", atoms, {"accuracy": 1e-11}))["energy+forces"]()
    return float(energy), forces


def one_side(side: str, size: int, options: Figures, budget: float, checked: int) -> Figures:
    """Measure one side at one size."""
    atoms = salt(size)
    chosen = fastest(side, atoms, meshes(options, atoms)) if side in PEERS else options
    figures: Figures = {name: shortest(function, budget) for name, function in steps_of(side, atoms, chosen)}
    figures["atoms"] = len(atoms)
    if len(atoms) <= checked:
        figures["errors"] = errors(side, atoms, chosen, tight(atoms))
    return figures


def meshes(options: Figures, atoms: Atoms) -> list[Figures]:
    """Return settings of torch-pme for each mesh of a power of two whose smearing goes with a usual cutoff."""
    trials = [concrete(options, atoms, points) for points in (16, 32, 64, 128, 256, 512)]
    return [trial for trial in trials if SHORTEST <= trial["cutoff"] <= LONGEST]


def concrete(options: Figures, atoms: Atoms, points: int) -> Figures:
    """Return settings of torch-pme with so many points along each edge."""
    edge = atoms.cell.lengths()[0]
    smearing = options["ratio"] * edge / points
    spacing = 2.0 * edge / (points - 1) * (1.0 + 1e-9)  # which it takes for these points
    cutoff = math.sqrt(2.0) * options["ends"] * smearing
    return {"nodes": options["nodes"], "smearing": smearing, "cutoff": cutoff, "spacing": spacing}


def fastest(side: str, atoms: Atoms, trials: list[Figures]) -> Figures:
    """Return the settings whose list and energy take the shortest time."""

    def taken(trial: Figures) -> float:
        return sum(shortest(step, 0.0) for _, step in islice(steps_of(side, atoms, trial), 2))

    if not trials:
        sys.exit(f"no mesh it can have goes with a cutoff below {LONGEST} Å")
    return min(trials, key=taken) if len(trials) > 1 else trials[0]


def searched(side: str, size: int, target: float) -> Figures:
    """Return the settings of torch-pme with at most that force error that are fastest in a system eight times as large.

    Where the real-space sum ends, in 1/α, follows from the error; so does the smearing length, in mesh spacings.
    """
    small, large = salt(size), salt(8 * size)
    exact = tight(small)

    def error(nodes: int, ends: float, ratio: float) -> float:
        points = 64 if ratio < 5.5 else 128
        return errors(side, small, concrete({"nodes": nodes, "ratio": ratio, "ends": ends}, small, points), exact)[1]

    found = {}
    ends = next(x for x in np.arange(2.0, 7.0, 0.1) if error(NODES[side][-1], x, 10.0) <= 0.9 * target)
    for nodes in NODES[side]:
        fitting = (ratio for ratio in np.arange(1.0, 12.0, 0.5) if error(nodes, ends, ratio) <= target)
        if ratio := next(fitting, None):
            for trial in meshes({"nodes": nodes, "ratio": ratio, "ends": ends}, large):
                taken = sum(shortest(function, 0.0) for _, function in steps_of(side, large, trial))
                found[taken] = {"nodes": nodes, "ratio": ratio, "ends": ends}
    return found[min(found)] if found else {}


def in_process(what: str, side: str, size: int, more: Figures, arguments: argparse.Namespace) -> Figures | str:
    """Do one thing in a process of its own; return what it says instead where it fails."""
    task = json.dumps({"what": what, "side": side, "size": size, **more})
    command = [sys.executable, __file__, "--task", task, "--threads", str(arguments.threads)]
    command += ["--budget", str(arguments.budget), "--checked", str(arguments.checked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - it is this very file
    if done.returncode == 0:
        found: Figures = json.loads(done.stdout.splitlines()[-1])
        return found
    return "out of memory" if done.returncode < 0 else done.stderr.strip().splitlines()[-1]


def work(arguments: argparse.Namespace) -> None:
    """Do what a process was started for, and print what came of it as JSON."""
    task = json.loads(arguments.task)
    if task["what"] == "search":
        print(json.dumps(searched(task["side"], task["size"], task["target"])))
        return
    print(json.dumps(one_side(task["side"], task["size"], task["options"], arguments.budget, arguments.checked)))


def shown(side: str, figures: Figures, reference: Figures | None) -> str:
    """One line: times of the steps, of a whole call, and the errors."""
    total = figures["list"] + figures["energy+forces"]
    cells = [f"{name} {figures[name] * 1e3:9.1f} ms" for name in STEPS]
    ratio = "" if reference is None else f" ({total / (reference['list'] + reference['energy+forces']):.1f}x)"
    accuracy = ""
    if "errors" in figures:
        accuracy = "   relative error: energy {:.1e}, forces {:.1e}".format(*figures["errors"])
    return f"  {side:<10}" + "   ".join(cells) + f"   call {total * 1e3:9.1f} ms{ratio}{accuracy}"


def growth(side: str, rows: list[Figures]) -> str:
    """How a side grows: the power of the number of atoms from the first size to the last, and N log N's own."""
    first, last = rows[0], rows[-1]
    span = math.log(last["atoms"] / first["atoms"])
    powers = [f"{name} atoms^{math.log(last[name] / first[name]) / span:.2f}" for name in STEPS]
    even = 1.0 + math.log(math.log(last["atoms"]) / math.log(first["atoms"])) / span
    return f"  {side:<10}" + "   ".join(powers) + f"   N log N: {even:.2f}   {first['atoms']} to {last['atoms']}"


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 2_744, 8_000, 21_952, 64_000, 97_336])
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES)
    parser.add_argument("--accuracy", type=float, help="asked of pme and ewald; by default theirs")
    parser.add_argument("--ewald-up-to", type=int, default=8_000, help="largest size for the sum without a mesh")
    parser.add_argument("--checked", type=int, default=2_744, help="largest size whose errors are measured")
    parser.add_argument("--searched", type=int, default=512, help="size at which errors of torch-pme are searched")
    parser.add_argument("--budget", type=float, default=2.0, help="seconds spent on each step")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--task", help=argparse.SUPPRESS)
    return parser.parse_args()


def settings(arguments: argparse.Namespace) -> dict[str, Figures]:
    """Return the options of each side, those of torch-pme searched for the force error that pme has."""
    asked: Figures = {} if arguments.accuracy is None else {"accuracy": arguments.accuracy}
    chosen: dict[str, Figures] = {side: asked for side in arguments.sides if side not in PEERS}
    atoms = salt(arguments.searched)
    target = errors("pme", atoms, asked, tight(atoms))[1]
    for side in (side for side in arguments.sides if side in PEERS):
        found = in_process("search", side, arguments.searched, {"target": target}, arguments)
        print(f"{side}, force error below {target:.1e}: {found or 'cannot'}", flush=True)
        if isinstance(found, dict) and found:
            chosen[side] = found
    return chosen


def measure_all(size: int, chosen: dict[str, Figures], arguments: argparse.Namespace) -> dict[str, Figures]:
    """Measure and print every side at one size."""
    found: dict[str, Figures] = {}
    for side, options in chosen.items():
        if side == "ewald" and size > arguments.ewald_up_to:
            continue
        figures = in_process("measure", side, size, {"options": options}, arguments)
        if isinstance(figures, str):
            print(f"  {side}: {figures}", flush=True)
            continue
        found[side] = figures
        print(shown(side, figures, found.get("pme") if side != "pme" else None), flush=True)
    return found


def main() -> None:
    """Print the table; or, as the process of one side, its figures."""
    arguments = read_arguments()
    torch.set_num_threads(arguments.threads)
    if arguments.task:
        work(arguments)
        return
    print(f"rock salt displaced by {DISPLACEMENT} Å, float64, {arguments.threads} threads; (x): call over that of pme")
    chosen = settings(arguments)
    results = []
    for size in arguments.sizes:
        print(f"{len(salt(size))} atoms", flush=True)
        results.append(measure_all(size, chosen, arguments))
    print("growth")
    for side in chosen:
        if len(rows := [found[side] for found in results if side in found]) > 1:
            print(growth(side, rows))


if __name__ == "__main__":
    main()
