"""Units by name: what each measures, and how many Å, eV, e, fs, K, rad or mol it is."""

from __future__ import annotations

import math
import unicodedata

import attrs

from alchemi_core.frozenmap import FrozenMap
from alchemi_core.quantities import BOHR, EV_PER_CUBIC_ANGSTROM_IN_GPA, HARTREE

ELEMENTARY_CHARGE = 1.602176634e-19
"""In C, and 1 eV in J; exact since the 2019 SI (CODATA 2018, https://physics.nist.gov/cuu/Constants/)."""

AVOGADRO = 6.02214076e23
"""In 1/mol; exact since the 2019 SI (CODATA 2018)."""

CALORIE = 4.184
"""The thermochemical calorie in J; exact by definition (NIST SP 811, appendix B.8)."""

ATOMIC_MASS = 1.66053906660e-27
"""Atomic mass constant in kg (CODATA 2018)."""

BOHR_MAGNETON = 5.7883818060e-5
"""In eV/T (CODATA 2018)."""

DIMENSIONS = ("length", "energy", "charge", "time", "temperature", "angle", "amount")
"""What units measure. Mass is energy·time²/length², so that mechanics has no units that do not convert."""

SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"


@attrs.frozen
class Unit:
    """A unit: products, quotients and whole powers of units are units.

    Parameters
    ----------
    factor : float
        How many Å, eV, e, fs, K, rad and mol, to their powers, it is; not finite or zero where floats do not reach.
    powers : tuple of int
        Exponents of `DIMENSIONS`.

    Examples
    --------
    >>> (UNITS["eV"] / UNITS["Å"] ** 2).kind
    'energy/length²'
    """

    factor: float = 1.0
    powers: tuple[int, ...] = (0,) * len(DIMENSIONS)

    def __mul__(self, other: Unit) -> Unit:
        return Unit(self.factor * other.factor, tuple(a + b for a, b in zip(self.powers, other.powers, strict=True)))

    def __truediv__(self, other: Unit) -> Unit:
        return self * other**-1

    def __pow__(self, exponent: int) -> Unit:
        try:
            factor = self.factor**exponent
        except (OverflowError, ZeroDivisionError):
            factor = math.nan
        return Unit(factor, tuple(exponent * power for power in self.powers))

    @property
    def kind(self) -> str:
        """What it measures, in words."""
        return _WORDS.get(self.powers) or _spelled(self.powers)


def _spelled(powers: tuple[int, ...]) -> str:
    named = list(zip(DIMENSIONS, powers, strict=True))
    above = "·".join(name + _raised(power) for name, power in named if power > 0)
    below = "/".join(name + _raised(-power) for name, power in named if power < 0)
    return f"{above}/{below}" if above and below else above or f"inverse {below}"


def _raised(power: int) -> str:
    return "" if power == 1 else "".join(SUPERSCRIPTS[int(digit)] for digit in str(power))


def _base(dimension: str) -> Unit:
    return Unit(powers=tuple(int(name == dimension) for name in DIMENSIONS))


_LENGTH, _ENERGY, _CHARGE, _TIME, _TEMPERATURE, _ANGLE, _AMOUNT = map(_base, DIMENSIONS)
_PRESSURE = _ENERGY / _LENGTH**3
_MASS = _ENERGY * _TIME**2 / _LENGTH**2
_WORDS = {
    unit.powers: kind
    for kind, unit in {
        "plain number": Unit(),
        "force": _ENERGY / _LENGTH,
        "pressure": _PRESSURE,
        "mass": _MASS,
        "velocity": _LENGTH / _TIME,
        "voltage": _ENERGY / _CHARGE,
        "electric field": _ENERGY / _CHARGE / _LENGTH,
        "energy of moles": _ENERGY * _AMOUNT,
    }.items()
}

# Of kJ and kcal only those per mol are energies: a bare kcal is nothing that an atom could have.
_KILOJOULE = 1e3 / (ELEMENTARY_CHARGE * AVOGADRO)
_GIGAPASCAL = 1.0 / EV_PER_CUBIC_ANGSTROM_IN_GPA
_TABLE = (
    ("Å A Ang angstrom Angstrom ångström Ångström", 1.0, _LENGTH),
    ("pm", 0.01, _LENGTH),
    ("nm", 10.0, _LENGTH),
    ("bohr Bohr a0 a₀", BOHR, _LENGTH),
    ("eV", 1.0, _ENERGY),
    ("meV", 1e-3, _ENERGY),
    ("Ha Eh hartree Hartree", HARTREE, _ENERGY),
    ("mHa", HARTREE / 1000.0, _ENERGY),
    ("Ry rydberg Rydberg", HARTREE / 2.0, _ENERGY),
    ("kJ", _KILOJOULE, _ENERGY * _AMOUNT),
    ("kcal", CALORIE * _KILOJOULE, _ENERGY * _AMOUNT),
    ("mol", 1.0, _AMOUNT),
    ("e", 1.0, _CHARGE),
    ("V", 1.0, _ENERGY / _CHARGE),
    ("fs", 1.0, _TIME),
    ("ps", 1e3, _TIME),
    ("ns", 1e6, _TIME),
    ("K", 1.0, _TEMPERATURE),
    ("rad", 1.0, _ANGLE),
    ("deg ° degree degrees", math.pi / 180.0, _ANGLE),
    # 1 u Å²/fs² is 1e10 times as many J as 1 u is kg.
    ("u Da amu", ATOMIC_MASS * 1e10 / ELEMENTARY_CHARGE, _MASS),
    ("GPa", _GIGAPASCAL, _PRESSURE),
    ("MPa", _GIGAPASCAL / 1e3, _PRESSURE),
    ("kbar", _GIGAPASCAL / 10.0, _PRESSURE),
    ("bar", _GIGAPASCAL / 1e4, _PRESSURE),
    # eV/T is e m²/s, and m²/s is 1e5 Å²/fs.
    ("μB muB", BOHR_MAGNETON * 1e5, _CHARGE * _LENGTH**2 / _TIME),
)

UNITS: FrozenMap[str, Unit] = FrozenMap(
    {
        unicodedata.normalize("NFC", name): Unit(factor, measure.powers)
        for names, factor, measure in _TABLE
        for name in names.split()
    }
)
"""All units by all their names."""
