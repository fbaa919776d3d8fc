import csv

import numpy as np
import pytest
from ase import Atoms, units
from ase.io import read, write
from fronts.spring_models import Springs

from alchemi_core.ase import AlchemiCalculator
from alchemi_core.cli.md_run import MDRun
from alchemi_core.cli.md_settings import MDSettings
from alchemi_core.cli.md_watch import Watch
from alchemi_core.cli.output_folder import OutputFolder
from alchemi_core.committees import committee

COMMON = ["--timestep", "0.5", "--interval", "4", "--checkpoint", "3"]


@pytest.fixture
def pair(here):
    """Two atoms 0.1 Å further apart than their spring likes, and moving apart."""
    write("pair.traj", Atoms("HLi", [[0, 0, 0], [0, 0, 1.1]], momenta=[[0, 0, -0.2], [0, 0, 0.2]]))
    return here


def log_of(folder):
    with (folder / "log.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def lengths_of(k, steps):
    """Lengths of the pair at each step of velocity Verlet, by hand."""
    atoms = read("pair.traj")
    dt = 0.5 * units.fs
    r, p, inverse = 1.1, 0.2, (1.0 / atoms.get_masses()).sum()
    lengths = [r]
    for _ in range(steps):
        p -= 0.5 * dt * k * (r - 1.0)
        r += dt * p * inverse
        p -= 0.5 * dt * k * (r - 1.0)
        lengths.append(r)
    return lengths


def test_a_run_stops_at_the_step_where_the_condition_holds(alchemi, pair, load):
    lengths = lengths_of(2.0, 50)
    limit = 2.0 * (lengths[6] + lengths[7]) / 2 - 2.0  # between the forces of steps 6 and 7
    assert max(lengths[:7]) < limit / 2.0 + 1.0 < lengths[7]
    words = ["--model", "springs(k=2.0)", *COMMON, "--steps", "50", "--out", "o", "--stop-if", f"forces > {limit}"]
    answer = alchemi("md", "pair.traj", *words)
    assert answer.code == 0, answer.err
    frame = read("o/stopped.extxyz")
    assert frame.info["step"] == 7
    assert frame.info["time_fs"] == 3.5
    assert frame.get_distance(0, 1) == pytest.approx(lengths[7], abs=1e-7)
    assert frame.get_forces()[0, 2] == pytest.approx(2.0 * (lengths[7] - 1.0), abs=1e-7)
    assert frame.get_momenta().any()
    np.testing.assert_allclose(frame.get_charges(), [0.1, 0.3])
    record = load("o/run.json")
    assert (record["status"], record["steps"]) == ("stopped", 7)
    (stop,) = record["stops"]
    assert (stop["step"], stop["condition"]) == (7, f"forces > {limit}")
    assert "at atom 0 (H)" in stop["because"][0]
    assert "at atom 1 (Li)" in stop["because"][0]
    assert "stopped at step 7, as asked" in answer.out
    assert f"{2.0 * (lengths[7] - 1.0):.4g} eV/Å at atom 0 (H)" in answer.out
    assert "--resume o --stop-if" in answer.out
    # the frame that did it is in trajectory and log, beside those of the interval
    rows = log_of(pair / "o")
    assert [row["step"] for row in rows] == ["0", "4", "7"]
    expected = [2.0 * abs(lengths[step] - 1.0) for step in (0, 4, 7)]
    assert [float(row["max(forces)"]) for row in rows] == pytest.approx(expected, abs=1e-9)
    assert "max(forces)" in answer.out
    assert len(read("o/trajectory.extxyz", ":")) == 3


def test_a_condition_that_never_holds_changes_nothing_but_the_columns(alchemi, pair):
    common = ["--model", "springs", *COMMON, "--steps", "8"]
    assert alchemi("md", "pair.traj", *common, "--out", "plain").code == 0
    answer = alchemi("md", "pair.traj", *common, "--stop-if", "forces > 9 or temperature > 1e6", "--out", "watched")
    assert answer.code == 0
    assert "done: 8 steps" in answer.out
    assert not (pair / "watched" / "stopped.extxyz").exists()
    one, other = log_of(pair / "plain"), log_of(pair / "watched")
    for row, another in zip(one, other, strict=True):
        assert row == {name: cell for name, cell in another.items() if name != "max(forces)"}


def test_a_start_that_meets_the_condition_is_not_moved(alchemi, pair, load):
    answer = alchemi("md", "pair.traj", "--model", "springs", *COMMON, "--stop-if", "energy > 0", "--out", "o")
    assert answer.code == 0, answer.err
    assert load("o/run.json")["steps"] == 0
    np.testing.assert_allclose(read("o/stopped.extxyz").positions, read("pair.traj").positions, atol=1e-8)


def test_the_disagreement_of_a_committee_stops_a_run(alchemi, pair):
    words = ["--model", "doubtful(soft=1.0, hard=2.0)", *COMMON, "--steps", "50", "--out", "o"]
    answer = alchemi("md", "pair.traj", *words, "--stop-if", "forces_std > 0.08 or energy_std > 1")
    assert answer.code == 0, answer.err
    frame = read("o/stopped.extxyz")
    # forces k (r − 1) of two members: their standard deviation, with n − 1, is the difference by √2
    stretch = frame.get_distance(0, 1) - 1.0
    np.testing.assert_allclose(frame.arrays["forces_std"], stretch / np.sqrt(2.0), atol=1e-7)
    assert stretch / np.sqrt(2.0) > 0.08
    assert frame.info["energy_std"] == pytest.approx(0.5 * stretch**2 / np.sqrt(2.0), rel=1e-5)
    np.testing.assert_allclose(frame.arrays["forces_hard"], 2.0 * frame.arrays["forces_soft"], atol=1e-7)
    rows = log_of(pair / "o")
    assert float(rows[-1]["max(forces_std)"]) == pytest.approx(stretch / np.sqrt(2.0), abs=1e-6)
    assert float(rows[-1]["energy_std"]) == pytest.approx(frame.info["energy_std"], rel=1e-9)
    assert "forces_std" in read("o/trajectory.extxyz").arrays


def stopped(alchemi):
    words = ["--model", "springs(k=2.0)", *COMMON, "--steps", "20", "--out", "o", "--stop-if", "step >= 5"]
    assert alchemi("md", "pair.traj", *words).code == 0


def test_resuming_a_stopped_run_takes_a_word_about_the_condition(alchemi, pair, load):
    stopped(alchemi)
    before = {path.name: path.read_bytes() for path in (pair / "o").iterdir()}
    answer = alchemi("md", "--resume", "o")
    assert answer.code == 2
    assert "stopped at step 5" in answer.err
    assert "--stop-if never" in answer.err
    assert {path.name: path.read_bytes() for path in (pair / "o").iterdir()} == before
    answer = alchemi("md", "--resume", "o", "--stop-if", "step >= 9 or forces > 5")
    assert answer.code == 0, answer.err
    assert [frame.info["step"] for frame in read("o/stopped.extxyz", ":")] == [5, 9]
    answer = alchemi("md", "--resume", "o", "--stop-if", "never")
    assert answer.code == 0, answer.err
    record = load("o/run.json")
    assert (record["status"], record["steps"]) == ("done", 20)
    assert [stop["step"] for stop in record["stops"]] == [5, 9]
    assert [part.get("stop_if") for part in record["parts"]] == ["step >= 5", "step >= 9 or forces > 5", None]
    # the log keeps the columns it began with
    assert [row["step"] for row in log_of(pair / "o")] == ["0", "4", "5", "8", "9", "12", "16", "20"]
    assert "max(forces)" not in log_of(pair / "o")[0]
    assert read("o/final.extxyz").get_distance(0, 1) == pytest.approx(lengths_of(2.0, 20)[20], abs=1e-7)


def test_an_interrupted_run_keeps_its_condition(alchemi, pair, load):
    words = ["--model", "springs", *COMMON, "--steps", "4", "--out", "o", "--stop-if", "step > 6"]
    assert alchemi("md", "pair.traj", *words).code == 0
    assert alchemi("md", "--resume", "o", "--steps", "30").code == 0
    assert load("o/run.json")["steps"] == 7


BAD = [
    ("forces_sdt > 1", "did you mean 'forces_std'"),
    ("magmoms > 1", "the model gives no 'magmoms'"),
    ("stress > 1", "no volume"),
    ("__import__('os').remove('pair.traj') > 1", "does not belong"),
]


@pytest.mark.parametrize(("condition", "words"), BAD)
def test_a_bad_condition_is_refused_before_anything_is_made(alchemi, pair, condition, words):
    model = "doubtful" if "sdt" in condition else "springs"
    answer = alchemi("md", "pair.traj", "--model", model, "--stop-if", condition)
    assert answer.code == 2
    assert words in answer.err
    assert sorted(one.name for one in pair.iterdir()) == ["pair.traj"]


def test_what_is_watched_has_to_be_a_number(alchemi, pair, load):
    answer = alchemi("md", "pair.traj", "--model", "souring(after=3)", *COMMON, "--stop-if", "forces > 9", "--out", "o")
    assert answer.code == 2
    assert "not finite" in answer.err
    assert load("o/run.json")["status"] == "failed"


def test_looking_costs_no_evaluation(pair):
    models = [Springs(k=1.0, name="soft"), Springs(k=2.0, name="hard")]
    pipe, atoms = committee(models), read("pair.traj")
    watch = Watch.of("forces_std > 5 or max(forces) > 7 or mean(charges) > 2", pipe, atoms)
    calculator = AlchemiCalculator(pipe, outputs=watch.outputs)
    values = {"ensemble": "nve", "temperature": None, "pressure": 0.0, "barostat": "isotropic", "friction": 0.01}
    settings = MDSettings(**values, timestep=0.5, steps=5, interval=1, checkpoint=1, seed=0)
    with MDRun(atoms, settings, calculator, OutputFolder(pair / "o"), watch) as going:
        going.record()
        for _ in range(5):
            going.advance()
            assert not going.look().holds
            going.record()
    once = Springs()
    alone = AlchemiCalculator(committee([once, Springs()]), outputs=watch.outputs)
    alone.get_property("forces", read("pair.traj"))
    assert [len(model.asked) for model in models] == [6 * len(once.asked)] * 2


def test_a_run_stopped_before_its_first_step_goes_on_by_one_at_least(alchemi, pair, load):
    words = ["--model", "springs(k=2.0)", *COMMON, "--steps", "8", "--out", "o", "--stop-if", "forces > 0.01"]
    assert alchemi("md", "pair.traj", *words).code == 0
    assert load("o/run.json")["steps"] == 0
    answer = alchemi("md", "--resume", "o", "--stop-if", "forces > 0.02")
    assert answer.code == 0, answer.err
    assert load("o/run.json")["steps"] == 1
    assert [frame.info["step"] for frame in read("o/stopped.extxyz", ":")] == [0, 1]
