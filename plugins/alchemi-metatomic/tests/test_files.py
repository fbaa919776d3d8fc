"""What is in a file, what engines may ask of it, and the command that writes it."""

import subprocess
import sys

import pytest
import torch
from alchemi_metatomic import export
from alchemi_metatomic.upstream import (
    Labels,
    ModelEvaluationOptions,
    ModelOutput,
    System,
    TensorBlock,
    load_atomistic_model,
    unadvised,
)
from alchemi_metatomic.writing import write_model
from ase import Atoms

from alchemi_core import PipelineGroup, PipelineModelWrapper, create_model

with unadvised():
    from metatomic_ase import MetatomicCalculator

ARGON = {"cutoff": 8.0, "switch_on": 7.0}


@pytest.fixture
def path(tmp_path):
    """A file of two Lennard-Jones potentials and a repulsion."""
    near = create_model("lennard-jones", cutoff=5.0, half_list=True)
    far, again = create_model("lennard-jones", **ARGON), create_model("lennard-jones", cutoff=8.0)
    steps = [near, far, again, create_model("zbl", inner=0.8, outer=1.9)]
    pipe = PipelineModelWrapper([PipelineGroup(steps, use_autograd=True)])
    write_model(export(pipe, name="argon", authors=["N. N."]), tmp_path / "model.pt")
    return tmp_path / "model.pt"


def test_capabilities(path):
    model = load_atomistic_model(path)
    capabilities, metadata = model.capabilities(), model.metadata()
    assert (capabilities.interaction_range, capabilities.length_unit.lower()) == (8.0, "angstrom")
    assert (capabilities.dtype, capabilities.supported_devices) == ("float64", ["cpu", "cuda"])
    assert capabilities.atomic_types == list(range(1, 119))
    assert (capabilities.outputs["energy"].unit, capabilities.outputs["energy"].sample_kind) == ("eV", "atom")
    lists = [(one.cutoff, one.full_list, one.strict) for one in model.requested_neighbor_lists()]
    assert lists == [(8.0, True, True), (5.0, False, True), (1.9, False, True)]
    assert (metadata.name, list(metadata.authors)) == ("argon", ["N. N."])
    cited = metadata.references["model"]
    assert len(cited) == len(set(cited)) == 3
    assert "https://doi.org/10.1098/rspa.1924.0082" in cited


def test_several_systems_and_selected_atoms(path, structure):
    """Energies of atoms add up to those of systems, and of selected atoms to what engines sum over their domains."""
    calculator = MetatomicCalculator(path, check_consistency=True, device="cpu")
    atoms = [structure("crystal"), structure("slab"), structure("mixture")]
    whole = calculator.run_model(atoms, {"energy": ModelOutput(unit="eV", sample_kind="system")})["energy"].block()
    each = calculator.run_model(atoms, {"energy": ModelOutput(unit="eV", sample_kind="atom")})["energy"].block()
    counts = [len(one) for one in atoms]
    assert each.samples.values.tolist() == [[n, a] for n, count in enumerate(counts) for a in range(count)]
    sums = torch.stack([part.sum() for part in each.values.flatten().split(counts)])
    torch.testing.assert_close(whole.values.flatten(), sums)
    for n, one in enumerate(atoms):
        alone = one.copy()
        alone.calc = calculator
        assert alone.get_potential_energy() == pytest.approx(whole.values[n].item(), rel=1e-12)
    chosen = torch.tensor([[0, 1], [0, 3], [2, 0]])
    some = Labels(["system", "atom"], chosen)
    asked = {"energy": ModelOutput(unit="eV", sample_kind="system")}
    part = calculator.run_model(atoms, asked, selected_atoms=some)["energy"].block().values.flatten()
    values = {tuple(row): value for row, value in zip(each.samples.values.tolist(), each.values.flatten(), strict=True)}
    expected = torch.stack([values[0, 1] + values[0, 3], torch.zeros((), dtype=torch.float64), values[2, 0]])
    torch.testing.assert_close(part, expected)


def test_other_units(path, structure):
    """Engines may have other units: metatomic converts, and the numbers agree."""
    model = load_atomistic_model(path)
    system = System(
        types=torch.tensor([18, 18], dtype=torch.int32),
        positions=torch.tensor([[0.0, 0, 0], [0, 0, 0.36]], dtype=torch.float64),
        cell=torch.zeros(3, 3, dtype=torch.float64),
        pbc=torch.zeros(3, dtype=torch.bool),
    )
    asked = ModelEvaluationOptions(length_unit="nm", outputs={"energy": ModelOutput(unit="kJ/mol")})
    for options in model.requested_neighbor_lists():
        system.add_neighbor_list(options, one_pair(options, 0.36))
    found = model([system], asked, check_consistency=True)["energy"].block().values.item()
    dimer = Atoms("Ar2", [(0, 0, 0), (0, 0, 3.6)])
    dimer.calc = MetatomicCalculator(path, device="cpu")
    assert found == pytest.approx(dimer.get_potential_energy() * 96.48533212331, rel=1e-9)


def one_pair(options, distance):
    """Make the list of two atoms on the z axis, in nm."""
    within = distance * 10.0 < options.cutoff
    rows = [[0, 1, 0, 0, 0]] + ([[1, 0, 0, 0, 0]] if options.full_list else [])
    rows = torch.tensor(rows if within else [], dtype=torch.int64).reshape(-1, 5)
    signs = torch.where(rows[:, 0] == 0, 1.0, -1.0).to(torch.float64)
    vectors = torch.zeros(len(rows), 3, 1, dtype=torch.float64)
    vectors[:, 2, 0] = distance * signs
    names = ["first_atom", "second_atom", "cell_shift_a", "cell_shift_b", "cell_shift_c"]
    return TensorBlock(
        values=vectors,
        samples=Labels(names, rows),
        components=[Labels(["xyz"], torch.arange(3)[:, None])],
        properties=Labels(["distance"], torch.zeros(1, 1, dtype=torch.int64)),
    )


def run(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "alchemi_core.cli", "export", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
    )


def test_command(tmp_path, structure):
    model = "lennard-jones(cutoff=8.0, switch_on=7.0) + 0.5*zbl(outer='covalent')"
    done = run(model, "-o", "argon.pt", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("wrote argon.pt: lennard-jones + 0.5 zbl\n")
    assert "  lists      8 Å full, " in done.stdout
    assert "pair_style metatomic argon.pt" in done.stdout
    assert "deprecated" not in done.stderr
    again = run(model, "-o", "argon.pt", cwd=tmp_path)
    assert (again.returncode, "--overwrite" in again.stderr) == (2, True)
    assert [one.name for one in tmp_path.iterdir()] == ["argon.pt"]
    atoms = structure("crystal")
    atoms.calc = MetatomicCalculator(tmp_path / "argon.pt", device="cpu")
    energy = atoms.get_potential_energy()
    atoms.calc = (create_model("lennard-jones", **ARGON) + 0.5 * create_model("zbl", outer="covalent")).as_ase()
    assert energy == pytest.approx(atoms.get_potential_energy(), rel=1e-12)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["lennard-jones", "-o", "x.alchemi"], "x.alchemi ends with '.alchemi'"),
        (["lennard-jones", "-o", "nowhere/x.pt"], "there is no folder nowhere"),
        (["eeq(energy=True)", "-o", "x.pt"], "eeq: it has no form that runs without Python"),
        (["lennard-jones", "-o", "x.pt", "--coupling", "a=b"], "--coupling: 'a=b'"),
    ],
)
def test_command_refuses(tmp_path, words, said):
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert not list(tmp_path.iterdir())
