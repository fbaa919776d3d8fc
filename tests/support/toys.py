"""Small models with known closed forms, one for each way a model can relate to the autograd graph."""

from __future__ import annotations

import attrs
import torch

from alchemi_core.contract import Analytic, Constant, OnGraph, Partial
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import filled, pair_vectors
from alchemi_core.neighbors.lists import CooList

GEOMETRY = frozenset({"positions", "cell"})


def pair_distances(view):
    """Pairs i, j and smooth distances of a full COO list."""
    vectors = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)
    i, j = view.neighbors.neighbor_list.long().unbind(1)
    return i, j, vectors.norm(dim=1)


def per_system(view, atomic):
    """Sum a per-atom value over systems: [N] → [B, 1]."""
    return atomic.new_zeros(view.num_systems).index_add(0, view.batch_idx, atomic).unsqueeze(1)


def window(r, cutoff):
    """C2 switch (1 − (r/rc)²)³: smooth at the cutoff."""
    return (1 - (r / cutoff) ** 2) ** 3


def gaussian_energy(view, strength, cutoff):
    i, _, r = pair_distances(view)
    pair = 0.5 * strength * torch.exp(-((r / 2.0) ** 2)) * window(r, cutoff)
    atomic = view.positions.sum(1) * 0.0
    return per_system(view, atomic.index_add(0, i, pair))


class Gaussians(torch.nn.Module, BaseModelMixin):
    """E = ½ Σ s·exp(−(r/2)²)·w(r): an energy on the graph."""

    def __init__(self, strength=1.0, cutoff=4.0, name="gaussians", **config):
        super().__init__()
        self.strength = torch.nn.Parameter(torch.tensor(float(strength), dtype=torch.float64))
        self.cutoff = cutoff
        self.calls = []
        self.model_config = ModelConfig(
            name=name,
            outputs={"energy": OnGraph(GEOMETRY)},
            supports_pbc=True,
            neighbor_config=NeighborConfig(cutoff),
            **config,
        )

    def compute(self, view, requested):
        self.calls.append(requested)
        return {"energy": gaussian_energy(view, self.strength.to(view.positions.dtype), self.cutoff)}


class PairSum(BaseModelMixin):
    """E = Σ exp(−(r/3)²) over exactly the pairs it is given, of any layout and kind: one pair too many shows."""

    def __init__(self, cutoff, layout="coo", half_list=False, **config):
        need = NeighborConfig(cutoff, layout, half_list, **config)
        self.model_config = ModelConfig(
            name=f"pairs-{cutoff:g}-{need.format.value}-{'half' if half_list else 'full'}",
            outputs={"energy": OnGraph(GEOMETRY)},
            supports_pbc=True,
            neighbor_config=need,
        )

    def compute(self, view, requested):
        neighbors = view.neighbors
        vectors = pair_vectors(view.positions, view.cell, neighbors, view.batch_idx)
        pair = torch.exp(-vectors.square().sum(-1) / 9.0) * (1.0 if neighbors.half_list else 0.5)
        if isinstance(neighbors, CooList):
            atomic = view.positions.new_zeros(view.num_atoms).index_add(0, neighbors.neighbor_list[:, 0].long(), pair)
        else:
            atomic = torch.where(filled(neighbors), pair, 0.0).sum(1)
        return {"energy": per_system(view, atomic)}


class Kernel(BaseModelMixin):
    """The same energy as `Gaussians`, detached, with analytic derivatives: a black-box kernel."""

    def __init__(self, strength=1.0, cutoff=4.0, outputs=("energy", "forces", "stress"), name="kernel", generous=False):
        self.strength, self.cutoff, self.generous = strength, cutoff, generous
        self.calls = []
        self.model_config = ModelConfig(
            name=name,
            outputs={output: Analytic() for output in outputs},
            supports_pbc=True,
            neighbor_config=NeighborConfig(cutoff),
        )

    def compute(self, view, requested):
        self.calls.append(requested)
        everything = kernel_outputs(view, self.strength, self.cutoff)
        return everything if self.generous else {name: everything[name] for name in requested}


