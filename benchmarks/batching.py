"""Structures in batches against one by one, and against the ASE calculator, in one run.

The three take turns, some hundred structures each, so that all meet the same weather, and their results are compared
structure by structure. Times are those of the processor, which other programs disturb less than the clock; both are
printed. Run: ``python benchmarks/batching.py``, with ``--model chgnet``, ``--count 10000``, or ``--sweep`` for budgets.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import torch
from ase import Atoms
from structures_10k import structures

from alchemi_core import Batch, Budget, Evaluated, PipelineGroup, PipelineModelWrapper, create_model, evaluate

TURN = 250
"""Structures of one turn."""

SPARSE = 4
"""Of how many structures that go one by one, one goes through the ASE calculator too: it takes as long."""

COUNTS = {"lj+d3": 2_000, "lj": 2_000, "lj5": 2_000, "chgnet": 300}
"""Structures by pipeline; lj5 is lj with a cutoff of 5 Å, so cheap that little but the price of a call is seen."""
BUDGETS = (3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
"""Pairs."""


def pipeline(name: str) -> PipelineModelWrapper:
    """Make one of the pipelines that are measured."""
    if name == "chgnet":
        return PipelineModelWrapper([PipelineGroup([create_model("chgnet")], use_autograd=True)])
    options = {"sigma": 1.7, "cutoff": 5.0} if name == "lj5" else {}
    groups = [PipelineGroup([create_model("lennard-jones", **options)], use_autograd=True)]
    if name == "lj+d3":
        groups.append(PipelineGroup([create_model("dftd3", functional="pbe")]))
    return PipelineModelWrapper(groups)


class Clock:
    """Seconds of the processor and of the clock that a side has taken so far."""

    def __init__(self) -> None:
        self.processor = self.wall = 0.0

    def measure(self, function: Callable[[], object]) -> None:
        """Add what a call takes."""
        wall, processor = time.perf_counter(), time.process_time()
        function()
        self.wall += time.perf_counter() - wall
        self.processor += time.process_time() - processor


class Sides:
    """The three ways to evaluate the same structures."""

    def __init__(self, pipe: PipelineModelWrapper, source: Iterator[Atoms], sample: int) -> None:
        self.pipe, self.calculator, self.sample = pipe, pipe.as_ase(), sample
        self.results = evaluate(pipe, source)
        self.clocks = {"batched": Clock(), "one by one": Clock(), "ASE": Clock()}
        self.worst = {"energy": 0.0, "forces": 0.0, "stress": 0.0}
        self.counts = dict.fromkeys(self.clocks, 0)

    def turn(self) -> int:
        """Evaluate the next structures in all ways; return how many they were."""
        found: list[Evaluated] = []
        self.clocks["batched"].measure(lambda: found.extend(islice(self.results, TURN)))
        sampled = found[:: self.sample]
        alone: list[dict[str, torch.Tensor]] = []
        self.clocks["one by one"].measure(lambda: alone.extend(self._alone(one.structure) for one in sampled))
        some = sampled[::SPARSE]
        self.clocks["ASE"].measure(lambda: [self._by_ase(one.structure) for one in some])
        for one, other in zip(sampled, alone, strict=True):
            self._compare(one, other)
        self.counts["ASE"] += len(some)
        self.counts["batched"] += len(found)
        self.counts["one by one"] += len(sampled)
        return len(found)

    def _alone(self, atoms: Atoms) -> dict[str, torch.Tensor]:
        return dict(self.pipe(Batch.from_ase([atoms])))

    def _by_ase(self, atoms: Atoms) -> None:
        twin = atoms.copy()
        twin.calc = self.calculator
        twin.get_forces()
        twin.get_potential_energy()
        if atoms.cell.volume > 0.0:
            twin.get_stress()

    def _compare(self, one: Evaluated, other: dict[str, torch.Tensor]) -> None:
        assert one.outputs is not None
        assert set(one.outputs) == set(other)
        for name, value in other.items():
            scale = max(1.0, float(value.abs().nan_to_num().max()))
            difference = float((one.outputs[name] - value).abs().nan_to_num().max()) / scale
            assert bool((one.outputs[name].isnan() == value.isnan()).all())
            self.worst[name] = max(self.worst[name], difference)

    def report(self) -> None:
        """Print what was found so far."""
        least = self.clocks["batched"].processor / self.counts["batched"]
        for name, clock in self.clocks.items():
            count = self.counts[name]
            each, wall = clock.processor / count, clock.wall / count
            times = f"{1e3 * each:8.3f} ms of processor, {1e3 * wall:8.3f} ms by the clock"
            print(f"  {name:<10}  {count:>6} structures  {times}   {each / least:6.2f} x")
        print("  largest difference, relative above 1 eV, eV/Å, eV/Å³: ", end="")
        print(", ".join(f"{name} {value:.1e}" for name, value in self.worst.items()), flush=True)


def warm_up(pipe: PipelineModelWrapper) -> None:
    """Evaluate some small structures in one batch and alone, so that all that is loaded or compiled is there."""
    small = [atoms for atoms in structures(60) if len(atoms) <= 20]
    list(evaluate(pipe, small, budget=10_000))
    list(evaluate(pipe, small[:3], budget=1))


def compare(name: str, count: int, sample: int) -> None:
    """Print times of the three sides."""
    pipe = pipeline(name)
    warm_up(pipe)
    # made beforehand: that takes milliseconds each, which would count as time of the batches
    sides = Sides(pipe, iter(list(structures(count))), sample)
    made = 0
    print(f"{name}, {count} structures, {torch.get_num_threads()} threads; time of each structure", flush=True)
    while more := sides.turn():
        made += more
        if made % (4 * TURN) == 0 and made < count:
            print(f"after {made}")
            sides.report()
    print(f"all {made}")
    sides.report()


def sweep(name: str, count: int) -> None:
    """Print the time of a structure by the budget of a batch."""
    pipe, source = pipeline(name), list(structures(count))
    warm_up(pipe)
    sizes = [len(atoms) for atoms in source]
    print(f"{name}, {count} structures of {np.mean(sizes):.0f} atoms in the mean, by the pairs of a batch")
    clocks = {pairs: [Clock() for _ in range(3)] for pairs in BUDGETS}
    for turn in range(3):
        for pairs in BUDGETS:
            clock = clocks[pairs][turn]
            clock.measure(lambda pairs=pairs: list(evaluate(pipe, source, budget=Budget(pairs=pairs))))
            best = min(one.processor for one in clocks[pairs][: turn + 1])
            print(
                f"  turn {turn + 1}  {pairs:>9} pairs   {1e3 * best / count:8.3f} ms of processor at best", flush=True
            )


def main() -> None:
    """Compare, or look for the best budget."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=sorted(COUNTS), default="lj+d3")
    parser.add_argument("--count", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sample", type=int, default=1, help="one of so many structures also goes one by one")
    parser.add_argument("--sweep", action="store_true", help="time by the budget of a batch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    count = arguments.count or COUNTS[arguments.model]
    if arguments.sweep:
        sweep(arguments.model, count)
    else:
        compare(arguments.model, count, arguments.sample)


if __name__ == "__main__":
    main()
