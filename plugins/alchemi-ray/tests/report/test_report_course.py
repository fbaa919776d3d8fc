"""The course of a run: parts, speeds, workers, losses."""

from __future__ import annotations

import json

import numpy as np
import pytest
from alchemi_ray.report.run import Run
from alchemi_ray.report.timeline import Clock, lanes_of, parts_of, rates


@pytest.fixture
def cases(answered):
    return [answered() for _ in range(60)]


def course(folder):
    """Return a run and its clock."""
    run = Run.read(folder)
    return run, Clock(parts_of(run))


def test_speeds_add_up_to_all_structures(run_folder, cases):
    run, clock = course(run_folder(shard_size=7, stops=[3]).write(cases))
    edges = np.linspace(0.0, clock.total, 38)
    assert (rates(run, clock, edges) * np.diff(edges)).sum() == pytest.approx(60)


def test_speed_is_that_of_the_workers_that_are_busy(run_folder, cases):
    # three shards of 20 on two workers: both for 2 s, then one for 2 s
    run, clock = course(run_folder(shard_size=20).write(cases))
    assert rates(run, clock, np.array([0.0, 1.0, 2.0, 3.0, 4.0])) == pytest.approx([20.0, 20.0, 10.0, 10.0])


def test_the_time_between_parts_is_cut_out(run_folder, cases):
    run, clock = course(run_folder(shard_size=10, stops=[2, 4]).write(cases))
    assert run.shards[-1].finished - run.shards[0].started == pytest.approx(7206.0)
    assert clock.total == pytest.approx(6.0)
    assert clock.joints == pytest.approx([2.0, 4.0])


def test_a_part_that_was_killed_ends_with_its_last_shard(run_folder, cases):
    _, clock = course(run_folder(shard_size=10, stops=[4], ended=False).write(cases))
    assert [part.seconds for part in clock.parts] == pytest.approx([4.0, 2.0])
    assert [part.structures for part in clock.parts] == [40, 20]


def test_a_part_in_which_nothing_was_finished_takes_no_time(run_folder, cases):
    folder = run_folder(shard_size=10, stops=[4], ended=False).write(cases)
    record = json.loads((folder / "run.json").read_text())
    record["parts"].insert(1, {**record["parts"][0], "started": "2026-03-01T12:30:00+00:00"})
    (folder / "run.json").write_text(json.dumps(record))
    _, clock = course(folder)
    assert [part.seconds for part in clock.parts] == pytest.approx([4.0, 0.0, 2.0])


def test_workers_come_in_the_order_of_their_numbers(run_folder, cases):
    run, clock = course(run_folder(shard_size=5, workers=[f"ray-{n}" for n in range(12)]).write(cases))
    assert [lane.worker for lane in lanes_of(run, clock)] == [f"ray-{n}" for n in range(12)]


def test_figures_of_workers(run_folder, report, cases):
    # five shards of 12: the first worker has three of them
    page = report(run_folder(shard_size=12).write(cases))
    rows = page.rows("Workers")
    assert [row[:5] for row in rows] == [["local-0", "here", "3", "36", "6.00"], ["local-1", "here", "2", "24", "6.00"]]
    assert [row[6] for row in rows] == ["100.0 %", "66.7 %"]


def test_parts_of_a_run_that_was_stopped_and_of_one_that_was_killed(run_folder, tmp_path, report, cases):
    stopped = report(run_folder(shard_size=10, stops=[4]).write(cases)).rows("Parts of the run")
    assert [row[2] for row in stopped] == ["stopped", "complete"]
    assert [row[6] for row in stopped] == ["40", "20"]
    folder = run_folder(shard_size=10, stops=[4], ended=False)
    folder.folder = tmp_path / "killed"
    assert [row[2] for row in report(folder.write(cases)).rows("Parts of the run")] == ["killed", "complete"]


def test_where_a_run_went_on_is_drawn(run_folder, report, cases):
    page = report(run_folder(shard_size=10, stops=[2, 4]).write(cases))
    # twice: the picture has a form for wide pages and one for narrow ones
    assert [of["class"] for tag, of in page.elements if tag == "line"].count("joint") == 4
    assert "the time between its parts is cut out" in page.text


def test_workers_that_were_lost_are_told_and_drawn(run_folder, report, cases):
    page = report(run_folder(shard_size=10, attempts={2: 2, 5: 3}).write(cases))
    assert "3 workers were lost: 2 shards with 20 structures were computed again" in page.text
    assert sum(of.get("class") == "again" for tag, of in page.elements if tag == "path") == 4
    assert [row[7] for row in page.rows("Workers")] == ["1", "2"]


def test_a_run_without_losses_tells_of_none(run_folder, report, cases):
    page = report(run_folder(shard_size=10).write(cases))
    assert "lost" not in page.text.split("Parts of the run")[0]
    assert not any(of.get("class") == "again" for _, of in page.elements)


def test_hundreds_of_workers_are_drawn_as_far_as_there_is_room(run_folder, report, cases):
    page = report(run_folder(shard_size=1, workers=[f"ray-{n}" for n in range(200)]).write(cases * 4))
    assert "The first 128 of 200 workers are drawn." in page.text
    assert len(page.rows("Workers")) == 100


def test_shards_that_took_no_time_to_the_millisecond_are_drawn(run_folder, report, cases):
    page = report(run_folder(pace=0.0).write(cases))
    assert "Course of the run" in page.text
