"""From ``--derivative`` to a pipeline that takes derivatives by one strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.algebra import differentiate
from alchemi_core.errors import ExpressionError, OptionError
from alchemi_core.expressions import Term, offered_name, parse_expression, plain_options
from alchemi_core.registry import default_registry

if TYPE_CHECKING:
    from alchemi_core.pipeline import PipelineModelWrapper

OPTION = "--derivative"
EXAMPLE = "hessian(method='differences')"
EXPECTED = "one strategy by name, its options in brackets as name=literal"


def derived(pipeline: PipelineModelWrapper, written: str) -> PipelineModelWrapper:
    """Return the pipeline that takes derivatives of another by a strategy on offer.

    Parameters
    ----------
    pipeline : PipelineModelWrapper
        Of ``--model``.
    written : str
        The strategy, with options where it has some, such as ``hessian(method='differences')``.

    Raises
    ------
    ExpressionError, OptionError
        If the text is no strategy with options, or the strategy has no such options.
    UnknownOfferError
        If no plugin offers the strategy.
    CompositionError
        If the pipeline has a strategy of its own.
    """
    registry = default_registry()
    term = read_strategy(written)
    name = offered_name(term.name, registry.names("derivative"))
    return differentiate(pipeline, name, registry=registry, **plain_options(term))


def read_strategy(written: str) -> Term:
    """Read a strategy with its options: one term of an expression, without weight or renames.

    Raises
    ------
    ExpressionError, OptionError
        If it is anything else.
    """
    try:
        terms = parse_expression(written).terms
    except ExpressionError as error:
        # What the reader suggests beyond this is about models.
        raise ExpressionError(error.found, expected=EXPECTED, who=OPTION, fix=f"such as {EXAMPLE}") from error
    term = terms[0]
    if len(terms) > 1 or not isinstance(term, Term) or term.weight != 1.0 or term.wire:
        raise OptionError(
            f"{written!r} is no strategy by itself",
            expected=EXPECTED,
            who=OPTION,
            fix="weights, sums and renames go into --model",
        )
    return term
