"""The 2019 parameters of the model, by element; in atomic units, as everything inside this package."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import TYPE_CHECKING

import attrs
import torch

from alchemi_core.quantities import BOHR

if TYPE_CHECKING:
    from torch import Tensor

RADIUS_SCALE = 4.0 / 3.0
"""Factor on covalent radii (Grimme, Antony, Ehrlich, Krieg, J. Chem. Phys. 132, 154104 (2010))."""

COLUMNS = ("electronegativity", "hardness", "coordination", "width", "radius")


@attrs.frozen(eq=False)
class Parameters:
    """Parameters by atomic number, float64; row 0 stands for no element.

    From E. Caldeweyher, S. Ehlert, A. Hansen, H. Neugebauer, S. Spicher, C. Bannwarth and S. Grimme, J. Chem. Phys.
    150, 154122 (2019), doi:10.1063/1.5090222, as in the authors' programs. Covalent radii are those of P. Pyykkö and
    M. Atsumi, Chem. Eur. J. 15, 186 (2009), doi:10.1002/chem.200800987, 10 % smaller for metals, times 4/3.

    Parameters
    ----------
    electronegativity : Tensor [104], Hartree/e
        χ.
    hardness : Tensor [104], Hartree/e²
        η, without the self-interaction of the charge distribution.
    coordination : Tensor [104], Hartree/e
        κ, factor of the square root of the coordination number.
    width : Tensor [104], Bohr
        a of the Gaussian charge distribution.
    radius : Tensor [104], Bohr
        Covalent radius for the coordination number.
    """

    electronegativity: Tensor
    hardness: Tensor
    coordination: Tensor
    width: Tensor
    radius: Tensor

    def of(self, numbers: Tensor) -> Parameters:
        """Return the parameters of each atom, on the atoms' device.

        Parameters
        ----------
        numbers : Tensor [N], int64
            Atomic numbers, all of them in the table.
        """
        columns = (getattr(self, name).to(numbers.device) for name in COLUMNS)
        return Parameters(*(column.index_select(0, numbers) for column in columns))


def read_parameters() -> tuple[frozenset[int], Parameters]:
    """Read the table that comes with this package: atomic numbers, and the parameters."""
    text = files("alchemi_eeq").joinpath("eeq2019.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    columns = {name: torch.tensor([0.0, *(float(row[name]) for row in rows)], dtype=torch.float64) for name in COLUMNS}
    columns["radius"] = columns["radius"] * (RADIUS_SCALE / BOHR)
    return frozenset(range(1, len(rows) + 1)), Parameters(**columns)
