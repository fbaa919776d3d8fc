"""Files are whole or not there, folders are nobody else's."""

from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from alchemi_core.atomic_write import replacing, write_json, write_text
from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.errors import OptionError

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_file_appears_whole(tmp_path, load):
    write_json(tmp_path / "a.json", {"Å": [1.5, None]})
    assert load(tmp_path / "a.json") == {"Å": [1.5, None]}
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path):
    write_text(tmp_path / "a", "old")

    def fail():
        with replacing(tmp_path / "a") as draft:
            draft.write_text("half")
            assert (tmp_path / "a").read_text() == "old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (tmp_path / "a").read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["a"]


def test_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_text("")
    write_text(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_folder_is_made_when_it_is_needed(here):
    folder = OutputFolder(Path("run"), numbered=True)
    assert not folder.claimed
    assert list(here.iterdir()) == []
    assert folder.path == folder.path == Path("run")
    assert folder.claimed
    assert OutputFolder(Path("run"), numbered=True).path == Path("run-2")


def test_a_folder_that_filled_up_meanwhile_is_refused(here):
    folder = OutputFolder(Path("run"))
    Path("run").mkdir()
    Path("run/other").touch()
    with pytest.raises(OptionError, match="not empty"):
        assert folder.path


def test_a_file_in_the_way_is_refused(here):
    Path("run").touch()
    with pytest.raises(OptionError, match="is a file"):
        OutputFolder(Path("run"))


def test_writing_over_removes_our_files_only(here):
    Path("run").mkdir()
    Path("run/mine").touch()
    Path("run/theirs").touch()
    assert [one.name for one in OutputFolder(Path("run"), stale=["mine", "absent"]).path.iterdir()] == ["theirs"]


def test_the_graphite_example_is_graphite():
    atoms = read(EXAMPLES / "graphite.cif")
    assert atoms.get_chemical_formula() == "C4"
    np.testing.assert_allclose(atoms.cell.cellpar(), [2.46, 2.46, 6.90, 90, 90, 120])
    distances = np.sort(np.unique(np.round(atoms.get_all_distances(mic=True), 6)))
    # a/√3 in the layer; c/2 between atoms on top of each other; and aside
    expected = [0.0, 2.46 / np.sqrt(3), 3.45, np.hypot(3.45, 2.46 / np.sqrt(3))]
    np.testing.assert_allclose(distances, expected, atol=1e-5)


def test_the_salt_example_is_rock_salt():
    atoms = read(EXAMPLES / "nacl.cif")
    distances = atoms.get_all_distances(mic=True)
    unlike = atoms.numbers[:, None] != atoms.numbers[None]
    assert atoms.get_chemical_formula() == "Cl4Na4"
    assert distances[unlike].min() == pytest.approx(2.82)
    assert distances[~unlike & (distances > 0)].min() == pytest.approx(5.64 / np.sqrt(2))


def test_the_water_example_is_two_molecules():
    atoms = read(EXAMPLES / "water-dimer.xyz")
    distances = atoms.get_all_distances()
    bonds = np.argwhere(np.triu((distances > 0) & (distances < 1.2)))
    assert bonds.tolist() == [[0, 1], [0, 2], [3, 4], [3, 5]]
    assert distances[0, 3] == pytest.approx(2.9)


def test_folders_and_empty_files_are_told_as_such(alchemi, here):
    (here / "some").mkdir()
    (here / "empty.extxyz").touch()
    for name, told in (("some", "it is a folder"), ("empty.extxyz", "it is empty")):
        answer = alchemi("singlepoint", name, "--model", "springs")
        assert (answer.code, told in answer.err) == (2, True), answer.err
