"""Temporary: stands for `alchemi_core.evaluate` until that is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.data.batch import Batch
from alchemi_core.data.from_ase import arrays_read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@attrs.frozen(eq=False)
class Evaluated:
    """One result."""

    index: int
    structure: Any
    outputs: Any
    error: Exception | None


def evaluate(
    pipe: Any,
    structures: Iterable[Any],
    *,
    requested: Any = None,
    contributions: Any = False,
    budget: Any = None,
    dtype: Any = None,
    device: Any = None,
    failures: str = "raise",
) -> Iterator[Evaluated]:
    """One by one."""
    for index, atoms in enumerate(structures):
        try:
            arrays = arrays_read(pipe.model_config, atoms)
            batch = Batch.from_ase(atoms, dtype=dtype, device=device or "cpu", arrays=arrays)
            yield Evaluated(index, atoms, pipe(batch, requested=requested, contributions=contributions), None)
        except Exception as error:
            if failures == "raise":
                raise
            yield Evaluated(index, atoms, None, error)
