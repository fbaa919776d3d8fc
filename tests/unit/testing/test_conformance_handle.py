"""The one handle of plugin authors, used as they use it: one test, run by pytest, and no pytest at all."""

import os
import re
import subprocess
import sys

import pytest

from .pytest_runs import run_pytest

HOOKS = """
from alchemi_core.hookspecs import hookimpl
from alchemi_core.offers import ModelOffer, ReductionOffer

@hookimpl
def alchemi_models():
    tied = {"translation": "tied to the origin", "one-atom": "tied to the origin"}
    return [
        ModelOffer(name="bonds", summary="springs", target="handled_models:Bonds"),
        ModelOffer(name="tether", summary="a spring to the origin", target="handled_models:Tether", exempt=tied),
    ]

@hookimpl
def alchemi_reductions():
    return [ReductionOffer(name="total", summary="a sum", target="alchemi_core.reductions:weighted_sum")]
"""

MODELS = '''
from alchemi_core import BaseModelMixin, ModelConfig, OnGraph


class Bonds(BaseModelMixin):
    """E = k/2 Σ_i |r_i - r|², r the mean of the system."""

    def __init__(self, k=1.0):
        self.k = k
        self.model_config = ModelConfig(name="bonds", outputs={"energy": OnGraph({"positions"})})

    def from_middle(self, view):
        sums = view.positions.new_zeros(view.num_systems, 3).index_add(0, view.batch_idx, view.positions)
        counts = view.batch_idx.bincount(minlength=view.num_systems).clamp(min=1)
        return view.positions - (sums / counts[:, None])[view.batch_idx]

    def compute(self, view, requested):
        each = 0.5 * self.k * self.from_middle(view).square().sum(1)
        return {"energy": each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each)[:, None]}


class Tether(Bonds):
    def from_middle(self, view):
        return view.positions


class Crooked(Bonds):
    """Not on offer anywhere: knows up from down."""

    def from_middle(self, view):
        return super().from_middle(view) * view.positions.new_tensor([1.0, 1.0, 2.0])


class Missing(Bonds):
    def compute(self, view, requested):
        return {}["energy"]
'''

HANDLES = """
    from alchemi_core.testing import ModelSubject, ReductionSubject, parametrize_conformance
    from handled_models import Bonds, Crooked, Missing, Tether


    @parametrize_conformance("alchemi-handled")
    def test_plugin(check):
        check()


    @parametrize_conformance("handled", ModelSubject("bonds", {"k": 3.0}, name="bonds"))
    def test_instead(check):
        check()


    @parametrize_conformance(ModelSubject(Crooked()), ModelSubject(Bonds, name="made-anew"), ReductionSubject("mean"))
    def test_not_on_offer(check):
        check()


    @parametrize_conformance(ModelSubject(Missing(), name="missing"))
    def test_raises(check):
        check()


    REASONS = {"rotation": "up is up", "model/crooked/forces": "they were wrong once"}


    @parametrize_conformance(ModelSubject(Crooked(), name="crooked"), exempt=REASONS)
    def test_exempt(check):
        check()
"""

