"""Devices as the doctor reports them: what the system has, and what torch sees of it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alchemi_core.cli.doctor_section import Row, Section, tried
from alchemi_core.cli.file_view import in_bytes
from alchemi_core.plugin_records import PluginFailure, attempt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

QUERY = ("--query-gpu=index,name,memory.total,driver_version", "--format=csv,noheader")
PATIENCE = 20
"""Seconds that the driver's own program may take."""

NONE = "none found"
NO_TORCH = "torch does not import"
UNSEEN = "torch does not see the CUDA device"


def devices(environ: Mapping[str, str] = os.environ) -> Section:
    """Return processors and accelerators.

    Parameters
    ----------
    environ : mapping of str to str
        Read for ``CUDA_VISIBLE_DEVICES``, which hides devices.
    """
    driver = tried("NVIDIA driver", _driver)
    rows = [tried("processor", _processor), driver]
    torch = imported_torch()
    if isinstance(torch, Row):
        return Section((*rows, torch))
    hidden = environ.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1")
    present = not (driver.text.startswith(NONE) or driver.problem or hidden)
    threads = tried("torch threads", lambda: str(torch.get_num_threads()))
    return Section((*rows, threads, _cuda(torch, present=present), tried("MPS", partial(_mps, torch))))


def imported_torch() -> Any:
    """Import torch; where that fails, return the row that says so."""
    torch = attempt(partial(import_module, "torch"), PluginFailure("torch", "", ""))
    return Row("torch", f"{NO_TORCH}: {torch.reason}", NO_TORCH) if isinstance(torch, PluginFailure) else torch


def _processor() -> str:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{_processor_name()}, {os.cpu_count()} cores, {usable} of them usable"


def _processor_name() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(encoding="utf-8", errors="replace").splitlines() if listed.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return " ".join([*named[:1], platform.machine()])


def _driver() -> str:
    """Return what the driver's own program says, a line for each device; torch is not asked."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return NONE
    done = subprocess.run(  # noqa: S603 - the driver's program, with arguments of our own
        [program, *QUERY], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return done.stdout.strip() or NONE if done.returncode == 0 else f"{NONE}: {done.stdout} {done.stderr}".strip()


def _cuda(torch: Any, *, present: bool) -> Row:
    """Return what torch sees of CUDA devices; that it sees none is wrong where it is built for those that are there."""
    row = tried("CUDA in torch", lambda: "\n".join(_cuda_devices(torch)) or NONE)
    if row.text != NONE or not present:
        return row
    if torch.version.cuda is None and torch.version.hip is None:
        return Row(row.label, f"{NONE}: this torch is built for CPU only")
    why = attempt(torch.cuda.init, PluginFailure("CUDA", "", ""))
    reason = f": {why.reason}" if isinstance(why, PluginFailure) else ""
    return Row(row.label, NONE + reason, UNSEEN)


def _cuda_devices(torch: Any) -> Iterator[str]:
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        about = torch.cuda.get_device_properties(number)
        memory = in_bytes(about.total_memory)
        yield f"cuda:{number} {about.name}, {memory}, compute capability {about.major}.{about.minor}"


def _mps(torch: Any) -> str:
    return "available" if torch.backends.mps.is_available() else NONE
