"""The report as a page: it needs nothing beside it, nothing foreign becomes markup, and it is there whole or not."""

from __future__ import annotations

import json

import attrs
import numpy as np
import pytest
from alchemi_ray.report import write_report
from ase import Atoms

from alchemi_core.errors import AlchemiError, InputFileError

EVIL = "</code></td><script>alert(1)</script><img src=x onerror=alert(2)> \" ' & \x00\x1b[31m \u202egnp.exe"


@pytest.fixture
def cases(answered, failing):
    return [failing() if n % 11 == 5 else answered() for n in range(220)]


def tags(page):
    """Return names of elements with the names of their attributes."""
    return {(tag, *sorted(attributes)) for tag, attributes in page.elements}


def test_nothing_is_fetched_and_nothing_runs(run_folder, report, cases):
    folder = run_folder().write(cases)
    page = report(folder)
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert not {"script", "link", "img", "iframe", "object", "form"} & {tag for tag, _ in page.elements}
    assert "url(" not in text
    assert "@import" not in text
    assert all(one.startswith(("#", "https://doi.org/")) for _, of in page.elements if (one := of.get("href")))
    policy = next(of["content"] for _, of in page.elements if of.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'")


def test_headings_links_pictures_and_tables_can_be_read_aloud(run_folder, report, cases):
    page = report(run_folder().write(cases))
    kinds = [tag for tag, _ in page.elements]
    ids = [of["id"] for _, of in page.elements if "id" in of]
    links = [of["href"] for _, of in page.elements if (of.get("href") or "").startswith("#")]
    assert kinds.count("h1") == 1
    assert len(set(ids)) == len(ids)
    assert links == [f"#{one}" for one in ids]
    assert kinds.count("table") == kinds.count("caption") == len(page.tables)
    pictures = [of for tag, of in page.elements if tag == "svg" and "aria-hidden" not in of]
    assert len(pictures) == 8
    assert all(of["role"] == "img" and len(of["aria-label"]) > 40 for of in pictures)
    assert all(of["scope"] in ("col", "row") for tag, of in page.elements if tag == "th")


def test_foreign_text_is_text(run_folder, report, answered, failing):
    harmless = [failing("x" * 50), answered()]
    before = report(attrs.evolve(run_folder(), folder=run_folder().folder / "harmless").write(harmless))
    more = {
        "command": ["alchemi", "map", EVIL],
        "device": EVIL,
        "options": {EVIL: EVIL},
        "model": {
            "expression": EVIL,
            "plan": [EVIL],
            "citations": ["10.1/" + EVIL],
            "labels": ["lennard-jones", "dftd3"],
        },
        "versions": {EVIL: EVIL, "plugins": {EVIL: {"version": EVIL, "builds_on": {EVIL: EVIL}}}},
        "inputs": [
            {"source": EVIL, "kind": EVIL, "bytes": 1, "sha256": EVIL, "structures": 2},
            {"source": "b", "kind": "extxyz", "bytes": 1, "sha256": "0", "structures": 0},
        ],
    }
    cases = [failing(EVIL, source=EVIL), attrs.evolve(answered(), source=EVIL)]
    folder = run_folder(workers=[EVIL], more=more).write(cases)
    after = report(folder)
    # a citation that is no DOI is no link; a part with other versions is told of
    assert tags(after) <= tags(before)
    assert "<script>alert(1)</script>" in after.text
    assert not {"\x00", "\x1b", "\u202e"} & set(after.text)
    assert "�[31m �gnp.exe" in after.text


def test_labels_of_steps_are_text(run_folder, report, answered):
    one = answered()
    columns = {**one.columns, "energy_terms": {"<b>a</b>": 1.0, "b": one.columns["energy"] - 1.0}}
    model = {"expression": "a", "plan": [], "citations": [], "labels": ["<b>a</b>", "b"]}
    page = report(run_folder(more={"model": model}).write([attrs.evolve(one, columns=columns)]))
    assert page.rows("Energy of the steps")[0][0] == "<b>a</b>"


def test_long_names_and_messages_are_shortened(run_folder, report, failing):
    page = report(run_folder().write([failing("begin " + "x" * 5000 + " end", source="/data/" + "y" * 5000)]))
    name, _, _, message = page.rows("Structures that failed")[0]
    assert len(name) < 450
    assert len(message) < 450
    assert message.startswith("begin")
    assert message.endswith("end")


def test_a_partial_run_says_so(run_folder, report, cases):
    page = report(run_folder(structures=1000).write(cases))
    assert "This report is partial: 220 of 1\u202f000 structures (22.0 %) are finished." in page.text
    assert "alchemi map --resume" in page.text
    assert "partial" in page.text.split("What was run")[0]


def test_a_whole_run_does_not(run_folder, report, cases):
    page = report(run_folder().write(cases))
    assert "partial" not in page.text
    assert "complete" in page.text


def test_a_run_that_ended_with_an_error_quotes_it(run_folder, report, cases):
    more = {"status": "failed", "error": "No space left on <device>"}
    page = report(run_folder(structures=1000, more=more).write(cases))
    assert "It ended with an error." in page.text
    assert "No space left on <device>" in page.text


def test_a_run_without_anything_done_has_a_report(run_folder, report):
    page = report(run_folder(structures=10, more={"status": "running", "finished": None}).write([]))
    assert "0 of 10 structures (0.0 %) are finished" in page.text
    assert "No structure was computed yet." in page.text


def test_a_run_of_failures_only_has_a_report(run_folder, report, failing):
    page = report(run_folder().write([failing() for _ in range(5)]))
    assert "5 of 5 structures (100.0 %) have no results." in page.text
    assert len(page.rows("Structures that failed")) == 5


def test_one_structure_is_enough(run_folder, report, answered):
    columns = {"energy": -1.0, "forces": np.zeros((1, 3)), "energy_terms": {"lennard-jones": -1.0, "dftd3": 0.0}}
    page = report(run_folder().write([attrs.evolve(answered(), atoms=Atoms("H"), columns=columns)]))
    assert page.rows("Energy per atom in numbers, eV/atom") == [["−1.00"] * 5]


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_read(run_folder, report, cases):
    folder = run_folder().write(cases)
    (folder / "results" / "000001.parquet").write_bytes(b"PAR1 nothing PAR1")
    page = report(folder)
    assert "1 file of the run could not be read to the end" in page.text
    assert "results/000001.parquet: ArrowInvalid" in page.text
    assert page.rows("Highest energy per atom")


def test_versions_that_changed_when_the_run_went_on_are_told(run_folder, report, cases):
    folder = run_folder(stops=[1]).write(cases)
    record = json.loads((folder / "run.json").read_text())
    record["parts"][1]["versions"] = {"python": "3.11.7", "alchemi-core": "0.2.0", "plugins": {}}
    (folder / "run.json").write_text(json.dumps(record))
    text = report(folder).text
    assert "versions of part 2alchemi-core 0.2.0 (before 0.1.0), alchemi-dftd3 not there (before 0.1.0)" in text


def test_a_report_that_cannot_be_written_leaves_nothing(run_folder, cases):
    folder = run_folder().write(cases)
    (folder / "report.html").mkdir()
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(AlchemiError, match=r"report\.html"):
        write_report(folder)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_report_is_written_over(run_folder, cases):
    folder = run_folder().write(cases)
    first = write_report(folder).read_text(encoding="utf-8")
    assert write_report(folder).read_text(encoding="utf-8") == first
    assert not list(folder.glob(".*.part"))


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputFileError, match=r"run\.json"):
        write_report(tmp_path)
