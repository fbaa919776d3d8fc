"""Small models in closed form that strategies are checked on: smooth, periodic or not, of any elements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from ase.data import covalent_radii

from alchemi_core.contract import Analytic, OnGraph
from alchemi_core.derivatives.strain import per_volume
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_core.quantities import is_per_atom

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from alchemi_core.data.view import ModelView

CUTOFF = 4.5
"""Å."""

GEOMETRY = ("positions", "cell")


def pairs_of(view: ModelView) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return atoms i and j of every pair, the vectors between them, their lengths in Å and a smooth weight.

    The weight is w(r) = (1 − (r/rc)²)⁶, which differences of fourth order do not see at the cutoff.
    """
    neighbors: Any = view.neighbors
    vectors = pair_vectors(view.positions, view.cell, neighbors, view.batch_idx)
    i, j = neighbors.neighbor_list.long().unbind(1)
    lengths = vectors.square().sum(1).sqrt()
    return i, j, vectors, lengths, (1.0 - (lengths / CUTOFF).square()).clamp(min=0.0) ** 6


def energies_of(view: ModelView, atomic: Tensor) -> dict[str, Tensor]:
    """Return atomic energies [N] in eV, and their sums over systems [B, 1]."""
    total = atomic.new_zeros(view.num_systems).index_add(0, view.batch_idx, atomic)
    return {"energy": total.unsqueeze(1), "node_energies": atomic}


def radii_of(view: ModelView) -> Tensor:
    """Return covalent radii [N] in Å (B. Cordero et al., Dalton Trans. 2008, 2832)."""
    radii: Tensor = view.positions.new_tensor(covalent_radii)[view.atomic_numbers]
    return radii


def atomic_sums(view: ModelView, i: Tensor, values: Tensor) -> Tensor:
    """Return sums over the pairs of each atom, on the graph of positions even where there is none."""
    sums: Tensor = (view.positions.sum(1) * 0.0).index_add(0, i, values)
    return sums


class BenchModel(torch.nn.Module, BaseModelMixin):
    """A model of one parameter, `strength`, that reads pairs up to `CUTOFF`.

    Parameters
    ----------
    name : str
        In its config.
    outputs : mapping of str to OutputKind
        In its config.
    inputs : tuple of str
        Further inputs that it requires.
    strength : float
        Factor on what it gives.
    """

    def __init__(self, name: str, outputs: Mapping[str, Any], inputs: tuple[str, ...], strength: float) -> None:
        super().__init__()
        self.strength = torch.nn.Parameter(torch.tensor(strength, dtype=torch.float64))
        self.model_config = ModelConfig(
            name=name,
            outputs=outputs,
            required_inputs=inputs,
            supports_pbc=True,
            neighbor_config=NeighborConfig(CUTOFF),
        )

    def strength_for(self, view: ModelView) -> Tensor:
        """Return the parameter in the floating type of the call."""
        strength: Tensor = self.strength.to(view.positions.dtype)
        return strength


def _energies(*inputs: str) -> dict[str, OnGraph]:
    through = OnGraph((*GEOMETRY, *inputs))
    return {"energy": through, "node_energies": through}


class Bonds(BenchModel):
    """E = ½ Σ_ij D [(1 − exp(−a (r − r_ij)))² − 1] w(r), r_ij the sum of covalent radii: P. M. Morse, 1929.

    Parameters
    ----------
    strength : float
        Factor on the energy.
    meet : callable, optional
        Called at the begin of every evaluation.
    """

    def __init__(self, strength: float = 1.0, meet: Callable[[], None] | None = None) -> None:
        super().__init__("bench-bonds", _energies(), (), strength)
        self.meet = meet

    def compute(self, view: ModelView, requested: frozenset[str]) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Return energies."""
        if self.meet is not None:
            self.meet()
        i, j, _, lengths, weight = pairs_of(view)
        radii = radii_of(view)
        swing = 1.0 - torch.exp(-1.2 * (lengths - radii[i] - radii[j]))
        return energies_of(view, 0.5 * self.strength_for(view) * atomic_sums(view, i, (swing.square() - 1.0) * weight))


class Transfer(BenchModel):
    """q_i = Σ_j 0.3 (R_i − R_j) exp(−r/2) w(r): charges that depend on the surroundings, and add up to nothing."""

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__("bench-transfer", {"charges": OnGraph(GEOMETRY)}, (), strength)

    def compute(self, view: ModelView, requested: frozenset[str]) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Return charges."""
        i, j, _, lengths, weight = pairs_of(view)
        radii = radii_of(view)
        moved = 0.3 * (radii[i] - radii[j]) * torch.exp(-0.5 * lengths) * weight
        return {"charges": self.strength_for(view) * atomic_sums(view, i, moved)}


