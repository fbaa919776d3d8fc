"""What a run did not write stays where it is."""

import pytest
from alchemi_ray.own_files import own_files

FOREIGN = ("notes.txt", "000001.parquet.bak", "analysis.parquet", ".hidden", "0001.parquet", ".000001.parquet.swp")
OURS = ("000900.parquet", "000900.extxyz", ".000901.parquet.0123abcd.part", "1000000.parquet")


def put(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*FOREIGN, *OURS):
        (folder / name).write_text("kept")
    (folder / "000902.parquet").mkdir()
    (folder / "more").mkdir()


def test_files_of_shards_and_their_drafts_are_ours(tmp_path):
    put(tmp_path)
    assert {path.name for path in own_files(tmp_path)} == set(OURS)
    assert own_files(tmp_path / "missing") == []


@pytest.mark.parametrize("again", ["--resume", "--overwrite"])
def test_foreign_files_are_left(alchemi, here, tools, again):
    tools.save("data.extxyz", tools.mixed(4))
    words = ("data.extxyz", "--model", "lennard-jones", "--out", "out")
    assert alchemi(*words).code == 0
    folders = [here / "out" / name for name in ("results", "failures")]
    for folder in folders:
        put(folder)
    answer = alchemi("--resume", "out") if again == "--resume" else alchemi(*words, "--overwrite")
    assert answer.code == 0, answer.err
    for folder in folders:
        left = {path.name for path in folder.iterdir()}
        assert left - {"000000.parquet"} == {*FOREIGN, "000902.parquet", "more"}
        assert all((folder / name).read_text() == "kept" for name in FOREIGN)
