"""Settings: all that decides the results of a run, besides dataset and pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.frozenmap import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TASKS = ("singlepoint", "relax", "phonons")


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


def _frozen(values: Mapping[str, Any]) -> FrozenMap[str, Any]:
    return FrozenMap(values)


@attrs.frozen
class Settings:
    """What to do with each structure.

    Parameters
    ----------
    task : {"singlepoint", "relax", "phonons"}
        Name of the task.
    outputs : tuple of str
        What is asked of the pipeline, in alphabetical order. Stress is not asked of structures without a volume.
    contributions : bool
        Whether to keep what each step adds to forces and stress.
    device, dtype : str
        Where and in which precision.
    form : {"parquet", "extxyz"}
        Of the results.
    options : mapping
        Of the task.
    """

    task: str
    outputs: tuple[str, ...] = attrs.field(converter=_names)
    contributions: bool = False
    device: str = "cpu"
    dtype: str = "float64"
    form: str = "parquet"
    options: Mapping[str, Any] = attrs.field(converter=_frozen, factory=FrozenMap)

    def described(self) -> dict[str, Any]:
        """Return them as JSON can hold them."""
        return {**attrs.asdict(self, recurse=False), "outputs": list(self.outputs), "options": dict(self.options)}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Settings:
        """Make them of what `described` gave."""
        return cls(**{field.name: stored[field.name] for field in attrs.fields(cls)})
