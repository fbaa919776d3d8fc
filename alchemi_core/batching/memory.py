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
        known = [*_available(), *_left_to_group()]
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


def _left_to_group() -> Iterator[int]:
    """Yield what is left of the limit of a control group, of either version of these."""
    root = Path("/sys/fs/cgroup")
    for limit, current in (
        (root / "memory.max", root / "memory.current"),
        (root / "memory/memory.limit_in_bytes", root / "memory/memory.usage_in_bytes"),
    ):
        most, now = _text(limit).strip(), _text(current).strip()
        if most.isdigit() and now.isdigit():
            yield max(int(most) - int(now), 0)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _page_size() -> int:
    import resource

    return resource.getpagesize()
