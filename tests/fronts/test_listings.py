import json

import pytest

HEAVY = ["torch", "ase", "matplotlib", "numpy", "scipy"]


def test_models_are_listed_with_summary_and_plugin(alchemi):
    answer = alchemi("models")
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[0].split() == ["model", "summary", "plugin"]
    assert "springs" in answer.out
    assert "slow-springs for tests" in answer.out
    assert lines[1].endswith("alchemi-springs 1.2.3")
    assert [line.split()[0] for line in lines[1:]] == sorted(line.split()[0] for line in lines[1:])


def test_models_as_json(alchemi):
    listed = json.loads(alchemi("models", "--json").out)
    assert {one["name"] for one in listed} == {
        *("springs", "brittle", "souring", "slow-springs", "blind", "hydrogen", "picky", "stressless", "charged"),
        *("flow", "coulomb", "doubtful", "wells"),
    }
    assert listed[0]["version"] == "1.2.3"


def test_plugins_are_listed_with_what_they_offer(alchemi):
    answer = alchemi("plugins")
    row = next(line for line in answer.out.splitlines() if line.startswith("springs"))
    assert "alchemi-springs 1.2.3" in row
    assert "brittle" in row
    assert "did not load" not in answer.out


@pytest.fixture
def broken(site, springs, tmp_path, monkeypatch):
    """A second distribution, whose module does not import."""
    folder = tmp_path / "broken"
    info = folder / "alchemi_broken-0.3.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: alchemi-broken\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[alchemi]\nbroken = broken_hooks\n")
    (folder / "broken_hooks.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("ALCHEMI_PLUGINS", "alchemi-springs,alchemi-broken")


def test_a_broken_plugin_is_shown_with_its_reason_and_the_others_go_on(alchemi, broken):
    answer = alchemi("plugins")
    assert answer.code == 0
    assert "did not load" in answer.out
    assert "alchemi-broken 0.3" in answer.out
    assert "No module named 'no_such_package'" in answer.out
    assert "alchemi-springs 1.2.3" in answer.out
    assert "Traceback" not in answer.out
    assert "Traceback" in alchemi("plugins", "--traceback").out
    (failure,) = json.loads(alchemi("plugins", "--json").out)["failures"]
    assert failure["reason"] == "No module named 'no_such_package'"
    assert "1 plugin did not load" in alchemi("models").err


def test_a_missing_model_quotes_the_plugin_that_did_not_load(alchemi, broken):
    answer = alchemi("plan", "--model", "broken-model")
    assert answer.code == 2
    assert "No module named 'no_such_package'" in answer.err


@pytest.mark.parametrize("words", [["models"], ["plugins"], ["--version"], ["--help"], ["relax", "--help"]])
def test_listings_and_help_import_nothing_heavy(start, words):
    code = (
        "import sys\n"
        "from alchemi_core.cli.main import main\n"
        "try:\n"
        f"    main({words!r})\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code\n"
        f"sys.exit(','.join(set(sys.modules) & set({HEAVY!r})) or 0)\n"
    )
    process = start(executable_code=code)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")


def test_nothing_on_offer_is_said(alchemi, monkeypatch):
    monkeypatch.setenv("ALCHEMI_PLUGINS", "")
    assert "no models on offer" in alchemi("models").out


def test_a_reader_that_goes_away_is_no_error(start):
    process = start("models")
    process.stdout.close()
    process.stdout = None
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, "")


def test_on_a_terminal_a_table_is_drawn(alchemi, monkeypatch):
    import sys

    monkeypatch.setattr(type(sys.stdout), "isatty", lambda self: True, raising=False)
    answer = alchemi("models")
    assert "springs" in answer.out
    assert "─" in answer.out
