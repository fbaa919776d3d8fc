"""Memory: how much a batch took, and how much there is, on the host and on CUDA devices."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import attrs
import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORTAGES = ("out of memory", "can't allocate memory", "ALLOC_FAILED", "Failed to allocate")
"""What errors say that are of no class of their own: those of torch's CPU allocator, of cuBLAS and cuDNN, of Warp."""

GROUPS = (
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Control groups of version 2 and 1: folder, files of limit and usage, and the line of ``memory.stat`` on files kept;
https://docs.kernel.org/admin-guide/cgroup-v2.html."""


class Memory(Protocol):
    """What is known of the memory of a device."""

    def used(self) -> int:
        """Return the bytes in use now."""
        ...

    def peak(self) -> int:
        """Return the most bytes that were in use at any time so far."""
        ...

    def free(self) -> int | None:
        """Return the bytes that could be used beside those in use; None where nobody knows."""
        ...


@attrs.frozen
class HostMemory:
    """Memory of this process and machine: files of Linux, and what the group of the process is allowed."""

    def used(self) -> int:
        """Return the resident set, bytes; 0 where the system does not say."""
        fields = _text(Path("/proc/self/statm")).split()
        return int(fields[1]) * _page_size() if len(fields) > 1 else 0

    def peak(self) -> int:
        """Return the largest resident set so far, bytes."""
        if sys.platform == "win32":
            return 0
        import resource  # there is none on Windows

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else 1024 * most

    def free(self) -> int | None:
        """Return what the system could still give, or less where the group of the process may use less."""
        known = [*_available(), *left_to_group()]
        return min(known) if known else None


@attrs.frozen
class CudaMemory:
    """Memory of a CUDA device, as far as torch allocates it."""

    device: torch.device

    def used(self) -> int:
        """Return the bytes of all tensors."""
        return torch.cuda.memory_allocated(self.device)

    def peak(self) -> int:
        """Return the most bytes of tensors so far."""
        return torch.cuda.max_memory_allocated(self.device)

    def free(self) -> int:
        """Return what the device has left, and what torch keeps without using it."""
        left, _ = torch.cuda.mem_get_info(self.device)
        return left + torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)


def memory_of(device: torch.device) -> Memory:
    """Return the memory that batches on a device use; of devices that say nothing, that of the host."""
    return CudaMemory(device) if device.type == "cuda" else HostMemory()


def is_shortage(error: BaseException | None) -> bool:
    """Tell whether an error, or one that it came from, says that there was not enough memory."""
    while error is not None:
        if isinstance(error, torch.OutOfMemoryError | MemoryError):
            return True
        if isinstance(error, RuntimeError) and any(text in str(error) for text in SHORTAGES):
            return True
        error = error.__cause__
    return False


def _available() -> Iterator[int]:
    for line in _text(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            yield 1024 * int(line.split()[1])


def left_to_group(root: Path = Path("/sys/fs/cgroup")) -> Iterator[int]:
    """Yield what is left of the limit of a control group, bytes, of either version of these.

    Files that were read and are kept count as used there, but make room as soon as anything else needs it.

    Parameters
    ----------
    root : Path
        Where the system tells of control groups.
    """
    for folder, limit, usage, kept in GROUPS:
        most, now = (_text(root / folder / name).strip() for name in (limit, usage))
        if most.isdigit() and now.isdigit():
            yield max(int(most) - int(now) + _counted(root / folder / "memory.stat", kept), 0)


def _counted(path: Path, name: str) -> int:
    """Return a number of a file with a name and a number on each line; 0 where it has none."""
    rows = (line.split() for line in _text(path).splitlines())
    return next((int(row[1]) for row in rows if row[:1] == [name]), 0)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _page_size() -> int:
    import resource

    return resource.getpagesize()
