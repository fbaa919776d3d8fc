"""create_model on installed plugins whose models cannot be made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Site

CODE = """
    from alchemi_core import AlchemiError, create_model
    try:
        create_model({name!r})
    except AlchemiError as error:
        print({shown})
"""
FIELDS = "' | '.join([type(error).__name__, error.who, error.found, error.fix, repr(error.__cause__)])"


@pytest.mark.parametrize(
    ("model", "found", "fix", "cause"),
    [
        (
            "import e3nn_that_is_not_there",
            "ModuleNotFoundError: No module named 'e3nn_that_is_not_there'",
            "pip install --upgrade alchemi-good, or install 'e3nn_that_is_not_there'",
            "ModuleNotFoundError",
        ),
        ("", "has no attribute 'Good'", "or tell its author", "AttributeError"),
        ("raise SystemExit(1)", "SystemExit: 1", "or tell its author", "SystemExit"),
        (
            "def Good():\n    import gone_package",
            "No module named 'gone_package'",
            "install 'gone_package'",
            "ModuleNot",
        ),
        ("def Good():\n    return 42", "gave int", "", "None"),
        ("Good = 42", "is 42", "", "None"),
    ],
)
def test_the_error_names_the_plugin_and_keeps_the_cause(
    good: Site, model: str, found: str, fix: str, cause: str
) -> None:
    (good.folder / "alchemi_good_model.py").write_text(model)
    kind, who, said, mend, cause_shown = good.run(CODE.format(name="good", shown=FIELDS)).strip().split(" | ")
    assert kind == "PluginError"
    assert who == "model 'good' of alchemi-good 2.1"
    assert found in said
    assert fix in mend
    assert cause_shown.startswith(cause)


def test_a_broken_plugin_is_quoted_by_name(good: Site) -> None:
    good.add_plugin("alchemi-mace", "import e3nn_that_is_not_there", version="0.2")
    assert good.run(CODE.format(name="mace", shown="error")).startswith(
        "no model named 'mace'. Available: good.\n"
        "  alchemi-mace 0.2 is installed but did not load: No module named 'e3nn_that_is_not_there'\n"
    )
