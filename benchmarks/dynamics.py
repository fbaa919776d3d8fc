"""Dynamics of NaCl: time per step against ASE's SumCalculator of the packages' own calculators with s-dftd3's.

Both sides run the same velocity-Verlet trajectory; steps alternate between the two in short blocks, so that both meet
the same weather on the machine, and the fastest block counts. Run: ``python benchmarks/dynamics.py``.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.calculator import Calculator
from ase.calculators.mixing import SumCalculator
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet

from alchemi_core.expressions import build_expression, parse_expression
from alchemi_core.registry import default_registry


def crystal(repeats: int) -> Atoms:
    """Return rocksalt NaCl at 300 K, 8 × repeats³ atoms."""
    atoms = bulk("NaCl", "rocksalt", a=5.64, cubic=True).repeat(repeats)
    thermalize_momenta(atoms, temperature_K=300, rng=np.random.default_rng(7))
    return atoms


def peer(name: str) -> Calculator:
    """Return what a user builds today: the package's calculator plus s-dftd3's."""
    from dftd3.ase import DFTD3

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the peers' own deprecations are not what is measured
        if name == "sevennet":
            from sevenn.calculator import SevenNetCalculator

            learned = SevenNetCalculator("7net-0", device="cpu")
        else:
            from chgnet.model.dynamics import CHGNetCalculator

            learned = CHGNetCalculator(use_device="cpu")
    return SumCalculator([learned, DFTD3(method="PBE", damping="d3bj")])


def ours(name: str) -> Calculator:
    """Return the same sum as a pipeline."""
    return build_expression(parse_expression(f"{name} + dftd3(functional='pbe')"), default_registry()).as_ase()


def stepper(calculator: Calculator, repeats: int) -> tuple[Atoms, Callable[[int], float]]:
    """Return the atoms and a function that runs some steps and returns seconds per step."""
    atoms = crystal(repeats)
    atoms.calc = calculator
    dynamics = VelocityVerlet(atoms, 1.0 * units.fs)

    def run(steps: int) -> float:
        start = time.perf_counter()
        dynamics.run(steps)
        return (time.perf_counter() - start) / steps

    return atoms, run


def compare(name: str, repeats: int, blocks: int, steps: int) -> str:
    """Run both sides and return one row of the table."""
    one, run_peer = stepper(peer(name), repeats)
    other, run_ours = stepper(ours(name), repeats)
    run_peer(2), run_ours(2)
    times = [(run_peer(steps), run_ours(steps)) for _ in range(blocks)]
    slow, fast = (min(column) for column in zip(*times, strict=True))
    apart = np.abs(one.positions - other.positions).max()
    return f"{name:<10}{len(one):>6}{1e3 * slow:>12.1f}{1e3 * fast:>12.1f}{slow / fast:>9.2f}{apart:>14.1e}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--models", nargs="+", default=["sevennet", "chgnet"])
    parser.add_argument("--repeats", nargs="+", type=int, default=[2, 4])
    options = parser.parse_args()
    print(f"NaCl, velocity Verlet 1 fs, torch threads {torch.get_num_threads()}; limit: ratio 1, aim: 1.5")
    print(f"{'+ D3':<10}{'atoms':>6}{'peer ms':>12}{'ours ms':>12}{'ratio':>9}{'apart (Å)':>14}")
    for name in options.models:
        for repeats in options.repeats:
            print(compare(name, repeats, options.blocks, options.steps), flush=True)


if __name__ == "__main__":
    main()
