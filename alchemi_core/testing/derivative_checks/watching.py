"""Watched: a strategy with somebody looking on: what it answers, and what it samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Set

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import Derivative, GroupState
    from alchemi_core.quantities import DerivativeOf


@attrs.frozen(eq=False)
class Watched:
    """A strategy of which is noted what it answers, before anybody objects, and what it samples.

    Parameters
    ----------
    strategy : Derivative
        The strategy.
    answers : list
        Is given every answer as it came, with what was asked.
    sampled : set
        Is given every name that was sampled.
    """

    strategy: Derivative
    answers: list[tuple[frozenset[str], Any]] = attrs.field(factory=list)
    sampled: set[str] = attrs.field(factory=set)

    @property
    def name(self) -> str:
        """As the strategy's."""
        return self.strategy.name

    @property
    def serves(self) -> frozenset[str] | Mapping[str, DerivativeOf] | None:
        """As the strategy's."""
        return self.strategy.serves

    @property
    def samples(self) -> frozenset[str]:
        """As the strategy's."""
        return frozenset(getattr(self.strategy, "samples", ()))

    def prepare(self, state: GroupState) -> tuple[Batch, Any]:
        """Let the strategy prepare, with its samples noted."""

        def sample(batch: Batch, names: Set[str]) -> Mapping[str, Tensor]:
            self.sampled.update([names] if isinstance(names, str) else names)
            return state.sample(batch, names)

        return self.strategy.prepare(attrs.evolve(state, sample=sample))

    def finish(self, energy: Tensor, tape: Any, requested: frozenset[str], *values: Any) -> Any:
        """Let the strategy finish, note its answer, and pass on what was asked for."""
        answer = self.strategy.finish(energy, tape, requested, *values)
        self.answers.append((requested, answer))
        if not isinstance(answer, Mapping):
            return answer
        return {name: value for name, value in answer.items() if name in requested}
