"""The doctor: what it reports, that whatever is wrong is found and named, and that nothing wrong stops it."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from alchemi_core.cli import doctor, doctor_probe, doctor_selftest
from alchemi_core.cli.doctor_devices import NO_TORCH, UNSEEN, devices
from alchemi_core.cli.doctor_privacy import shareable
from alchemi_core.cli.doctor_requirements import requirements
from alchemi_core.cli.doctor_section import INDENT, WIDTH, Row, Section
from alchemi_core.cli.doctor_versions import environment
from alchemi_core.registry import default_registry

TITLES = ["versions", "environment", "plugins", "commands of plugins", "requirements", "neighbor backends", "devices"]
TITLES += ["self-test", "targets of offers"]
HEAD = "from alchemi_core.hookspecs import hookimpl\nfrom alchemi_core.offers import *\n"


@pytest.fixture
def bring(springs, tmp_path, monkeypatch):
    """Install a distribution; with hooks it is a plugin, and let in."""
    allowed, before = ["alchemi-springs"], set(sys.modules)
    monkeypatch.delenv("ALCHEMI_BLOCK_PLUGINS", raising=False)

    def install(name, version="1.0", *, hooks=None, requires=(), entries="", more=None):
        module = name.replace("-", "_")
        folder = tmp_path / name
        info = folder / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        needs = "".join(f"Requires-Dist: {one}\n" for one in requires)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        if hooks is not None:
            entries += f"[alchemi]\n{name} = {module}\n"
            (folder / f"{module}.py").write_text(HEAD + hooks)
            allowed.append(name)
            monkeypatch.setenv("ALCHEMI_PLUGINS", ",".join(allowed))
        (info / "entry_points.txt").write_text(entries)
        for path, text in (more or {}).items():
            (folder / path).write_text(text)
        monkeypatch.syspath_prepend(str(folder))
        default_registry.cache_clear()

    yield install
    for name in {
        name for name in sys.modules if name.startswith("alchemi_") and not name.startswith("alchemi_core")
    } - before:
        del sys.modules[name]
    default_registry.cache_clear()


def one_offer(hook, offer):
    return f"@hookimpl\ndef alchemi_{hook}():\n    return [{offer}]\n"


def section(answer, title):
    """Return the rows of a section, each with what follows it on further lines."""
    lines = answer.out.splitlines()
    start = lines.index(title) + 2
    return "\n".join(lines[start : lines.index("", start)])


@pytest.fixture
def without_tests(monkeypatch):
    """Leaves the self-test out, where a test is about something else."""
    monkeypatch.setattr(doctor, "_self_test", lambda: Section((Row("left out", ""),)))


def test_all_is_well(alchemi, bring):
    answer = alchemi("doctor")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[-1] == "no problems found"
    assert [line for line in answer.out.splitlines()[:-1] if line and not line.startswith(" ")] == TITLES
    assert "!" not in answer.out
    versions = [line.split() for line in section(answer, "versions").splitlines()]
    assert ["torch", f"{torch.__version__},"] in [words[:2] for words in versions]
    assert ["alchemi-springs", "1.2.3"] in versions
    assert "model: springs, brittle" in section(answer, "plugins")
    assert "ALCHEMI_PLUGINS" in section(answer, "environment")
    tests = section(answer, "self-test").splitlines()
    assert len(tests) >= 4
    assert all(line.endswith(" ok") for line in tests)


def test_it_can_be_pasted(alchemi, bring, without_tests):
    """Markdown sets as code what is indented by four and follows an empty line."""
    lines = alchemi("doctor").out.splitlines()
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) <= WIDTH
    for before, line in pairwise(lines):
        assert not line or line.startswith(INDENT) or before == ""
        assert not line.startswith(INDENT) or before == "" or before.startswith(INDENT)


def test_a_broken_plugin_is_a_problem_and_stops_nothing(alchemi, bring):
    bring("alchemi-broken", "0.3", hooks="import no_such_package\n")
    answer = alchemi("doctor")
    assert answer.code == 1
    assert answer.out.splitlines()[-1] == "1 problem: alchemi-broken 0.3 did not load"
    assert "! alchemi-broken 0.3" in section(answer, "plugins")
    assert "did not load: No module named 'no_such_package'" in section(answer, "plugins")
    assert "forces and stress        ok" in section(answer, "self-test")


def test_a_plugin_for_another_core_counts_once(alchemi, bring, without_tests):
    bring("alchemi-later", hooks=one_offer("models", ""), requires=["alchemi-core>=99"])
    answer = alchemi("doctor")
    assert answer.out.splitlines()[-1] == "1 problem: alchemi-later 1.0 did not load"
    assert 'likely fix: pip install "alchemi-core>=99"' in section(answer, "plugins")


def test_a_misspelt_name_in_the_environment_is_a_problem(alchemi, bring, without_tests, monkeypatch):
    monkeypatch.setenv("ALCHEMI_PLUGINS", "alchemi-spring")
    answer = alchemi("doctor")
    assert answer.code == 1
    assert "alchemi-spring is no plugin" in answer.out.splitlines()[-1]
    assert "did you mean 'alchemi-springs'?" in section(answer, "plugins")


def test_what_is_kept_out_is_told_and_is_no_problem(alchemi, bring, without_tests, monkeypatch):
    monkeypatch.setenv("ALCHEMI_BLOCK_PLUGINS", "springs")
    answer = alchemi("doctor")
    assert answer.code == 0
    assert "alchemi-springs 1.2.3" in section(answer, "plugins")
    assert "kept out: blocked by ALCHEMI_BLOCK_PLUGINS" in section(answer, "plugins")


def test_a_name_offered_twice_names_both(alchemi, bring, without_tests):
    bring("alchemi-rival", hooks=one_offer("models", "ModelOffer(name='springs', summary='s', target='a:b')"))
    answer = alchemi("doctor")
    assert answer.code == 1
    assert answer.out.splitlines()[-1] == "1 problem: model springs is offered twice"
    told = " ".join(section(answer, "plugins").split())
    assert "model 'springs' is offered by alchemi-rival 1.0" in told
    assert "alchemi-springs 1.2.3" in told
    assert "likely fix: ALCHEMI_BLOCK_PLUGINS=alchemi-" in told


BACKEND = "NeighborOffer(name={!r}, role={!r}, rank={}, summary='s', devices=('cpu',), target={!r})"


def test_backends_stand_in_the_order_of_their_ranks(alchemi, bring, without_tests):
    bring("alchemi-swift", hooks=one_offer("neighbors", BACKEND.format("swift", "builder", 5, "a:b")))
    answer = alchemi("doctor")
    assert "cpu builder     swift 5 (used), vesin 0, brute-force -10\n" in section(answer, "neighbor backends")
    assert "cuda builder    vesin 0 (used), brute-force -10\n" in section(answer, "neighbor backends")
    assert answer.code == 0


def test_two_backends_of_one_rank_are_a_problem(alchemi, bring, without_tests):
    bring("alchemi-swift", hooks=one_offer("neighbors", BACKEND.format("swift", "builder", 0, "a:b")))
    answer = alchemi("doctor")
    assert answer.code == 1
    told = " ".join(section(answer, "neighbor backends").split())
    assert "! cpu builder failed: role 'builder' on 'cpu' is claimed at rank 0 by 'vesin'" in told
    assert "likely fix: ALCHEMI_BLOCK_PLUGINS=alchemi-swift" in told


def test_a_command_that_does_not_load_is_a_problem(alchemi, bring, without_tests):
    bring("alchemi-say", entries="[alchemi.commands]\nsay = no_such_module:SAY\n", hooks=one_offer("models", ""))
    answer = alchemi("doctor")
    assert answer.out.splitlines()[-1] == "1 problem: the command say fails"
    told = " ".join(section(answer, "commands of plugins").split())
    assert "No module named 'no_such_module'" in told


def found(plugin):
    """Return each problem with the whole of its row."""
    return {row.problem: row.text for row in requirements([plugin]).rows if row.problem}


def test_what_is_missing_is_told_with_who_wants_it(bring):
    bring("alchemi-needy", requires=["absent-package>=2,<3", "absent-by-marker; python_version < '3'"])
    assert found("alchemi-needy") == {
        "absent-package not installed, alchemi-needy 1.0 wants absent-package<3,>=2": (
            "not installed\n"
            'alchemi-needy 1.0 wants absent-package<3,>=2\nlikely fix: pip install "absent-package<3,>=2"'
        )
    }


def test_another_version_is_told_also_where_it_is_wanted_by_something_between(bring):
    bring("irreps", "0.5")
    bring("potential", "2.0", requires=["irreps==0.4.4"])
    bring("alchemi-needy", requires=["potential"])
    (problem,) = found("alchemi-needy")
    assert problem == "irreps 0.5 is installed, potential 2.0 wants irreps==0.4.4"


def test_demands_that_exclude_each_other_have_no_command(bring):
    bring("irreps", "0.5")
    bring("potential", "2.0", requires=["irreps==0.4.4"])
    bring("alchemi-needy", requires=["potential", "Irreps>=0.5"])
    (text,) = found("alchemi-needy").values()
    assert "pip install" not in text
    assert "potential 2.0 wants irreps==0.4.4" in text
    assert "alchemi-needy 1.0 wants irreps>=0.5" in text
    assert "no one version suits all who ask for it" in text


def test_what_an_extra_asks_for_counts_where_the_extra_is_asked_for(bring):
    bring("potential", "2.0", requires=["absent-package; extra == 'gpu'"])
    bring("alchemi-plain", requires=["potential"])
    bring("alchemi-needy", requires=["potential[gpu]"])
    assert not found("alchemi-plain")
    assert [problem.split(",")[0] for problem in found("alchemi-needy")] == ["absent-package not installed"]


def test_prereleases_and_addresses_will_do(bring):
    bring("irreps", "0.5rc1")
    bring("alchemi-needy", requires=["irreps>=0.4", "numpy @ file:///nowhere/numpy.whl"])
    assert not found("alchemi-needy")


def test_metadata_that_means_nothing_is_told_and_stops_nothing(bring):
    bring("alchemi-needy", requires=["what is this?", "absent-package"])
    assert list(found("alchemi-needy")) == [
        "alchemi-needy 1.0 has broken metadata",
        "absent-package not installed, alchemi-needy 1.0 wants absent-package",
    ]


def test_metadata_left_behind_is_a_problem(bring, tmp_path):
    bring("potential", "2.0")
    older = tmp_path / "potential" / "potential-1.0.dist-info"
    older.mkdir()
    (older / "METADATA").write_text("Metadata-Version: 2.1\nName: potential\nVersion: 1.0\n")
    bring("alchemi-needy", requires=["potential"])
    assert list(found("alchemi-needy")) == ["potential is there in several versions"]


def test_unmet_requirements_reach_the_report(alchemi, bring, without_tests):
    bring("alchemi-needy", hooks=one_offer("models", ""), requires=["absent-package"])
    answer = alchemi("doctor")
    assert answer.code == 1
    assert "absent-package" in answer.out.splitlines()[-1]
    assert "! absent-package  not installed" in section(answer, "requirements")
    (lack,) = json.loads(alchemi("doctor", "--json").out)["requirements"]
    assert lack == {
        "package": "absent-package",
        "found": None,
        "demands": [{"by": "alchemi-needy 1.0", "wants": "absent-package"}],
        "fix": 'pip install "absent-package"',
    }


FORGETFUL = """
import attrs
from alchemi_core.neighbors.building import build as right
from alchemi_core.neighbors.halves import to_half as halve

