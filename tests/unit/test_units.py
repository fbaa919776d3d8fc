"""Numbers with units, against ASE's units, scipy's constants and published values."""

from __future__ import annotations

import math

import ase.units
import pytest
import scipy.constants
from hypothesis import given
from hypothesis import strategies as st

from alchemi_core.errors import OptionError
from alchemi_core.quantities import COULOMB_CONSTANT, QUANTITIES
from alchemi_core.unit_table import AVOGADRO, ELEMENTARY_CHARGE, UNITS
from alchemi_core.units import is_quantity_text, read_quantity, read_unit

SI = scipy.constants
EXACT = [
    ("0.5 Å", "Å", 0.5),
    ("0.5 nm", "Å", 5.0),
    ("154 pm", "Å", 1.54),
    ("250 meV", "eV", 0.25),
    ("2 e", "e", 2.0),
    ("1.5 ps", "fs", 1500.0),
    ("300 K", "K", 300.0),
    ("2 ns", "ps", 2000.0),
    ("180 deg", "rad", math.pi),
    ("57.29577951308232 °", "rad", 1.0),
    ("3 eV/Å^2", "eV/Å²", 3.0),
    ("1 kbar", "GPa", 0.1),
    ("1e4 bar", "GPa", 1.0),
    ("10 MPa", "kbar", 0.1),
    ("1 V/Å", "eV/e/Å", 1.0),
    ("1 hartree", "Ry", 2.0),
]
ASE = [
    ("0.24 kcal/mol", "eV", 0.24 * ase.units.kcal / ase.units.mol),
    ("4.2 kJ/mol", "eV", 4.2 * ase.units.kJ / ase.units.mol),
    ("50 Ry/bohr", "eV/Å", 50.0 * ase.units.Rydberg / ase.units.Bohr),
    ("1 hartree", "eV", ase.units.Hartree),
    ("1 mHa", "eV", ase.units.Hartree / 1000.0),
    ("2 bohr", "Å", 2.0 * ase.units.Bohr),
    ("30 kJ/mol/nm^2", "eV/Å²", 30.0 * ase.units.kJ / ase.units.mol / ase.units.nm**2),
    ("7 kcal/(mol Å²)", "eV/Å^2", 7.0 * ase.units.kcal / ase.units.mol),
    ("1 GPa", "eV/Å^3", ase.units.GPa),
    ("1 bar", "eV/Å³", ase.units.bar),
    # ASE's time is Å √(u/eV).
    ("1 u Å²/ps²", "eV", (1e-3 / ase.units.fs) ** 2),
    ("1 Å^2 eV", "u Å^4 fs^-2", ase.units.fs**2),
]
CODATA = [
    ("1 bohr", "Å", SI.physical_constants["Bohr radius"][0] * 1e10),
    ("1 Ha", "eV", SI.physical_constants["Hartree energy in eV"][0]),
    ("1 Ry", "eV", SI.physical_constants["Rydberg constant times hc in eV"][0]),
    ("1 kcal/mol", "eV", SI.calorie * 1e3 / SI.N_A / SI.e),
    ("1 u", "eV fs²/Å²", SI.atomic_mass / SI.e * 1e10),
    ("1 μB", "e Å²/fs", SI.physical_constants["Bohr magneton"][0] / SI.e * 1e5),
    ("1 eV/Å³", "GPa", SI.e * 1e21),
]
SPELLINGS = [
    ("Å", ["A", "angstrom", "Angstrom", "Ångström", "\u212b", "A\u030a"]),
    ("eV/Å²", ["eV/Å^2", "eV/Å**2", "eV Å^-2", "eV·Å⁻²", "eV*Å^-2", "eV / Å ^ 2", "eV/(Å Å)", "eV⋅Å^−2", "eV/Å/Å"]),
    ("eV·Å⁶", ["eV Å⁶", "eV*Å^6", "eV×Å**6", "Å⁶ eV", "eV\u00a0Å⁶"]),
    ("1/Å", ["/Å", "Å^-1", "Å⁻¹", "1 / Å", "1/angstrom", "Å**-1"]),
    ("hartree/bohr", ["Ha/a0", "Hartree/Bohr", "Eh/a₀"]),
    ("deg", ["°", "degree", "degrees"]),
    ("μB", ["\u00b5B", "muB"]),
    ("Å^12", ["Å¹²", "Å⁶Å⁶", "(nm pm)⁶ (Å/pm)^6/(nm/Å)^6"]),
]


@pytest.mark.parametrize(("text", "unit", "value"), EXACT)
def test_whole_factors(text: str, unit: str, value: float) -> None:
    assert read_quantity(text, unit) == pytest.approx(value, rel=4e-16)


@pytest.mark.parametrize(("text", "unit", "value"), ASE)
def test_as_ase_converts(text: str, unit: str, value: float) -> None:
    # ASE has the constants of 2014.
    assert read_quantity(text, unit) == pytest.approx(value, rel=5e-8)


