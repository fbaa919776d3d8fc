"""``alchemi check``: what it says of models that are right, wrong, exempt or not there, and how it ends."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from alchemi_core import create_model
from alchemi_core.cli.check_lines import WIDTH
from alchemi_core.cli.main import main
from alchemi_core.registry import default_registry

HERE = Path(__file__).parent

HOOKS = """
from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer, ReductionOffer

def offer(name, kind, **more):
    return ModelOffer(name=name, summary=f"{name} for tests", target=f"checked_models:{kind}", **more)

@hookimpl
def alchemi_models():
    return [
        offer("bonds", "Bonds"),
        offer("tether", "Tether"),
        offer("moored", "Tether", exempt={"translation": "a tether is tied to the origin"}),
        offer("stale", "Bonds", example={"k": 2.0}, exempt={"forces": "they were wrong once"}),
        offer("broken", "Broken"),
        offer("needy", "Needy"),
        offer("slow", "Slow"),
        offer("mute", "Mute"),
        offer("rough", "Rough"),
    ]

@hookimpl
def alchemi_reductions():
    return [ReductionOffer(name="total", summary="a sum", target="alchemi_core.reductions:weighted_sum")]
"""


@pytest.fixture(scope="session")
def bench(tmp_path_factory):
    """A folder in which the distribution ``alchemi-checked`` is installed."""
    folder = tmp_path_factory.mktemp("bench")
    info = folder / "alchemi_checked-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: alchemi-checked\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[alchemi]\nchecked = checked_hooks\n")
    (folder / "checked_hooks.py").write_text(HOOKS)
    (folder / "checked_models.py").write_text((HERE / "checked_models.py").read_text())
    return folder


@pytest.fixture
def check(bench, here, monkeypatch, capfd):
    """Runs ``alchemi check`` in this process: ``check("bonds", "--only", "forces")`` gives code, output and errors."""
    monkeypatch.syspath_prepend(str(bench))
    monkeypatch.setenv("ALCHEMI_PLUGINS", "alchemi-checked")
    default_registry.cache_clear()

    def run(*words):
        capfd.readouterr()
        code = main(["check", *map(str, words)])
        return code, *capfd.readouterr()

    yield run
    default_registry.cache_clear()


@pytest.fixture
def start(bench, here):
    """Starts ``alchemi check`` as a process of its own, and ends it if the test does not."""
    own = {"PYTHONPATH": str(bench), "ALCHEMI_PLUGINS": "alchemi-checked", "OMP_NUM_THREADS": "1"}
    begun = []

    def launch(*words, stdout=subprocess.PIPE, **environment):
        command = [sys.executable, "-m", "alchemi_core.cli", "check", *words]
        known = {**os.environ, **own, **environment}
        process = subprocess.Popen(command, env=known, stdout=stdout, stderr=subprocess.PIPE, text=True)
        begun.append(process)
        return process

    yield launch
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_right_model_passes_and_the_report_names_it_once(check):
    code, out, err = check("bonds")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "model bonds"
    assert re.search(r"^  passed  takes +water, ethanol$", out, re.M)
    assert out.count("bonds") == 2, "the title, and the note on what was made"
    assert all(line.startswith("  passed  ") for line in lines[1:-2])
    assert re.fullmatch(r"(\d+) passed of \1 checks, \d+\.\d s", lines[-1])


def test_a_wrong_model_fails_and_the_report_says_what_to_do(check):
    code, out, err = check("tether", "--only", "translation,rotation")
    assert (code, err) == (1, "")
    expected = """model tether
  FAILED  translation
          must hold: outputs stay when all atoms move together
          water, all atoms moved by (0.7132, -1.3391, 2.1874) Å: energy[0, 0] is ...
            expected: ...
            likely fix: ...
  passed  rotation     ...

1 passed, 1 failed of 2 checks, ... s
failed: translation
  to run it alone: --only translation
  if it need not pass: --exempt "translation=REASON"