def kernel_outputs(view, strength, cutoff):
    """Closed-form energy, forces, stress and virial of the Gaussian pair potential."""
    vectors = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx).detach()
    i, _ = view.neighbors.neighbor_list.long().unbind(1)
    r = vectors.norm(dim=1)
    gauss, x = torch.exp(-((r / 2.0) ** 2)), (r / cutoff) ** 2
    energy = 0.5 * strength * gauss * (1 - x) ** 3
    slope = strength * gauss * (-0.5 * r * (1 - x) ** 3 - 6 * r / cutoff**2 * (1 - x) ** 2)
    pull = (slope / r).unsqueeze(1) * vectors
    zeros = view.positions.detach().new_zeros(view.num_atoms)
    outer = 0.5 * (slope / r).view(-1, 1, 1) * vectors.unsqueeze(2) * vectors.unsqueeze(1)
    strain = zeros.new_zeros(view.num_systems, 3, 3).index_add(0, view.batch_idx[i], outer)
    out = {
        "energy": per_system(view, zeros.index_add(0, i, energy)),
        "forces": torch.zeros_like(view.positions.detach()).index_add(0, i, pull),
        "virial": -strain,
    }
    if view.cell is not None:
        out["stress"] = strain / torch.linalg.det(view.cell).abs().view(-1, 1, 1)
    return out


class Charges(torch.nn.Module, BaseModelMixin):
    """q_i = Σ_j (Z_j − Z_i)/20 · exp(−r)·w(r): charges that depend on positions and add up to zero."""

    def __init__(self, output="charges", kind=None, cutoff=4.0, name="charge-model"):
        super().__init__()
        self.output, self.cutoff = output, cutoff
        self.scale = torch.nn.Parameter(torch.tensor(0.05, dtype=torch.float64))
        self.calls = []
        self.model_config = ModelConfig(
            name=name,
            outputs={output: kind or OnGraph(GEOMETRY)},
            supports_pbc=True,
            neighbor_config=NeighborConfig(cutoff),
        )

    def compute(self, view, requested):
        self.calls.append(requested)
        if isinstance(self.model_config.kinds[self.output], Constant):
            return {self.output: (view.atomic_numbers - 14).to(view.positions.dtype) / 20}
        i, j, r = pair_distances(view)
        z = view.atomic_numbers.to(r.dtype)
        flow = self.scale.to(r.dtype) * (z[j] - z[i]) * torch.exp(-r) * window(r, self.cutoff)
        charges = (view.positions.sum(1) * 0.0).index_add(0, i, flow)
        return {self.output: charges if isinstance(self.model_config.kinds[self.output], OnGraph) else charges.detach()}


def coulomb_energy(view, charges, cutoff):
    i, j, r = pair_distances(view)
    pair = 0.5 * 14.4 * charges[i] * charges[j] / r * window(r, cutoff)
    return per_system(view, charges * 0.0).index_add(0, view.batch_idx[i], pair.unsqueeze(1))


class Coulomb(BaseModelMixin):
    """E = ½ Σ k q_i q_j / r · w(r): an energy on the graph through positions, cell and charges."""

    def __init__(self, cutoff=5.0, name="coulomb", charges="charges", through=("positions", "cell", "charges")):
        self.cutoff, self.charges = cutoff, charges
        self.calls = []
        self.model_config = ModelConfig(
            name=name,
            outputs={"energy": OnGraph(through)},
            required_inputs={charges},
            supports_pbc=True,
            neighbor_config=NeighborConfig(cutoff),
        )

    def compute(self, view, requested):
        self.calls.append(requested)
        return {"energy": coulomb_energy(view, getattr(view, self.charges), self.cutoff)}


