"""Figures of the report against the same figures made by numpy of all rows at once."""

from __future__ import annotations

import tracemalloc

import attrs
import numpy as np
import pytest
from alchemi_ray.report.gathering import gather
from alchemi_ray.report.run import Run
from alchemi_ray.tasks.settings import Settings

from alchemi_core.errors import GeometryError, UnsupportedElementError

GPA = 160.2176634
EXTXYZ = Settings("singlepoint", ("energy", "forces", "stress"), form="extxyz")


def values_of(cases):
    """Return measures of all structures, by their captions."""
    done = [one for one in cases if one.error is None]
    atoms = np.array([len(one.atoms) for one in done])
    terms = {name: [one.columns["energy_terms"][name] for one in done] for name in ("lennard-jones", "dftd3")}
    return {
        "Energy per atom in numbers, eV/atom": np.array([one.columns["energy"] for one in done]) / atoms,
        "Largest force on an atom in numbers, eV/Å": np.array(
            [np.sqrt((one.columns["forces"] ** 2).sum(1)).max() for one in done]
        ),
        "Pressure, −tr σ / 3 in numbers, GPa": np.array(
            [-GPA * one.columns["stress"][:3].sum() / 3.0 for one in done if "stress" in one.columns]
        ),
        **{f"{name} in numbers, eV/atom": np.array(energies) / atoms for name, energies in terms.items()},
    }


@pytest.fixture
def cases(answered, failing):
    """Structures among which every seventh fails, of two reasons."""
    wrong = [failing(), failing("no parameters for Xx", UnsupportedElementError)]
    return [wrong[n % 2] if n % 7 == 3 else answered() for n in range(700)]


@pytest.mark.parametrize("form", ["parquet", "extxyz"])
def test_least_quantiles_and_most_are_those_of_all_rows(run_folder, report, cases, read_number, form):
    settings = Settings("singlepoint", ("energy", "forces", "stress"), form=form)
    page = report(run_folder(settings=settings).write(cases))
    for caption, values in values_of(cases).items():
        shown = [read_number(text) for text in page.rows(caption)[0]]
        assert shown == pytest.approx(np.quantile(values, (0.0, 0.05, 0.5, 0.95, 1.0)), rel=6e-3), caption


def test_totals_are_those_of_all_rows(run_folder, report, cases):
    done = [one for one in cases if one.error is None]
    page = report(run_folder().write(cases))
    atoms = f"{sum(len(one.atoms) for one in done):,}".replace(",", "\u202f")
    for text in (f"with results{len(done)}of 700", f"failures{700 - len(done)}14.3 %", f"{atoms} atoms"):
        assert text in page.text


def test_rates_are_structures_and_atoms_by_the_time_at_work(run_folder, report, cases, read_number):
    # seven shards of 2 s on two workers: four turns
    page = report(run_folder().write(cases))
    assert "time at work8.00 s" in page.text
    assert "structures/s87.5failures included" in page.text
    atoms = sum(len(one.atoms) for one in cases if one.error is None)
    shown = page.text.split("atoms/s")[1].split("\u202f")[0]
    assert read_number(shown[:3]) == pytest.approx(atoms / 8.0, rel=2e-3)


def test_shares_of_terms_are_mean_sizes(run_folder, report, cases, read_number):
    page = report(run_folder().write(cases))
    values = values_of(cases)
    sizes = {name: np.abs(values[f"{name} in numbers, eV/atom"]).mean() for name in ("lennard-jones", "dftd3")}
    for name, share, size, mean, least, most in page.rows("Energy of the steps"):
        of = values[f"{name} in numbers, eV/atom"]
        assert read_number(share.removesuffix(" %")) == pytest.approx(100 * sizes[name] / sum(sizes.values()), abs=0.06)
        shown = [read_number(text) for text in (size, mean, least, most)]
        assert shown == pytest.approx([sizes[name], of.mean(), of.min(), of.max()], rel=6e-4)


def test_failures_are_counted_by_class(run_folder, report, cases):
    page = report(run_folder().write(cases))
    rows = page.rows("Failures by class of error")
    assert [row[:3] for row in rows] == [["GeometryError", "50.0 %", "50"], ["UnsupportedElementError", "50.0 %", "50"]]
    assert [row[3] for row in rows] == ["two atoms at one place", "no parameters for Xx"]