IMPORTS = "from alchemi_core.testing import ModelSubject, parametrize_conformance\nfrom handled_models import Bonds\n"
USE = "@parametrize_conformance({})\ndef test_conformance(check):\n    check()\n"
ERRORS = {
    "typo": ('"alchemi-handled", exempt={"rottion": "no"}', "'rottion' is exempt, and no check", "fix: 'rotation'"),
    "no_reason": ('"handled", exempt={"rotation": " "}', "'rotation' is exempt without a reason", "a sentence"),
    "not_installed": ('"alchemi-handeled"', "no plugin named 'alchemi-handeled' has loaded", "fix: 'alchemi-handled'"),
    "own_typo": ('ModelSubject(Bonds(), exempt={"rottion": "no"})', "no check has that name", "fix: 'rotation'"),
    "of_another": (
        'ModelSubject(Bonds(), name="b"), exempt={"model/c/rotation": "no"}',
        "'model/c/rotation' is exempt, and no check has that name",
        "fix: 'model/b/rotation'",
    ),
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """Environment of a process in which the distribution ``alchemi-handled`` is the only plugin."""
    folder = tmp_path_factory.mktemp("bench")
    info = folder / "alchemi_handled-0.3.dist-info"
    info.mkdir()
    needs = "License-Expression: MIT\nSummary: for tests\nRequires-Dist: alchemi-core>=0.1,<0.2\n"
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: alchemi-handled\nVersion: 0.3\n{needs}")
    (info / "entry_points.txt").write_text("[alchemi]\nhandled = handled_hooks\n")
    (folder / "handled_hooks.py").write_text(HOOKS)
    (folder / "handled_models.py").write_text(MODELS)
    return {"PYTHONPATH": str(folder), "ALCHEMI_PLUGINS": "alchemi-handled"}


@pytest.fixture(scope="module")
def ran(bench, tmp_path_factory):
    """The tests above, run by pytest."""
    return run_pytest(tmp_path_factory.mktemp("handles"), "-rxX", files={"test_handles.py": HANDLES}, environment=bench)


@pytest.fixture(scope="module")
def refused(bench, tmp_path_factory):
    """Files whose handle is used wrongly, and one that is right, run by pytest together."""
    files = {f"test_{name}.py": IMPORTS + USE.format(words) for name, (words, *_) in ERRORS.items()}
    files["test_right.py"] = IMPORTS + USE.format('"handled"')
    words = ("--continue-on-collection-errors", "-k", "rotation")
    return run_pytest(tmp_path_factory.mktemp("refused"), *words, files=files, environment=bench)


def outcomes(ran, test):
    """Outcomes of one test by check."""
    return {
        name.removeprefix(f"{test}[").removesuffix("]"): outcome
        for name, outcome in ran.outcomes.items()
        if name.startswith(f"{test}[")
    }


def test_every_check_of_a_plugin_is_a_test_and_passes(ran):
    found = outcomes(ran, "test_plugin")
    subjects = {name.rpartition("/")[0] for name in found}
    assert subjects == {"plugin/alchemi-handled", "model/bonds", "model/tether", "reduction/total"}
    assert "model/bonds/forces" in found
    assert {name for name, outcome in found.items() if outcome != "passed"} == {
        "model/tether/translation",
        "model/tether/one-atom",
    }


def test_exemptions_of_an_offer_are_expected_failures_whose_reason_is_shown(ran):
    assert outcomes(ran, "test_plugin")["model/tether/translation"] == "xfailed"
    lines = [line for line in ran.text.splitlines() if line.startswith("XFAIL")]
    assert any("model/tether/translation" in line and "tied to the origin" in line for line in lines)


def test_a_subject_takes_the_place_of_what_the_plugin_offers(ran):
    names = list(outcomes(ran, "test_instead"))
    assert len(names) == len(set(names)), "twice the same"
    assert names[-1].startswith("model/bonds/")
    assert set(names) == set(outcomes(ran, "test_plugin"))


def test_models_that_nobody_offers_are_checked_too(ran):
    found = outcomes(ran, "test_not_on_offer")
    assert {name.rpartition("/")[0] for name in found} == {"model/bonds", "model/made-anew", "reduction/mean"}
    assert found["model/bonds/rotation"] == "failure", "the first one knows up from down"
    assert found["model/made-anew/rotation"] == "passed"
    assert found["model/bonds/forces"] == "passed"


def test_a_failure_reports_what_was_found_and_expected(ran):
    report = ran.reports["test_not_on_offer[model/bonds/rotation]"]
    assert report.startswith("alchemi_core.testing.failures.CheckError: water, turned: energy")
    assert "\n  expected: " in report


def test_what_a_model_raises_fails_its_checks_and_stops_nothing(ran):
    found = outcomes(ran, "test_raises")
    assert found == {"model/missing/can-be-made": "passed", "model/missing/answers": "failure"}
    report = ran.reports["test_raises[model/missing/answers]"]
    assert "raised KeyError: 'energy'" in report
    assert re.search(r"where: handled_models.py, line \d+, in compute", report)


def test_an_exempt_check_that_fails_is_an_expected_failure(ran):
    found = outcomes(ran, "test_exempt")
    assert found["model/crooked/rotation"] == "xfailed"
    assert any("model/crooked/rotation" in line and "up is up" in line for line in ran.text.splitlines())


def test_an_exempt_check_that_passes_is_a_failure(ran):
    assert outcomes(ran, "test_exempt")["model/crooked/forces"] == "failure"
    assert "[XPASS(strict)] they were wrong once" in ran.reports["test_exempt[model/crooked/forces]"]


@pytest.mark.parametrize("name", ERRORS)
def test_a_handle_that_is_used_wrongly_is_one_clear_error_at_collection(refused, name):
    _, found, fix = ERRORS[name]
    assert refused.outcomes[f"test_{name}"] == "error"
    assert found in refused.reports[f"test_{name}"]
    assert fix in refused.reports[f"test_{name}"]


def test_other_files_are_run_nevertheless(refused):
    assert refused.outcomes["test_conformance[model/bonds/rotation]"] == "passed"


def test_without_pytest_the_checks_are_a_list(bench):
    program = """
import sys
sys.modules["pytest"] = sys.modules["_pytest"] = None
from alchemi_core.testing import ModelSubject, conformance_checks
from handled_models import Bonds, Tether

checks = {str(check): check for check in conformance_checks("handled")}
assert checks["model/bonds/forces"]().startswith("largest deviation")
assert checks["model/tether/translation"].exempt == "tied to the origin"
try:
    checks["model/tether/translation"]()
except AssertionError as error:
    print(str(error).splitlines()[0])
exempt = conformance_checks(ModelSubject(Bonds()), exempt={"forces": "why not"})
print([str(check) for check in exempt if check.exempt])
"""
    environment = {**os.environ, **bench}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.stderr == ""
    report, exempt = done.stdout.splitlines()
    assert report.startswith("water, all atoms moved by")
    assert exempt == "['model/bonds/forces']"
