"""docs/scaling.md says what benchmarks/scaling.json holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scaling_constants import FIGURES, Constants
from scaling_fit import fit
from scaling_plot import planned
from scaling_simulation import predicted
from scaling_tables import TABLES, filled

PAGE = Path(__file__).parents[3] / "docs" / "scaling.md"


def test_tables_of_the_page_are_those_of_the_figures() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert filled(text, Constants.read()) == text
    assert all(f"<!-- table {name} -->" in text for name in TABLES)


def test_a_table_that_is_wrong_is_noticed() -> None:
    text = PAGE.read_text(encoding="utf-8").replace("| CHGNet |", "| CHGNet 1 |")
    assert filled(text, Constants.read()) == PAGE.read_text(encoding="utf-8") != text


def test_a_prediction_comes_out_again() -> None:
    kept = json.loads(FIGURES.read_text(encoding="utf-8"))["predictions"]["at 1000"][2]
    constants = Constants.read()
    again = predicted(constants, planned(constants, 1000, kept["rate"]))
    assert again["first"] == kept["first"]
    assert [again["predicted"], again["simulated"]] == pytest.approx([kept["predicted"], kept["simulated"]], rel=1e-3)


def test_a_fit_finds_what_it_was_made_of() -> None:
    units = [{"batch": 1.0, "atom": float(10 + 37 * n % 101), "pair": float(5 + 53 * n % 97)} for n in range(30)]
    found = fit([{**one, "seconds": 2e-3 + 3e-5 * one["atom"]} for one in units])
    assert found.seconds == pytest.approx({"batch": 2e-3, "atom": 3e-5, "pair": 0.0}, abs=1e-9)
    assert found.worst < 1e-6
    assert found.of(batch=1.0, atom=100.0, pair=7.0) == pytest.approx(5e-3)
