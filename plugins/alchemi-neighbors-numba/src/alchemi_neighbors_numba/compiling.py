"""How kernels are compiled: without the interpreter's lock, with one rounding per operation, kept on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import numba

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_PART_OPTIONS: dict[str, Any] = {**_OPTIONS, "no_cpython_wrapper": True}


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a kernel when it is first called with arguments of some types, and keep it on disk where possible.

    numba takes the first folder that can be written: the one that ``NUMBA_CACHE_DIR`` names, ``__pycache__`` beside the
    source, the user's cache folder. Where there is none it refuses, and the kernel is compiled in every process.
    """
    kernel = numba.njit(**_OPTIONS)(function)
    try:
        kernel.enable_caching()
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
    return cast("Callable[P, R]", kernel)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a part of a kernel, which is kept on disk within the kernel.

    It must stand in the same file: numba notices changes of the file that a kernel stands in, and of no other.
    """
    return cast("Callable[P, R]", numba.njit(**_PART_OPTIONS)(function))