def build(batch, cutoff, skin):
    return attrs.evolve(right(batch, 0.9 * (cutoff + skin), 0.0), cutoff=cutoff, skin=skin)

def keep(neighbors):
    return attrs.evolve(halve(neighbors), half_list=False)
"""


@pytest.mark.parametrize(
    ("role", "target", "failed"),
    [
        ("builder", "alchemi_wrong:build", "cpu lists equal brute force"),
        ("to_half", "alchemi_wrong:keep", "cpu lists convert"),
        ("builder", "alchemi_wrong:missing", "cpu lists equal brute force"),
    ],
)
def test_a_wrong_backend_fails_the_self_test(alchemi, bring, role, target, failed):
    bring("alchemi-wrong", hooks=FORGETFUL + one_offer("neighbors", BACKEND.format("wrong", role, 9, target)))
    answer = alchemi("doctor")
    assert answer.code == 1
    assert f"! {failed}" in section(answer, "self-test")
    assert f"{failed} failed" in answer.out.splitlines()[-1]


def failing(registry=None):
    return {row.label for row in doctor_selftest.checks(registry or default_registry()) if row.problem}


def test_forces_that_do_not_fit_the_energy_fail_the_self_test(bring, monkeypatch):
    right = doctor_probe.Morse.compute
    assert failing() == set()

    def cut(self, view, requested):
        energy = right(self, view, requested)["energy"]
        return {"energy": energy + 1e-3 * energy.detach()}

    monkeypatch.setattr(doctor_probe.Morse, "compute", cut)
    assert failing() == {"cpu forces and stress"}


def test_a_pipeline_that_loads_as_another_fails_the_self_test(bring, monkeypatch):
    right = doctor_selftest.load_pipeline

    def careless(path, **options):
        pipeline = right(path, **options)
        with torch.no_grad():
            next(pipeline.parameters()).add_(1e-9)
        return pipeline

    monkeypatch.setattr(doctor_selftest, "load_pipeline", careless)
    assert failing() == {"saving and loading"}


def test_a_device_is_compared_with_the_cpu(bring, monkeypatch):
    registry = doctor_selftest.with_probe(default_registry())
    doctor_selftest.check_device(registry, "cpu")
    right = doctor_selftest._pipeline

    def other(registry, device):
        pipeline = right(registry, "cpu")
        with torch.no_grad():
            next(pipeline.parameters()).add_(1e-6 if device == "other" else 0.0)
        return pipeline

    monkeypatch.setattr(doctor_selftest, "_pipeline", other)
    monkeypatch.setattr(doctor_selftest, "_crystal", lambda device, make=doctor_selftest._crystal: make("cpu"))
    with pytest.raises(AssertionError, match="energy"):
        doctor_selftest.check_device(registry, "other")


@pytest.mark.parametrize(
    "name", ["versions", "environment", "plugins", "commands", "requirements", "backends", "devices"]
)
def test_a_section_that_fails_stops_no_other(alchemi, bring, without_tests, monkeypatch, name):
    def fail(*_):
        raise ValueError("it is late")

    monkeypatch.setattr(doctor, name, fail)
    answer = alchemi("doctor")
    assert answer.code == 1
    assert [line for line in answer.out.splitlines()[:-1] if line and not line.startswith(" ")] == TITLES
    assert answer.out.count("failed: ValueError: it is late") == 1


BROKEN_TORCH = 'raise OSError("libtorch_cpu.so: cannot open shared object file")\n'


@pytest.mark.parametrize("broken", [BROKEN_TORCH, None])
def test_it_reports_where_torch_is_broken_or_missing(bring, tmp_path, broken):
    (tmp_path / "torch").mkdir()
    code = "import sys\nfrom alchemi_core.cli.main import main\n"
    if broken:
        (tmp_path / "torch" / "__init__.py").write_text(broken)
    else:
        code += "sys.modules['torch'] = None\n"
    code += "sys.exit(main(['doctor']))\n"
    places = [str(tmp_path), *sys.path]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    done = subprocess.run([sys.executable, "-P", "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines()[-1] == f"1 problem: {NO_TORCH}"
    assert "alchemi-springs 1.2.3" in done.stdout
    assert "cpu builder     vesin 0 (used), brute-force -10" in done.stdout
    assert done.stdout.count("! torch") == 2


def test_json_holds_all_of_it(alchemi, bring):
    bring("alchemi-broken", "0.3", hooks="import no_such_package\n")
    answer = alchemi("doctor", "--json")
    told = json.loads(answer.out)
    assert answer.code == 1
    assert list(told) == ["problems", *(title.replace(" ", "_").replace("-", "_") for title in TITLES)]
    assert told["problems"] == ["alchemi-broken 0.3 did not load"]
    assert told["versions"]["torch"].startswith(torch.__version__)
    assert [one["plugin"] for one in told["plugins"]["failures"]] == ["alchemi-broken"]
    first = told["neighbor_backends"][0]
    assert (first["device"], first["role"], first["used"]) == ("cpu", "builder", "vesin")
    assert [one["name"] for one in first["ranked"]] == ["vesin", "brute-force"]
    assert set(told["self_test"].values()) == {"ok"}


def test_full_imports_every_target(alchemi, bring, without_tests):
    offers = "ModelOffer(name='sound', summary='s', target='chatty:Sound'), "
    offers += "ModelOffer(name='lost', summary='s', target='chatty:Lost')"
    hooks = one_offer("models", offers)
    bring("alchemi-chatty", hooks=hooks, more={"chatty.py": "print('welcome')\nSound = dict\n"})
    answer = alchemi("doctor", "--full")
    sys.modules.pop("chatty")
    assert answer.code == 1
    assert "welcome" not in answer.out
    assert "welcome" in answer.err
    told = section(answer, "targets of offers")
    assert "alchemi-chatty 1.0" in told
    assert "1 of 2 import" in told
    assert "! alchemi-chatty 1.0 model lost" in told
    assert "AttributeError" in told
    assert "alchemi doctor --full" in section(alchemi("doctor"), "targets of offers")


def test_the_last_line_stays_short(alchemi, bring, without_tests):
    for number in range(5):
        bring(f"alchemi-broken-{number}", hooks="import no_such_package\n")
    last = alchemi("doctor").out.splitlines()[-1]
    assert last.startswith("5 problems: alchemi-broken-0 1.0 did not load; ")
    assert last.endswith("; and 2 more, marked with !")


def test_home_and_user_are_not_told(alchemi, bring, without_tests, monkeypatch, tmp_path):
    home = tmp_path / "home" / "eve"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("LOGNAME", "eve")
    monkeypatch.setenv("ALCHEMI_CACHE", f"{home}/cache:/data/eve/other:{home}book")
    bring("alchemi-broken", hooks=f"raise OSError('{home}/weights.pt is missing')\n")
    for words in (["doctor"], ["doctor", "--json"]):
        told = alchemi(*words).out
        assert "~/cache:/data/USER/other:" in told
        assert "~/weights.pt is missing" in told
        assert f"{home}/" not in told


def test_secrets_are_not_told():
    told = environment({"ALCHEMI_TOKEN": "abc", "ALCHEMI_MODE": "fast", "AWS_REGION": "x", "OMP_NUM_THREADS": "2"})
    assert told.described == {"ALCHEMI_MODE": "fast", "ALCHEMI_TOKEN": "(set, not shown)", "OMP_NUM_THREADS": "2"}
    assert "abc" not in str(told)


def test_an_odd_home_changes_nothing():
    assert shareable("/usr/lib/x", Path("/"), "") == "/usr/lib/x"


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Puts a program on the path that speaks as that of the driver."""

    def install(script):
        folder = tmp_path / "driver"
        folder.mkdir()
        program = folder / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    return install


