"""Devices that are not there, or too few: said before a folder is made, and again where a run goes on."""

import json
import os
import tempfile
from types import SimpleNamespace

import attrs
import pytest
import ray
import torch
from alchemi_ray.engines import ray_cluster
from alchemi_ray.engines.devices import check_device, fitting
from alchemi_ray.engines.making import Engine
from alchemi_ray.spec import Spec

from alchemi_core.errors import AlchemiError, OptionError

ARGON = "lennard-jones"


@pytest.fixture
def none_here(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


@pytest.mark.parametrize(
    ("machines", "gpus", "room"),
    [
        ([2], 0.5, 4),
        ([2], 1, 2),
        ([2], 2, 1),
        ([2], 4, 0),
        ([2], 0.4, 4),  # not 5: half of the last would be on either
        ([1, 1], 2, 0),  # not 1: a worker is on one machine
        ([3], 1 / 3, 9),
        ([10], 0.1, 100),
        ([0], 1, 0),
        ([], 1, 0),
    ],
)
def test_room_is_that_of_whole_workers(machines, gpus, room):
    assert fitting(machines, gpus) == room


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_a_device_that_nobody_knows_makes_no_folder(alchemi, here, tools, engine):
    tools.save("data.extxyz", tools.mixed(2))
    answer = alchemi("data.extxyz", "--model", ARGON, "--engine", engine, "--device", "cudda", "--out", "out")
    assert (answer.code, "--device: 'cudda' cannot be used" in answer.err) == (2, True), answer.err
    assert not (here / "out").exists()


def test_a_cluster_of_our_own_has_the_accelerators_of_this_machine(alchemi, here, tools, none_here):
    tools.save("data.extxyz", tools.mixed(2))
    answer = alchemi("data.extxyz", "--model", ARGON, "--engine", "ray", "--device", "cuda", "--out", "out")
    assert answer.code == 2
    assert "this machine has accelerators for 0 workers that take 1 each" in answer.err
    assert "likely fix: --device cpu" in answer.err
    assert not (here / "out").exists()


REFUSED = {
    "too many": (Engine("ray", 3), "cuda", "accelerators for 2 workers"),
    "too large": (Engine("ray", 1, None, 3), "cuda", "accelerators for 0 workers"),
    "broken": (Engine("ray", 1, None, 1.5), "cuda", "--gpus: 1.5"),
    "another": (Engine("ray", 1), "cuda:1", "sees only its own"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_workers_that_would_wait_without_end_are_refused(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    engine, device, text = REFUSED[name]
    with pytest.raises(OptionError, match=text):
        check_device(device, engine)


@pytest.mark.parametrize("engine", [Engine("ray", 2), Engine("ray", 4, None, 0.5), Engine("ray", 9, "HOST:6379")])
def test_workers_that_there_is_room_for_are_not_refused(monkeypatch, engine):
    """What a cluster elsewhere has is for itself to say."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    check_device("cuda", engine)


@pytest.mark.parametrize(("device", "words"), [("cuda:99", []), ("cuda", ["--engine", "ray"])])
def test_a_run_does_not_go_on_without_its_device(alchemi, here, tools, none_here, device, words):
    tools.save("data.extxyz", tools.mixed(2))
    assert alchemi("data.extxyz", "--model", ARGON, "--out", "out").code == 0
    begin_elsewhere(here / "out", device)
    before = (here / "out" / "run.json").read_bytes()
    answer = alchemi("--resume", "out", *words)
    assert answer.code == 2
    assert "a run that began with another device goes on where there is one" in answer.err
    assert (here / "out" / "run.json").read_bytes() == before


def begin_elsewhere(folder, device):
    """Change a run to one that began on a machine with such a device."""
    spec = Spec.read(folder / "shards.json")
    spec = attrs.evolve(spec, settings=attrs.evolve(spec.settings, device=device))
    spec.write(folder / "shards.json")
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "run": spec.run, "device": device}))


def test_a_cluster_without_accelerators_is_not_waited_for(monkeypatch):
    nodes = [{"Alive": True, "Resources": {"CPU": 4.0}}, {"Alive": False, "Resources": {"CPU": 4.0, "GPU": 8.0}}]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 4.0})
    assert ray_cluster.room_for(0.0) == 4
    with pytest.raises(OptionError, match="the cluster has accelerators for 0 workers"):
        ray_cluster.room_for(1.0)
    nodes[1]["Alive"] = True
    assert ray_cluster.room_for(1.0) == 4


@pytest.mark.parametrize("length", [10, 100])
def test_sockets_have_names_that_fit(monkeypatch, tmp_path, length):
    folder = "/" + (length - 1) * "x"
    monkeypatch.setattr(tempfile, "gettempdir", lambda: folder)
    short = ray_cluster._short()
    assert short == (None if length == 10 else "/tmp")  # noqa: S108
    assert len(os.fsencode((short or folder) + ray_cluster.SOCKET)) <= ray_cluster.LONGEST_SOCKET


@pytest.mark.parametrize("error", [OSError("AF_UNIX path length"), ConnectionError("nobody"), ValueError("no")])
@pytest.mark.parametrize(("address", "text"), [(None, "could not be started"), ("HOST:1", "--address: no Ray cluster")])
def test_a_cluster_that_is_not_there_is_told_in_its_own_words(monkeypatch, error, address, text):
    def refuse(**_):
        raise error

    monkeypatch.setattr(ray, "init", refuse)
    with (
        pytest.raises(AlchemiError, match=text) as told,
        ray_cluster.cluster(Engine("ray", 1, address), 1, 0, 10),
    ):
        pass
    assert str(error) in str(told.value)


def test_a_cluster_of_our_own_offers_what_is_there(monkeypatch):
    asked = {}
    monkeypatch.setattr(ray, "init", lambda **options: asked.update(options))
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    with ray_cluster.cluster(Engine("ray", 4, None, 0.5), 4, 2, 10):
        pass
    assert (asked["num_cpus"], asked["num_gpus"]) == (4, 2)
    assert SimpleNamespace(**asked).include_dashboard is False
