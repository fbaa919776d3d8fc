"""Second derivatives by strain and positions from central differences of forces and virials."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_derivatives.ranks import ranks
from alchemi_derivatives.strain_expansion import StrainExpansion
from alchemi_derivatives.voigt import directions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from torch import Tensor

    from alchemi_core.data.batch import Batch
    from alchemi_core.derivatives.base import GroupState

    Geometry = tuple[Tensor, Tensor | None]

SAMPLED = frozenset({"forces", "virial"})


@attrs.frozen(eq=False)
class StrainSamples:
    """Evaluations around a geometry.

    Parameters
    ----------
    state : GroupState
        What samples.
    step : float
        Strain to either side, and displacement in Å.
    max_atoms : int
        How many atoms to evaluate at once, at most, by putting several geometries into one batch.
    """

    state: GroupState
    step: float
    max_atoms: int

    def expand(self, slope: Tensor, sizes: Sequence[int]) -> StrainExpansion:
        """Evaluate twelve strained geometries, and six for each atom of the largest system that is relaxed.

        Parameters
        ----------
        slope : Tensor [B, 3, 3], eV
            dE/dε at the geometry itself.
        sizes : sequence of int
            How many atoms of each system to relax.
        """
        strains = directions(slope)
        coupling, by_strain = self._by_strain(strains)
        curvature = torch.einsum("ibmn,jmn->bij", by_strain, strains)
        return StrainExpansion(slope, curvature, coupling, self._by_positions(sizes))

    def _by_strain(self, strains: Tensor) -> tuple[Tensor, Tensor]:
        """Return how dE/dr [6, N, 3] and dE/dε [6, B, 3, 3] change along each strain.

        What is sampled are derivatives at the deformed geometry F = 1 + ε: forces −dE/d(rF), and the virial −dE/dε' of
        a further strain F(1 + ε'), where dE/dε' = F dE/dε.
        """
        data, eye = self.state.data, torch.eye(3, dtype=strains.dtype, device=strains.device)
        deformed = torch.stack([eye + sign * self.step * strain for strain in strains for sign in (1.0, -1.0)])
        cells = [None if data.cell is None else data.cell @ by for by in deformed]
        geometries = zip([data.positions @ by for by in deformed], cells, strict=True)
        forces, virials = self._evaluate(geometries, ("forces", "virial"))
        by_strain = torch.linalg.solve(deformed.unsqueeze(1), -virials)
        return self._central(-forces @ deformed), self._central(by_strain)

    def _by_positions(self, sizes: Sequence[int]) -> Tensor:
        if not any(sizes):
            return self.state.data.positions.new_zeros(0, self.state.data.num_atoms, 3)
        (forces,) = self._evaluate(self._displaced(sizes), ("forces",))
        return self._central(-forces)

    def _displaced(self, sizes: Sequence[int]) -> Iterator[Geometry]:
        data = self.state.data
        for atoms, axis in ranks(data, sizes):
            shift = torch.zeros_like(data.positions)
            shift[atoms, axis] = self.step
            yield data.positions + shift, data.cell
            yield data.positions - shift, data.cell

    def _evaluate(self, geometries: Iterable[Geometry], names: Sequence[str]) -> list[Tensor]:
        """Return named quantities, the first axis that of the geometries."""
        at_once = max(1, self.max_atoms // max(1, self.state.data.num_atoms))
        left, found = iter(geometries), []
        while some := list(islice(left, at_once)):
            answer = self.state.sample(_joined(self.state.data, some), frozenset(names))
            found.append([answer[name].unflatten(0, (len(some), -1)) for name in names])
        return [torch.cat(values) for values in zip(*found, strict=True)]

    def _central(self, values: Tensor) -> Tensor:
        return (values[0::2] - values[1::2]) / (2.0 * self.step)


def _joined(data: Batch, geometries: Sequence[Geometry]) -> Batch:
    """Return copies of a batch, one after the other, each with a geometry of its own."""
    cells = [cell for _, cell in geometries if cell is not None]
    copies = data.repeated(len(geometries))
    positions = torch.cat([positions for positions, _ in geometries])
    return copies.with_leaves(positions, torch.cat(cells) if cells else None)
