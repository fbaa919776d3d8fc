"""Model expressions: ``"0.5*sevennet + dftd3(functional='pbe')"`` to a pipeline, never evaluated.

An expression is made of model names, options in brackets as ``name=literal``, ``+`` between models, ``*`` by a number,
and brackets. Whatever the bracketing, the result is one flat sum of weighted terms. Names may be written as their
plugin offers them, hyphens included (``lennard-jones``), with no blank around the hyphen; ``lennard_jones`` means the
same. Reading goes through `ast` and a short list of allowed nodes.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import attrs

from alchemi_core.frozenmap import FrozenMap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_core.registry import Registry


def _frozen(options: Mapping[str, Any]) -> FrozenMap[str, Any]:
    return FrozenMap(options)


@attrs.frozen
class Term:
    """One weighted model.

    Parameters
    ----------
    name : str
        The model, as written.
    options : mapping of str to literal
        Arguments for ``create_model``; sequences are kept as tuples, mappings as `FrozenMap`.
    weight : float
        Factor on everything additive that the model gives.
    """

    name: str
    options: FrozenMap[str, Any] = attrs.field(factory=FrozenMap, converter=_frozen)
    weight: float = attrs.field(default=1.0, converter=float)

    def __str__(self) -> str:
        options = ", ".join(f"{key}={_thaw(value)!r}" for key, value in self.options.items())
        call = f"{self.name}({options})" if options else self.name
        return call if self.weight == 1.0 else f"{self.weight!r}*{call}"


@attrs.frozen
class Expression:
    """A flat sum of weighted models; printing it gives text that reads back as the same value.

    Parameters
    ----------
    terms : tuple of Term
        In the order written.
    """

    terms: tuple[Term, ...]

    def __str__(self) -> str:
        return " + ".join(str(term) for term in self.terms)


def parse_expression(text: str) -> Expression:
    """Read a model expression.

    Parameters
    ----------
    text : str
        Such as ``"0.5*sevennet + dftd3(functional='pbe')"``.

    Raises
    ------
    ExpressionError
        If the text is anything else; the place is marked by a caret.

    Examples
    --------
    >>> print(parse_expression("0.5*(sevennet + 2*dftd3(functional='pbe'))"))
    0.5*sevennet + dftd3(functional='pbe')
    """
    from alchemi_core.expression_reader import Reader

    return Reader(text).read()


def build_expression(expression: Expression, registry: Registry) -> PipelineModelWrapper:
    """Create the models of an expression and compose them as ``a + b`` and ``0.5 * a`` do.

    Raises
    ------
    UnknownOfferError, OptionError
        If a model or an option is not known.
    """
    from alchemi_core.algebra import add
    from alchemi_core.pipeline import PipelineModelWrapper
    from alchemi_core.topology import PipelineGroup

    whole = reduce(add, [_build_term(term, registry) for term in expression.terms])
    return whole if isinstance(whole, PipelineModelWrapper) else PipelineModelWrapper([PipelineGroup([whole])])


def _build_term(term: Term, registry: Registry) -> Any:
    from alchemi_core.algebra import scale
    from alchemi_core.registry import create_model

    options = {key: _thaw(value) for key, value in term.options.items()}
    model = create_model(_offered_name(term.name, registry), registry=registry, **options)
    return model if term.weight == 1.0 else scale(model, term.weight)


def _offered_name(written: str, registry: Registry) -> str:
    """Return the offered name that the written one stands for; ``_`` and ``-`` are the same here."""
    offered = registry.names("model")
    same = [name for name in offered if name.replace("_", "-") == written.replace("_", "-")]
    return written if written in offered or not same else same[0]


def _thaw(value: Any) -> Any:
    """Return a literal of an expression as the plain value that a model takes: mappings as dict."""
    if isinstance(value, FrozenMap):
        return {key: _thaw(item) for key, item in value.items()}
    return tuple(_thaw(item) for item in value) if isinstance(value, tuple) else value
