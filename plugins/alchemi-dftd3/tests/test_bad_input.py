"""What must be refused, before s-dftd3 crashes on it or is silently wrong."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from alchemi_core import Batch, ModelView, create_model
from alchemi_core.errors import GeometryError, OptionError, UnsupportedElementError

BOTH = pytest.mark.parametrize("backend", ["s-dftd3", "warp"])


def computed(atoms, backend, change=None):
    """Call the model itself, past the checks a pipeline makes."""
    batch = Batch.from_ase(atoms)
    values = {name: batch.get(name) for name in ("positions", "atomic_numbers", "batch_idx", "cell", "pbc")}
    if change:
        values = {name: None if value is None else value.clone() for name, value in values.items()}
        change(values)
    model = create_model("dftd3", functional="pbe", backend=backend)
    return model.compute(ModelView(values, batch, None, "test"), frozenset({"energy", "forces", "stress"}))


@BOTH
@pytest.mark.parametrize("pbc", [False, True])
def test_two_atoms_at_one_place(backend, pbc):
    atoms = Atoms("Ar3", [[0, 0, 0], [0, 0, 2], [0, 0, 9 if pbc else 2]], cell=[7, 7, 7], pbc=pbc)
    with pytest.raises(GeometryError, match="atoms 1 and 2 are at one place"):
        computed(atoms, backend)


@BOTH
def test_the_atoms_at_one_place_are_counted_over_the_batch(backend):
    with pytest.raises(GeometryError, match="atoms 3 and 4 are at one place"):
        computed([Atoms("Ar2", [[0, 0, 0], [0, 0, 4]]), Atoms("He3", [[0, 0, 0], [0, 0, 3], [0, 0, 3]])], backend)


@BOTH
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_position_that_is_no_number(backend, value):
    def spoil(values):
        values["positions"][1, 2] = value

    with pytest.raises(GeometryError, match="position of atom 1"):
        computed(bulk("NaCl", "rocksalt", a=5.64), backend, spoil)


@BOTH
@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
@pytest.mark.parametrize("pbc", [(True, True, True), (True, True, False)])
def test_cell_that_is_no_cell(backend, value, pbc):
    def spoil(values):
        values["cell"][0, 1] = value

    atoms = bulk("NaCl", "rocksalt", a=5.64)
    atoms.pbc = pbc
    with pytest.raises(GeometryError, match="cell of system 0"):
        computed(atoms, backend, spoil)


@BOTH
def test_parallel_vectors_of_a_slab(backend):
    def spoil(values):
        values["cell"][0, 1] = 2 * values["cell"][0, 0]

    atoms = bulk("NaCl", "rocksalt", a=5.64)
    atoms.pbc = (True, True, False)
    with pytest.raises(GeometryError, match="cell of system 0"):
        computed(atoms, backend, spoil)


@BOTH
@pytest.mark.parametrize("number", [0, 104, 118])
def test_elements_without_reference_data(backend, number):
    """s-dftd3 itself ends the process for 0 and gives nothing for those above 103."""
    with pytest.raises(UnsupportedElementError, match=f"atom 1 has atomic number {number}"):
        computed(Atoms([18, number], [[0, 0, 0], [0, 0, 3]]), backend)


def test_the_heaviest_element(evaluate):
    assert evaluate(Atoms("Lr2", [[0, 0, 0], [0, 0, 3]]), requested=("energy",))["energy"].item() < -1e-3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "neither functional nor parameters"),
        ({"functional": "pbe", "parameters": {"s8": 1.0}}, "both functional and parameters"),
        ({"functional": "pbee"}, "functional='pbe'"),
        ({"functional": "m11l"}, "damping='zero'"),
        ({"functional": "nothing like it"}, "parameters="),
        ({"functional": "pbe", "damping": "bjj"}, "damping='bj'"),
        ({"functional": "pbe", "backend": "cuda"}, "backend='cuda'"),
        ({"functional": "pbe", "cutoffs": {"disp": 20.0}}, "no cutoff 'disp'"),
        ({"functional": "pbe", "cutoffs": {"disp2": -1.0}}, "cutoff disp2=-1.0"),
        ({"functional": "pbe", "cutoffs": {"disp2": float("nan")}}, "cutoff disp2=nan"),
        ({"functional": "pbe", "cutoffs": {"disp2": 5.0, "width2": 5.0}}, "width2 < disp2"),
        ({"parameters": {"a1": 0.4, "a2": 4.0}}, "without s8"),
        ({"parameters": {"a1": 0.4, "a2": 4.0, "s8": 1.0, "rs6": 1.0}}, "no parameter 'rs6'"),
        ({"parameters": {"a1": 0.4, "a2": 4.0, "s8": "1"}}, "parameter s8='1'"),
        ({"parameters": {"a1": 0.4, "a2": 4.0, "s8": 1.0, "s9": 1.0}, "atm": False}, "atm=False with s9=1.0"),
        ({"functionl": "pbe"}, "functional"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(OptionError) as caught:
        create_model("dftd3", **options)
    assert words in str(caught.value)
