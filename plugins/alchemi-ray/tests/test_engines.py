"""Dispatch and crews, with workers that do nothing: deaths, answers that do not fit, waiting, progress."""

import io
import sys
from types import SimpleNamespace

import pytest
import ray.exceptions as of_ray
from alchemi_ray.dataset.shard import Piece, Shard
from alchemi_ray.engines import dispatch, ray_actors
from alchemi_ray.engines.crew import Outcome
from alchemi_ray.engines.dispatch import Dispatch
from alchemi_ray.engines.giving_up import given_up
from alchemi_ray.live import Live
from alchemi_ray.shard_result import ShardResult
from alchemi_ray.totals import Totals

from alchemi_core.errors import AlchemiError

SOURCES = (SimpleNamespace(source="data.extxyz"),)


def shard_of(structures, number=0, first=0):
    return Shard(number, first, (Piece(0, first, structures, 0, first),))


def result_of(shard, **more):
    times = {"seconds": 1.0, "started": "2026-01-01", "finished": "2026-01-02"}
    plain = {"content": (), "failures": (), "not_converged": 0, "atoms": 0, "worker": "w", "host": "h", **times}
    about = {"shard": shard.number, "first": shard.first, "structures": shard.structures, "done": shard.structures}
    return ShardResult(**{**plain, **about, **more})


class Crew:
    """Hands back at once what a function makes of a shard."""

    waits_for = "nothing"
    free = True

    def __init__(self, work):
        self._work, self.jobs = work, []

    @property
    def busy(self):
        return bool(self.jobs)

    def give(self, job):
        self.jobs.append(job)

    def collect(self, timeout, tick):
        jobs, self.jobs = self.jobs, []
        return [Outcome(job, self._work(job.shard)) for job in jobs]


def run(crew, *shards, told=None):
    found = [] if told is None else told
    return list(Dispatch(crew, shards, given_up(SOURCES), found.append).run(lambda: False, lambda _: None))


@pytest.mark.parametrize("more", [{"structures": 5}, {"structures": 3}, {"first": 1}])
def test_an_answer_to_something_else_is_a_defect_and_not_waited_for(more):
    with pytest.raises(AlchemiError, match="of shard 0, or a part of it, of 4 that were asked for"):
        run(Crew(lambda shard: result_of(shard, **more)), shard_of(4))


def test_an_answer_that_comes_twice_is_a_defect():
    class Twice(Crew):
        def collect(self, timeout, tick):
            return 2 * super().collect(timeout, tick)

    with pytest.raises(AlchemiError, match="a defect of alchemi-ray"):
        run(Twice(lambda shard: result_of(shard) if shard.structures < 4 else None), shard_of(4))


def test_a_structure_that_is_given_up_is_not_read():
    """There is no such file; a shard may run over the ends of files."""
    sources = (SimpleNamespace(source="a.extxyz"), SimpleNamespace(source="b.extxyz"))
    shard = Shard(7, 10, (Piece(0, 5, 1, 0, 5), Piece(1, 0, 2, 0, 0)))
    result = given_up(sources)(shard, dispatch._died())
    assert [(row["number"], row["source"], row["index"]) for row in result.failures] == [
        (10, "a.extxyz", 5),
        (11, "b.extxyz", 0),
        (12, "b.extxyz", 1),
    ]
    assert {(row["digest"], row["formula"], row["atoms"], row["error"]) for row in result.failures} == {
        (None, None, None, "WorkerDied")
    }


def test_it_is_said_once_what_is_waited_for(monkeypatch):
    monkeypatch.setattr(dispatch, "LONG", 0.0)

    class Late(Crew):
        waits_for = "a machine"
        looks = 0

        @property
        def free(self):
            return self.looks > 5

        def collect(self, timeout, tick):
            self.looks += 1
            return super().collect(timeout, tick)

    told = []
    assert len(run(Late(result_of), shard_of(4), told=told)) == 1
    assert told == ["no worker is ready after 0 s, still waiting: a machine"]


