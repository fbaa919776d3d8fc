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


STRAIN = "strain"
"""The variable that stands for positions and cell strained together."""


def _names(value: object) -> frozenset[str]:
    return frozenset([value]) if isinstance(value, str) else frozenset(value)  # type: ignore[call-overload]


@attrs.frozen
class DerivativeOf:
    """How a derivative is taken: of what, through which variables, how often.

    Parameters
    ----------
    of : str
        What is differentiated: ``"energy"`` stands for the sum over all steps, every one of which then has to
        contribute; any other name for the output of one step.
    through : iterable of str
        Variables: ``"positions"``, ``"strain"`` (positions and cell together), or further inputs of the models, such as
        ``"electric_field"``.
    order : int
        How often; 0 for a function of it that nothing is differentiated for, such as the dipole of charges.

    Examples
    --------
    >>> DerivativeOf("energy", through="positions", order=2).inputs
    frozenset({'positions'})
    """

    of: str = "energy"
    through: frozenset[str] = attrs.field(default=frozenset({"positions"}), converter=_names)
    order: int = 1

    @property
    def inputs(self) -> frozenset[str]:
        """Inputs of models that the variables stand for."""
        strained = frozenset({"positions", "cell"}) if STRAIN in self.through else frozenset()
        return strained | (self.through - {STRAIN})


_BY_STRAIN = DerivativeOf(through=STRAIN)


@attrs.frozen
class Quantity:
    """A named physical quantity.

    Parameters
    ----------
    name : str
        Singular standard name.
    per : Per
        First axis: per system [B, ...] or per atom [N, ...].
    shape : tuple of int or None
        Trailing axes; None where the length depends on the systems.
    unit : str
        Unit, empty when dimensionless.
    combine : Combine
        Rule of combination over steps.
    summary : str
        One line, with sign conventions.
    derivative : DerivativeOf, optional
        For a derivative, what it is taken of, through which variables and how often.
    """

    name: str
    per: Per
    shape: tuple[int | None, ...]
    unit: str
    combine: Combine
    summary: str
    derivative: DerivativeOf | None = None

    @property
    def axes(self) -> str:
        """Shape as text, such as ``[N,3]``; ``·`` stands for an axis whose length the table does not fix."""
        return "[" + ",".join([self.per.value, *("·" if n is None else str(n) for n in self.shape)]) + "]"

    def fits(self, shape: tuple[int, ...], atoms: int, systems: int) -> bool:
        """Tell whether a tensor of this shape can hold the quantity for so many atoms and systems."""
        wanted = (atoms if self.per_atom else systems, *self.shape)
        if shape == wanted:
            return True
        open_axes = None in self.shape and len(shape) == len(wanted)
        return open_axes and all(n in (None, m) for n, m in zip(wanted, shape, strict=True))

    def written_shape(self, atoms: int, systems: int) -> str:
        """Shape for so many atoms and systems as text, such as ``[5, 3]``; ``·`` stands for any length."""
        axes = (atoms if self.per_atom else systems, *self.shape)
        return "[" + ", ".join("·" if n is None else str(n) for n in axes) + "]"

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
    Quantity("forces", Per.ATOM, (3,), "eV/Å", Combine.SUM, "−dE/dr", DerivativeOf()),
    Quantity(
        "stress",
        Per.SYSTEM,
        (3, 3),
        "eV/Å³",
        Combine.SUM,
        "+(1/V) dE/dε for a symmetric strain ε, tensile positive; NaN where a system has no volume",
        _BY_STRAIN,
    ),
    Quantity("virial", Per.SYSTEM, (3, 3), "eV", Combine.SUM, "−dE/dε = −V·stress", _BY_STRAIN),
    Quantity("node_energies", Per.ATOM, (), "eV", Combine.SUM, "partition of the energy over atoms"),
    Quantity("charges", Per.ATOM, (), "e", Combine.UNIQUE, "partial charges"),
    Quantity("partial_charges", Per.ATOM, (), "e", Combine.UNIQUE, "partial charges, as some models name them"),
    Quantity("spin_charges", Per.ATOM, (), "e", Combine.UNIQUE, "spin-up minus spin-down charge"),
    Quantity("magmoms", Per.ATOM, (), "μB", Combine.UNIQUE, "magnetic moments"),
    Quantity("dipole", Per.SYSTEM, (3,), "e·Å", Combine.UNIQUE, "electric dipole moment"),
    Quantity("coupling", Per.SYSTEM, (1,), "", Combine.UNIQUE, "coupling parameter λ, 0 to 1 where potentials switch"),
    Quantity("electric_field", Per.SYSTEM, (3,), "V/Å", Combine.UNIQUE, "uniform external electric field"),
    Quantity(
        "hessian",
        Per.SYSTEM,
        (None, None),
        "eV/Å²",
        Combine.SUM,
        "d²E/dr dr, atom by atom x y z; zeros beyond the 3n of smaller systems",
        DerivativeOf(order=2),
    ),
    Quantity(
        "force_constants",
        Per.ATOM,
        (None, 3, 3),
        "eV/Å²",
        Combine.SUM,
        "d²E/dr dr' with every atom of a supercell",
        DerivativeOf(order=2),
    ),
    Quantity(
        "elastic_tensor",
        Per.SYSTEM,
        (6, 6),
        "GPa",
        Combine.UNIQUE,
        "(1/V) d²E/dη dη in Voigt order xx yy zz yz xz xy, ions relaxed",
        DerivativeOf(through=STRAIN, order=2),
    ),
    Quantity(
        "clamped_elastic_tensor",
        Per.SYSTEM,
        (6, 6),
        "GPa",
        Combine.SUM,
        "(1/V) d²E/dη dη in Voigt order, ions moving with the cell",
        DerivativeOf(through=STRAIN, order=2),
    ),
    Quantity(
        "atomic_virials",
        Per.ATOM,
        (3, 3),
        "eV",
        Combine.SUM,
        "partition of the virial over atoms",
        _BY_STRAIN,
    ),
    Quantity(
        "born_charges",
        Per.ATOM,
        (3, 3),
        "e",
        Combine.UNIQUE,
        "Z*_ij = dμ_i/dr_j of each atom",
        DerivativeOf("charges"),
    ),
    Quantity("dE_dlambda", Per.SYSTEM, (1,), "eV", Combine.SUM, "dE/dλ", DerivativeOf(through="coupling")),
    Quantity("d2E_dlambda2", Per.SYSTEM, (1,), "eV", Combine.SUM, "d²E/dλ²", DerivativeOf(through="coupling", order=2)),
    Quantity(
        "polarizability",
        Per.SYSTEM,
        (3, 3),
        "e·Å²/V",
        Combine.SUM,
        "−d²E/dF dF in a uniform electric field F",
        DerivativeOf(through="electric_field", order=2),
    ),
)


