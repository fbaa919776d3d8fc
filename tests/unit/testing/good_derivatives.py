"""A strategy that gives every derivative of the quantity table from the graph, as simply as can be."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import attrs
import torch

from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.derivatives.leaves import with_field_leaves, with_leaves
from alchemi_core.errors import DerivativeError
from alchemi_core.quantities import DERIVATIVES, EV_PER_CUBIC_ANGSTROM_IN_GPA, QUANTITIES, DerivativeOf
from alchemi_core.testing.differences import VOIGT

WAYS = {
    **{name: quantity.derivative for name, quantity in QUANTITIES.items() if quantity.derivative is not None},
    "dipole": DerivativeOf("charges", order=0),
}
CONSTANTS = {"elastic_tensor", "clamped_elastic_tensor"}


@attrs.frozen
class Graph:
    """Every one of the names from the graph.

    Parameters
    ----------
    names : tuple of str
        What it serves.
    """

    name: ClassVar[str] = "graph"

    names: tuple[str, ...] = ("forces", "stress", "virial")

    @property
    def serves(self):
        return {name: WAYS[name] for name in self.names}

    def prepare(self, state):
        fields = {name for way in self.serves.values() for name in way.through}
        data = with_field_leaves(with_leaves(state), *fields, keep=state.differentiable)
        strain = torch.zeros(data.num_systems, 6, dtype=data.dtype, requires_grad=True)
        if not CONSTANTS & set(self.names):
            return data, (data, data, strain, state.differentiable)
        stretch = stretches(strain)
        moved = (data.positions.unsqueeze(1) @ stretch[data.batch_idx]).squeeze(1)
        cell = None if data.cell is None else data.cell @ stretch
        return data.with_leaves(moved, cell), (data, data, strain, state.differentiable)

    def finish(self, energy, tape, requested, values=None):
        given, data, strain, keep = tape
        out = {}
        if requested & DERIVATIVES:
            out |= energy_derivatives(energy, data, requested & DERIVATIVES, create_graph=True)
        for name in sorted(requested - DERIVATIVES):
            out[name] = getattr(self, f"_{name}")(energy, data, strain, values)
        del given
        return {name: value if keep else value.detach() for name, value in out.items()}

    def _hessian(self, energy, data, strain, values):
        return blocks(second(energy, [data.positions]), data)

    def _force_constants(self, energy, data, strain, values):
        matrix = self._hessian(energy, data, strain, values)
        size = matrix.shape[1] // 3
        whole = matrix.view(data.num_systems, size, 3, size, 3).transpose(2, 3)
        return torch.cat([one[: b - a] for one, (a, b) in zip(whole, pairwise(data.ptr), strict=True)])

    def _clamped_elastic_tensor(self, energy, data, strain, values):
        matrix = second(energy, [strain]).view(data.num_systems, 6, data.num_systems, 6)
        return diagonal(matrix) * EV_PER_CUBIC_ANGSTROM_IN_GPA / volumes_of(data)

    def _elastic_tensor(self, energy, data, strain, values):
        count = 6 * data.num_systems
        whole = second(energy, [strain, data.positions])
        systems = range(data.num_systems)
        rows = [
            [*range(6 * b, 6 * b + 6), *range(count + 3 * data.ptr[b], count + 3 * data.ptr[b + 1])] for b in systems
        ]
        relaxed = [_relaxed(whole[own][:, own]) for own in rows]
        return torch.stack(relaxed) * EV_PER_CUBIC_ANGSTROM_IN_GPA / volumes_of(data)

    def _dipole(self, energy, data, strain, values):
        only_molecules(data)
        each = values["charges"].unsqueeze(1) * data.positions
        return each.new_zeros(data.num_systems, 3).index_add(0, data.batch_idx, each)

    def _born_charges(self, energy, data, strain, values):
        total = self._dipole(energy, data, strain, values).sum(0)
        return torch.stack([torch.autograd.grad(one, data.positions, create_graph=True)[0] for one in total], dim=1)

    def _dE_dlambda(self, energy, data, strain, values):  # noqa: N802 - the name of the quantity
        return first(energy.sum(), data.fields["coupling"])

    def _d2E_dlambda2(self, energy, data, strain, values):  # noqa: N802
        return first(self._dE_dlambda(energy, data, strain, values).sum(), data.fields["coupling"])

    def _polarizability(self, energy, data, strain, values):
        field = data.fields["electric_field"]
        slope = first(energy.sum(), field).sum(0)
        return -torch.stack([first(one, field) for one in slope], dim=1)


@attrs.frozen
class SampledVirials:
    """Atomic virials, right of molecules; of crystals right in sum, all of it on the first atom of each."""

    name: ClassVar[str] = "sampled-virials"
    serves: ClassVar[frozenset[str]] = frozenset({"atomic_virials"})
    samples: ClassVar[frozenset[str]] = frozenset({"node_energies", "virial"})

    def prepare(self, state):
        return state.data, state

    def finish(self, energy, tape, requested):
        one, other = self._of_molecules(tape), self._of_crystals(tape)
        cell = tape.data.cell
        periodic = torch.zeros(tape.data.num_systems, dtype=torch.bool) if cell is None else cell.any(2).any(1)
        return {"atomic_virials": torch.where(periodic[tape.data.batch_idx].view(-1, 1, 1), other, one)}

    def _of_crystals(self, tape):
        virial, ptr = tape.sample(tape.data, {"virial"})["virial"], tape.data.ptr
        return torch.cat([_first_of(one, b - a) for one, (a, b) in zip(virial, pairwise(ptr), strict=True)])

    def _of_molecules(self, tape):
        with torch.enable_grad():
            data = with_leaves(tape)
            own, r = tape.sample(data, {"node_energies"})["node_energies"], data.positions
            by = [torch.autograd.grad(one, r, retain_graph=True, create_graph=tape.differentiable)[0] for one in own]
            terms = [(r[i] - r).unsqueeze(2) * slope.unsqueeze(1) for i, slope in enumerate(by)]
            total = sum(terms, r.new_zeros(len(r), 3, 3))
        return total if tape.differentiable else total.detach()


def first(value, variable):
    return torch.autograd.grad(value, variable, create_graph=True)[0]


def second(energy, variables):
    """The matrix of second derivatives by all numbers in some variables."""
    slope = torch.autograd.grad(energy.sum(), variables, create_graph=True)
    flat = torch.cat([one.flatten() for one in slope])
    rows = [torch.autograd.grad(one, variables, create_graph=True) for one in flat]
    return torch.stack([torch.cat([one.flatten() for one in row]) for row in rows]) if rows else flat.view(0, 0)


def stretches(voigt):
    """(1 + 2η)^½ to second order, which is all that counts at zero: 1 + η − ½ η²."""
    strain = voigt.new_zeros(len(voigt), 3, 3)
    for place, (i, j) in enumerate(VOIGT):
        unit = voigt.new_zeros(3, 3)
        unit[i, j] += 0.5
        unit[j, i] += 0.5
        strain = strain + voigt[:, place].view(-1, 1, 1) * unit
    return torch.eye(3, dtype=voigt.dtype) + strain - 0.5 * strain @ strain


def blocks(matrix, data):
    ends = [3 * end for end in data.ptr]
    size = max((b - a for a, b in pairwise(ends)), default=0)
    cut = [torch.nn.functional.pad(matrix[a:b, a:b], (0, size - b + a, 0, size - b + a)) for a, b in pairwise(ends)]
    return torch.stack(cut)


def diagonal(matrix):
    return torch.stack([matrix[b, :, b] for b in range(len(matrix))])


def volumes_of(data):
    if data.cell is None or not bool(data.cell.detach().any(dim=2).all()):
        raise DerivativeError("a molecule has no elastic constants", expected="crystals", who="graph")
    return torch.linalg.det(data.cell).abs().view(-1, 1, 1)


def only_molecules(data):
    if data.cell is not None and bool(data.cell.detach().any()):
        raise DerivativeError("a crystal has no dipole moment", expected="molecules", who="graph")


def _relaxed(matrix):
    """Eliminate the displacements; that of all atoms together is a free one, and is added to the inner matrix."""
    inner, cross = matrix[6:, 6:], matrix[:6, 6:]
    together = torch.eye(3, dtype=matrix.dtype).repeat(len(inner) // 3, 1)
    return matrix[:6, :6] - cross @ torch.linalg.solve(inner + together @ together.T, cross.T)


def _first_of(value, count):
    return torch.cat([value.unsqueeze(0), value.new_zeros(max(count - 1, 0), 3, 3)])[:count]
