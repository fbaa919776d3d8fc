"""The config of a wrapper in the words of alchemi."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nvalchemi.models.base import BaseModelMixin as ModelThere

from alchemi_core.contract import Analytic, OnGraph, OutputKind, Partial
from alchemi_core.errors import DeclarationError
from alchemi_core.models import ModelConfig
from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
from alchemi_nvalchemi.names import HERE, OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Iterable

PHYSICS = {
    "DFTD3ModelWrapper": {"dispersion": "D3(BJ)"},
    "EwaldModelWrapper": {"coulomb": "Ewald"},
    "PMEModelWrapper": {"coulomb": "PME"},
}
"""What the toolkit's own corrections bring, by class."""


def declare(
    wrapper: Any,
    *,
    name: str,
    order: int,
    through: Iterable[str] | None,
    contains: Any,
    correction: bool | None,
    elements: Iterable[int] | None,
    level_of_theory: str,
    citations: Iterable[str],
) -> ModelConfig:
    """Return the config of a step that is a wrapper.

    ======================================  ===========================================================================
    the wrapper says                        so the step
    ======================================  ===========================================================================
    forces by autograd                      gives the energy on the graph through the inputs named there, through the
                                            cell where stress is by autograd too, and through charges; forces and stress
                                            are the pipeline's to take
    ``direct_derivative_keys()``            gives those as partial, at fixed charges, and the energy on the graph
                                            through the charges alone
    neither                                 gives everything as reported, complete and detached
    ======================================  ===========================================================================

    Raises
    ------
    DeclarationError
        If it is no wrapper, or reads or gives nothing that a pipeline knows.
    """
    if not isinstance(wrapper, ModelThere):
        raise DeclarationError(
            f"{wrapper!r} is no model of nvalchemi-toolkit", expected="a BaseModelMixin of its", who="NvalchemiStep"
        )
    config, who = wrapper.model_config, name or _name_of(wrapper)
    known = PHYSICS.get(type(wrapper).__name__, {})
    required = _names(config.required_inputs, who)
    return ModelConfig(
        name=who,
        outputs=_kinds(wrapper, required, order, through),
        required_inputs=required,
        optional_inputs={HERE[one] for one in config.optional_inputs if one in HERE},
        supports_pbc=config.supports_pbc,
        needs_pbc=config.needs_pbc,
        neighbor_config=_neighbors(config.neighbor_config),
        elements=elements,
        contains=known if contains is None else contains,
        correction=bool(known) if correction is None else correction,
        level_of_theory=level_of_theory,
        citations=citations,
    )


def input_names(wrapper: Any) -> tuple[str, ...]:
    """Return the inputs of a wrapper beside the geometry, by their names here."""
    config = wrapper.model_config
    return tuple(HERE[one] for one in sorted(config.required_inputs | config.optional_inputs) if one in HERE)


def _name_of(wrapper: Any) -> str:
    return "nvalchemi-" + type(wrapper).__name__.removesuffix("Wrapper").removesuffix("Model").lower()


def _names(required: Iterable[str], who: str) -> frozenset[str]:
    if strange := sorted(set(required) - HERE.keys()):
        raise DeclarationError(
            f"it requires {', '.join(strange)}",
            expected="inputs that have a name here: " + ", ".join(sorted(HERE)),
            who=who,
        )
    return frozenset(HERE[one] for one in required)


def _kinds(wrapper: Any, required: frozenset[str], order: int, through: Iterable[str] | None) -> dict[str, OutputKind]:
    config = wrapper.model_config
    outputs = [name for name in OUTPUTS if name in config.outputs]
    strains = ["virial"] if "stress" in outputs else []
    kinds: dict[str, OutputKind] = {name: Analytic() for name in [*outputs, *strains]}
    direct, fixed = wrapper.direct_derivative_keys(), frozenset({"charges"}) & required
    if direct:
        kinds |= {name: Partial(at_fixed=fixed) for name in ("forces", "stress", "virial") if name in kinds}
        kinds["energy"] = OnGraph(fixed, order=order)
        return kinds if fixed else {name: Analytic() for name in kinds}
    if "forces" not in config.autograd_outputs:
        return kinds
    strained = {"cell"} if "stress" in config.autograd_outputs else set()
    graph = frozenset(config.autograd_inputs | strained | fixed) if through is None else frozenset(through)
    left = {name: kind for name, kind in kinds.items() if name not in ("forces", "stress", "virial")}
    return left | {"energy": OnGraph(graph, order=order)}


def _neighbors(config: Any) -> NeighborConfig | None:
    if config is None:
        return None
    layout = NeighborListFormat(config.format.value)
    return NeighborConfig(config.cutoff, format=layout, half_list=config.half_list, skin=config.skin)
