"""Commands that plugins bring: found, run, listed; and whatever is wrong with one is told and touches no other."""

import sys

import pytest

COMMAND = """
from alchemi_core.cli.commands import Command


def configure(parser):
    parser.add_argument("spoken", nargs="*")
    parser.add_argument("--loud", action="store_true")


def run(arguments):
    text = " ".join(arguments.spoken)
    print(text.upper() if arguments.loud else text)
    return len(arguments.spoken)


def fail(arguments):
    from alchemi_core.errors import OptionError

    raise OptionError("no words", expected="some", who="say")


SAY = Command("say", "say words", "Say words, loudly or not.", configure, "{module}:run")
FAIL = Command("fail", "fail", "Fail.", configure, "{module}:fail")
LOST = Command("lost", "lost", "Lost.", configure, "{module}:missing")
OTHER = Command("other", "another name", "Other.", configure, "{module}:run")
MODELS = Command("models", "other models", "Models.", configure, "{module}:run")
NUMBER = 3
"""


@pytest.fixture
def bring(springs, tmp_path, monkeypatch):
    """Install a distribution that brings commands; entry points by command, the module as the name of the package."""

    def install(distribution, code=COMMAND, version="0.1", **commands):
        module = distribution.replace("-", "_")
        folder = tmp_path / distribution
        info = folder / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = [f"{name} = {module}:{attribute}" for name, attribute in commands.items()]
        (info / "entry_points.txt").write_text("\n".join(["[alchemi.commands]", *lines, ""]))
        (folder / f"{module}.py").write_text(code.replace("{module}", module))
        monkeypatch.syspath_prepend(str(folder))
        chosen.append(distribution)
        monkeypatch.setenv("ALCHEMI_PLUGINS", ",".join(chosen))

    chosen = ["alchemi-springs"]
    yield install
    for distribution in chosen:
        sys.modules.pop(distribution.replace("-", "_"), None)


def test_a_command_runs_with_its_options_and_exit_code(alchemi, bring):
    bring("alchemi-say", say="SAY")
    assert (alchemi("say", "a", "b").out, alchemi("say", "a", "b").code) == ("a b\n", 2)
    assert alchemi("say", "--loud", "a").out == "A\n"
    assert alchemi("--debug", "say").code == 0


def test_it_is_listed_beside_the_cores_and_has_a_help_page(alchemi, bring):
    bring("alchemi-say", say="SAY")
    listed = alchemi("--help")
    assert listed.code == 0
    assert [line.split()[:3] for line in listed.out.splitlines() if line.split()[:1] == ["say"]] == [
        ["say", "say", "words"]
    ]
    assert "singlepoint" in listed.out
    assert "Say words, loudly or not." in alchemi("say", "--help").out


def test_its_errors_are_one_message(alchemi, bring):
    bring("alchemi-say", fail="FAIL", lost="LOST")
    assert (alchemi("fail").code, alchemi("fail").err) == (2, "alchemi: say: no words\n  expected: some\n")
    lost = alchemi("lost")
    assert lost.code == 2
    assert "missing" in lost.err
    assert "Traceback" not in lost.err


def test_an_unknown_option_of_it_is_bad_input(alchemi, bring):
    bring("alchemi-say", say="SAY")
    answer = alchemi("say", "--quiet")
    assert answer.code == 2
    assert "--quiet" in answer.err


def test_what_the_core_has_is_not_asked_of_plugins(alchemi, bring):
    bring("alchemi-thief", "raise SystemExit('imported')\n", models="X", relax="X")
    answer = alchemi("models")
    assert answer.code == 0
    assert "springs" in answer.out


def test_a_command_of_the_cores_name_does_not_take_its_place(alchemi, bring):
    bring("alchemi-thief", models="MODELS", say="SAY")
    assert "springs for tests" in alchemi("models").out
    assert alchemi("say", "a").out == "a\n"
    listed = alchemi("--help")
    assert listed.code == 0
    assert "list the models on offer" in listed.out
    assert "other models" not in listed.out


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_package\n", "No module named 'no_such_package'"),
        ("raise ValueError('no 100% weights')\n", "ValueError: no 100% weights"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("def broken(:\n", "SyntaxError"),
        ("", "AttributeError"),
    ],
)
def test_one_that_does_not_load_says_why_and_the_others_run(alchemi, bring, code, reason):
    bring("alchemi-say", say="SAY")
    bring("alchemi-broken", code, version="0.7", broken="BROKEN")
    for words in (["broken"], ["broken", "file.xyz", "--model", "springs"]):
        answer = alchemi(*words)
        assert answer.code == 2
        assert reason in answer.err
        assert "alchemi-broken 0.7" in answer.err
        assert "Traceback" not in answer.err
    assert alchemi("say", "a").out == "a\n"
    listed = alchemi("--help")
    assert listed.code == 0
    assert "does not load" in listed.out
    assert alchemi("broken", "--help").code == 2


def test_what_is_no_command_is_told(alchemi, bring):
    bring("alchemi-say", say="SAY", number="NUMBER")
    answer = alchemi("number")
    assert answer.code == 2
    assert "it is 3, not a Command" in answer.err
    assert alchemi("say", "a").out == "a\n"


@pytest.mark.parametrize("name", ["OTHER", "MODELS"])
def test_one_that_goes_by_another_name_than_its_entry_point_is_told(alchemi, bring, name):
    bring("alchemi-say", say=name, fail="FAIL")
    answer = alchemi("say", "a")
    assert answer.code == 2
    assert f"it calls itself {name.lower()!r}" in answer.err
    assert alchemi("fail").err.startswith("alchemi: say: no words")


def test_two_of_one_name_are_refused_by_name_and_the_others_run(alchemi, bring):
    bring("alchemi-say", say="SAY")
    bring("alchemi-tell", say="SAY", fail="FAIL")
    answer = alchemi("say", "a")
    assert answer.code == 2
    for part in ("alchemi-say", "alchemi-tell", "'say'", "ALCHEMI_BLOCK_PLUGINS"):
        assert part in answer.err
    assert alchemi("fail").err.startswith("alchemi: say: no words")
    listed = alchemi("--help")
    assert listed.code == 0
    assert "both bring the command 'say'" in " ".join(listed.out.split())


def test_one_of_two_can_be_blocked(alchemi, bring, monkeypatch):
    bring("alchemi-say", say="SAY")
    bring("alchemi-tell", say="SAY")
    monkeypatch.setenv("ALCHEMI_BLOCK_PLUGINS", "alchemi-tell")
    assert alchemi("say", "a").out == "a\n"


@pytest.mark.parametrize(
    ("variable", "value"), [("ALCHEMI_BLOCK_PLUGINS", "alchemi-say"), ("ALCHEMI_PLUGINS", "alchemi-springs")]
)
def test_a_command_that_is_kept_out_is_none(alchemi, bring, monkeypatch, variable, value):
    bring("alchemi-say", say="SAY")
    monkeypatch.setenv(variable, value)
    answer = alchemi("say", "a")
    assert answer.code == 2
    assert "say" in answer.err
    assert answer.out == ""


def test_an_option_may_be_called_target(alchemi, bring):
    code = COMMAND.replace('"--loud"', '"--target"').replace("arguments.loud", "arguments.target")
    bring("alchemi-say", code, say="SAY")
    answer = alchemi("say", "a", "--target")
    assert (answer.err, answer.out) == ("", "A\n")
