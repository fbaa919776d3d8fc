"""Each mistake is one message, exit code 2, no traceback, and no file."""

import re

import numpy as np
import pytest
from ase import Atoms
from ase.io import write

GOOD = Atoms("H2", [[0, 0, 0], [0, 0, 1.1]])


def save(name, atoms, **options):
    write(name, atoms, **options)
    return name


def nan():
    atoms = GOOD.copy()
    atoms.positions[1, 2] = np.nan
    return save("nan.json", atoms)


def singular():
    return save("flat.extxyz", Atoms("H", [[0, 0, 0]], cell=[[1, 0, 0], [2, 0, 0], [0, 0, 1]], pbc=True))


def overlapping():
    return save("twice.xyz", Atoms("H2", [[0, 0, 0], [0, 0, 0]]))


def text(name, content):
    with open(name, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write(content)
    return name


def disordered():
    loop = "loop_\n_atom_site_label\n_atom_site_type_symbol\n_atom_site_fract_x\n_atom_site_fract_y\n"
    head = "data_x\n_cell_length_a 3\n_cell_length_b 3\n_cell_length_c 3\n_cell_angle_alpha 90\n_cell_angle_beta 90\n"
    rest = "_cell_angle_gamma 90\n_symmetry_space_group_name_H-M 'P 1'\n"
    sites = "_atom_site_fract_z\n_atom_site_occupancy\nA Cu 0 0 0 0.6\nB Au 0 0 0 0.4\n"
    return text("mixed.cif", head + rest + loop + sites)


STRUCTURES = [
    pytest.param(lambda: "absent.xyz", "no such file", id="no file"),
    pytest.param(lambda: text("a.xyz", "2\n\nH 0 0\n"), "cannot be read as", id="cut off"),
    pytest.param(lambda: text("a.cif", "not a cif"), "cannot be read as cif", id="no cif"),
    pytest.param(lambda: text("a.nothing", "%$"), "format", id="unknown format"),
    pytest.param(lambda: text("a.extxyz", "0\n\n"), "", id="no atoms"),
    pytest.param(lambda: save("good.xyz", GOOD) + "@5:9", "no structures", id="index beyond the end"),
    pytest.param(lambda: save("good.xyz", GOOD) + "@x", "no index", id="no index"),
    pytest.param(nan, "nan", id="NaN position"),
    pytest.param(singular, "singular", id="singular cell"),
    pytest.param(overlapping, "", id="two atoms at one place"),
    pytest.param(disordered, "occupied to 0.4", id="partial occupancy"),
]


@pytest.mark.parametrize("command", ["relax", "singlepoint", "md"])
@pytest.mark.parametrize(("make", "words"), STRUCTURES)
def test_structures_that_are_none(alchemi, here, command, make, words):
    name = make()
    before = sorted(here.iterdir())
    more = ["--temperature", "10"] if command == "md" else []
    answer = alchemi(command, name, "--model", "springs", *more)
    assert_refused(answer, words)
    assert name.partition("@")[0] in answer.err or words == ""
    assert sorted(here.iterdir()) == before


MODELS = [
    ("sprigns", "springs"),
    ("springs(stiffness=3)", "stiffness"),
    ("springs(1)", "^"),
    ("springs @ brittle", "^"),
    ("springs +", "^"),
    ("hydrogen", "Li"),
    ("blind", "not finite"),
]


@pytest.mark.parametrize("command", ["relax", "singlepoint", "md"])
@pytest.mark.parametrize(("model", "words"), MODELS)
def test_models_that_are_none(alchemi, here, command, model, words):
    save("a.xyz", Atoms("HLi", [[0, 0, 0], [0, 0, 1.1]]))
    more = ["--temperature", "10"] if command == "md" else []
    answer = alchemi(command, "a.xyz", "--model", model, *more)
    assert_refused(answer, words)
    assert [one.name for one in here.iterdir()] == ["a.xyz"]


@pytest.mark.parametrize(
    "words",
    [
        ["relax", "a.xyz"],
        ["relax", "a.xyz", "--model", "springs", "--fmax", "-1"],
        ["relax", "a.xyz", "--model", "springs", "--fmax", "nan"],
        ["relax", "a.xyz", "--model", "springs", "--steps", "many"],
        ["relax", "a.xyz", "--model", "springs", "--optimizer", "newton"],
        ["relax", "a.xyz", "--model", "springs", "--device", "abacus"],
        ["md", "a.xyz", "--model", "springs"],
        ["md", "a.xyz", "--model", "springs", "--ensemble", "nvt"],
        ["md", "a.xyz", "--model", "springs", "--ensemble", "npt", "--temperature", "10"],
        ["md", "a.xyz", "--model", "springs", "--temperature", "10", "--pressure", "1"],
        ["md", "a.xyz", "--model", "springs", "--temperature", "10", "--interval", "0"],
        ["md", "--model", "springs"],
        ["md", "a.xyz"],
        ["md", "--resume", "nowhere"],
        ["md", "--resume", "."],
        ["plan", "--model", "springs", "--outputs", "enrgy"],
        ["dance"],
        [],
    ],
)
def test_options_that_are_none(alchemi, here, words):
    save("a.xyz", GOOD)
    assert_refused(alchemi(*words), "")
    assert [one.name for one in here.iterdir()] == ["a.xyz"]


def assert_refused(answer, words):
    assert answer.code == 2
    assert answer.out == ""
    assert "Traceback" not in answer.err
    assert words in answer.err
    assert len(re.findall(r"^alchemi( \w+)?: ", answer.err, re.MULTILINE)) == 1


def test_debug_shows_where(alchemi):
    answer = alchemi("singlepoint", "absent.xyz", "--model", "springs", "--debug")
    assert answer.code == 2
    assert "Traceback" in answer.err
    assert alchemi("--debug", "singlepoint", "absent.xyz", "--model", "springs").err.count("Traceback") == 1


def test_a_defect_of_a_plugin_is_told_apart_from_bad_input(alchemi, here):
    save("a.xyz", GOOD)
    answer = alchemi("singlepoint", "a.xyz", "--model", "brittle(after=0, own=False)")
    assert answer.code == 3
    assert "ZeroDivisionError: the spring broke" in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("command", ["relax", "singlepoint", "md"])
def test_an_occupied_folder_is_left_alone(alchemi, here, command):
    save("a.xyz", GOOD)
    (here / "kept").mkdir()
    (here / "kept" / "thesis.txt").write_text("mine")
    more = ["--temperature", "10", "--steps", "1"] if command == "md" else []
    answer = alchemi(command, "a.xyz", "--model", "springs", "--out", "kept", *more)
    assert_refused(answer, "not empty")
    assert [one.name for one in (here / "kept").iterdir()] == ["thesis.txt"]
    assert alchemi(command, "a.xyz", "--model", "springs", "--out", "kept", "--overwrite", *more).code == 0
    assert (here / "kept" / "thesis.txt").read_text() == "mine"
    assert (here / "kept" / "run.json").exists()
