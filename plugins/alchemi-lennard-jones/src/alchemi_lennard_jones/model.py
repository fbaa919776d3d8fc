"""The model: a sum over pairs, its energy on the autograd graph or its derivatives in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from ase.data import chemical_symbols

from alchemi_core.contract import Analytic, OnGraph, OutputKind
from alchemi_core.errors import GeometryError, UnsupportedElementError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig, NeighborListFormat
from alchemi_core.neighbors.formats import to_coo
from alchemi_core.neighbors.geometry import pair_vectors
from alchemi_core.scripting import ScriptableEnergy
from alchemi_lennard_jones.curve import Curve
from alchemi_lennard_jones.hooks import CITATIONS
from alchemi_lennard_jones.options import WHO, Derivatives, PerElement, check_choice, check_cutoff, per_element
from alchemi_lennard_jones.scripting import ScriptedLennardJones
from alchemi_lennard_jones.sums import pair_forces, pair_stress, pair_virial, per_atom, per_system

if TYPE_CHECKING:
    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_core.neighbors.lists import CooList

ARGON = {"epsilon": 0.0104, "sigma": 3.40}
"""Well depth in eV and size in Å (Kittel, Introduction to Solid State Physics, chapter 3, table of the inert gases)."""

SIGMAS_IN_CUTOFF = 3.0


class LennardJones(BaseModelMixin, torch.nn.Module):
    """Lennard-Jones pair potential, the closed-form reference model.

    The energy is the sum of u(r) over pairs, u as in `alchemi_lennard_jones.curve.Curve`. Two unlike elements meet with
    ε = √(ε₁ ε₂) and σ = (σ₁ + σ₂) / 2 (Lorentz, Ann. Phys. 248, 127 (1881); Berthelot, C. R. Acad. Sci. 126, 1703
    (1898)). ε and σ are module parameters, so they can be trained.

    Parameters
    ----------
    epsilon : float or mapping of str to float, eV
        Well depth for every element, or by chemical symbol; argon's by default.
    sigma : float or mapping of str to float, Å
        Distance of zero energy, likewise.
    cutoff : float, Å, optional
        Range of the pair sum; three times the largest sigma by default.
    shift : bool, optional
        Subtract the pair energy at the cutoff. By default done when nothing is switched.
    switch_on : float, Å, optional
        Distance at which the pair energy begins to be switched to zero at the cutoff, smooth to second order.
    format : {"coo", "matrix"}
        Layout of the neighbor list the model reads.
    half_list : bool
        Whether that list holds each pair once.
    derivatives : {"graph", "analytic"}
        "graph": the energy is differentiable through positions and cell. "analytic": everything is detached, and
        forces, stress and virial come in closed form.

    Raises
    ------
    OptionError
        If an option cannot be right.

    Examples
    --------
    >>> argon = LennardJones(cutoff=8.5, switch_on=7.0)
    >>> sorted(argon.model_config.outputs)
    ['energy', 'node_energies']
    >>> sorted(LennardJones(derivatives="analytic").model_config.outputs)
    ['energy', 'forces', 'node_energies', 'stress', 'virial']
    """

    _rows: Tensor | None

    def __init__(
        self,
        *,
        epsilon: PerElement = ARGON["epsilon"],
        sigma: PerElement = ARGON["sigma"],
        cutoff: float | None = None,
        shift: bool | None = None,
        switch_on: float | None = None,
        format: Literal["coo", "matrix"] = "coo",  # noqa: A002 - the word NeighborConfig uses
        half_list: bool = False,
        derivatives: Derivatives = "graph",
    ) -> None:
        super().__init__()
        check_choice("format", format, ("coo", "matrix"))
        check_choice("derivatives", derivatives, ("graph", "analytic"))
        numbers, depths, sizes = per_element(epsilon, sigma)
        reach = SIGMAS_IN_CUTOFF * max(sizes) if cutoff is None else cutoff
        check_cutoff(reach, switch_on)
        self.curve = Curve(cutoff=reach, switch_on=switch_on, shift=switch_on is None if shift is None else shift)
        self.derivatives = derivatives
        self.epsilon = torch.nn.Parameter(torch.tensor(depths, dtype=torch.float64))
        self.sigma = torch.nn.Parameter(torch.tensor(sizes, dtype=torch.float64))
        self.register_buffer("_rows", _rows(numbers), persistent=False)
        neighbors = NeighborConfig(cutoff=reach, format=NeighborListFormat(format), half_list=half_list)
        self.model_config = _config(derivatives, neighbors, numbers)

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
        """Compute energy and node energies; in the analytic form forces, stress and virial too.

        Raises
        ------
        UnsupportedElementError
            If parameters were given by element and the structure holds another one.
        GeometryError
            If two atoms are at one place.
        """
        if self.derivatives == "graph":
            return self._compute(view, requested)
        with torch.no_grad():
            return self._compute(view, requested)

    def scriptable_energy(self) -> ScriptableEnergy:
        """Return the energy in TorchScript; see `alchemi_core.scripting`."""
        neighbors = self.model_config.neighbor_config
        half = neighbors is not None and neighbors.half_list
        module = ScriptedLennardJones(self.curve, self.epsilon, self.sigma, self._rows, half=half)
        return ScriptableEnergy(module, self.curve.cutoff)

    def _compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:
        pairs = to_coo(view.neighbors)
        vectors = pair_vectors(view.positions, view.cell, pairs, view.batch_idx)
        # a product with ones: torch reduces an inner axis of three an order of magnitude slower
        squared = (vectors * vectors) @ vectors.new_ones(3)
        _check_apart(squared, pairs)
        epsilon, sigma = self._mixed(view, pairs)
        atoms = per_atom(self.curve.energy(squared, epsilon, sigma), pairs)
        out = {"node_energies": atoms, "energy": per_system(atoms, view)}
        if requested & {"forces", "stress", "virial"}:
            pulls = vectors * self.curve.slope_over_r(squared, epsilon, sigma)[:, None]
            out |= self._derivatives(view, requested, pairs, vectors, pulls)
        return out

    def _derivatives(
        self, view: ModelView, requested: frozenset[str], pairs: CooList, vectors: Tensor, pulls: Tensor
    ) -> dict[str, Tensor]:
        out = {"forces": pair_forces(pulls, pairs)}
        if requested & {"stress", "virial"}:
            out["virial"] = pair_virial(vectors, pulls, pairs, view)
            out["stress"] = pair_stress(out["virial"], view.cell)
        return out

    def _mixed(self, view: ModelView, pairs: CooList) -> tuple[Tensor, Tensor]:
        """Return ε and σ of each pair in the dtype of the positions."""
        epsilon, sigma = self.epsilon.to(view.positions), self.sigma.to(view.positions)
        if self._rows is None:
            return epsilon, sigma
        rows = self._rows[view.atomic_numbers]
        _check_elements(rows, view.atomic_numbers, self._rows)
        first, second = (rows.index_select(0, column) for column in pairs.neighbor_list.unbind(1))
        depth = torch.sqrt(epsilon.index_select(0, first) * epsilon.index_select(0, second))
        return depth, 0.5 * (sigma.index_select(0, first) + sigma.index_select(0, second))


def _rows(numbers: tuple[int, ...]) -> Tensor | None:
    """Return the row of each element in the parameters, −1 for one without; None when one row serves all."""
    if not numbers:
        return None
    rows = torch.full((len(chemical_symbols),), -1, dtype=torch.int64)
    rows[list(numbers)] = torch.arange(len(numbers))
    return rows


def _config(derivatives: Derivatives, neighbors: NeighborConfig, numbers: tuple[int, ...]) -> ModelConfig:
    analytic = derivatives == "analytic"
    names = ("energy", "node_energies", "forces", "stress", "virial") if analytic else ("energy", "node_energies")
    kind: OutputKind = Analytic() if analytic else OnGraph({"positions", "cell"})
    return ModelConfig(
        name=WHO,
        outputs=dict.fromkeys(names, kind),
        active_outputs={"energy", "forces", "stress"},
        supports_pbc=True,
        neighbor_config=neighbors,
        elements=numbers or None,
        citations=CITATIONS,
    )


def _check_apart(squared: Tensor, pairs: CooList) -> None:
    if bool((squared == 0).any()):
        i, j = pairs.neighbor_list[int((squared == 0).nonzero()[0])].tolist()
        raise GeometryError(
            f"atoms {i} and {j} are at one place",
            expected="a distance above zero between any two atoms",
            who=WHO,
            fix="remove the duplicate atom, or check the cell",
        )


def _check_elements(rows: Tensor, numbers: Tensor, known: Tensor) -> None:
    if bool((rows < 0).any()):
        atom = int((rows < 0).nonzero()[0])
        symbols = [chemical_symbols[number] for number in (known >= 0).nonzero().flatten().tolist()]
        symbol = chemical_symbols[int(numbers[atom])]
        raise UnsupportedElementError(
            f"atom {atom} is {symbol}, for which no parameters were given",
            expected="only " + ", ".join(symbols),
            who=WHO,
            fix=f"epsilon={{..., {symbol!r}: ...}}, sigma={{..., {symbol!r}: ...}}",
        )
