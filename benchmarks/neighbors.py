"""Neighbor lists: building, filtering and converting, against the peers' own functions, with time and memory.

A random gas of 0.1 atoms/Å³, a full list at 6 Å, cut down to 4 Å. Peers: vesin, matscipy and nvalchemi-toolkit-ops
build; nvalchemi-toolkit 0.2.0 filters and converts. Each side of each size runs in a process of its own whose memory
is bounded, so that one which runs out of memory says so. Run: ``python benchmarks/neighbors.py``.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from peers import SIDES

from alchemi_core import Batch

DENSITY, WIDE, NARROW = 0.1, 6.0, 4.0
OPERATIONS = {
    "build": "build 6 Å",
    "filter pairs": "filter pairs",
    "filter matrix": "filter matrix",
    "to pairs": "matrix → pairs",
    "to matrix": "pairs → matrix",
    "fused": "matrix 6 Å → pairs 4 Å",
    "half": "pairs 6 Å → half matrix 4 Å",
    "copy": "copy of pairs",
}
PEERS = ("vesin", "vesin sorted", "matscipy", "toolkit-ops", "toolkit")


def gas(atoms: int, order: str = "random") -> Batch:
    """Return one periodic cubic cell of randomly placed atoms, numbered at random or by boxes of the cutoff."""
    edge = (atoms / DENSITY) ** (1.0 / 3.0)
    places = torch.rand(atoms, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * edge
    if order == "boxes":
        x, y, z = (places / WIDE).long().unbind(1)
        across = math.ceil(edge / WIDE)
        places = places[((x * across + y) * across + z).argsort()]
    return Batch(
        positions=places,
        atomic_numbers=torch.full((atoms,), 18),
        batch_idx=torch.zeros(atoms, dtype=torch.int64),
        num_systems=1,
        cell=edge * torch.eye(3, dtype=torch.float64)[None],
        pbc=torch.ones(1, 3, dtype=torch.bool),
    )


def peak_reset() -> None:
    """Forget the largest resident size so far, where the system can."""
    path = Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5")


def resident(field: str) -> int:
    """Bytes resident now (``VmRSS``) or at most since `peak_reset` (``VmHWM``); zero where nobody can say."""
    path = Path("/proc/self/status")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)


def measured(function: Callable[[], object], budget: float) -> tuple[float, int]:
    """Return the shortest time of a call in s, and what a call takes in memory, its result included.

    The first call is not counted: backends load their kernels in it.
    """
    function()
    peak_reset()
    before = resident("VmRSS")
    times: list[float] = []
    extra = 0
    while not times or (sum(times) < budget and len(times) < 50):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
        extra = extra or max(0, resident("VmHWM") - before)
        del result
    return min(times), extra


def one_side(options: argparse.Namespace) -> dict[str, tuple[float, int]]:
    """Measure what one side can do at one size."""
    batch = gas(options.atoms, options.order)
    return {name: measured(function, options.budget) for name, function in SIDES[options.side](batch, WIDE, NARROW)}


def in_process(side: str, atoms: int, options: argparse.Namespace) -> dict[str, tuple[float, int]] | str:
    """Run one side in a process of its own; what it says instead where it fails."""
    command = [sys.executable, __file__, "--side", side, "--atoms", str(atoms)]
    command += ["--budget", str(options.budget), "--memory", str(options.memory), "--threads", str(options.threads)]
    command += ["--order", options.order]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - it is this very file
    if done.returncode == 0:
        found: dict[str, tuple[float, int]] = json.loads(done.stdout.splitlines()[-1])
        return found
    return "out of memory" if "emory" in done.stderr or done.returncode < 0 else done.stderr.strip().splitlines()[-1]


def rows(results: dict[str, dict[str, tuple[float, int]] | str]) -> Iterator[str]:
    """Lines of the table of one size: operation, ours, reference, and each peer with the ratio to ours."""
    ours = results["ours"]
    if isinstance(ours, str):
        ours = {}
    for key, title in OPERATIONS.items():
        cells = []
        for side in ("reference", *PEERS):
            found = results.get(side)
            if isinstance(found, dict) and key in found and key in ours:
                cells.append(f"{side} {shown(found[key])} ({found[key][0] / ours[key][0]:.1f}x)")
        if key in ours:
            yield f"  {title:<28} ours {shown(ours[key]):<22}" + "   ".join(cells)
    for side, found in results.items():
        if isinstance(found, str):
            yield f"  {side}: {found}"


def shown(figure: tuple[float, int]) -> str:
    """Time in ms and memory in MB."""
    return f"{figure[0] * 1e3:.4g} ms {figure[1] / 1e6:.0f} MB"


def exponents(by_size: dict[int, dict[str, tuple[float, int]]]) -> Iterator[str]:
    """How ours grows: the power of the number of atoms from the second size to the last."""
    sizes = sorted(by_size)
    if len(sizes) < 3:
        return
    first, last = sizes[1], sizes[-1]
    for key, title in OPERATIONS.items():
        if key in by_size[first] and key in by_size[last]:
            power = math.log(by_size[last][key][0] / by_size[first][key][0]) / math.log(last / first)
            yield f"  {title:<28} time ~ atoms^{power:.2f}   from {first} to {last}"


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--peers", nargs="*", default=["reference", *PEERS], choices=["reference", *PEERS])
    parser.add_argument("--budget", type=float, default=2.0, help="seconds spent on each operation")
    parser.add_argument("--memory", type=float, default=18.0, help="GB of address space of each side")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--order", choices=["random", "boxes"], default="random", help="how atoms are numbered")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--atoms", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Print the table; or, as the process of one side, its figures as JSON."""
    options = arguments()
    torch.set_num_threads(options.threads)
    if options.side:
        limit = int(options.memory * 1e9)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        print(json.dumps(one_side(options)))
        return
    print(f"random gas, {DENSITY} atoms/Å³, full list {WIDE} Å cut to {NARROW} Å, {options.threads} threads")
    print(f"atoms numbered {'at random' if options.order == 'random' else 'by boxes of the cutoff'}")
    print("(x): time over ours; memory: what one call takes, its result included")
    ours: dict[int, dict[str, tuple[float, int]]] = {}
    for size in options.sizes:
        results = {side: in_process(side, size, options) for side in ("ours", *options.peers)}
        found = results.get("ours")
        print(f"{size} atoms")
        print("\n".join(rows(results)), flush=True)
        if isinstance(found, dict):
            ours[size] = found
    print("growth of ours")
    print("\n".join(exponents(ours)))


if __name__ == "__main__":
    main()