@pytest.fixture
def without_ray(monkeypatch):
    """Actors that compute when their answer is asked for, and raise what Ray raises where that is what comes of it."""

    def start(work):
        def actor(_name):
            calls = {"load": lambda _: None, "work": work}
            return SimpleNamespace(**{name: SimpleNamespace(remote=later(call)) for name, call in calls.items()})

        later = lambda call: lambda value: lambda: call(value)  # noqa: E731
        untyped = SimpleNamespace(
            put=lambda value: value,
            remote=lambda **_: lambda _kind: SimpleNamespace(remote=actor),
            wait=lambda pending, **_: (pending, []),
            get=lambda reference: reference(),
            kill=lambda _actor: None,
            available_resources=lambda: {"CPU": 3.0},
        )
        monkeypatch.setattr(ray_actors, "ray", untyped)
        return ray_actors.RayActors(None, 2, 0.5)

    return start


@pytest.mark.parametrize("kind", ["OutOfMemoryError", "LocalRayletDiedError", "WorkerCrashedError", "RayActorError"])
def test_the_structure_that_takes_all_memory_of_a_cluster_is_found(without_ray, kind):
    def work(shard):
        if shard.first <= 5 < shard.first + shard.structures:
            raise getattr(of_ray, kind)(*["memory"] * (kind == "OutOfMemoryError"))
        return result_of(shard)

    told = []
    found = run(without_ray(work), shard_of(4), shard_of(4, 1, 4), told=told)
    failures = [row for one in found for row in one.result.failures]
    assert [(row["number"], row["error"]) for row in failures] == [(5, "WorkerDied")]
    assert sorted((one.result.shard, one.result.structures, one.attempts) for one in found) == [(0, 4, 1), (1, 4, 7)]
    assert told[0] == "a worker died at structures 4 to 7"


def test_a_full_disk_of_the_cluster_is_no_failure_of_structures(without_ray):
    def work(shard):
        raise of_ray.OutOfDiskError

    with pytest.raises(AlchemiError, match="--resume"):
        run(without_ray(work), shard_of(4))


def test_actors_say_what_they_take_and_what_there_is(without_ray):
    expected = "each takes 1 CPU and 0.5 GPU of the cluster, where 3 CPU and 0 GPU are free now, and loads the pipeline"
    assert without_ray(result_of).waits_for == expected


def test_progress_moves_within_a_shard_and_the_last_line_is_of_what_is_kept(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("alchemi_ray.live.time.perf_counter", lambda: clock.now)
    live = Live("title", 100, 0)
    for clock.now, under_way in ((1.0, 10), (12.0, 40), (13.0, 50)):
        live.show(Totals(), under_way)
    live.show(Totals(done=99, failed=1), last=True)
    live.show(Totals(done=99, failed=1), last=True)
    lines = [line.split()[:3] for line in sys.stdout.getvalue().splitlines()[3:]]
    assert lines == [["40", "100", "0"], ["100", "100", "1"]]


def test_what_is_left_does_not_count_the_start_of_workers(monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("alchemi_ray.live.time.perf_counter", lambda: clock.now)
    live = Live("title", 100, 20, seconds=7.0)
    clock.now = 60.0
    live.show(Totals(done=20, seconds=7.0))
    clock.now = 62.0  # a shard of ten took two seconds, after a start of a minute
    live.show(Totals(done=30, seconds=9.0))
    clock.now = 72.0
    live.show(Totals(done=80, seconds=19.0))
    lines = [line.split() for line in sys.stdout.getvalue().splitlines()[3:]]
    assert [(line[0], line[-1]) for line in lines] == [("30", "14"), ("80", "4")]


def test_the_worker_of_this_process_tells_of_each_structure(alchemi, here, tools, monkeypatch):
    seen = []
    monkeypatch.setattr(Live, "show", lambda _, totals, more=0, **__: seen.append((totals.structures, more)))
    tools.save("data.extxyz", tools.mixed(5))
    alchemi("data.extxyz", "--model", tools.MODEL, "--shard-size", 5, "--out", "out")
    assert [more for done, more in seen if done == 0 and more] == [1, 2, 3, 4, 5]
    assert seen[-1] == (5, 0)
