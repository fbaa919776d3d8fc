"""A user's ``derivative_fn(energy, data, requested)`` as a strategy, with its answer checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from alchemi_core.derivatives.answers import check_answer
from alchemi_core.derivatives.autograd import AutogradTape
from alchemi_core.derivatives.leaves import with_leaves
from alchemi_core.errors import DerivativeError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState
    from alchemi_core.quantities import DerivativeOf
    from alchemi_core.topology import DerivativeFn


@attrs.frozen
class FunctionDerivative:
    """Calls a function with the summed energy, the batch on leaves, and the names asked of it.

    Parameters
    ----------
    function : callable
        ``(energy [B, 1], data, requested) -> mapping``; ``data.positions`` and ``data.cell`` are leaves, so that
        derivatives by positions and strain can be taken. It may have an attribute ``serves``, see `Derivative`.
    """

    function: DerivativeFn

    @property
    def name(self) -> str:
        """Name of the function."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    @property
    def serves(self) -> frozenset[str] | Mapping[str, DerivativeOf] | None:
        """What the function says in an attribute ``serves``; without one it is taken to serve whatever it is asked."""
        return getattr(self.function, "serves", None)

    def prepare(self, state: GroupState) -> tuple[Batch, AutogradTape]:
        """Put the batch on fresh leaves."""
        data = with_leaves(state)
        return data, AutogradTape(data, state.differentiable)

    def finish(
        self, energy: Tensor, tape: AutogradTape, requested: frozenset[str], *values: Mapping[str, Tensor]
    ) -> Mapping[str, Tensor]:
        """Call the function and refuse an answer that is not exactly what was asked.

        What `serves` says is taken of other values than the energy makes these a fourth argument, by name.
        """
        answer = self.function(energy, tape.data, set(requested), *values)
        check_answer(answer, requested, tape.data, f"derivative_fn {self.name}")
        for name in requested:
            if tape.differentiable and not answer[name].requires_grad:
                raise self._detached(name)
        return answer

    def _detached(self, name: str) -> DerivativeError:
        return DerivativeError(
            f"returned {name} off the graph in training mode, so a loss on it would not reach the parameters",
            expected="derivatives that can be differentiated again",
            who=f"derivative_fn {self.name}",
            fix="torch.autograd.grad(..., create_graph=True), or call pipe.eval()",
        )
