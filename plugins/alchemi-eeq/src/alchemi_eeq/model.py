"""The model: charges that make the electrostatic energy stationary, on the autograd graph."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch

from alchemi_core.contract import OnGraph
from alchemi_core.errors import OptionError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.neighbors.config import NeighborConfig
from alchemi_core.quantities import BOHR
from alchemi_eeq.boxes import make_boxes
from alchemi_eeq.coordination import coordination_numbers, effective_electronegativity
from alchemi_eeq.geometry import read_geometry
from alchemi_eeq.hooks import EEQ as ARTICLE
from alchemi_eeq.hooks import EWALD, TRUNCATION
from alchemi_eeq.inputs import check_structure, total_charges
from alchemi_eeq.interactions import interactions
from alchemi_eeq.packing import Size, pack
from alchemi_eeq.pairs import read_pairs
from alchemi_eeq.parameters import read_parameters
from alchemi_eeq.results import collect
from alchemi_eeq.solving import solve
from alchemi_eeq.splitting import WHO, Splitting, read_cutoff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from alchemi_core.data.view import ModelView
    from alchemi_eeq.boxes import Boxes
    from alchemi_eeq.geometry import Geometry


class EEQ(BaseModelMixin, torch.nn.Module):
    """Electronegativity-equilibration charges with the parameters of 2019.

    Atoms carry Gaussian charge distributions of width a. Their charges make

    ::

        E = Σ_i (χ_i − κ_i √cn_i) q_i + ½ Σ_i (η_i + √(2/π)/a_i) q_i² + ½ Σ_ij q_i q_j erf(γ_ij r_ij) / r_ij

    stationary for a given total charge, with coordination numbers cn and γ_ij = (a_i² + a_j²)^(−½). In periodic
    systems the sum over j runs over images too. E. Caldeweyher et al., J. Chem. Phys. 150, 154122 (2019),
    doi:10.1063/1.5090222.

    Everything is computed in float64. Charges can be differentiated through positions and cell any number of times.
    Time grows with the cube of the number of atoms of a system.

    Parameters
    ----------
    energy : bool
        Also give E, which then holds the Coulomb interaction. By default charges alone, to be used by another model
        such as ``ewald``.
    cutoff : float, Å, optional
        Where lattice sums go over from pairs to waves; 25 Bohr by default and at least. It changes no charge: a longer
        one is faster for cells of many hundred atoms.

    Raises
    ------
    OptionError
        If an option cannot be right.

    Examples
    --------
    >>> charges = EEQ()
    >>> sorted(charges.model_config.outputs), sorted(charges.model_config.optional_inputs)
    (['charges'], ['total_charge'])
    """

    def __init__(self, *, energy: bool = False, cutoff: float | None = None) -> None:
        super().__init__()
        if not isinstance(energy, bool):
            raise OptionError(f"energy={energy!r}", expected="True or False", who=WHO)
        reach = read_cutoff(cutoff)
        self._splitting = Splitting(reach / BOHR)
        elements, self._table = read_parameters()
        self._last = max(elements)
        names = ("charges", "energy") if energy else ("charges",)
        self.model_config = ModelConfig(
            name=WHO,
            outputs=dict.fromkeys(names, OnGraph({"positions", "cell"})),
            optional_inputs={"total_charge"},
            supports_pbc=True,
            neighbor_config=NeighborConfig(reach, half_list=True),
            elements=elements,
            contains={"coulomb": "energy=False leaves it out"} if energy else {},
            correction=energy,
            citations=(ARTICLE, EWALD, TRUNCATION),
        )

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, Tensor]:  # noqa: ARG002 - charges and energy come together
        """Compute charges, and the energy when asked.

        Raises
        ------
        UnsupportedElementError
            If there are no parameters for an element.
        GeometryError
            If a coordinate is not finite, two atoms are at one place, a cell is singular, or atoms are so close that
            the charges are not determined.
        DataError
            If the total charge has a wrong shape or is not finite.
        """
        check_structure(view, self._last)
        total = total_charges(view)
        geometry = read_geometry(view)
        parameters = self._table.of(view.atomic_numbers)
        pairs = read_pairs(view, geometry)
        drawn = effective_electronegativity(coordination_numbers(pairs, parameters), parameters)
        boxes = make_boxes(geometry, self._splitting)
        blocks = pack(_sizes(view.ptr, geometry, boxes), view.ptr, view.positions.device)
        matrices = interactions(blocks, boxes, geometry, pairs, parameters)
        solved = [solve(block, next(matrices), block.gather(drawn), total[block.systems]) for block in blocks]
        return collect(view, blocks, solved)


def _sizes(ptr: Sequence[int], geometry: Geometry, boxes: Boxes) -> list[Size]:
    counts = [stop - start for start, stop in itertools.pairwise(ptr)]
    if not any(geometry.periodic):
        return [Size(system, 0, count, 0.0) for system, count in enumerate(counts)]
    waves = [boxes.splitting.waves(volume) for volume in boxes.volume.tolist()]
    rows = zip(geometry.periodic, counts, waves, strict=True)
    return [Size(system, *row) for system, row in enumerate(rows)]
