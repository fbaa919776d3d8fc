"""A strategy under check, and what it answers on each structure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import torch

from alchemi_core.errors import AlchemiError
from alchemi_core.strategies import as_strategy
from alchemi_core.testing.comparing import DIFFERENCED, SAME
from alchemi_core.testing.derivative_checks.bench_structures import STRUCTURES
from alchemi_core.testing.derivative_checks.watching import Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import Derivative
    from alchemi_core.registry import Registry
    from alchemi_core.testing.derivative_checks.benches import Bench
    from alchemi_core.testing.structures import Structure

SAMPLED = 2e-3
"""Relative: what differences of the strategy's own may be off."""

SAMPLED_AGAIN = 1e-5
"""Relative: one difference in two orders of operations."""


@attrs.frozen(eq=False)
class Trial:
    """What came of asking a strategy for something on a batch.

    Parameters
    ----------
    asked : frozenset of str
        What was asked.
    raw : object
        The strategy's answer before anybody objected; None where there was none.
    outputs : mapping of str to Tensor
        What the pipeline returned; nothing where it raised.
    error : Exception, optional
        What it raised.
    sampled : frozenset of str
        What the strategy evaluated at other geometries.
    """

    asked: frozenset[str]
    raw: Any
    outputs: Mapping[str, Tensor]
    error: Exception | None
    sampled: frozenset[str]


@attrs.frozen(eq=False)
class DerivativeSpecimen:
    """A strategy under check.

    Parameters
    ----------
    name : str
        What it is called in reports.
    make : callable
        Returns what one gives a group as ``derivative_fn``; anew where it can be made anew.
    bench : Bench
        What it is checked on.
    accuracy : float
        Relative error of its method.
    offer : str, optional
        Under which name pipeline files find it; None where they cannot.
    registry : Registry, optional
        Where they find it.
    """

    name: str
    make: Callable[[], Any]
    bench: Bench
    accuracy: float = 0.0
    offer: str | None = None
    registry: Registry | None = None

    def strategy(self) -> Derivative:
        """Return the strategy."""
        return as_strategy(self.make(), str)  # nothing is left to look up

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the derivatives it gives."""
        return tuple(sorted(self.bench.served))

    @cached_property
    def samples(self) -> frozenset[str]:
        """What it says that it evaluates at other geometries."""
        return frozenset(getattr(self.strategy(), "samples", ()))

    @property
    def within(self) -> float:
        """Largest relative deviation from what is right."""
        return max(SAMPLED if self.samples else DIFFERENCED, self.accuracy)

    @property
    def again(self) -> float:
        """Largest relative deviation of one thing computed in two orders."""
        return max(SAMPLED_AGAIN if self.samples else SAME, self.accuracy)

    def tried(self, batch: Batch, names: Iterable[str], *, reported: bool = False) -> Trial:
        """Ask for something while looking on; what is raised is part of what came of it."""
        asked = frozenset(names)
        watched = Watched(self.strategy())
        pipe = self.bench.pipe(watched, self.bench.models(reported=reported))
        outputs: Mapping[str, Tensor] = {}
        error = None
        try:
            outputs = dict(pipe(batch, requested=asked))
        except Exception as raised:  # noqa: BLE001 - whatever a strategy raises is what checks report
            error = raised
        raw = watched.answers[-1][1] if watched.answers else None
        return Trial(asked, raw, outputs, error, frozenset(watched.sampled))

    def run(self, batch: Batch, names: Iterable[str]) -> dict[str, Tensor]:
        """Ask for something; of more than that, nobody minds here."""
        return dict(self.bench.pipe(Watched(self.strategy()))(batch, requested=frozenset(names)))

    @cached_property
    def trials(self) -> dict[tuple[Structure, str], Trial]:
        """Every name on every structure alone."""
        batches = [(one, self.bench.batch(one)) for one in STRUCTURES]
        return {(one, name): self.tried(batch, {name}) for one, batch in batches for name in self.names}

    def answered(self, structure: Structure) -> tuple[str, ...]:
        """Names that were answered on a structure."""
        return tuple(name for name in self.names if self.trials[structure, name].outputs)

    def homes(self, name: str) -> tuple[Structure, ...]:
        """Structures on which a name was answered."""
        return tuple(one for one in STRUCTURES if self.trials[one, name].outputs)

    @cached_property
    def settings(self) -> tuple[tuple[Structure, tuple[str, ...]], ...]:
        """As few structures as will do, with names that were answered there: each name once."""
        left = set(self.names)
        out: list[tuple[Structure, tuple[str, ...]]] = []
        while True:
            best = max(STRUCTURES, key=lambda one: len(left & set(self.answered(one))))
            names = tuple(name for name in self.answered(best) if name in left)
            if not names:
                return tuple(out)
            out.append((best, names))
            left -= set(names)


def is_refusal(trial: Trial) -> bool:
    """Tell whether it was refused in the way in which everything is refused."""
    return isinstance(trial.error, AlchemiError)


def as_mapping(raw: Any) -> Mapping[str, Any]:
    """Return a raw answer as a mapping, empty where it is none."""
    return raw if isinstance(raw, Mapping) else {}


def uneven(value: Tensor) -> Tensor:
    """Return the sum of values with uneven weights, those that are not finite left out."""
    weights = torch.linspace(0.5, 1.5, value.numel(), dtype=value.dtype).reshape(value.shape)
    return torch.where(value.isfinite(), value, 0.0).mul(weights).sum()
