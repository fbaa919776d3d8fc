"""Derivative strategies written as simply as they can be, one per way to take a derivative, and references by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import attrs
import torch
from support import differences
from support.toys import per_system

from alchemi_core.contract import OnGraph
from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.derivatives.leaves import with_field_leaves, with_leaves
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.quantities import DerivativeOf

STEP = 1e-4


def blocks(matrix, data):
    """Cut [3N, 3N] into one square per system, zeros beyond smaller ones: [B, 3n, 3n]."""
    ends = [3 * end for end in data.ptr]
    size = max((b - a for a, b in pairwise(ends)), default=0)
    out = matrix.new_zeros(data.num_systems, size, size)
    for system, (a, b) in enumerate(pairwise(ends)):
        out[system, : b - a, : b - a] = matrix[a:b, a:b]
    return out


def moved_along(data, number, size):
    """The batch with one of its 3N coordinates moved."""
    shift = torch.zeros_like(data.positions).flatten()
    shift[number] = size
    return data.with_fields(positions=data.positions + shift.view_as(data.positions))


@attrs.frozen
class GraphHessian:
    """Row by row from the graph; forces, stress and virial on the way."""

    name: ClassVar[str] = "graph-hessian"
    serves: ClassVar[frozenset[str]] = frozenset({"hessian", "forces", "stress", "virial"})

    def prepare(self, state):
        data = with_leaves(state)
        return data, (data, state.differentiable)

    def finish(self, energy, tape, requested):
        data, keep = tape
        out = energy_derivatives(energy, data, requested - {"hessian"}, create_graph=True) if requested else {}
        if "hessian" in requested:
            (gradient,) = torch.autograd.grad(energy.sum(), data.positions, create_graph=True)
            rows = [
                torch.autograd.grad(one, data.positions, retain_graph=True, create_graph=keep)[0].flatten()
                for one in gradient.flatten()
            ]
            out["hessian"] = blocks(torch.stack(rows), data)
        return {name: value if keep else value.detach() for name, value in out.items()}


@attrs.frozen
class SampledHessian:
    """From forces at displaced geometries."""

    name: ClassVar[str] = "sampled-hessian"
    serves: ClassVar[frozenset[str]] = frozenset({"hessian", "forces"})
    samples: ClassVar[frozenset[str]] = frozenset({"forces"})

    def prepare(self, state):
        return state.data, state

    def finish(self, energy, tape, requested):
        data = tape.data
        out = {"forces": tape.sample(data, {"forces"})["forces"]} if "forces" in requested else {}
        if "hessian" in requested:
            rows = []
            for number in range(3 * data.num_atoms):
                ahead, behind = (
                    tape.sample(moved_along(data, number, sign * STEP), {"forces"})["forces"] for sign in (1, -1)
                )
                rows.append((behind - ahead).flatten() / (2 * STEP))
            out["hessian"] = blocks(torch.stack(rows), data)
        return out


def dipole_of(charges, data):
    """Σ q r of each system, [B, 3]."""
    each = charges.unsqueeze(1) * data.positions
    return each.new_zeros(data.num_systems, 3).index_add(0, data.batch_idx, each)


@attrs.frozen
class GraphBorn:
    """dμ_i/dr_j from the graph of charges; their dipole, which needs no derivative; forces on the way."""

    name: ClassVar[str] = "graph-born"
    serves: ClassVar[dict[str, DerivativeOf]] = {
        "born_charges": DerivativeOf("charges"),
        "dipole": DerivativeOf("charges", order=0),
        "forces": DerivativeOf(),
    }

    def prepare(self, state):
        data = with_leaves(state)
        return data, (data, state.differentiable)

    def finish(self, energy, tape, requested, values=None):
        data, keep = tape
        out = energy_derivatives(energy, data, {"forces"}, create_graph=True) if "forces" in requested else {}
        if "dipole" in requested:
            out["dipole"] = dipole_of(values["charges"], data)
        if "born_charges" in requested:
            total = dipole_of(values["charges"], data).sum(0)
            rows = [torch.autograd.grad(one, data.positions, retain_graph=True, create_graph=keep)[0] for one in total]
            out["born_charges"] = torch.stack(rows, dim=1)
        return {name: value if keep else value.detach() for name, value in out.items()}


@attrs.frozen
class SampledBorn:
    """dμ_i/dr_j from charges at displaced geometries."""

    name: ClassVar[str] = "sampled-born"
    serves: ClassVar[dict[str, DerivativeOf]] = {"born_charges": DerivativeOf("charges")}
    samples: ClassVar[frozenset[str]] = frozenset({"charges"})

    def prepare(self, state):
        return state.data, state

    def finish(self, energy, tape, requested):
        def charges(batch):
            return tape.sample(batch, {"charges"})["charges"]

        return {"born_charges": born_charges(charges, tape.data, STEP)}


@attrs.frozen
class FieldResponse:
    """−dE/dF and −d²E/dF dF on the graph; what no energy depends on is zero."""

    name: ClassVar[str] = "field-response"
    serves: ClassVar[dict[str, DerivativeOf]] = {
        "induced_dipole": DerivativeOf(through="electric_field"),
        "polarizability": DerivativeOf(through="electric_field", order=2),
        "forces": DerivativeOf(),
    }

    def prepare(self, state):
        data = with_field_leaves(with_leaves(state), "electric_field", keep=state.differentiable)
        return data, (data, state.differentiable)

    def finish(self, energy, tape, requested):
        data, keep = tape
        out = energy_derivatives(energy, data, {"forces"}, create_graph=True) if "forces" in requested else {}
        if requested - {"forces"}:
            field = data.fields["electric_field"]
            (slope,) = torch.autograd.grad(energy.sum(), field, create_graph=True)
            if "induced_dipole" in requested:
                out["induced_dipole"] = -slope
            if "polarizability" in requested:
                rows = [
                    torch.autograd.grad(-one, field, retain_graph=True, create_graph=keep)[0] for one in slope.sum(0)
                ]
                out["polarizability"] = torch.stack(rows, dim=1)
        return {name: value if keep else value.detach() for name, value in out.items()}


class Polarizable(BaseModelMixin):
    """E = −Σ_i (½ a_i F·A·F + (Z_i/10) r_i·F) with a_i = Z_i/20 + |r_i|²/100 and A = diag(1, 2, 3)."""

    def __init__(self, through=("positions", "electric_field"), kind=None, order=0, name="polarizable"):
        self.model_config = ModelConfig(
            name=name,
            outputs={"energy": kind or OnGraph(through, order=order)},
            optional_inputs={"electric_field"},
            supports_pbc=False,
        )

    def compute(self, view, requested):
        return {"energy": per_system(view, polarizable(view.positions, view.atomic_numbers, self._field(view)))}

    @staticmethod
    def _field(view):
        field = view.electric_field
        return torch.zeros_like(view.positions) if field is None else field[view.batch_idx]


def polarizable(positions, numbers, field):
    """Energy of each atom of `Polarizable`, [N]."""
    size = numbers / 20 + positions.square().sum(1) / 100
    strength = field.new_tensor([1.0, 2.0, 3.0])
    return -(0.5 * size * (field.square() * strength).sum(1) + numbers / 10 * (positions * field).sum(1))


def hessian(energy, batch, step=2e-3):
    """d²E/dr dr of each system by central differences of forces, which are those of the energy: [B, 3n, 3n]."""

    def forces(number, size):
        return differences.forces(energy, moved_along(batch, number, size), step).flatten()

    rows = [
        sum(factor * forces(number, count * step) for count, factor in differences.STENCIL) / (-12.0 * step)
        for number in range(3 * batch.num_atoms)
    ]
    return blocks(torch.stack(rows), batch)


def born_charges(charges, batch, step=1e-4):
    """dμ_i/dr_j of each atom by central differences of the dipole of charges: [N, 3, 3]."""
    out = []
    for number in range(3 * batch.num_atoms):
        ahead, behind = (moved_along(batch, number, sign * step) for sign in (1, -1))
        slope = (dipole_of(charges(ahead), ahead) - dipole_of(charges(behind), behind)).sum(0) / (2 * step)
        out.append(slope)
    return torch.stack(out).view(batch.num_atoms, 3, 3).mT
