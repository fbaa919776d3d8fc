"""What a config declares about the autograd graph and about inputs, against what the model does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.contract import Constant, OnGraph
from alchemi_core.quantities import QUANTITIES
from alchemi_core.testing.comparing import compare, noted
from alchemi_core.testing.failures import failure
from alchemi_core.testing.made_inputs import made_input
from alchemi_core.testing.model_checks.answers import declared_for
from alchemi_core.testing.model_checks.batches import rows_of
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.testing.specimens import Specimen


def _leaves(specimen: Specimen, batch: Batch) -> dict[str, Tensor]:
    """Return a leaf for every floating input that the batch has."""
    config = specimen.config
    values = {name: batch.get(name) for name in ("positions", "cell", *config.required_inputs)}
    values |= {name: made_input(name, batch) for name in sorted(config.optional_inputs & frozenset(QUANTITIES))}
    return {
        name: value.detach().clone().requires_grad_()
        for name, value in values.items()
        if value is not None and value.is_floating_point()
    }


def _on_leaves(specimen: Specimen, batch: Batch) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return leaves, and what the model gives of them."""
    leaves = _leaves(specimen, batch)
    listed = specimen.listed(batch) if specimen.config.needs_neighborlist else batch
    live = listed.with_leaves(leaves["positions"], leaves.get("cell"))
    return leaves, dict(specimen.raw(live, declared_for(specimen, batch), leaves))


def check_declared_graph(specimen: Specimen) -> str:
    """Look which inputs the graph of each output reaches: those that its kind names, where any do."""
    reached: set[str] = set()
    wanted: set[str] = set()
    for structure in specimen.structures:
        batch = specimen.of(structure)
        leaves, answer = _on_leaves(specimen, batch)
        for name, kind in specimen.config.kinds.items():
            through = kind.through & frozenset(leaves) if isinstance(kind, OnGraph) else frozenset()
            wanted |= {f"{name} through {one}" for one in through}
            reached |= {f"{name} through {one}" for one in through if _reaches(answer.get(name), leaves[one])}
    if missing := sorted(wanted - reached):
        raise failure(
            specimen.name,
            f"declares {', '.join(missing)} on the graph, and on no structure does the graph reach so far",
            expected="values computed from the view's own tensors",
            fix="no .detach(), .item() or numpy on the way; or leave the input out of OnGraph(...)",
        )
    return ", ".join(sorted(wanted)) or "nothing declared on the graph"


def _reaches(value: Tensor | None, leaf: Tensor) -> bool:
    if value is None or not value.requires_grad:
        return False
    return torch.autograd.grad(value.sum(), leaf, retain_graph=True, allow_unused=True)[0] is not None


def check_detached(specimen: Specimen) -> None:
    """Look whether outputs that are not declared on the graph are off it."""
    for structure in specimen.structures:
        _, answer = _on_leaves(specimen, specimen.of(structure))
        for name, kind in specimen.config.kinds.items():
            value = answer.get(name)
            if not isinstance(kind, OnGraph) and value is not None and value.requires_grad:
                raise failure(
                    f"{structure}",
                    f"{name} is declared {type(kind).__name__} and carries a graph",
                    expected="a detached value: what comes through the graph would be counted on top of it",
                    fix=f"{name}.detach(), or declare it OnGraph(...)",
                )


def check_constant(specimen: Specimen) -> None:
    """Move all atoms and the cell, and look whether outputs declared constant stay."""
    names = {name for name, kind in specimen.config.kinds.items() if isinstance(kind, Constant)}
    for structure in specimen.structures:
        batch = specimen.of(structure)
        deformed = torch.eye(3, dtype=batch.dtype, device=batch.device)
        deformed[0, 1], deformed[2, 2] = 0.04, 1.05
        changes = {"positions": batch.positions @ deformed}
        if batch.cell is not None:
            changes["cell"] = batch.cell @ deformed
        before, after = (specimen.raw(one, names) for one in (batch, batch.with_fields(**changes)))
        found, expected = ({name: values[name] for name in names} for values in (after, before))
        compare(found, expected, f"{structure}, deformed", fix="declare it OnGraph(...) or Analytic()")


def check_optional_inputs(specimen: Specimen) -> str:
    """Give each optional input that the kit can make, other values to each of three systems, and none at all."""
    systems = [specimen.atoms(structure) for structure in specimen.structures[:3]]
    batch = specimen.batch(*systems)
    specimen.run(batch)
    deviations = []
    for name in sorted(specimen.config.optional_inputs & frozenset(QUANTITIES)):
        given = batch.with_fields(**{name: spread(name, batch)})
        together = specimen.run(given)
        for index, structure in enumerate(specimen.structures[:3]):
            alone = specimen.batch(systems[index])
            alone = alone.with_fields(**{name: rows_of({name: given.fields[name]}, given, index)[name]})
            expected = specimen.run(alone)
            own = rows_of(together, given, index)
            found = {key: value for key, value in own.items() if key in expected}
            what = f"{structure}, with {name}, beside others that have another"
            fix = f"view.{name} has a row for each system, and is None where it is not given"
            off = compare(found, expected, what, within=specimen.within(1e-9), fix=fix)
            deviations.append((off, structure.name))
    return noted(deviations)


def spread(name: str, batch: Batch) -> Tensor:
    """Return an input that is different for each system: total charges 0, 1, −1, and multiplicities 1."""
    value = made_input(name, batch)
    if name != "total_charge":
        return value
    return value + torch.tensor([0.0, 1.0, -1.0], dtype=value.dtype, device=value.device)[:, None][: len(value)]


def _own(specimen: Specimen) -> bool:
    return not specimen.is_pipeline


def _has_graph(specimen: Specimen) -> bool:
    return _own(specimen) and any(isinstance(kind, OnGraph) for kind in specimen.config.kinds.values())


def _has_detached(specimen: Specimen) -> bool:
    return _own(specimen) and any(not isinstance(kind, OnGraph) for kind in specimen.config.kinds.values())


def _has_constant(specimen: Specimen) -> bool:
    return _own(specimen) and any(isinstance(kind, Constant) for kind in specimen.config.kinds.values())


CHECKS = (
    Promise("declared-graph", "the graph reaches every input that the config names", check_declared_graph, _has_graph),
    Promise("detached", "outputs declared detached carry no graph", check_detached, _has_detached),
    Promise("constant", "outputs declared constant do not change with the geometry", check_constant, _has_constant),
    Promise(
        "optional-inputs",
        "inputs declared optional may be there or not",
        check_optional_inputs,
        lambda specimen: bool(specimen.config.optional_inputs & frozenset(QUANTITIES)),
    ),
)