def torch_that_sees(*names, built="12.8", error=None):
    def init():
        if error:
            raise error

    about = [SimpleNamespace(name=name, total_memory=80e9, major=9, minor=0) for name in names]
    cuda = SimpleNamespace(
        is_available=lambda: bool(about),
        device_count=lambda: len(about),
        get_device_properties=about.__getitem__,
        init=init,
    )
    none = SimpleNamespace(mps=SimpleNamespace(is_available=lambda: False))
    version = SimpleNamespace(cuda=built, hip=None)
    return SimpleNamespace(cuda=cuda, backends=none, version=version, get_num_threads=lambda: 7)


def seen(monkeypatch, fake, **environ):
    monkeypatch.setitem(sys.modules, "torch", fake)
    told = devices(environ)
    return {row.label: row.text for row in told.rows}, told.problems


def test_devices_are_told_as_the_driver_and_torch_see_them(driver, monkeypatch):
    driver("echo '0, NVIDIA H200, 143771 MiB, 570.1'")
    rows, problems = seen(monkeypatch, torch_that_sees("NVIDIA H200"))
    assert problems == ()
    assert rows["NVIDIA driver"] == "0, NVIDIA H200, 143771 MiB, 570.1"
    assert rows["CUDA in torch"] == "cuda:0 NVIDIA H200, 80 GB, compute capability 9.0"
    assert rows["torch threads"] == "7"
    assert f"{os.cpu_count()} cores" in rows["processor"]


def test_a_device_that_torch_should_see_and_does_not_is_a_problem(driver, monkeypatch):
    driver("echo '0, NVIDIA H200, 143771 MiB, 470.0'")
    blind = torch_that_sees(error=RuntimeError("The NVIDIA driver is too old"))
    rows, problems = seen(monkeypatch, blind)
    assert problems == (UNSEEN,)
    assert "The NVIDIA driver is too old" in rows["CUDA in torch"]
    assert seen(monkeypatch, blind, CUDA_VISIBLE_DEVICES="")[1] == ()
    rows, problems = seen(monkeypatch, torch_that_sees(built=None))
    assert problems == ()
    assert rows["CUDA in torch"] == "none found: this torch is built for CPU only"


def test_a_driver_that_fails_is_told(driver, monkeypatch):
    driver("echo 'no communication with the driver'; exit 9")
    rows, problems = seen(monkeypatch, torch_that_sees())
    assert problems == ()
    assert rows["NVIDIA driver"] == "none found: no communication with the driver"
