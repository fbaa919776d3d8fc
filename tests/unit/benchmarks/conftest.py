"""Benchmarks are programs, not packages: their modules are found by name while these tests run."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))