class Screened(BenchModel):
    """E = Σ_i 2 q_i² + ½ Σ_ij 3 q_i q_j exp(−r/1.5) w(r), of charges that another step gives."""

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__("bench-screened", _energies("charges"), ("charges",), strength)

    def compute(self, view: ModelView, requested: frozenset[str]) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Return energies."""
        i, j, _, lengths, weight = pairs_of(view)
        q: Any = view.charges
        between = atomic_sums(view, i, 1.5 * q[i] * q[j] * torch.exp(-lengths / 1.5) * weight)
        return energies_of(view, self.strength_for(view) * (2.0 * q.square() + between))


class Response(BenchModel):
    """E = Σ_i s_i (k·f + ½ f·K·f + ⅓ Σ f³), s_i = 1 + Σ_j exp(−r/2) w(r), f all components of further inputs.

    Parameters
    ----------
    inputs : tuple of str
        Further inputs, of a system or of each atom.
    strength : float
        Factor on the energy.
    """

    def __init__(self, inputs: tuple[str, ...], strength: float = 1.0) -> None:
        super().__init__("bench-response", _energies(*inputs), inputs, strength)
        self.inputs = inputs

    def compute(self, view: ModelView, requested: frozenset[str]) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Return energies."""
        i, _, _, lengths, weight = pairs_of(view)
        size = 1.0 + atomic_sums(view, i, torch.exp(-0.5 * lengths) * weight)
        f = torch.cat([self._each(view, name) for name in self.inputs], dim=1)
        ramp = torch.linspace(1.0, 2.0, f.shape[1], dtype=f.dtype, device=f.device)
        curvature = torch.diag(ramp) + 0.3
        each = f @ ramp + 0.5 * ((f @ curvature) * f).sum(1) + (f**3).sum(1) / 3.0
        return energies_of(view, self.strength_for(view) * size * each)

    @staticmethod
    def _each(view: ModelView, name: str) -> Tensor:
        value: Tensor = getattr(view, name).to(view.positions.dtype)
        per_atom = is_per_atom(name) or (value.shape[0] == view.num_atoms != view.num_systems)
        return (value if per_atom else value[view.batch_idx]).flatten(1)


class Moments(BenchModel):
    """μ = Σ_ij R_i r_ij exp(−r/2) w(r): a dipole moment that crystals have as well."""

    def __init__(self, strength: float = 1.0) -> None:
        super().__init__("bench-moments", {"dipole": OnGraph(GEOMETRY)}, (), strength)

    def compute(self, view: ModelView, requested: frozenset[str]) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Return dipole moments."""
        i, _, vectors, lengths, weight = pairs_of(view)
        each = vectors * (radii_of(view)[i] * torch.exp(-0.5 * lengths) * weight).unsqueeze(1)
        total = (view.positions * 0.0).index_add(0, i, each)
        summed = total.new_zeros(view.num_systems, 3).index_add(0, view.batch_idx, total)
        return {"dipole": self.strength_for(view) * summed}


class Reported(BaseModelMixin):
    """E = ½ Σ_ij exp(−(r/2)²) w(r) as another program might give it: detached, with the derivatives it has."""

    def __init__(self) -> None:
        names = ("energy", "forces", "stress", "virial")
        self.model_config = ModelConfig(
            name="bench-reported",
            outputs=dict.fromkeys(names, Analytic()),
            supports_pbc=True,
            neighbor_config=NeighborConfig(CUTOFF),
        )

    def compute(self, view: ModelView, requested: frozenset[str]) -> Mapping[str, Tensor]:  # noqa: ARG002
        """Return the energy and its derivatives."""
        i, _, between, _, _ = pairs_of(view)
        vectors = between.detach().requires_grad_()
        with torch.enable_grad():
            squares = vectors.square().sum(1)
            each = 0.5 * torch.exp(-squares / 4.0) * (1.0 - squares / CUTOFF**2).clamp(min=0.0) ** 6
            (slope,) = torch.autograd.grad(each.sum(), vectors)
        return self._outputs(view, i, each.detach(), vectors.detach(), slope)

    @staticmethod
    def _outputs(view: ModelView, i: Tensor, each: Tensor, vectors: Tensor, slope: Tensor) -> dict[str, Tensor]:
        """Sum up over pairs, of which both directions are there."""
        system = view.batch_idx[i]
        energy = each.new_zeros(view.num_systems).index_add(0, system, each).unsqueeze(1)
        outer = vectors.unsqueeze(2) * slope.unsqueeze(1)
        strained = outer.new_zeros(view.num_systems, 3, 3).index_add(0, system, outer)
        forces = torch.zeros_like(view.positions).detach().index_add(0, i, 2.0 * slope)
        out = {"energy": energy, "forces": forces, "virial": -0.5 * (strained + strained.mT)}
        return out if view.cell is None else {**out, "stress": per_volume(-out["virial"], view.cell.detach())}
