"""Start-up: what importing the core costs over importing torch, and how long ``alchemi models`` takes.

Run: ``python benchmarks/startup.py``. Every figure is the fastest of several fresh processes.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

HEAVY = "import alchemi_core; [getattr(alchemi_core, name) for name in alchemi_core.__all__]"


def seconds(command: list[str], rounds: int) -> float:
    """Fastest of several runs of a fresh process."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - the commands are below
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print the figures beside their limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    python = [sys.executable, "-c"]
    torch = seconds([*python, "import torch"], rounds)
    bare = seconds([*python, "import torch, alchemi_core"], rounds)
    full = seconds([*python, f"import torch; {HEAVY}"], rounds)
    listing = seconds([sys.executable, "-m", "alchemi_core.cli", "models"], rounds)
    print(f"import torch                           {torch:6.2f} s")
    print(f"  + import alchemi_core                {bare - torch:+6.2f} s   (limit 0.3 s)")
    print(f"  + every public name of it            {full - torch:+6.2f} s")
    print(f"alchemi models                         {listing:6.2f} s   (limit 0.4 s)")


if __name__ == "__main__":
    main()
