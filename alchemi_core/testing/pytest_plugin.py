"""Fixtures for tests of plugins, in every pytest that runs where the core is installed.

This module is loaded whenever pytest starts, also for projects that have nothing to do with alchemi. So it imports
pytest and the standard library only, every name begins with ``alchemi_``, and nothing happens to a test that does not
ask for a fixture. ``pytest --fixtures -v`` shows what there is, ``pytest -p no:alchemi`` does without.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import torch

    from alchemi_core.offers import Offer
    from alchemi_core.registry import Registry
    from alchemi_core.testing.process_state import ProcessState
    from alchemi_core.testing.structures import Structure

STRUCTURES = (
    "water",
    "ethanol",
    "rock-salt",
    "silicon",
    "copper",
    "perovskite",
    "left-handed",
    "outside-the-cell",
    "slab",
    "wire",
)
"""Names of `alchemi_core.testing.STRUCTURES`, which cannot be imported here: ASE and numpy would come with it."""

TOLERANCES = {"float64": {"rtol": 1e-9, "atol": 1e-10}, "float32": {"rtol": 1e-4, "atol": 2e-4}}
"""How well two ways to compute one thing agree, by the floating type they are computed in."""

CAPTURES = frozenset({"capsys", "capfd", "capsysbinary", "capfdbinary", "capteesys"})
"""Fixtures of tests that look at what is printed themselves."""

ENVIRONMENT = "environment variables"


@pytest.fixture(params=STRUCTURES)
def alchemi_structure(request: pytest.FixtureRequest) -> Structure:
    """Each named structure in turn, with ``name``, ``reason`` and ``make() -> ase.Atoms``; ``-v`` shows the reasons.

    - ``water``: a molecule without a cell: no stress, no pbc, a light element
    - ``ethanol``: three elements and no symmetry: forces in every direction
    - ``rock-salt``: two atoms in a sheared cell below any cutoff: images, also of an atom itself
    - ``silicon``: eight atoms of a covalent crystal: angles matter
    - ``copper``: one atom in a cell: all of its neighbors are its own images
    - ``perovskite``: three elements in one crystal: every pair of them, under periodicity
    - ``left-handed``: lattice vectors of negative determinant: a volume with a sign
    - ``outside-the-cell``: atoms several cells away from the cell: positions need not be wrapped
    - ``slab``: periodic in a plane, its third lattice vector zero: no volume, no inverse of the cell
    - ``wire``: periodic in one direction only, the other lattice vectors zero

    Some of them only: ``@pytest.mark.parametrize("alchemi_structure", ["slab", "wire"], indirect=True)``.
    """
    from alchemi_core.testing.structures import structure_named

    return structure_named(request.param)


@pytest.fixture(scope="session")
def alchemi_structures() -> Mapping[str, Structure]:
    """All named structures by name: ``alchemi_structures["slab"].make()``."""
    from alchemi_core.testing.structures import STRUCTURES as KNOWN

    return MappingProxyType({one.name: one for one in KNOWN})


@pytest.fixture(params=TOLERANCES)
def alchemi_dtype(request: pytest.FixtureRequest) -> torch.dtype:
    """Both floating types that models have to know, ``torch.float64`` and ``torch.float32``, in turn."""
    import torch

    dtype: torch.dtype = getattr(torch, request.param)
    return dtype


@pytest.fixture
def alchemi_tolerance(alchemi_dtype: torch.dtype) -> dict[str, float]:
    """How well two ways to compute one thing agree in ``alchemi_dtype``: ``rtol`` and ``atol``, in the units compared.

    For ``torch.testing.assert_close(one, other, **alchemi_tolerance)``: 1e-9 and 1e-10 in float64, 1e-4 and 2e-4 in
    float32.
    """
    return dict(TOLERANCES[str(alchemi_dtype).removeprefix("torch.")])


@pytest.fixture(scope="session")
def alchemi_registry() -> Callable[..., Registry]:
    """Make a registry of what the core offers and the offers given: ``alchemi_registry(*offers)``.

    It depends neither on what is installed nor on ``ALCHEMI_PLUGINS`` and ``ALCHEMI_BLOCK_PLUGINS``. An offer takes the
    place of one of the core's of the same kind and name. Pass it on: ``create_model(name, registry=...)``.
    """
    from alchemi_core.registry import Registry
    from alchemi_core.testing.offering import offering

    core = Registry(Registry.discover(environ={"ALCHEMI_PLUGINS": ""}).records)

    def make(*offers: Offer) -> Registry:
        return offering(*offers, registry=core)

    return make


@pytest.fixture
def alchemi_unchanged_process(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that prints, or leaves the process changed: torch, numpy, warning filters, environment, folder.

    Best asked for with ``@pytest.mark.usefixtures("alchemi_unchanged_process")``: it then looks when ``monkeypatch``
    and other fixtures have put back what they changed. A test that has ``capsys`` or the like may print, and every
    test may draw random numbers.
    """
    capture = None if CAPTURES & set(request.fixturenames) else request.getfixturevalue("capfd")
    before = _state()
    yield
    wrong = [f"left changed: {name}" for name in _changed(before, _state())]
    printed = capture.readouterr() if capture else ()
    wrong += [f"printed to {name}: {text}" for name, text in zip(("stdout", "stderr"), printed, strict=False) if text]
    if wrong:
        pytest.fail("\n".join(["the test changed the process", *wrong]), pytrace=False)


def _state() -> ProcessState:
    """Look at the process, but for random numbers and for what pytest itself keeps in the environment."""
    from alchemi_core.testing.process_state import ProcessState

    values = {name: value for name, value in ProcessState.now().values.items() if not name.endswith("random numbers")}
    kept = {name: text for name, text in values[ENVIRONMENT].items() if not name.startswith("PYTEST_")}
    return ProcessState({**values, ENVIRONMENT: kept})


def _changed(before: ProcessState, later: ProcessState) -> Iterator[str]:
    """Name what is different, environment variables one by one."""
    for name in before.changed(later):
        if name == ENVIRONMENT:
            differing = before.values[name].items() ^ later.values[name].items()
            yield from sorted({f"environment variable {variable}" for variable, _ in differing})
        else:
            yield name
