"""From a pipeline to a metatomic model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ase.data import chemical_symbols

from alchemi_core.errors import ExportError, OptionError
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.topology import PipelineGroup
from alchemi_metatomic.exported import ExportedPipeline
from alchemi_metatomic.metadata import describe
from alchemi_metatomic.terms import INPUTS, terms_of
from alchemi_metatomic.upstream import AtomisticModel, ModelCapabilities, ModelOutput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from alchemi_core.models import BaseModelMixin
    from alchemi_metatomic.terms import Term

DTYPES = ("float64", "float32")
DEVICES = ("cpu", "cuda")


def export(
    pipe: PipelineModelWrapper | BaseModelMixin,
    *,
    dtype: str = "float64",
    couplings: Mapping[str, float] | None = None,
    name: str = "",
    description: str = "",
    authors: Iterable[str] = (),
) -> AtomisticModel:
    """Return the energy of a pipeline as a metatomic model. Its ``save("model.pt")`` writes the file that engines read.

    Parameters
    ----------
    pipe : PipelineModelWrapper or BaseModelMixin
        A pipeline whose models can be written in TorchScript, or one such model. It is not changed, and what comes out
        does not change with it.
    dtype : {"float64", "float32"}
        Precision of positions and energies.
    couplings : mapping of str to float, optional
        Values of coupling parameters, at which weights are fixed: an exported model has none.
    name, description : str, optional
        For people; by default made of the steps.
    authors : iterable of str
        Those who made the model.

    Raises
    ------
    PlanningError
        If the pipeline gives no forces in the first place.
    ExportError
        If a step cannot be run without Python, or the energy is no weighted sum of the steps'. The step is named.
    OptionError
        If there is no such precision.
    """
    if dtype not in DTYPES:
        raise OptionError(f"dtype={dtype!r}", expected=" or ".join(map(repr, DTYPES)), who="export")
    whole = pipe if isinstance(pipe, PipelineModelWrapper) else PipelineModelWrapper([PipelineGroup([pipe])])
    whole.plan_for({"energy", "forces"})
    terms = terms_of(whole, dict(couplings or {}))
    lists = _lists(terms)
    module = ExportedPipeline(
        modules=[term.module for term in terms],
        weights=[term.weight for term in terms],
        lists=lists,
        reads=[lists.index((term.cutoff, term.half_list)) if term.cutoff else -1 for term in terms],
        inputs={one: INPUTS[one] for term in terms for one in sorted(term.inputs)},
    )
    metadata = describe(terms, name=name, description=description, authors=authors)
    return AtomisticModel(module.eval(), metadata, _capabilities(terms, dtype))


def _lists(terms: Sequence[Term]) -> list[tuple[float, bool]]:
    """Return every neighbor list that is read, once, the longest first."""
    return sorted({(term.cutoff, term.half_list) for term in terms if term.cutoff}, reverse=True)


def _capabilities(terms: Sequence[Term], dtype: str) -> ModelCapabilities:
    energy = ModelOutput(unit="eV", sample_kind="atom", description="potential energy")
    return ModelCapabilities(
        outputs={"energy": energy},
        atomic_types=_elements(terms),
        interaction_range=max(term.interaction_range for term in terms),
        length_unit="angstrom",
        supported_devices=list(DEVICES),
        dtype=dtype,
    )


def _elements(terms: Sequence[Term]) -> list[int]:
    """Return the elements that all terms were made for."""
    known = set(range(1, len(chemical_symbols)))
    for term in terms:
        known &= known if term.step.declared.elements is None else term.step.declared.elements
    if not known:
        raise ExportError(
            "no element is known to all of its models",
            expected="models that share elements",
            who=" and ".join(term.label for term in terms),
        )
    return sorted(known)
