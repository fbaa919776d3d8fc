"""Memory of this process while a hundred thousand structures go through `evaluate`, from a generator that keeps none.

Run: ``python benchmarks/batching_memory.py``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import torch
from ase import Atoms
from structures_10k import structures

from alchemi_core import PipelineGroup, PipelineModelWrapper, create_model, evaluate
from alchemi_core.batching.memory import HostMemory

KINDS = 500
"""Structures that are made; each is perturbed anew whenever its turn comes, since making one takes longest."""

MIB = 2**20


def source(count: int) -> Iterator[Atoms]:
    """Yield structures of up to 50 atoms, every one for itself."""
    kinds = [atoms for atoms in structures(KINDS) if len(atoms) <= 50]
    for number in range(count):
        atoms = kinds[number % len(kinds)].copy()
        atoms.rattle(0.01, seed=number)
        yield atoms


def main() -> None:
    """Print memory as it goes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    count = parser.parse_args().count
    torch.set_num_threads(1)
    potential = create_model("lennard-jones", sigma=1.7, cutoff=5.0)
    pipe = PipelineModelWrapper([PipelineGroup([potential], use_autograd=True)])
    memory, began, total = HostMemory(), time.process_time(), 0.0
    for one in evaluate(pipe, source(count)):
        assert one.outputs is not None
        total += float(one.outputs["energy"])
        if one.index % (count // 20) == count // 20 - 1:
            used, each = memory.used() / MIB, 1e3 * (time.process_time() - began) / (one.index + 1)
            print(f"{one.index + 1:>8} structures   {used:8.1f} MiB in use   {each:6.3f} ms each", flush=True)
    print(f"at most {memory.peak() / MIB:.1f} MiB; energies add up to {total:.6g} eV")


if __name__ == "__main__":
    main()
