"""Named physical quantities: one table that wiring, summation, checks, plans and documentation all read.

Units throughout alchemi: length Å, energy eV, force eV/Å, stress eV/Å³, charge e, mass u. A model that works in
others converts at its own boundary, once, with the constants below.
"""

from __future__ import annotations

from enum import Enum
from functools import cached_property

import attrs

from alchemi_core.frozenmap import FrozenMap

COULOMB_CONSTANT = 14.3996454785
"""e²/4πε₀ in eV·Å (CODATA 2018, https://physics.nist.gov/cuu/Constants/)."""

BOHR = 0.529177210903
"""Bohr radius in Å (CODATA 2018)."""

HARTREE = 27.211386245988
"""Hartree energy in eV (CODATA 2018)."""

EV_PER_CUBIC_ANGSTROM_IN_GPA = 160.2176634
"""1 eV/Å³ in GPa; exact since the 2019 SI fixed the elementary charge."""


class Per(Enum):
    """What a quantity is counted by: the first axis of its tensor."""

    SYSTEM = "B"
    ATOM = "N"


class Combine(Enum):
    """How several steps' values of one quantity become the pipeline's."""

    SUM = "sum"
    UNIQUE = "unique"


@attrs.frozen
class Quantity:
    """A named physical quantity.

    Parameters
    ----------
    name : str
        Singular standard name.
    per : Per
        First axis: per system [B, ...] or per atom [N, ...].
    shape : tuple of int
        Trailing axes.
    unit : str
        Unit, empty when dimensionless.
    combine : Combine
        Rule of combination over steps.
    summary : str
        One line, with sign conventions.
    with_respect_to : str
        For a first derivative of the energy, the variable: ``"positions"`` or ``"strain"``; else empty.
    """

    name: str
    per: Per
    shape: tuple[int, ...]
    unit: str
    combine: Combine
    summary: str
    with_respect_to: str = ""

    @property
    def axes(self) -> str:
        """Shape as text, such as ``[N,3]``."""
        return "[" + ",".join([self.per.value, *(str(n) for n in self.shape)]) + "]"

    @cached_property
    def per_atom(self) -> bool:
        """Whether its first axis counts atoms; looked up at every output of every call, so kept."""
        return self.per is Per.ATOM


_TABLE = (
    Quantity("positions", Per.ATOM, (3,), "Å", Combine.UNIQUE, "Cartesian positions, need not be wrapped"),
    Quantity("atomic_numbers", Per.ATOM, (), "", Combine.UNIQUE, "atomic numbers, int64"),
    Quantity("batch_idx", Per.ATOM, (), "", Combine.UNIQUE, "system of each atom, int64, sorted"),
    Quantity("cell", Per.SYSTEM, (3, 3), "Å", Combine.UNIQUE, "lattice vectors as rows; V = |det cell|"),
    Quantity("pbc", Per.SYSTEM, (3,), "", Combine.UNIQUE, "periodic or not, per lattice vector, bool"),
    Quantity("total_charge", Per.SYSTEM, (1,), "e", Combine.UNIQUE, "total charge of each system"),
    Quantity("multiplicity", Per.SYSTEM, (1,), "", Combine.UNIQUE, "spin multiplicity 2S + 1 of each system"),
    Quantity("energy", Per.SYSTEM, (1,), "eV", Combine.SUM, "potential energy"),
    Quantity("forces", Per.ATOM, (3,), "eV/Å", Combine.SUM, "−dE/dr", "positions"),
    Quantity(
        "stress",
        Per.SYSTEM,
        (3, 3),
        "eV/Å³",
        Combine.SUM,
        "+(1/V) dE/dε for a symmetric strain ε, tensile positive; NaN where a system has no volume",
        "strain",
    ),
    Quantity("virial", Per.SYSTEM, (3, 3), "eV", Combine.SUM, "−dE/dε = −V·stress", "strain"),
    Quantity("node_energies", Per.ATOM, (), "eV", Combine.SUM, "partition of the energy over atoms"),
    Quantity("charges", Per.ATOM, (), "e", Combine.UNIQUE, "partial charges"),
    Quantity("partial_charges", Per.ATOM, (), "e", Combine.UNIQUE, "partial charges, as some models name them"),
    Quantity("spin_charges", Per.ATOM, (), "e", Combine.UNIQUE, "spin-up minus spin-down charge"),
    Quantity("magmoms", Per.ATOM, (), "μB", Combine.UNIQUE, "magnetic moments"),
    Quantity("dipole", Per.SYSTEM, (3,), "e·Å", Combine.UNIQUE, "electric dipole moment"),
)

QUANTITIES: FrozenMap[str, Quantity] = FrozenMap({quantity.name: quantity for quantity in _TABLE})
"""All standard quantities by name. A model may use further names: they are then never summed nor shape-checked."""

GEOMETRY = frozenset({"positions", "atomic_numbers", "batch_idx", "cell", "pbc"})
"""Inputs that every batch carries; a model need not declare them."""

PHYSICS = ("coulomb", "dispersion", "polarization", "repulsion", "solvation")
"""Physics that models contain or corrections add: what `ModelConfig.contains` names and planning counts once."""

DERIVATIVES = frozenset(quantity.name for quantity in _TABLE if quantity.with_respect_to)
"""First derivatives of the energy."""


SECOND_DERIVATIVES = frozenset({"hessian"})
"""Second derivatives of the energy: never taken from some of the steps only. Their shape is the strategy's own."""


def is_additive(name: str) -> bool:
    """Tell whether several steps' values of the quantity are summed when nothing else is said."""
    return name in QUANTITIES and QUANTITIES[name].combine is Combine.SUM
