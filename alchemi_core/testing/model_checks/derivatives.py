"""Derivatives that a model gives or that its graph gives, against central differences of its energy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from alchemi_core.contract import OnGraph
from alchemi_core.quantities import QUANTITIES
from alchemi_core.testing.comparing import DIFFERENCED, compare, noted
from alchemi_core.testing.differences import FINE, STEP, Change, by_coordinates, by_strains, slopes, symmetric
from alchemi_core.testing.failures import failure
from alchemi_core.testing.promises import Promise

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.testing.specimens import Specimen


def _on_each(specimen: Specimen, name: str, differentiate: Callable[[Batch], Tensor], fix: str) -> str:
    """Compare one output with differences, on every structure it can be asked of."""
    deviations = []
    for structure in specimen.structures:
        batch = specimen.of(structure)
        if name not in specimen.names_for(batch):
            continue
        what = f"{structure}, {name} against central differences of the energy"
        found, expected = specimen.run(batch, {name}), {name: differentiate(batch)}
        noise = _noise(specimen, batch, name)
        off = compare(found, expected, what, within=specimen.within(DIFFERENCED), noise=noise, fix=fix)
        deviations.append((off, structure.name))
    return noted(deviations)


def _noise(specimen: Specimen, batch: Batch, name: str) -> float:
    """Return what rounding of the energy adds to a difference: energies of whole electrons have few digits left."""
    energy = float(specimen.run(batch, {"energy"})["energy"].abs().max())
    volume = float(torch.linalg.det(batch.cell[0]).abs()) if name == "stress" and batch.cell is not None else 1.0
    return 8.0 * torch.finfo(torch.float64).eps * energy / STEP / max(volume, 1.0)


def _energy(specimen: Specimen) -> Callable[[Batch], Tensor]:
    return lambda copies: specimen.run(copies, {"energy"})["energy"].flatten()


def check_forces(specimen: Specimen) -> str:
    """Compare with −dE/dr, every component."""

    def forces(batch: Batch) -> Tensor:
        return -slopes(_energy(specimen), batch, by_coordinates(batch)).reshape(batch.num_atoms, 3)

    fix = "all that depends on positions is on the graph, without .detach() or .item(); reported forces are complete"
    return _on_each(specimen, "forces", forces, fix)


def check_virial(specimen: Specimen) -> str:
    """Compare with −dE/dε for symmetric strains of positions and cell."""
    return _on_each(specimen, "virial", lambda batch: -_by_strain(specimen, batch)[None], _STRAIN_FIX)


def check_stress(specimen: Specimen) -> str:
    """Compare with (1/V) dE/dε for symmetric strains; NaN where a system has no volume."""

    def stress(batch: Batch) -> Tensor:
        assert batch.cell is not None
        volume = torch.linalg.det(batch.cell[0]).abs()
        return (_by_strain(specimen, batch) / torch.where(volume > 1e-9, volume, torch.nan))[None]

    return _on_each(specimen, "stress", stress, _STRAIN_FIX)


_STRAIN_FIX = (
    "the cell is on the graph too; reported: eV/Å³, tensile positive, of symmetric strains; virial = −V·stress, in eV"
)


def _by_strain(specimen: Specimen, batch: Batch) -> Tensor:
    return symmetric(slopes(_energy(specimen), batch, by_strains(batch)))


def check_inputs_on_graph(specimen: Specimen) -> str:
    """Compare dE/dx with differences for every further input x through which the energy is declared on the graph."""
    deviations = []
    for structure in specimen.structures:
        batch = specimen.of(structure)
        for name in further_inputs(specimen):
            value = batch.get(name)
            assert value is not None
            leaf = value.detach().clone().requires_grad_()
            energy = specimen.raw(batch, {"energy"}, {name: leaf})["energy"]
            found = gradient(energy.sum(), leaf, f"{structure}, dE/d{name}")
            expected = slopes(_energy(specimen), batch, by_coordinates(batch, name)).reshape(value.shape)
            what = f"{structure}, dE/d{name} against central differences"
            fix = f"compute with view.{name} itself: no .detach(), no copy of its values"
            deviations.append(
                (
                    compare({name: found}, {name: expected}, what, within=specimen.within(DIFFERENCED), fix=fix),
                    structure.name,
                )
            )
    return noted(deviations)


def gradient(value: Tensor, leaf: Tensor, what: str) -> Tensor:
    """Differentiate by a leaf, which has to be on the graph."""
    found = torch.autograd.grad(value, leaf, allow_unused=True)[0] if value.requires_grad else None
    if found is None:
        raise failure(
            what,
            "the graph does not reach the input",
            expected="a value on the graph of every input that its config names",
            fix="compute with the view's tensors; or leave the input out of OnGraph(...)",
        )
    return found


def further_inputs(specimen: Specimen) -> list[str]:
    """Inputs beyond the geometry through which the energy is declared differentiable, and that the kit gives."""
    config = specimen.config
    energy = config.kinds.get("energy")
    through = energy.through if isinstance(energy, OnGraph) else frozenset()
    given = config.required_inputs | frozenset(specimen.inputs)
    return sorted(name for name in (through & given) - {"positions", "cell"} if name in QUANTITIES)


def check_other_outputs(specimen: Specimen) -> str:
    """Compare the gradient of each further output on the graph, such as charges, with differences of its values."""
    deviations = []
    for structure in specimen.structures:
        batch = specimen.of(structure)
        for name in other_outputs(specimen):
            found, expected = _projected(specimen, batch, name)
            what = f"{structure}, d({name})/dr against central differences"
            fix = f"{name} is computed from positions without .detach(), or declared Analytic()"
            deviations.append(
                (
                    compare({name: found}, {name: expected}, what, within=specimen.within(DIFFERENCED), fix=fix),
                    structure.name,
                )
            )
    return noted(deviations)


def _projected(specimen: Specimen, batch: Batch, name: str) -> tuple[Tensor, Tensor]:
    """Derivatives by positions of a sum of an output's values with uneven weights: of the graph, and by differences."""
    leaf = batch.positions.detach().clone().requires_grad_()
    value = specimen.raw(batch.with_leaves(leaf, batch.cell), {name}, {"positions": leaf})[name]
    weights = torch.linspace(0.5, 1.5, value.numel(), dtype=value.dtype, device=value.device).reshape(value.shape)
    found = gradient((value * weights).sum(), leaf, f"d({name})/dr")

    def projected(copies: Batch) -> Tensor:
        values = specimen.raw(copies, {name})[name].detach()
        return (values.reshape(-1, *value.shape) * weights).flatten(1).sum(1)

    return found, slopes(projected, batch, by_coordinates(batch)).reshape(leaf.shape)


