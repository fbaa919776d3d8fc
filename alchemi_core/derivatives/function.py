"""A user's ``derivative_fn(energy, data, requested)`` as a strategy, with its answer checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import attrs

from alchemi_core.derivatives.autograd import AutogradTape
from alchemi_core.derivatives.leaves import with_leaves
from alchemi_core.errors import DerivativeError, nearest
from alchemi_core.quantities import QUANTITIES, Per

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState
    from alchemi_core.topology import DerivativeFn


@attrs.frozen
class FunctionDerivative:
    """Calls a function with the summed energy, the batch on leaves, and the names asked of it.

    Parameters
    ----------
    function : callable
        ``(energy [B, 1], data, requested) -> mapping``; ``data.positions`` and ``data.cell`` are leaves.
    """

    resamples: ClassVar[bool] = False

    function: DerivativeFn

    @property
    def name(self) -> str:
        """Name of the function."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    @property
    def serves(self) -> None:
        """None: a plain function is taken to serve whatever it is asked."""
        return

    def prepare(self, state: GroupState) -> tuple[Batch, AutogradTape]:
        """Put the batch on fresh leaves."""
        data = with_leaves(state)
        return data, AutogradTape(data, state.differentiable)

    def finish(self, energy: Tensor, tape: AutogradTape, requested: frozenset[str]) -> Mapping[str, Tensor]:
        """Call the function and refuse an answer that is not exactly what was asked."""
        answer = self.function(energy, tape.data, set(requested))
        self._check_keys(answer, requested)
        for name in requested:
            self._check_shape(name, answer[name], tape.data)
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

    def _check_keys(self, answer: Mapping[str, Tensor], requested: frozenset[str]) -> None:
        if not isinstance(answer, Mapping):
            expected = f"a mapping with {sorted(requested)}"
            raise DerivativeError(f"returned {answer!r}", expected=expected, who=f"derivative_fn {self.name}")
        if set(answer) == requested:
            return
        surplus = sorted(set(answer) - requested)
        close = [near for key in surplus if (near := nearest(key, requested))]
        raise DerivativeError(
            f"returned {sorted(answer)}",
            expected=f"exactly {sorted(requested)}",
            who=f"derivative_fn {self.name}",
            fix=f"return {close[0]!r}" if close else "return the requested names and no others",
        )

    def _check_shape(self, name: str, value: Tensor, data: Batch) -> None:
        quantity = QUANTITIES.get(name)
        if quantity is None:
            return
        shape = (data.num_atoms if quantity.per is Per.ATOM else data.num_systems, *quantity.shape)
        if tuple(value.shape) != shape:
            raise DerivativeError(
                f"returned {name} of shape {list(value.shape)}",
                expected=f"{list(shape)} in {quantity.unit}",
                who=f"derivative_fn {self.name}",
            )