class HybridCoulomb(BaseModelMixin):
    """The same energy as `Coulomb`, with forces and stress at fixed charges and the graph through the charges."""

    def __init__(self, cutoff=5.0, name="hybrid-coulomb"):
        self.cutoff = cutoff
        self.calls = []
        fixed = Partial("charges")
        self.model_config = ModelConfig(
            name=name,
            outputs={"energy": OnGraph("charges"), "forces": fixed, "stress": fixed},
            required_inputs={"charges"},
            supports_pbc=True,
            neighbor_config=NeighborConfig(cutoff),
        )

    def compute(self, view, requested):
        self.calls.append(requested)
        out = {"energy": coulomb_energy(view, view.charges, self.cutoff)}
        if requested & {"forces", "stress"}:
            out.update(self._at_fixed_charges(view))
        return out

    def _at_fixed_charges(self, view):
        i, j, r = pair_distances(view)
        vectors = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx)
        q = view.charges.detach()
        x = (r / self.cutoff) ** 2
        slope = 14.4 * q[i] * q[j] * (-((1 - x) ** 3) / r**2 - 6 * (1 - x) ** 2 / self.cutoff**2)
        pull = (slope / r).unsqueeze(1) * vectors
        outer = 0.5 * (slope / r).view(-1, 1, 1) * vectors.unsqueeze(2) * vectors.unsqueeze(1)
        strain = r.new_zeros(view.num_systems, 3, 3).index_add(0, view.batch_idx[i], outer)
        out = {"forces": torch.zeros_like(view.positions).index_add(0, i, pull)}
        if view.cell is not None:
            out["stress"] = strain / torch.linalg.det(view.cell).abs().view(-1, 1, 1)
        return out


def with_config(model, **changes):
    """Replace a toy's config."""
    model.model_config = attrs.evolve(model.model_config, **changes)
    return model


class Shaped(BaseModelMixin):
    """The energy of `Gaussians` declared and reported in any way one likes: ``kind`` and ``reports``."""

    def __init__(self, kind, reports=(), strength=1.0, cutoff=4.0, name="shaped"):
        self.strength, self.cutoff = strength, cutoff
        self.calls = []
        self.model_config = ModelConfig(
            name=name,
            outputs={"energy": kind, **{output: Analytic() for output in reports}},
            supports_pbc=True,
            neighbor_config=NeighborConfig(cutoff),
        )

    def compute(self, view, requested):
        self.calls.append(requested)
        out = kernel_outputs(view, self.strength, self.cutoff)
        if isinstance(self.model_config.kinds["energy"], OnGraph):
            out["energy"] = gaussian_energy(view, self.strength, self.cutoff)
        return {name: out[name] for name in requested}


class Shift(BaseModelMixin):
    """Σ Z/10: a constant energy per atom."""

    def __init__(self, name="shift"):
        self.model_config = ModelConfig(name=name, outputs={"energy": Constant()}, supports_pbc=True)

    def compute(self, view, requested):
        return {"energy": per_system(view, view.atomic_numbers.to(view.positions.dtype) / 10)}


class Hardness(BaseModelMixin):
    """½ η Σ q²: an energy of the charges alone."""

    def __init__(self, eta=3.0, through=("positions", "cell", "charges"), optional=False, name="hardness"):
        self.eta = eta
        self.calls = []
        inputs = {"optional_inputs" if optional else "required_inputs": {"charges"}}
        self.model_config = ModelConfig(name=name, outputs={"energy": OnGraph(through)}, supports_pbc=True, **inputs)

    def compute(self, view, requested):
        self.calls.append(requested)
        if view.charges is None:
            return {"energy": per_system(view, view.positions.sum(1) * 0.0)}
        return {"energy": per_system(view, 0.5 * self.eta * view.charges**2 + view.positions.sum(1) * 0.0)}


class Doubling(BaseModelMixin):
    """q → 2 q + 0.1 q²: the middle of a chain a → b → c."""

    def __init__(self, source="q0", output="charges", through=("positions", "cell", "q0"), name="doubling"):
        self.source, self.output = source, output
        self.model_config = ModelConfig(
            name=name, outputs={output: OnGraph(through)}, required_inputs={source}, supports_pbc=True
        )

    def compute(self, view, requested):
        q = getattr(view, self.source)
        return {self.output: 2 * q + 0.1 * q**2}


class ChargeKernel(BaseModelMixin):
    """The energy of `Coulomb` as a black box, with forces and stress that know nothing of where q comes from."""

    def __init__(self, cutoff=5.0, name="charge-kernel"):
        self.inner = HybridCoulomb(cutoff)
        self.model_config = ModelConfig(
            name=name,
            outputs={name: Analytic() for name in ("energy", "forces", "stress")},
            required_inputs={"charges"},
            supports_pbc=True,
            neighbor_config=NeighborConfig(cutoff),
        )

    def compute(self, view, requested):
        return {name: value.detach() for name, value in self.inner.compute(view, requested).items()}
