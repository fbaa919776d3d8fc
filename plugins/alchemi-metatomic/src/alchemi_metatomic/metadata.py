"""What a file says about itself: name, terms, and what to cite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alchemi_core.distributions import CORE
from alchemi_core.versions import installed
from alchemi_metatomic.upstream import ModelMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from alchemi_metatomic.terms import Term

DOI = "https://doi.org/"


def describe(terms: Sequence[Term], *, name: str, description: str, authors: Iterable[str]) -> ModelMetadata:
    """Return the metadata of an exported pipeline.

    Parameters
    ----------
    terms : sequence of Term
        What the energy is made of.
    name, description : str
        As given, empty where they are to be made of the terms.
    authors : iterable of str
        Those who made the model.
    """
    formula = " + ".join(_written(term) for term in terms)
    return ModelMetadata(
        name=name or formula,
        description=description or f"Energy of a pipeline: {formula}. Exported by {CORE} {installed(CORE)}.",
        authors=list(authors),
        references={"model": _references(terms)},
    )


def _written(term: Term) -> str:
    return term.label if term.weight == 1.0 else f"{term.weight:.12g} {term.label}"


def _references(terms: Sequence[Term]) -> list[str]:
    """Return what the steps' models cite, each once, DOIs as addresses."""
    cited = dict.fromkeys(text for term in terms for text in term.step.declared.citations)
    return [f"{DOI}{text}" if text.startswith("10.") else text for text in cited]
