"""From what a user wrote as ``derivative_fn`` to a strategy."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from alchemi_core.derivatives.autograd import Autograd
from alchemi_core.derivatives.base import Derivative
from alchemi_core.derivatives.function import FunctionDerivative
from alchemi_core.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Callable


def as_strategy(derivative_fn: Any, find: Callable[[str], Any]) -> Derivative:
    """Return the strategy of a group.

    Parameters
    ----------
    derivative_fn : callable, Derivative, type, str or None
        None is the default; a name is looked up among the offers.
    find : callable
        Returns what an offered name points to.

    Raises
    ------
    DeclarationError
        If it is none of these.
    """
    if derivative_fn is None:
        return Autograd()
    target = find(derivative_fn) if isinstance(derivative_fn, str) else derivative_fn
    if inspect.isclass(target):
        target = _made(target)
    if isinstance(target, Derivative):
        return target
    if callable(target):
        return FunctionDerivative(target)
    raise DeclarationError(
        f"derivative_fn is {target!r}",
        expected="a function (energy, data, requested), a strategy, or the name of an offered one",
        who="PipelineGroup",
    )


def _made(strategy: type) -> Any:
    parameters = inspect.signature(strategy).parameters.values()
    needed = [one.name for one in parameters if one.default is one.empty and one.kind in _NAMED]
    if needed:
        raise DeclarationError(
            f"{strategy.__name__} is a class that needs {', '.join(needed)}",
            expected="a strategy, or a class without required options",
            who="PipelineGroup",
            fix=f"derivative_fn={strategy.__name__}({', '.join(f'{name}=...' for name in needed)})",
        )
    return strategy()


_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
