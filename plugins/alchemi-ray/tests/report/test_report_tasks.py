"""What the report tells of relaxations, phonons, committees and other outputs."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from alchemi_ray.tasks.settings import Settings

FORCES = ("energy", "forces")


@pytest.fixture
def with_columns(answered):
    """Make structures with further columns, each from a function of its number."""

    def make(count, **columns):
        cases = [answered() for _ in range(count)]
        of = [{name: column(n, case.atoms) for name, column in columns.items()} for n, case in enumerate(cases)]
        return [attrs.evolve(case, columns={**case.columns, **more}) for case, more in zip(cases, of, strict=True)]

    return make


@pytest.mark.parametrize("form", ["parquet", "extxyz"])
def test_relaxations(run_folder, report, read_number, with_columns, form):
    cases = with_columns(
        40,
        converged=lambda n, atoms: n % 10 != 0,
        steps=lambda n, atoms: n,
        largest_force=lambda n, atoms: 0.5 + 0.01 * n if n % 10 == 0 else 0.001,
        energy_before=lambda n, atoms: 0.0,
    )
    page = report(run_folder(settings=Settings("relax", FORCES, form=form)).write(cases))
    assert "Relaxations of set.extxyz" in page.text
    assert "4 of 40 relaxations (10.0 %) did not converge." in page.text
    rows = page.rows("Not converged, largest force left")
    assert [row[1] for row in rows] == [f"set.extxyz #{n}" for n in (30, 20, 10, 0)]
    assert [read_number(row[0]) for row in rows] == pytest.approx([0.8, 0.7, 0.6, 0.5])
    changes = [case.columns["energy"] / len(case.atoms) for case in cases]
    shown = [read_number(text) for text in page.rows("Energy change of the relaxation in numbers, eV/atom")[0]]
    assert shown == pytest.approx(np.quantile(changes, (0.0, 0.05, 0.5, 0.95, 1.0)), rel=6e-3)
    assert page.rows("Steps taken in numbers, steps")[0] == ["0", "2", "20", "37", "39"]


def test_relaxations_that_all_converged(run_folder, report, with_columns):
    zero = lambda n, atoms: 0.0  # noqa: E731
    cases = with_columns(
        5, converged=lambda n, atoms: True, steps=lambda n, atoms: 3, largest_force=zero, energy_before=zero
    )
    page = report(run_folder(settings=Settings("relax", FORCES)).write(cases))
    assert "All 5 relaxations converged." in page.text
    assert "Not converged, largest force left" not in page.tables


@pytest.mark.parametrize("form", ["parquet", "extxyz"])
def test_phonons(run_folder, report, read_number, with_columns, form):
    cases = with_columns(
        30,
        lowest_frequency_THz=lambda n, atoms: -0.5 * n if n < 3 else 0.01 * n,
        imaginary_modes=lambda n, atoms: n < 3,
        zero_point_energy_kJ_per_mol=lambda n, atoms: 10.0 + n,
    )
    page = report(run_folder(settings=Settings("phonons", FORCES, form=form)).write(cases))
    assert "3 of 30 structures (10.0 %) have imaginary modes" in page.text
    rows = page.rows("Lowest frequency of the mesh, imaginary as negative")
    assert [row[1] for row in rows[:3]] == ["set.extxyz #2", "set.extxyz #1", "set.extxyz #0"]
    assert read_number(rows[0][0]) == -1.0
    shown = [read_number(text) for text in page.rows("Zero-point energy in numbers, kJ/mol")[0]]
    assert shown == pytest.approx(np.quantile(np.arange(10, 40), (0.0, 0.05, 0.5, 0.95, 1.0)), rel=6e-3)


@pytest.mark.parametrize("form", ["parquet", "extxyz"])
def test_committees(run_folder, report, read_number, with_columns, form):
    cases = with_columns(
        30,
        energy_std=lambda n, atoms: 0.01 * (n + 1) * len(atoms),
        forces_std=lambda n, atoms: np.linspace(0.0, 1.0 + n, len(atoms)),
        stress_std=lambda n, atoms: np.diag([1.0, 2.0 + n, 1.0]),
    )
    names = ("energy", "energy_std", "forces", "forces_std", "stress_std")
    page = report(run_folder(settings=Settings("singlepoint", names, form=form)).write(cases))
    for caption, largest in (
        ("Committee deviation of the energy", 0.3),
        ("Committee deviation, largest of forces", 30.0),
        ("Committee deviation, largest of stress", 31.0),
    ):
        rows = page.rows(caption)
        assert [row[1] for row in rows] == [f"set.extxyz #{n}" for n in range(29, 19, -1)], caption
        assert read_number(rows[0][0]) == pytest.approx(largest)


def test_other_outputs(run_folder, report, read_number, with_columns):
    cases = with_columns(
        20,
        dipole=lambda n, atoms: np.array([0.0, -0.1 * n, 0.05]),
        charges=lambda n, atoms: np.linspace(-1.0 - n, 0.5, len(atoms)),
    )
    for case in cases:
        del case.columns["forces"]
    page = report(run_folder(settings=Settings("singlepoint", ("charges", "dipole", "energy"))).write(cases))
    assert read_number(page.rows("dipole, largest component")[0][0]) == pytest.approx(1.9)
    assert read_number(page.rows("charges, largest of an atom")[0][0]) == pytest.approx(20.0)
    assert "Largest force on an atom" not in page.tables


def test_what_only_other_tasks_have_is_left_out(run_folder, report, answered):
    page = report(run_folder().write([answered() for _ in range(5)]))
    assert "Relaxation" not in page.text
    assert "Phonons" not in page.text
    assert "imaginary" not in page.text


def test_a_single_step_needs_no_shares(run_folder, report, answered):
    case = answered()
    one = attrs.evolve(case, columns={**case.columns, "energy_terms": {"a": case.columns["energy"]}})
    model = {"expression": "a", "plan": [], "citations": [], "labels": ["a"]}
    assert "Contributions" not in report(run_folder(more={"model": model}).write([one])).text