def _spread_of(name: str) -> Quantity:
    """Return the standard deviation of a quantity over the members of a committee; of vectors one number per atom."""
    (one,) = (quantity for quantity in _TABLE if quantity.name == name)
    if name == "forces":
        summary = "standard deviation of the force over members: root of the summed variances of its components"
        return Quantity(f"{name}_std", one.per, (), one.unit, Combine.UNIQUE, summary)
    summary = f"standard deviation of {name} over members"
    return Quantity(f"{name}_std", one.per, one.shape, one.unit, Combine.UNIQUE, summary)


_SPREADS = ("energy", "forces", "stress", "charges", "partial_charges", "magmoms", "dipole")

SPREADS: FrozenMap[str, str] = FrozenMap({f"{name}_std": name for name in _SPREADS})
"""Standard deviations over the members of a committee, and what they are of."""

QUANTITIES: FrozenMap[str, Quantity] = FrozenMap({q.name: q for q in (*_TABLE, *map(_spread_of, _SPREADS))})
"""All standard quantities by name. A model may use further names: they are then never summed nor shape-checked."""

GEOMETRY = frozenset({"positions", "atomic_numbers", "batch_idx", "cell", "pbc"})
"""Inputs that every batch carries; a model need not declare them."""

PHYSICS = ("coulomb", "dispersion", "polarization", "repulsion", "solvation")
"""Physics that models contain or corrections add: what `ModelConfig.contains` names and planning counts once."""

DERIVATIVES = frozenset({"forces", "stress", "virial"})
"""First derivatives of the energy by positions and strain: what every pipeline can be asked for."""

FURTHER_DERIVATIVES = frozenset(q.name for q in _TABLE if q.derivative is not None) - DERIVATIVES
"""Derivatives that a strategy or a model has to give: no pipeline takes them by itself."""


def is_per_atom(name: str) -> bool:
    """Tell whether the quantity's first axis counts atoms; names that the table does not have count systems."""
    return name in QUANTITIES and QUANTITIES[name].per_atom


def is_additive(name: str) -> bool:
    """Tell whether several steps' values of the quantity are summed when nothing else is said."""
    return name in QUANTITIES and QUANTITIES[name].combine is Combine.SUM