@pytest.mark.parametrize(("text", "unit", "value"), CODATA)
def test_constants_are_scipys(text: str, unit: str, value: float) -> None:
    # scipy has the constants of 2018 or 2022.
    assert read_quantity(text, unit) == pytest.approx(value, rel=4e-9)


def test_published_values() -> None:
    # IUPAC Green Book, 3rd edition, energy conversion factors: 1 Eh is 2625.499 62 kJ/mol, 627.509 47 kcal/mol.
    assert read_quantity("1 hartree", "kJ/mol") == pytest.approx(2625.49962, abs=2e-4)
    assert read_quantity("1 hartree", "kcal/mol") == pytest.approx(627.50947, abs=5e-5)
    # The SI Brochure, 9th edition, defines both numbers.
    assert (ELEMENTARY_CHARGE, AVOGADRO) == (1.602176634e-19, 6.02214076e23)


def test_constants_of_the_core_fit_together() -> None:
    # e²/4πε₀ = Eh a0
    assert read_quantity("1 hartree bohr", "eV Å") == pytest.approx(COULOMB_CONSTANT, rel=1e-9)


@pytest.mark.parametrize(("unit", "others"), SPELLINGS)
def test_spellings(unit: str, others: list[str]) -> None:
    for other in others:
        read = read_unit(other)
        assert read.powers == read_unit(unit).powers, other
        assert read.factor == pytest.approx(read_unit(unit).factor, rel=1e-14), other


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.2/Å", 0.2),
        ("0.2 /Å", 0.2),
        ("0.2 1/Å", 0.2),
        ("+2e-1 Å^-1", 0.2),
        ("\t−.2Å⁻¹ ", -0.2),
        ("2.E-1 1/Å", 0.2),
        ("1e−3 1/Å", 1e-3),
    ],
)
def test_numbers(text: str, value: float) -> None:
    assert read_quantity(text, "1/Å") == value


def test_a_number_that_ends_in_e_has_a_charge() -> None:
    assert read_quantity("2e", "e") == read_quantity("2 e", "e") == 2.0
    assert read_quantity("2eV", "eV") == 2.0


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(sorted(UNITS)))
def test_a_number_in_the_unit_wanted_is_itself(number: float, unit: str) -> None:
    assert read_quantity(f"{number!r} {unit}", unit) == number


@given(st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)), st.integers(-4, 4).filter(bool))
def test_products_quotients_and_powers(left: str, right: str, power: int) -> None:
    a, b = UNITS[left], UNITS[right]
    for text, unit in [
        (f"{left}·{right}", a * b),
        (f"{left}/{right}", a / b),
        (f"{left}^{power}/{right}", a**power / b),
        (f"{left}/({right} {left}^{power})", a / (b * a**power)),
    ]:
        read = read_unit(text)
        assert read.powers == unit.powers
        assert read.factor == pytest.approx(unit.factor, rel=1e-14)


@pytest.mark.parametrize("unit", sorted({quantity.unit for quantity in QUANTITIES.values()} - {""}))
def test_units_of_the_table_of_quantities_are_read(unit: str) -> None:
    assert read_quantity(f"2 {unit}", unit) == 2.0


@pytest.mark.parametrize(
    ("unit", "kind"),
    [
        ("nm", "length"),
        ("Ry", "energy"),
        ("kcal/mol/Å", "force"),
        ("GPa", "pressure"),
        ("u", "mass"),
        ("Å/fs", "velocity"),
        ("V", "voltage"),
        ("V/Å", "electric field"),
        ("kcal", "energy of moles"),
        ("eV/Å²", "energy/length²"),
        ("eV/rad^2", "energy/angle²"),
        ("eV Å⁶", "length⁶·energy"),
        ("1/Å", "inverse length"),
        ("Å^-12 K^-1", "inverse length¹²/temperature"),
        ("1", "plain number"),
        ("nm/Å", "plain number"),
    ],
)
def test_kinds(unit: str, kind: str) -> None:
    assert read_unit(unit).kind == kind