"""
    pattern = re.escape(expected).replace(r"\.\.\.", ".*")
    assert re.fullmatch(pattern, out), out


def test_both_ways_out_of_a_failure_are_ways_out(check):
    _, out, _ = check("tether", "--only", "translation")
    assert check("tether", "--only", *re.search(r"--only (\S+)", out).groups())[0] == 1
    exempt = re.search(r'--exempt "(.*)=REASON"', out).group(1) + "=it is tied"
    code, out, _ = check("tether", "--only", "translation", "--exempt", exempt)
    assert code == 0
    assert "  exempt  translation  since it is tied\n" in out
    assert "\n1 exempt of 1 check, " in out


def test_exemptions_of_the_offer_hold_and_are_shown(check):
    code, out, _ = check("moored", "--only", "translation")
    assert code == 0
    assert "  exempt  translation  since a tether is tied to the origin\n" in out


def test_exemptions_of_the_offer_are_for_its_example(check):
    assert check("moored(k=2.0)", "--only", "translation")[0] == 1
    assert check("moored(k=2.0)", "--only", "translation", "--exempt", "translation=tied")[0] == 0


def test_an_exemption_that_is_not_needed_fails(check):
    code, out, _ = check("stale", "--only", "forces,rotation")
    assert code == 1
    assert "  FAILED  forces\n          passes, and is exempt: they were wrong once\n" in out
    assert "likely fix: remove the exemption" in out
    assert "failed: forces\n" in out
    assert "--exempt" not in out, "to be exempt is no way out"


def test_the_example_of_an_offer_is_what_is_checked_unless_options_are_given(check):
    listed = {words: check(words, "--list", "--json")[1] for words in ("stale", "stale(k=2.0)", "stale(k=3.0)")}
    reasons = {words: {one["exempt"] for one in json.loads(text)} for words, text in listed.items()}
    once = "they were wrong once"
    assert reasons == {"stale": {"", once}, "stale(k=2.0)": {"", once}, "stale(k=3.0)": {""}}


def test_a_model_that_cannot_be_made_is_a_failure(check):
    code, out, err = check("broken")
    assert (code, err) == (1, "")
    assert "  FAILED  can-be-made\n" in out
    assert "broken: cannot be made: RuntimeError: the weights are gone" in out
    assert "1 failed of 1 check, " in out
    assert "--exempt" not in out, "nothing is left that could be checked"


def test_a_model_that_does_not_answer_is_one_failure_whatever_was_chosen(check):
    code, out, err = check("mute", "--only", "forces,rotation", "--exempt", "rotation=has an axis")
    assert (code, err) == (1, "")
    assert out.count("FAILED") == 1
    assert "raised KeyError: 'weights'" in out


WRONG = {
    "nothing to check": ([], "neither MODEL nor --plugin"),
    "two things to check": (["bonds", "--plugin", "alchemi-checked"], "MODEL and --plugin together"),
    "unknown model": (["bands"], "no model named 'bands'.*'bonds'"),
    "unknown plugin": (
        ["--plugin", "alchemi-cheked"],
        "no plugin named 'alchemi-cheked'.*likely fix: 'alchemi-checked'",
    ),
    "unknown option": (["bonds(c=1)"], "no option named 'c'.*expected: options k=1.0"),
    "missing option": (["needy"], "option 'checkpoint' missing"),
    "option of a wrong value": (["bonds(k=-1)"], "bonds: k=-1.*expected: a positive number"),
    "option of a wrong kind": (["bonds(k='x')"], "cannot be made with {'k': 'x'}: TypeError"),
    "no expression": (["bonds +"], "this is not an expression"),
    "no such file": (["nothing.alchemi"], "nothing.alchemi: .*there is no such file"),
    "a file of another kind": (["water.xyz"], "'water.xyz' is neither a model expression nor a pipeline file"),
    "unknown check": (["bonds", "--only", "forces,rottion"], "no check has 'rottion'.*likely fix: --only rotation"),
    "no name of a check": (["bonds", "--only", ","], "no check has ','"),
    "unknown exemption": (["bonds", "--exempt", "rottion=no"], "'rottion' is exempt, and no check.*'rotation'"),
    "exempt without a reason": (["bonds", "--exempt", "forces="], "'forces=' *expected: NAME=REASON.*\"forces=why"),
    "exempt without a name": (["bonds", "--exempt", "=why"], "'=why' *expected: NAME=REASON"),
    "unknown device": (["bonds", "--device", "abacus"], "--device: 'abacus' cannot be used"),
    "accuracy of a plugin": (["--plugin", "alchemi-checked", "--accuracy", "1e-3"], "--accuracy with --plugin"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_one_clear_error(check, case):
    words, said = WRONG[case]
    code, out, err = check(*words)
    assert (code, out) == (2, "")
    assert err.startswith("alchemi: ")
    assert re.search(said, " ".join(err.split())), err
    assert "Traceback" not in err


@pytest.mark.parametrize("words", [["--accuracy", "0"], ["--accuracy", "x"], ["--onyl", "x"]])
def test_wrong_values_of_options_are_refused(check, words, capfd):
    with pytest.raises(SystemExit) as stop:
        check("bonds", *words)
    assert stop.value.code == 2
    assert "usage: alchemi" in capfd.readouterr().err


def test_a_list_names_every_check_and_what_it_proves(check):
    code, out, _ = check("moored", "--list")
    assert code == 0
    assert out.startswith("model moored\n")
    assert re.search(r"^  translation +outputs stay when all atoms move together\n +exempt, since a tether", out, re.M)
    assert re.search(r"^  takes-water  +\S", out, re.M)
    assert "passed" not in out


def test_lists_and_results_as_json(check):
    listed = json.loads(check("moored", "--list", "--json")[1])
    code, out, _ = check("moored", "--json")
    results = json.loads(out)
    assert [one["check"] for one in results] == [one["check"] for one in listed]
    assert {one["kind"] for one in results} == {"model"}
    assert {one["subject"] for one in results} == {"moored"}
    assert code == 1, "other checks than the one that is exempt"
    by_end = {one["check"].rpartition("/")[2]: one for one in results}
    assert by_end["rotation"]["status"] == "passed"
    assert by_end["translation"]["status"] == "exempt"
    assert by_end["translation"]["exempt"] == "a tether is tied to the origin"
    assert "all atoms moved" in by_end["translation"]["text"]
    assert by_end["rotation"]["about"]
    assert by_end["rotation"]["seconds"] >= 0


def test_a_plugin_is_checked_with_all_that_it_offers(check):
    code, out, _ = check("--plugin", "alchemi-checked", "--list")
    assert code == 0
    titles = [line for line in out.splitlines() if not line.startswith(" ")]
    models = ["bonds", "tether", "moored", "stale", "broken", "needy", "slow", "mute", "rough"]
    assert titles == ["plugin alchemi-checked", *(f"model {name}" for name in models), "reduction total"]


def test_names_in_the_report_of_several_things_say_of_which(check):
    code, out, _ = check("--plugin", "alchemi-checked", "--only", "bonds/rotation,tether/translation,broken")
    assert code == 1
    assert "failed: model/tether/translation, model/broken/can-be-made\n" in out
    assert '--exempt "model/tether/translation=REASON"' in out
    assert out.index("model bonds\n") < out.index("model tether\n") < out.index("model broken\n")


def test_a_sum_of_models_is_checked_as_a_whole(check):
    code, out, err = check("bonds  + 0.5*bonds(k=2)", "--only", "forces,rotation,takes")
    assert (code, err) == (0, "")
    assert out.startswith("model bonds + 0.5*bonds(k=2)\n")
    assert check("bonds + tether", "--only", "translation")[0] == 1
    assert check("0.5*tether", "--only", "translation")[0] == 1


def test_a_file_is_checked_and_called_by_its_name(check, here):
    pipeline = create_model("bonds") + create_model("tether")
    (here / "kept").mkdir()
    pipeline.save(here / "kept" / "two.alchemi")
    code, out, _ = check("kept/two.alchemi", "--only", "translation,forces")
    assert code == 1
    assert out.startswith("model two.alchemi\n")
    assert "  passed  forces " in out
    assert "failed: translation\n" in out


def test_a_method_with_an_error_of_its_own_is_checked_less_tightly(check):
    words = ("rough", "--only", "translation")
    assert check(*words)[0] == 1
    assert check(*words, "--accuracy", "1e-6")[0] == 1
    assert check(*words, "--accuracy", "1e-2")[0] == 0


def test_times_are_shown_when_asked_for(check):
    _, out, _ = check("bonds", "--only", "forces", "--times")
    assert re.search(r"^  passed +\d+\.\d\d s  forces  largest", out, re.M)


def test_output_for_files_is_plain_and_its_lines_are_short(check):
    _, out, _ = check("tether")
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= WIDTH


def read_all(descriptor):
    """Everything written to a terminal until its other end closes."""
    parts = []
    while True:
        try:
            data = os.read(descriptor, 65536)
        except OSError:
            break
        if not data:
            break
        parts.append(data)
    return b"".join(parts).decode()


def test_on_a_terminal_failures_stand_out_and_lines_fit(start):
    ours, theirs = pty.openpty()
    words = ("tether", "--only", "translation,rotation,global-state")
    process = start(*words, stdout=theirs, TERM="xterm-256color", COLUMNS="60", LINES="40")
    os.close(theirs)
    shown = read_all(ours)
    os.close(ours)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, "")
    assert "  \x1b[32mpassed\x1b[0m  rotation" in shown
    assert "  \x1b[1;31mFAILED\x1b[0m  translation" in shown
    assert "\x1b[32mpassed\x1b[0m  global-state" in shown, (
        "what shows the progress may not count as printed by the model"
    )
    left = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", re.sub(r"[^\n]*\r\x1b\[2K", "", shown)).replace("\r\n", "\n")
    assert "  ...  " not in left, "what is running stays on the screen"
    assert max(map(len, left.splitlines())) <= 60


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_says_how_far_it_came(start, number, code):
    process = start("slow")
    begun = [process.stdout.readline() for _ in range(3)]
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert begun[0] == "model slow\n"
    assert begun[1].startswith("  passed  can-be-made")
    assert process.returncode == code
    assert err == "alchemi: interrupted\n"
    done, every = map(int, re.search(r"^stopped after (\d+) of (\d+) checks$", out, re.M).groups())
    assert 0 < done < every
    assert f"\n{done} passed of {done} checks, " in out


def test_help_is_immediate(here):
    program = """
import sys
from alchemi_core.cli.main import main
try:
    main(["check", "--help"])
except SystemExit as stop:
    assert stop.code == 0
print(sorted({"torch", "numpy", "ase", "rich", "pytest"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    for option in ("MODEL", "--plugin", "--list", "--only", "--exempt", "--accuracy", "--device", "--times", "--json"):
        assert option in done.stdout


def test_the_command_needs_no_pytest(start, bench, here):
    program = """
import sys
sys.modules["pytest"] = sys.modules["_pytest"] = None
from alchemi_core.cli.main import main
code = main(["check", "bonds"])
code += main(["check", "--plugin", "alchemi-checked", "--only", "bonds/forces,total/resolves"])
sys.exit(code)
"""
    environment = {**os.environ, "PYTHONPATH": str(bench), "ALCHEMI_PLUGINS": "alchemi-checked"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "reduction total" in done.stdout
