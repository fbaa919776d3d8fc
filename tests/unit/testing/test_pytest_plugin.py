"""The fixtures that come with the core: what they give, what they notice, and that they cost nothing."""

import subprocess
import sys
from inspect import getdoc

import pytest

from alchemi_core.testing import STRUCTURES, pytest_plugin

from .pytest_runs import run_pytest

TESTS = """
    import os
    import random
    import warnings

    import numpy as np
    import pytest
    import torch

    from alchemi_core import ModelOffer, create_model
    from alchemi_core.testing import STRUCTURES

    UNCHANGED = pytest.mark.usefixtures("alchemi_unchanged_process")
    OFFER = ModelOffer(name="mine", summary="mine", target="colors:NONE")


    def test_each_structure(alchemi_structure, alchemi_structures):
        assert alchemi_structures[alchemi_structure.name] is alchemi_structure
        assert alchemi_structure in STRUCTURES
        assert len(alchemi_structure.make()) > 0


    @pytest.mark.parametrize("alchemi_structure", ["slab"], indirect=True)
    def test_chosen_structure(alchemi_structure):
        assert alchemi_structure.name == "slab"


    @pytest.mark.parametrize("alchemi_structure", ["slap"], indirect=True)
    def test_unknown_structure(alchemi_structure):
        raise RuntimeError("cannot be here")


    def test_all_structures(alchemi_structures):
        assert tuple(alchemi_structures.values()) == STRUCTURES
        with pytest.raises(TypeError):
            alchemi_structures["mine"] = None


    def test_dtypes(alchemi_dtype):
        assert alchemi_dtype in (torch.float64, torch.float32)


    @pytest.mark.parametrize("digits", [12, 8, 5, 2])
    def test_tolerances(alchemi_dtype, alchemi_tolerance, digits):
        one = torch.tensor([3.0], dtype=alchemi_dtype)
        torch.testing.assert_close(one * (1 + 10.0**-digits), one, **alchemi_tolerance)


    def test_tolerance_is_the_tests_own(alchemi_tolerance):
        alchemi_tolerance["rtol"] = 0.0


    def test_tolerance_is_still_there(alchemi_tolerance):
        assert alchemi_tolerance["rtol"] > 0.0


    def test_registry_is_the_cores(alchemi_registry):
        registry = alchemi_registry()
        assert [record.distribution for record in registry.records if record.offers] == ["alchemi-core"]
        assert registry.names("model") == ()
        assert "autograd" in registry.names("derivative")
        assert not registry.failures
        assert not registry.blocked


    def test_registry_with_an_offer(alchemi_registry):
        assert alchemi_registry(OFFER).names("model") == ("mine",)
        assert alchemi_registry().names("model") == (), "each is its own"
        with pytest.raises(Exception, match="No module named 'colors'"):
            create_model("mine", registry=alchemi_registry(OFFER))


    @UNCHANGED
    def test_quiet():
        torch.rand(3), np.random.rand(3), random.random()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")


    @UNCHANGED
    def test_puts_back(monkeypatch, tmp_path):
        monkeypatch.setenv("ALCHEMI_TEST_SAID", "1")
        monkeypatch.chdir(tmp_path)


    @UNCHANGED
    def test_looks_at_the_output(capsys):
        print("seen")
        assert capsys.readouterr().out == "seen\\n"


    def test_unasked():
        print("anything")


    @UNCHANGED
    def test_prints():
        print("a stray line")


    @UNCHANGED
    def test_prints_below_python():
        os.write(2, b"a stray line of C")


    @UNCHANGED
    def test_sets_a_variable():
        os.environ["ALCHEMI_TEST_LEFT"] = "1"


    @UNCHANGED
    def test_sets_the_floating_type():
        torch.set_default_dtype(torch.float64)


    @UNCHANGED
    def test_sets_error_handling_of_numpy():
        np.seterr(all="ignore")


    @UNCHANGED
    def test_silences_warnings():
        warnings.simplefilter("ignore")


    @UNCHANGED
    def test_changes_the_folder(tmp_path):
        os.chdir(tmp_path)
"""