def other_outputs(specimen: Specimen) -> list[str]:
    """Outputs other than the energy that are declared on the graph through positions."""
    if specimen.is_pipeline:
        return []
    kinds = specimen.config.kinds.items()
    return sorted(
        name
        for name, kind in kinds
        if isinstance(kind, OnGraph) and "positions" in kind.through and name != "energy" and name in QUANTITIES
    )


def check_second_derivatives(specimen: Specimen) -> str:
    """Compare a product of the Hessian, differentiated twice through the graph, with differences of the forces."""
    deviations = []
    for structure in specimen.structures[:4]:
        batch = specimen.of(structure)
        leaf = batch.positions.detach().clone().requires_grad_()
        energy = specimen.raw(batch.with_leaves(leaf, batch.cell), {"energy"}, {"positions": leaf})["energy"]
        slope = torch.autograd.grad(energy.sum(), leaf, create_graph=True)[0]
        direction = torch.linspace(-1.0, 1.0, leaf.numel(), dtype=leaf.dtype, device=leaf.device).reshape(leaf.shape)
        found = gradient((slope * direction).sum(), leaf, f"{structure}, d²E/dr²")
        expected = slopes(_slope(specimen, leaf), batch, [Change({"positions": direction})], FINE)[0]
        what = f"{structure}, d²E/dr² through the graph against central differences of the forces"
        fix = "declare OnGraph(..., order=1) where the energy can be differentiated only once"
        deviations.append(
            (
                compare({"d²E/dr²": found}, {"d²E/dr²": expected}, what, within=specimen.within(DIFFERENCED), fix=fix),
                structure.name,
            )
        )
    return noted(deviations)


def _slope(specimen: Specimen, leaf: Tensor) -> Callable[[Batch], Tensor]:
    return lambda copies: -specimen.run(copies, {"forces"})["forces"].reshape(-1, *leaf.shape)


def _gives(name: str) -> Callable[[Specimen], bool]:
    return lambda specimen: {name, "energy"} <= specimen.names


def _twice(specimen: Specimen) -> bool:
    energy = specimen.config.kinds.get("energy")
    on_graph = isinstance(energy, OnGraph) and energy.order != 1 and "positions" in energy.through
    return on_graph and not specimen.is_pipeline


CHECKS = (
    Promise("forces", "forces are −dE/dr, every component", check_forces, _gives("forces")),
    Promise("stress", "the stress is (1/V) dE/dε of symmetric strains", check_stress, _gives("stress")),
    Promise("virial", "the virial is −dE/dε of symmetric strains", check_virial, _gives("virial")),
    Promise(
        "inputs-on-graph",
        "the energy is on the graph through every input that the config names, charges for one",
        check_inputs_on_graph,
        lambda specimen: bool(further_inputs(specimen)) and not specimen.is_pipeline,
    ),
    Promise(
        "outputs-on-graph",
        "charges and other outputs are on the graph of positions as declared",
        check_other_outputs,
        lambda specimen: bool(other_outputs(specimen)),
    ),
    Promise("second-derivatives", "the energy can be differentiated twice", check_second_derivatives, _twice),
)
