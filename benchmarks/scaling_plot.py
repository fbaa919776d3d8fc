"""The picture of docs/scaling.md: closed form, simulation and measurement.

python benchmarks/scaling_plot.py docs/images/scaling.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import attrs
from matplotlib.axes import Axes
from scaling_constants import Constants
from scaling_jobs import regular
from scaling_model import Run, at_least, at_most, makespan
from scaling_simulation import Simulation, simulate

from alchemi_core.atomic_write import replacing
from alchemi_core.cli import plots

STRUCTURES, GPUS, PER_GPU, DAY = 10_000_000, 64, 2, 86400.0
RATES = {3: plots.GREEN, 30: plots.BLUE, 300: plots.ORANGE, 1000: plots.RED}
"""Microseconds of a device for an atom."""

SHARDS = (100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    path = parser.parse_args().path
    constants = Constants.read()
    title, subtitle = "When the driver gives out, and how to cut", "alchemi map, singlepoint; benchmarks/scaling.json"
    figure, (left, right) = plots.new_figure(title, subtitle, 1, 2, panel=(4.4, 3.2))
    serving(left, constants)
    cutting(right, constants)
    with replacing(path) as draft:
        figure.savefig(draft, dpi=160, format="png")


def serving(axes: Axes, constants: Constants) -> None:
    """Draw structures per second over workers of 1 s for a shard of 1000."""
    measured = constants.figures["driver"]["serving"]
    driver = constants.figures["driver"]["storing"]["processor"]["seconds"]
    workers = [one["workers"] for one in measured]
    runs = [_waiting(count, driver["shard"], driver["structure"]) for count in workers]
    axes.fill_between(workers, [*map(at_least, runs)], [*map(at_most, runs)], color=plots.BLUE, alpha=0.18, lw=0)
    axes.plot(workers, [*map(at_most, runs)], color=plots.BLUE, lw=1.8, label="closed form, at most and at least")
    axes.plot(workers, [*map(_simulated, runs)], "s", color=plots.ORANGE, ms=5, mfc="none", label="simulation")
    rates = [one["rate"] for one in measured]
    axes.plot(workers, rates, "o", color=plots.INK, ms=4, label="measured: the driver,\nwith workers that wait")
    axes.set(xscale="log", yscale="log", xticks=workers, xticklabels=[str(count) for count in workers])
    axes.minorticks_off()
    plots.label(axes, "One driver, workers of 1 s for 1000 structures", "workers", "structures per second")
    axes.legend(fontsize=8.5, frameon=False, loc="lower right")


def _waiting(workers: int, shard: float, structure: float) -> Run:
    count = 1000 * workers * max(3, 48 // workers)
    return Run(structures=count, shard=1000, gpus=workers, job=1.0, driver_shard=shard, driver_structure=structure)


def _simulated(run: Run) -> float:
    """Return the rate of whole rounds, as it is measured."""
    twice = attrs.evolve(run, structures=2 * run.structures)
    one, two = (Simulation(each, regular(each)).outcome().makespan for each in (run, twice))
    return run.structures / (two - one)


def cutting(axes: Axes, constants: Constants) -> None:
    """Draw the time of ten million structures over the size of shards."""
    for rate, color in RATES.items():
        runs = [planned(constants, shard, rate) for shard in SHARDS]
        # The two fastest lie upon each other.
        axes.plot(
            SHARDS,
            [makespan(run) / 60 for run in runs],
            color=color,
            zorder=3 if rate == 3 else 2,
            lw=1.8,
            ls="--" if rate == 3 else "-",
            label=f"{rate} µs/atom",
        )
        found = [simulate(constants, run, 0).makespan / 60 for run in runs]
        axes.plot(SHARDS, found, "s", color=color, ms=5, mfc="none")
    axes.plot([], [], "s", color=plots.INK, ms=5, mfc="none", label="simulation")
    axes.set(xscale="log", yscale="log", xticks=SHARDS, xticklabels=[f"{count:,}" for count in SHARDS])
    axes.minorticks_off()
    axes.tick_params(axis="x", labelsize=7.5)
    ticks = (10, 20, 50, 100, 200, 500)
    axes.set(yticks=ticks, yticklabels=[str(tick) for tick in ticks])
    plots.label(axes, "10⁷ structures, 64 GPUs, 2 workers each", "structures of a shard", "minutes")
    axes.legend(fontsize=8.5, frameon=False, ncol=2)


def planned(constants: Constants, shard: int, rate: float) -> Run:
    """Return the run of the page: a worker dies once a day, a batch takes 15 ms at least."""
    return constants.run(
        structures=STRUCTURES,
        shard=shard,
        gpus=GPUS,
        per_gpu=PER_GPU,
        per_atom=1e-6 * rate,
        per_batch=0.015,
        lifetime=DAY,
    )


if __name__ == "__main__":
    main()