@pytest.mark.parametrize(
    ("text", "unit", "found", "expected", "fix"),
    [
        ("0.5 eV", "Å", "'0.5 eV': 'eV' is an energy", "a length such as Å", "write it in Å"),
        ("3 Å", "1/Å", "'3 Å': 'Å' is a length", "an inverse length such as 1/Å", "write it in 1/Å"),
        ("5 eV/rad²", "eV/Å²", "'eV/rad²' is an energy/angle²", "an energy/length² such as eV/Å²", "write it"),
        ("0.24 kcal", "eV", "'0.24 kcal': 'kcal' is an energy of moles", "an energy such as eV", "'0.24 kcal/mol'"),
        ("5 mol", "eV", "'5 mol': 'mol' is an amount", "an energy such as eV", "write it in eV"),
        ("0.5", "Å", "'0.5' has no unit", "a length such as '0.5 Å'", "'0.5 Å'"),
        ("1e-3 ", "eV", "'1e-3 ' has no unit", "an energy such as '0.5 eV'", "'1e-3 eV'"),
        ("", "Å", "'' begins with no number", "a length such as '0.5 Å'", ""),
        ("half an Å", "Å", "'half an Å' begins with no number", "a length such as '0.5 Å'", ""),
        ("1 ev", "eV", "unknown unit 'ev'", "names such as Å, nm,", "did you mean 'eV'?"),
        ("1 hartre", "eV", "unknown unit 'hartre'", "names such as Å, nm,", "did you mean 'hartree'?"),
        ("1 eV/parsec", "eV/Å", "unknown unit 'parsec' in 'eV/parsec'", "names such as Å, nm,", ""),
        ("nan Å", "Å", "'nan Å' is not a finite number", "a finite number of Å", ""),
        ("-inf Å", "Å", "'-inf Å' is not a finite number", "a finite number of Å", ""),
        ("1e999 Å", "Å", "'1e999 Å' is not a finite number", "a finite number of Å", ""),
        ("1e308 nm", "Å", "'1e308 nm' is not a finite number", "a finite number of Å", ""),
        ("0,5 Å", "Å", "unit ',5 Å' cannot be read: at ',5 Å'", "such as 'eV/Å^2'", ""),
        ("0.5 %", "Å", "unit '%' cannot be read: at '%'", "such as", ""),
        ("0.5 Å2", "Å", "unit 'Å2' cannot be read: at '2'", "such as", ""),
        ("0.5 Å^^2", "Å", "cannot be read: at '^^2'", "such as", ""),
        ("0.5 Å^0.5", "Å", "cannot be read: at '.5'", "such as", ""),
        ("0.5 Å^2^2", "Å", "'^2' stands where a unit is expected", "such as", ""),
        ("0.5 ^2", "Å", "'^2' stands where a unit is expected", "such as", ""),
        ("0.5 eV/", "eV", "cannot be read: it ends too soon", "such as", ""),
        ("0.5 (Å", "Å", "a parenthesis does not close", "such as", ""),
        ("0.5 Å)", "Å", "a parenthesis closes that never opened", "such as", ""),
        ("0.5 ()", "Å", "')' stands where a unit is expected", "such as", ""),
        ("0.5 kJ/mol nm", "eV/Å", "a product after a quotient can be meant in two ways", "'kcal/(mol Å)'", ""),
        ("0.5 eV/Å·e", "eV", "a product after a quotient can be meant in two ways", "such as", ""),
        ("0.5 (bar^99)^-99", "Å", "its powers are too high", "such as", ""),
        ("0.5 (bar^99 bar^99)^-1", "Å", "its powers are too high", "such as", ""),
        ("0.5 kbar^99/kbar^99", "Å", "its powers are too high", "such as", ""),
        ("0.5 " + "Å" * 100, "Å", "unit 'ÅÅÅ", "such as", ""),
        ("0.5 " + "(" * 1000, "Å", "unit '(((", "such as", ""),
        ("0.5 Å", "foot", "unknown unit 'foot'", "names such as", ""),
        ("0.5 Å", "", "unit '' cannot be read: it is empty", "such as", ""),
    ],
)
def test_bad_texts_are_one_clear_error(text: str, unit: str, found: str, expected: str, fix: str) -> None:
    with pytest.raises(OptionError) as caught:
        read_quantity(text, unit, who="lennard-jones, option sigma")
    error = caught.value
    assert found in error.found
    assert expected in error.expected
    assert error.fix.startswith(fix)
    assert bool(error.fix) == bool(fix)
    assert error.who == "lennard-jones, option sigma"
    assert len(str(error)) < 400


@given(st.text(max_size=40), st.text(alphabet="eVÅnmkJol1/^*()·²⁻- 0.", max_size=70))
def test_any_text_is_a_finite_number_or_an_option_error(text: str, unit: str) -> None:
    for whole in (text, f"1 {text}", f"1 {unit}"):
        try:
            number = read_quantity(whole, "Å")
        except OptionError:
            continue
        assert math.isfinite(number)
        assert is_quantity_text(whole)


@pytest.mark.parametrize("text", ["0.5 Å", "2eV", " -1e3 kJ/mol ", "0.2/Å", "nan Å", "5 parsecs", "1 eV/foo^2", "3 °"])
def test_texts_that_are_quantities(text: str) -> None:
    assert is_quantity_text(text)


@pytest.mark.parametrize(
    "text", ["", "0.5", "1e5", "inf", "Å", "covalent", "infinite", "0.3.0", "7net-0", 3, 0.5, None]
)
def test_what_is_no_quantity(text: object) -> None:
    assert not is_quantity_text(text)
