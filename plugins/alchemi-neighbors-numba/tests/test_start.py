"""What is imported when, and what happens where compiled kernels cannot be kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import alchemi_neighbors_numba

PACKAGE = Path(alchemi_neighbors_numba.__file__).parent

LOADED = "import sys; print(sorted({'torch', 'numba'} & set(sys.modules)))"

LISTS = """
import numpy as np, torch
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.testing.neighbor_cases import batch_of
from alchemi_neighbors_numba.batches import build
from alchemi_neighbors_numba.converting import convert
places = np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 3.0, 0.0]])
def batch(systems):
    return batch_of([(places, np.zeros((3, 3)), (False,) * 3)] * systems, torch.float64, "cpu")
"""

SPREAD = """
from alchemi_neighbors_numba.searching import spread
none = np.zeros(0, np.int32)
spread(none, 0, np.zeros(0, np.int64), none, none)
print(sum(spread.stats.cache_hits.values()), sum(spread.stats.cache_misses.values()))
"""


def run(program, **environment):
    """Run a program by itself, warnings as errors; without variables set to nothing."""
    inherited = {name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_hooks_import_neither_torch_nor_numba():
    assert run(f"import alchemi_neighbors_numba.hooks as h; print(len(h.alchemi_neighbors())); {LOADED}") == ["2", "[]"]


def test_numba_is_imported_only_when_there_is_something_to_do():
    program = (
        f"{LISTS}coo = build(batch(3), 5.0, 0.0); print(convert(coo, batch(3), NeighborConfig(5.0), False) is coo)\n"
    )
    assert run(program + LOADED) == ["True", "['torch']"]


def test_kernels_are_kept_on_disk(tmp_path):
    counts = [run(LISTS + SPREAD, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(2)]
    assert counts == [["0 1"], ["1 0"]]


def test_kernels_work_where_nothing_can_be_written(tmp_path):
    """A file where each folder would be: no permission helps against that, not even root's."""
    copy = shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "__pycache__").touch()
    (tmp_path / "file").touch()
    nowhere = str(tmp_path / "file" / "folder")
    program = (
        f"{LISTS}import alchemi_neighbors_numba as ours; print(ours.__file__, build(batch(20), 2.0, 0.0).num_pairs)"
    )
    found = run(program, PYTHONPATH=str(tmp_path), HOME=nowhere, XDG_CACHE_HOME=nowhere, PYTHONDONTWRITEBYTECODE="1")
    assert found == [f"{copy / '__init__.py'} 40"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [PACKAGE.name, "file"]
