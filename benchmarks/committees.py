"""Five MACE models in one call against five calls: the bare stack, and a committee with its standard deviations.

Energy, forces and stress in float64 on one core, all from the same neighbor list; networks are built here, with random
weights. Run: ``python benchmarks/committees.py``, where alchemi-mace is installed.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from alchemi_mace.generated import renew_all
from alchemi_mace.model import MACE
from alchemi_mace.upstream import interaction_classes, o3
from ase import Atoms
from ase.build import bulk

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, committee
from alchemi_core.stacking.stack import Stack

MEMBERS = 5
NAMES = frozenset({"energy", "forces", "stress"})
DOUBT = NAMES | {"energy_std", "forces_std"}
SIZES = {
    # name: features of an atom, largest degree of harmonics, body order, radius in Å
    "tiny, 4x0e + 4x1o": ("4x0e + 4x1o", 2, 2, 4.0),
    "small, 16x0e + 16x1o": ("16x0e + 16x1o", 2, 2, 4.5),
    "medium, 64x0e": ("64x0e", 3, 3, 5.0),
}


def network(features: str, degree: int, order: int, radius: float, seed: int) -> torch.nn.Module:
    """Build a network of two layers for Na and Cl."""
    from mace.modules import ScaleShiftMACE
    from mace.tools.torch_tools import default_dtype

    block: Any = interaction_classes["RealAgnosticResidualInteractionBlock"]
    with default_dtype("float64"), torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch deprecates the compiler that e3nn uses
        torch.manual_seed(seed)
        return ScaleShiftMACE(
            r_max=radius, num_bessel=8, num_polynomial_cutoff=5, max_ell=degree, num_interactions=2, num_elements=2,
            interaction_cls=block, interaction_cls_first=block, hidden_irreps=o3.Irreps(features),
            MLP_irreps=o3.Irreps("16x0e"), atomic_energies=np.zeros(2), avg_num_neighbors=12.0,
            atomic_numbers=[11, 17], correlation=order, gate=torch.nn.functional.silu, radial_MLP=[32, 32],
            atomic_inter_scale=1.0, atomic_inter_shift=0.0,
        )  # fmt: skip


def member(size: tuple[Any, ...], seed: int) -> MACE:
    """Make a member of a committee, its code generated as for networks from files."""
    made = network(*size, seed)
    renew_all(made)
    return MACE(made)


def salt(cells: int) -> Atoms:
    """Return a rattled crystal of 8 atoms per cell; 2 atoms for 0 cells."""
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=cells > 0) * (max(cells, 1), 1, 1)
    atoms.rattle(0.05, seed=1)
    return atoms


def milliseconds(functions: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Fastest time of each function; they take turns, so that all meet the same weather."""
    best = [float("inf")] * len(functions)
    for function in functions:
        function()
    for _ in range(rounds):
        for i, function in enumerate(functions):
            start = time.perf_counter()
            function()
            best[i] = min(best[i], (time.perf_counter() - start) * 1e3)
    return best


def compare(name: str, cells: Sequence[int], rounds: int) -> None:
    """Print times and ratios of one size of networks."""
    models = [member(SIZES[name], seed) for seed in range(MEMBERS)]
    pipes = [PipelineModelWrapper([PipelineGroup([model], use_autograd=True)]) for model in models]
    stack = Stack.of(models)
    if stack is None:
        raise SystemExit("the members cannot be stacked")
    print(f"{name}: {sum(p.numel() for p in models[0].parameters())} weights each")
    whole = committee(models)
    print(
        "  atoms    pairs   one model   5 calls   stacked  committee   5 calls/stacked   5 calls/committee   difference"
    )
    for count in cells:
        batch = Batch.from_ase(salt(count))
        (hook,) = pipes[0].make_neighbor_hooks(NAMES)
        batch = hook(batch)
        alone = [pipe(batch, requested=NAMES) for pipe in pipes]
        together = stack.evaluate(batch, batch.neighbors[0], NAMES)
        apart = max(float((together[n][k] - out[n]).abs().max()) for k, out in enumerate(alone) for n in NAMES)
        one, five, stacked, doubted = milliseconds(
            [
                lambda batch=batch: pipes[0](batch, requested=NAMES),
                lambda batch=batch: [pipe(batch, requested=NAMES) for pipe in pipes],
                lambda batch=batch: stack.evaluate(batch, batch.neighbors[0], NAMES),
                lambda batch=batch: whole(batch, requested=DOUBT),
            ],
            rounds,
        )
        print(
            f"  {batch.num_atoms:5d} {batch.neighbors[0].num_pairs:8d} {one:8.1f} ms {five:6.1f} ms {stacked:6.1f} ms"
            f" {doubted:7.1f} ms {five / stacked:14.2f} {five / doubted:19.2f} {apart:12.0e}",
            flush=True,
        )


def main() -> None:
    """Compare networks of several sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cells", type=int, nargs="+", default=[0, 1, 2, 4, 8])
    parser.add_argument("--networks", nargs="+", choices=[name.partition(",")[0] for name in SIZES], default=None)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name in SIZES:
        if options.networks is None or name.partition(",")[0] in options.networks:
            compare(name, options.cells, options.rounds)


if __name__ == "__main__":
    main()
