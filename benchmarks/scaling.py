"""What a run of ``alchemi map`` takes: constants of the cost model of docs/scaling.md, measured, and checked on runs.

    python benchmarks/scaling.py                     all of it, about half an hour on two quiet cores
    python benchmarks/scaling.py batches --device cuda   the constants of your accelerator
    python benchmarks/scaling.py --json scaling.json     keeps the figures; parts that are not measured again stay

Constants are seconds of the processor, which other programs disturb less than the clock; what waits for a disk or for
another process is measured by the clock, and says so. scaling_simulation.py reads the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).parent / "scaling.json"


def main() -> None:
    """Measure some parts or all, print them, and keep them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--json", type=Path, help="file of the figures")
    parser.add_argument("--device", default="cpu", help="of the part batches")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for part in arguments.parts or PARTS:
        print(f"{part}: {(PARTS[part].__doc__ or '').splitlines()[0]}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            found = PARTS[part](Path(folder), arguments.device)
        if arguments.json is not None:
            _keep(arguments.json, part, {"measured": _where(arguments.device), **found})


def _keep(path: Path, part: str, found: dict[str, Any]) -> None:
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**known, part: _rounded(found)}, indent=1) + "\n")


def _rounded(value: Any) -> Any:
    """Return figures with four digits: no more is known."""
    if isinstance(value, dict):
        return {str(name): _rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def _where(device: str) -> dict[str, Any]:
    """Say on what it was measured, and what else the machine had to do."""
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else platform.machine()
    load = os.getloadavg()[0]
    return {"at": datetime.now(UTC).strftime("%Y-%m-%d"), "device": name, "cores": os.cpu_count(), "load average": load}


def batches(folder: Path, device: str) -> dict[str, Any]:  # noqa: ARG001 - all parts are asked alike
    """A batch by structures, atoms and pairs, and what `evaluate` does around it."""
    from scaling_batches import SIZES, around, measured_set, model

    fits = {"around": around(30), **{name: model(name, *SIZES[name], device=device) for name in SIZES}}
    for name, found in fits.items():
        print(found.line(name), flush=True)
    units = {name: measured_set(name, 1000) for name in SIZES}
    return {
        "fits": {name: found.described() for name, found in fits.items()},
        "means": {
            name: {unit: float(np.mean([one[unit] for one in of])) for unit in of[0]} for name, of in units.items()
        },
        "seconds of a structure": {
            name: float(np.mean([fits[name].of(batch=0.0, **one) for one in of])) for name, of in units.items()
        },
        "structures by atoms": dict(sorted(Counter(int(one["atom"]) for one in units["chgnet"]).items())),
    }


def files(folder: Path, device: str) -> dict[str, Any]:  # noqa: ARG001 - all parts are asked alike
    """Reading and surveying a dataset, packing results, by structure and atom."""
    from scaling_files import packing, passing_over, reading, show

    read, packed, passed = reading(folder), packing(), passing_over(folder)
    show(read, packed, passed)
    return {"formats": read, "packing": packed, "passing over": passed}


def driver(folder: Path, device: str) -> dict[str, Any]:  # noqa: ARG001 - all parts are asked alike
    """Storing a shard, and how many workers that wait instead of computing one driver can serve."""
    from scaling_driver import sending, storing, sync
    from scaling_driver import serving as serve
    from scaling_fit import Fit

    stored = storing(folder)
    for clock in ("processor", "wall"):
        print(Fit(**stored[clock]).line(f"storing, {clock}"))
    served = [serve(folder, workers, 1.0, 1000, max(2, 48 // workers)) for workers in (1, 2, 4, 8, 16, 24, 32, 48, 64)]
    for one in served:
        print(f"  {one['workers']:>3} workers {one['rate']:10.0f} structures/s   driver {1e3 * one['driver']:6.1f} ms")
    found = {"storing": stored, "serving": served, "sending": sending(), "sync": sync(folder)}
    print(f"  bringing a file to the disk, clock: {1e3 * found['sync']:.1f} ms")
    return found


def start(folder: Path, device: str) -> dict[str, Any]:  # noqa: ARG001 - all parts are asked alike
    """Start-up of a worker, and the way of a result through Ray."""
    processor = {name: _apart(f"starting({name!r})") for name in ("lj+d3", "chgnet")}
    clock = {f"{name} {count}": _apart(f"ready('lj+d3', {name!r}, {count})") for name, count in READY}
    found = {"processor": processor, "clock": clock, "transport": _apart("transport()")}
    print(json.dumps(found, indent=1))
    return found


READY = (("local", 2), ("ray", 1), ("ray", 2))


def _apart(words: str) -> Any:
    """Measure something in a process of its own: Ray starts once in each."""
    code = f"import json, scaling_start as s\nif __name__ == '__main__': print(json.dumps(s.{words}))"
    with tempfile.NamedTemporaryFile("w", suffix=".py") as program:
        program.write(code)
        program.flush()
        place = os.environ | {"PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": "1"}
        done = subprocess.run([sys.executable, program.name], env=place, check=True, capture_output=True, text=True)  # noqa: S603
    return json.loads(done.stdout.splitlines()[-1])


def runs(folder: Path, device: str) -> dict[str, Any]:  # noqa: ARG001 - all parts are asked alike
    """Weak and strong scaling of alchemi map with one and two workers."""
    from scaling_runs import CASES, scaling, show

    found = {name: scaling(folder, *case) for name, case in CASES.items()}
    for name, rows in found.items():
        print(f" {name}")
        show(rows)
    return found


def report(folder: Path, device: str) -> dict[str, Any]:  # noqa: ARG001 - all parts are asked alike
    """The report at the end of a run."""
    from scaling_runs import reporting

    seconds = reporting(folder)
    print(f"  {1e6 * seconds:.1f} µs for each structure")
    return {"structure": seconds}


def predictions(folder: Path, device: str) -> dict[str, Any]:  # noqa: ARG001 - all parts are asked alike
    """Ten million structures on 64 GPUs: closed form and simulation, with the figures of the repository."""
    from scaling_constants import Constants
    from scaling_plot import RATES, SHARDS, planned
    from scaling_simulation import predicted

    constants = Constants.read()
    at_1000 = [{"rate": rate, **predicted(constants, planned(constants, 1000, rate))} for rate in RATES]
    cuts = {
        rate: {size: predicted(constants, planned(constants, size, rate))["simulated"] for size in SHARDS}
        for rate in RATES
    }
    print(json.dumps(at_1000, indent=1))
    return {"at 1000": at_1000, "cuts": cuts}


PARTS: dict[str, Callable[[Path, str], dict[str, Any]]] = {
    one.__name__: one for one in (batches, files, driver, start, runs, report, predictions)
}

if __name__ == "__main__":
    main()