def test_first_failures_are_named_by_file_and_place(run_folder, report, cases):
    rows = report(run_folder().write(cases)).rows("Structures that failed")
    assert [row[0] for row in rows] == [f"set.extxyz #{n}" for n in range(700) if n % 7 == 3][:50]


def test_a_class_of_error_that_comes_late_has_an_example(run_folder, report, failing):
    cases = [failing() for _ in range(300)] + [failing("the rare one", UnsupportedElementError)]
    rows = report(run_folder().write(cases)).rows("Failures by class of error")
    assert [row[3] for row in rows] == ["two atoms at one place", "the rare one"]


@pytest.mark.parametrize("form", ["parquet", "extxyz"])
def test_structures_that_stand_out_are_the_extremes_of_all_rows(run_folder, report, cases, read_number, form):
    settings = Settings("singlepoint", ("energy", "forces", "stress"), form=form)
    page = report(run_folder(settings=settings).write(cases))
    done = [n for n, one in enumerate(cases) if one.error is None]
    energies, forces = (list(values_of(cases).values())[n] for n in (0, 1))
    for caption, order in (
        ("Highest energy per atom", np.argsort(-energies)),
        ("Lowest energy per atom", np.argsort(energies)),
        ("Largest force on an atom", np.argsort(-forces)),
    ):
        rows = page.rows(caption)
        assert [row[1] for row in rows] == [f"set.extxyz #{done[n]}" for n in order[:10]], caption
        assert [row[2] for row in rows] == [cases[done[n]].atoms.get_chemical_formula() for n in order[:10]]
    assert read_number(page.rows("Largest force on an atom")[0][0]) == pytest.approx(forces.max(), rel=6e-4)


def test_bars_count_every_structure_once(run_folder, cases):
    run = Run.read(run_folder().write(cases))
    for one in gather(run).distributions.values():
        histogram = one.histogram
        assert histogram.below + histogram.bars.sum() + histogram.above == one.survey.count, one.measure


@pytest.mark.parametrize("form", ["parquet", "extxyz"])
def test_a_sample_decides_about_axes_and_nothing_else(run_folder, cases, form):
    run = Run.read(run_folder(settings=attrs.evolve(EXTXYZ, form=form)).write(cases))
    some = gather(run, kept=100)
    exact = 1e-12 if form == "parquet" else 1e-7  # extended XYZ has eight decimals
    for caption, values in values_of(cases).items():
        one = next(one for one in some.distributions.values() if caption.startswith(one.measure.heading))
        edges = one.scale.edges(one.scale.bins)
        assert one.survey.sample.size == 100
        assert not one.survey.complete
        counts, _ = np.histogram(values, bins=edges)
        assert one.histogram.bars.tolist() == counts.tolist()
        assert one.survey.mean == pytest.approx(values.mean(), rel=exact)
        assert (one.survey.least, one.survey.most) == pytest.approx((values.min(), values.max()), rel=exact, abs=1e-8)
        assert (one.histogram.below, one.histogram.above) == ((values < edges[0]).sum(), (values > edges[-1]).sum())


def test_quantiles_of_counters_are_right_to_a_counter(run_folder, cases):
    run = Run.read(run_folder().write(cases))
    some = gather(run, kept=100)
    for caption, values in values_of(cases).items():
        one = next(one for one in some.distributions.values() if caption.startswith(one.measure.heading))
        # neighbors among the values may be further apart than counters are
        for share in (0.05, 0.25, 0.5, 0.75, 0.95):
            low, high = np.quantile(values, (share - 0.003, share + 0.003))
            assert low <= one.quantile(share) <= high, (caption, share)


def test_values_that_are_missing_are_told(run_folder, report, cases):
    without = sum(one.error is None and "stress" not in one.columns for one in cases)
    page = report(run_folder().write(cases))
    assert f"{600 - without} structures, {without} without" in page.text


def test_memory_does_not_grow_with_the_run(run_folder, tmp_path, answered):
    cases = [answered() for _ in range(300)]
    peaks = []
    for times in (2, 12):
        run = Run.read(attrs.evolve(run_folder(), folder=tmp_path / str(times)).write(cases * times))
        tracemalloc.start()
        gather(run, kept=50)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_errors_of_all_shards_add_up(run_folder, failing, answered):
    run = Run.read(run_folder(shard_size=3).write([failing(), answered(), failing()] * 5))
    assert run.errors == {GeometryError.__name__: 10}
    assert (run.done, run.failed) == (5, 10)
