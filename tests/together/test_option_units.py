"""Units of options: those that offers name belong to options that there are, and are the ones that models take."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from alchemi_core import create_model
from alchemi_core.offers import DerivativeOffer, ModelOffer
from alchemi_core.option_units import read_options
from alchemi_core.registry import default_registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from alchemi_core.models import BaseModelMixin

Factories: TypeAlias = "dict[str, Callable[..., Any]]"

UNIT = re.compile(r"(?:eV|1/Å|Å)[\w/·⁶⁸²]*")
WRITTEN = {
    "lennard-jones": (
        {"epsilon": {"Ar": "10.4 meV"}, "sigma": {"Ar": "0.34 nm"}, "cutoff": "0.85 nm", "switch_on": "700 pm"},
        {"epsilon": {"Ar": 0.0104}, "sigma": {"Ar": 3.4}, "cutoff": 8.5, "switch_on": 7.0},
    ),
    "morse": (
        {"pairs": {"Cu-Cu": {"D": "342.9 meV", "a": "13.588/nm", "r0": "0.2866 nm", "cutoff": "0.9 nm"}}},
        {"pairs": {"Cu-Cu": {"D": 0.3429, "a": 1.3588, "r0": 2.866, "cutoff": 9.0}}},
    ),
    "buckingham": (
        {"pairs": {"O-O": {"A": 22764.3, "rho": "0.0149 nm", "C": "2.788e-5 eV·nm⁶"}}, "cutoff": "1.2 nm"},
        {"pairs": {"O-O": {"A": 22764.3, "rho": 0.149, "C": 27.88}}, "cutoff": 12.0},
    ),
    "born-mayer": (
        {"pairs": {"Na-Cl": {"A": "1.25631e6 meV", "rho": 0.3164, "D": "-1.2e-8 eV nm^8"}}, "cutoff": 8.0},
        {"pairs": {"Na-Cl": {"A": 1256.31, "rho": 0.3164, "D": -1.2}}, "cutoff": 8.0},
    ),
    "zbl": ({"inner": "0.08 nm", "outer": "0.16 nm"}, {"inner": 0.8, "outer": 1.6}),
    "restrain-positions": ({"k": "500 eV/nm²", "flat": "10 pm"}, {"k": 5.0, "flat": 0.1}),
    "restrain-distances": (
        {"restraints": [{"atoms": (0, 1), "r0": "0.15 nm", "k": "2000 eV/nm^2", "side": "above"}]},
        {"restraints": [{"atoms": (0, 1), "r0": 1.5, "k": 20.0, "side": "above"}]},
    ),
    "restrain-angles": (
        {"restraints": [{"atoms": (1, 0, 2), "theta0": "1.5707963267948966 rad", "k": "5000 meV/rad^2"}]},
        {"restraints": [{"atoms": (1, 0, 2), "theta0": 90.0, "k": 5.0}]},
    ),
    "dftd3": (
        {"functional": "pbe", "cutoffs": {"disp2": "1.4 nm", "width2": "0.5 nm", "cn": "1.2 nm"}},
        {"functional": "pbe", "cutoffs": {"disp2": 14.0, "width2": 5.0, "cn": 12.0}},
    ),
    "eeq": ({"cutoff": "1.5 nm"}, {"cutoff": 15.0}),
    "ewald": ({"cutoff": "0.7 nm", "accuracy": 1e-6}, {"cutoff": 7.0, "accuracy": 1e-6}),
    "pme": ({"cutoff": "0.8 nm", "mesh_spacing": "80 pm"}, {"cutoff": 8.0, "mesh_spacing": 0.8}),
    "coulomb-dsf": ({"cutoff": "1.2 nm", "alpha": "2/nm"}, {"cutoff": 12.0, "alpha": 0.2}),
    "aimnet2": (
        {"coulomb": "dsf", "dsf_cutoff": "1.5 nm", "dsf_alpha": "2 nm^-1"},
        {"coulomb": "dsf", "dsf_cutoff": 15.0, "dsf_alpha": 0.2},
    ),
    "torchsim": (
        {"model": "lennard-jones", "sigma": "0.34 nm", "epsilon": "10.4 meV", "cutoff": "850 pm"},
        {"model": "lennard-jones", "sigma": 3.4, "epsilon": 0.0104, "cutoff": 8.5},
    ),
}
"""Options with units, and the numbers that they stand for."""


def offers() -> list[ModelOffer | DerivativeOffer]:
    registry = default_registry()
    return [*registry.offers(ModelOffer), *registry.offers(DerivativeOffer)]


@pytest.fixture(scope="module")
def factories() -> Factories:
    """Load what offers point to; packages that this imports set variables and write when they are imported first."""
    return {offer.name: default_registry().load(offer) for offer in offers()}


def documented(factory: Callable[..., Any]) -> dict[str, str]:
    """Units that the docstring of a factory gives to its options, as ``epsilon : float, eV``."""
    text = inspect.getdoc(factory) or ""
    lines = re.findall(r"^(\w+(?:, \w+)*) : (.*)$", text, re.MULTILINE)
    names = inspect.signature(factory).parameters
    said = [(name, part) for line, rest in lines for name in line.split(", ") for part in rest.split(", ")]
    return {name: part for name, part in said if UNIT.fullmatch(part) and name in names}


def same(read: object, numbers: object) -> bool:
    if isinstance(read, dict) and isinstance(numbers, dict):
        return read.keys() == numbers.keys() and all(same(read[key], numbers[key]) for key in read)
    if isinstance(read, list) and isinstance(numbers, list):
        return len(read) == len(numbers) and all(map(same, read, numbers))
    return bool(read == (pytest.approx(numbers, rel=1e-12) if isinstance(numbers, float) else numbers))


def test_models_and_derivatives_name_units() -> None:
    assert {offer.name for offer in offers() if isinstance(offer, ModelOffer) and offer.units} == WRITTEN.keys()
    assert {offer.name for offer in offers() if isinstance(offer, DerivativeOffer) and offer.units} == {
        "finite-difference",
        "hessian",
        "hessian-product",
        "force-constants",
        "atomic-virials",
    }


@pytest.mark.parametrize("offer", offers(), ids=lambda offer: offer.name)
def test_what_has_a_unit_is_an_option(offer: ModelOffer | DerivativeOffer, factories: Factories) -> None:
    options = inspect.signature(factories[offer.name]).parameters
    assert {name.partition(".")[0] for name in offer.units} <= options.keys()


@pytest.mark.parametrize("offer", offers(), ids=lambda offer: offer.name)
def test_units_are_those_of_the_docstring(offer: ModelOffer | DerivativeOffer, factories: Factories) -> None:
    said = documented(factories[offer.name])
    assert {name: offer.units.get(name) for name in said} == said


def test_docstrings_give_units(factories: Factories) -> None:
    assert sum(map(len, map(documented, factories.values()))) >= 25


@pytest.mark.parametrize("name", WRITTEN)
def test_options_with_units_become_the_numbers_that_models_take(name: str) -> None:
    written, numbers = WRITTEN[name]
    offer = default_registry().find(ModelOffer, name)
    assert same(read_options(written, offer.units, name), numbers)


@pytest.mark.parametrize("name", sorted(WRITTEN.keys() - {"aimnet2"}))
def test_models_are_made_of_options_that_were_read(name: str) -> None:
    offer = default_registry().find(ModelOffer, name)
    made: BaseModelMixin = create_model(name, **read_options(WRITTEN[name][0], offer.units, name))
    assert made.model_config == create_model(name, **WRITTEN[name][1]).model_config


def test_the_word_covalent_is_no_length() -> None:
    offer = default_registry().find(ModelOffer, "zbl")
    assert read_options({"outer": "covalent"}, offer.units, "zbl") == {"outer": "covalent"}
