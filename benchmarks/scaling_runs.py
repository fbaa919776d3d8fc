"""Weak and strong scaling of ``alchemi map`` with one and two workers, on this machine and on a local Ray cluster."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
from scaling_batches import processor
from scaling_files import write_extxyz
from structures_10k import structures

CASES = {"lennard-jones": ("lennard-jones", 1000, 100, 2)}
"""Model, structures of a worker, structures of a shard, and how often."""

ENGINES = (("local", 1), ("local", 2), ("ray", 1), ("ray", 2))


@attrs.frozen
class Timing:
    """What one run took.

    Parameters
    ----------
    wall : float
        Seconds by the clock, start and end included.
    working : float
        Seconds by the clock from the first shard begun to the last one finished.
    shards : float
        Seconds that workers say they were at shards, all together.
    processor : float
        Seconds of the processor of all processes that the run waited for; of Ray, only those of the driver.
    """

    wall: float
    working: float
    shards: float
    processor: float


def timed(folder: Path, dataset: Path, expression: str, engine: str, workers: int, shard: int) -> Timing:
    """Run ``alchemi map`` once."""
    out = folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    words = [
        "map",
        str(dataset),
        "--model",
        expression,
        "--engine",
        engine,
        "--workers",
        str(workers),
        "--out",
        str(out),
    ]
    command = [str(Path(sys.executable).parent / "alchemi"), *words, "--shard-size", str(shard), "--no-report"]
    began = time.perf_counter()
    with (folder / "said").open("wb") as said:
        place = os.environ | {"OMP_NUM_THREADS": "1"}
        child = subprocess.Popen(command, stdout=said, stderr=said, env=place)  # noqa: S603 - put together above
        _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 1):
        raise RuntimeError((folder / "said").read_text())
    lines = [json.loads(line) for line in (out / "ledger.jsonl").read_text().splitlines()]
    ends = [datetime.fromisoformat(line["finished"]) for line in lines]
    starts = [datetime.fromisoformat(line["started"]) for line in lines]
    working = (max(ends) - min(starts)).total_seconds()
    return Timing(wall, working, sum(line["seconds"] for line in lines), usage.ru_utime + usage.ru_stime)


def scaling(folder: Path, expression: str, each: int, shard: int, repeats: int) -> list[dict[str, Any]]:
    """Return medians of runs of `each` structures per worker (weak), and of twice as many for all (strong)."""
    files = {count: folder / f"{count}.extxyz" for count in (each, 2 * each)}
    for count, path in files.items():
        write_extxyz(path, list(structures(count)))
    cases = [(engine, workers, count) for engine, workers in ENGINES for count in files]
    found: dict[tuple[str, int, int], list[Timing]] = {case: [] for case in cases}
    for turn in range(repeats):
        for case in cases if turn % 2 == 0 else cases[::-1]:
            engine, workers, count = case
            found[case].append(timed(folder, files[count], expression, engine, workers, shard))
            print(" ", *case, *(f"{value:.2f}" for value in attrs.astuple(found[case][-1])), flush=True)
    return [_median(*case, shard, timings) for case, timings in found.items()]


def _median(engine: str, workers: int, count: int, shard: int, timings: list[Timing]) -> dict[str, Any]:
    names = [field.name for field in attrs.fields(Timing)]
    middle = {name: statistics.median(getattr(one, name) for one in timings) for name in names}
    least = {f"least {name}": min(getattr(one, name) for one in timings) for name in ("working", "processor")}
    said = {"engine": engine, "workers": workers, "structures": count, "shard": shard, "runs": len(timings)}
    return {**said, **middle, **least}


def reporting(folder: Path, counts: tuple[int, int] = (500, 2000)) -> float:
    """Return seconds of the processor that the report takes for each structure: what two runs differ by."""
    from alchemi_ray.report.writing import write_report

    seconds = []
    for count in counts:
        write_extxyz(folder / "report.extxyz", list(structures(count)))
        timed(folder, folder / "report.extxyz", "lennard-jones", "local", 1, 500)
        seconds.append(processor(lambda: write_report(folder / "run")))
    return max(0.0, seconds[1] - seconds[0]) / (counts[1] - counts[0])


def show(rows: list[dict[str, Any]]) -> None:
    """Print a table."""
    print("  engine workers structures   wall s  working s  workers' s  processor s   (medians)")
    for row in rows:
        print(
            f"  {row['engine']:<6} {row['workers']:>7} {row['structures']:>10} {row['wall']:>8.1f} "
            f"{row['working']:>10.2f} {row['shards']:>11.2f} {row['processor']:>12.2f}"
        )