FOUND = {
    "prints": "printed to stdout: a stray line",
    "prints_below_python": "printed to stderr: a stray line of C",
    "sets_a_variable": "left changed: environment variable ALCHEMI_TEST_LEFT",
    "sets_the_floating_type": "left changed: torch's default floating type",
    "sets_error_handling_of_numpy": "left changed: numpy's error handling",
    "silences_warnings": "left changed: filters of warnings",
    "changes_the_folder": "left changed: the working folder",
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The tests above, run where the environment would let no plugin in."""
    folder = tmp_path_factory.mktemp("fixtures")
    return run_pytest(folder, files={"test_fixtures.py": TESTS}, environment={"ALCHEMI_PLUGINS": "no-such-plugin"})


def test_tests_with_fixtures_pass_and_fail_as_they_should(ran):
    wrong = {name for name, outcome in ran.outcomes.items() if outcome != "passed"}
    tolerances = {"test_tolerances[float64-8]", "test_tolerances[float64-5]"}
    tolerances |= {"test_tolerances[float64-2]", "test_tolerances[float32-2]"}
    assert wrong == {f"test_{name}" for name in FOUND} | tolerances | {"test_unknown_structure[slap]"}
    assert "warning" not in ran.text.splitlines()[-1]


def test_structures_are_told_by_name(ran):
    ids = [name for name in ran.outcomes if name.startswith("test_each_structure")]
    assert ids == [f"test_each_structure[{structure}]" for structure in STRUCTURES]


def test_both_floating_types_are_run(ran):
    assert [name for name in ran.outcomes if name.startswith("test_dtypes")] == [
        "test_dtypes[float64]",
        "test_dtypes[float32]",
    ]


def test_an_unknown_structure_names_those_there_are(ran):
    report = ran.reports["test_unknown_structure[slap]"]
    assert "no structure named 'slap'" in report
    assert "structure_named('slab')" in report


@pytest.mark.parametrize("name", FOUND)
def test_what_a_test_leaves_behind_is_named(ran, name):
    report = ran.reports[f"test_{name}"]
    assert "the test changed the process" in report
    assert FOUND[name] in report
    assert report.count("left changed") + report.count("printed to") in (1, 2), "that and nothing else"


def test_names_and_reasons_are_those_of_the_structures():
    assert tuple(one.name for one in STRUCTURES) == pytest_plugin.STRUCTURES
    told = " ".join(getdoc(pytest_plugin.alchemi_structure).split())
    for structure in STRUCTURES:
        assert f"- ``{structure.name}``: {structure.reason}" in told


def test_help_shows_every_fixture_with_the_reasons(tmp_path):
    ran = run_pytest(tmp_path, "--fixtures", "-v")
    assert ran.code == 0
    shown = ran.text.partition("alchemi_core.testing.pytest_plugin")[2]
    for name in ("structure", "structures", "dtype", "tolerance", "registry", "unchanged_process"):
        assert f"alchemi_{name} " in shown
    assert STRUCTURES[-1].reason in " ".join(shown.split())
    assert "no docstring" not in shown.partition("fixtures defined from")[0]


def test_nothing_but_fixtures_with_the_prefix_is_added():
    fixtures = [name for name, value in vars(pytest_plugin).items() if isinstance(value, type(pytest.fixture(print)))]
    assert len(fixtures) == 6
    assert all(name.startswith("alchemi_") for name in fixtures)
    assert not [name for name in vars(pytest_plugin) if name.startswith("pytest_")], "no hooks"


def test_pytest_can_do_without(tmp_path):
    test = {"test_one.py": "def test_one(alchemi_dtype): pass\n"}
    ran = run_pytest(tmp_path, "-p", "no:alchemi", files=test)
    assert ran.outcomes == {"test_one": "error"}
    assert "fixture 'alchemi_dtype' not found" in ran.text


def test_loading_it_imports_nothing_heavy():
    program = """
import sys
import pytest
before = set(sys.modules)
import alchemi_core.testing.pytest_plugin
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(new - set(sys.stdlib_module_names)))
print(sorted(name for name in sys.modules if name.startswith("alchemi_core")))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    others, own = done.stdout.splitlines()
    assert others == "['alchemi_core']"
    assert own == "['alchemi_core', 'alchemi_core.testing', 'alchemi_core.testing.pytest_plugin']"


def test_a_run_that_asks_for_nothing_imports_nothing(tmp_path):
    test = """
        import sys

        def test_one(pytestconfig):
            assert pytestconfig.pluginmanager.has_plugin("alchemi")
            assert not {"torch", "ase", "attrs"} & set(sys.modules)
    """
    ran = run_pytest(tmp_path, files={"test_one.py": test})
    assert ran.outcomes == {"test_one": "passed"}, ran.text
