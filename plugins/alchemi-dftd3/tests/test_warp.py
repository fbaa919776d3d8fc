"""The Warp kernels, on the CPU, against s-dftd3.

They sum in single precision and leave out references of small weight: energies hold to 1e-5, forces to 3e-4 of the
largest and virials to 7e-4, and better than that for most structures.
"""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model
from alchemi_core.errors import GeometryError, OptionError, UnsupportedElementError

FULL = 60.0 * 0.529177210903
REQUESTED = ("energy", "forces", "virial")


def compare(evaluate, batch, **options):
    """Compare system by system, so that a stiff one does not cover for a soft one."""
    warp, exact = (evaluate(batch, requested=REQUESTED, backend=b, **options) for b in ("warp", "s-dftd3"))
    torch.testing.assert_close(warp["energy"], exact["energy"], rtol=1.5e-5, atol=1e-9)
    sizes = {"forces": [len(atoms) for atoms in batch], "virial": [1] * len(batch)}
    for name, share in (("forces", 3e-4), ("virial", 7e-4)):
        errors = (warp[name] - exact[name]).split(sizes[name])
        for atoms, error, value in zip(batch, errors, exact[name].split(sizes[name]), strict=True):
            assert error.abs().max() <= share * value.abs().max() + 1e-9, (name, atoms)


@pytest.fixture(scope="module")
def batch(structures, slab, wire):
    return [*structures.values(), slab, wire]


def test_default_ranges(evaluate, batch):
    compare(evaluate, batch, functional="pbe")


@pytest.mark.parametrize("options", [{"functional": "pbe"}, {"functional": "B3-LYP", "damping": "mbj"}])
def test_equal_ranges(evaluate, batch, options):
    compare(evaluate, batch, cutoffs={"disp2": FULL, "cn": FULL}, **options)


@pytest.mark.parametrize("cn", [9.0, 8.0])
def test_smooth_cutoff(evaluate, batch, cn):
    compare(evaluate, batch, functional="pbe", cutoffs={"disp2": 9.0, "cn": cn, "width2": 1.0})


def test_batch_equals_one_by_one(evaluate, batch):
    together = evaluate(batch, requested=REQUESTED, functional="pbe", backend="warp")
    alone = [evaluate(atoms, requested=REQUESTED, functional="pbe", backend="warp") for atoms in batch]
    for name in REQUESTED:
        joined = torch.cat([out[name] for out in alone])
        torch.testing.assert_close(together[name], joined, rtol=1e-5, atol=1e-6 * joined.abs().max().item())


def test_room_for_neighbors_is_found_where_the_mean_density_says_too_little(evaluate):
    clump = bulk("C", "diamond", a=3.57, cubic=True) * (2, 1, 1)
    clump.rattle(0.05, seed=3)
    clump.center(vacuum=20.0)
    clump.pbc = True
    compare(evaluate, [clump], functional="pbe", cutoffs={"disp2": 8.0, "cn": 8.0})


@pytest.mark.parametrize("requested", [("energy",), ("energy", "forces"), ("virial",)])
def test_nothing_but_empty_systems(evaluate, requested):
    out = evaluate([Atoms(), Atoms()], requested=requested, functional="pbe", backend="warp")
    assert out["virial" if "virial" in requested else "energy"].shape[0] == 2
    assert all(not value.any() for value in out.values())


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_empty_system_among_others(evaluate, structures, place):
    """Also at the end, where no atom tells of it."""
    batch = [structures["water"]] * 2
    batch.insert(place, Atoms())
    out = evaluate(batch, requested=REQUESTED, functional="pbe", backend="warp")
    alone = evaluate(structures["water"], requested=REQUESTED, functional="pbe", backend="warp")
    full = [system for system in range(3) if system != place]
    for name in ("energy", "virial"):
        assert not out[name][place].any()
        torch.testing.assert_close(out[name][full], torch.cat([alone[name]] * 2), rtol=1e-6, atol=1e-12)
    torch.testing.assert_close(out["forces"], torch.cat([alone["forces"]] * 2), rtol=1e-6, atol=1e-12)


def test_float32_batch(evaluate, structures):
    low = evaluate(structures["rocksalt"], functional="pbe", backend="warp", dtype=torch.float32)
    high = evaluate(structures["rocksalt"], functional="pbe", backend="warp")
    for name, value in low.items():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value.double(), high[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"functional": "pbe", "atm": True}, "three-body"),
        ({"functional": "pbe", "damping": "zero"}, "zero damping"),
        ({"functional": "pbe", "cutoffs": {"disp2": 10.0}}, "cn beyond disp2"),
    ],
)
def test_what_the_kernels_cannot_do_is_refused_when_the_model_is_made(options, words):
    with pytest.raises(OptionError, match=words) as caught:
        create_model("dftd3", backend="warp", **options)
    assert "s-dftd3" in caught.value.fix


def test_overlap_is_refused(evaluate):
    atoms = Atoms("Ar3", [[0, 0, 0], [0, 0, 2], [0, 0, 9]], cell=[7, 7, 7], pbc=True)
    with pytest.raises(GeometryError, match="atoms 1 and 2"):
        evaluate(atoms, functional="pbe", backend="warp")


def test_elements_with_too_many_references_are_refused(evaluate):
    with pytest.raises(UnsupportedElementError, match="92"):
        evaluate(Atoms("U2", [[0, 0, 0], [0, 0, 3]]), requested=("energy",), functional="pbe", backend="warp")


def test_every_common_functional_has_the_same_parameters_as_in_s_dftd3(evaluate, structures):
    for functional in ("blyp", "tpss", "hse06", "scan", "pbesol", "revpbe"):
        warp, exact = (
            evaluate(structures["benzene"], requested=("energy",), functional=functional, backend=b)["energy"].item()
            for b in ("warp", "s-dftd3")
        )
        assert warp == pytest.approx(exact, rel=1e-6), functional


def test_nothing_of_it_is_imported_unless_it_is_used():
    code = (
        "import sys; from alchemi_core import create_model; create_model('dftd3', functional='pbe');"
        "sys.exit(any(name in sys.modules for name in ('warp', 'nvalchemiops', 'tad_dftd3')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_the_packages_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("alchemi_dftd3.warp.PACKAGES", {"a_module_that_is_not_there": "nvalchemi-toolkit-ops"})
    with pytest.raises(OptionError, match="without nvalchemi-toolkit-ops") as caught:
        create_model("dftd3", functional="pbe", backend="warp")
    assert "alchemi-dftd3[cuda]" in caught.value.fix


def test_positions_far_outside_their_cell(evaluate, structures):
    moved = structures["rocksalt"].copy()
    moved.positions[0] += 9 * moved.cell[0] - 11 * moved.cell[1]
    here, there = (
        evaluate(atoms, requested=("energy",), functional="pbe", backend="warp")["energy"].item()
        for atoms in (structures["rocksalt"], moved)
    )
    assert there == pytest.approx(here, rel=1e-5)
    assert np.isfinite(there)


def test_auto_on_a_machine_with_cuda(monkeypatch, evaluate, structures):
    """A batch on the CPU goes to s-dftd3 all the same, and what Warp cannot do is not refused."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert create_model("dftd3", functional="pbe").kernels is not None
    for options in ({"damping": "zero"}, {"atm": True}, {"cutoffs": {"disp2": 8.0}}, {"backend": "s-dftd3"}):
        assert create_model("dftd3", functional="pbe", **options).kernels is None
    auto, exact = (evaluate(structures["rocksalt"], functional="pbe", backend=b) for b in ("auto", "s-dftd3"))
    assert torch.equal(auto["energy"], exact["energy"])
    monkeypatch.setattr("alchemi_dftd3.tables.get_functional_params", _unknown)
    assert create_model("dftd3", functional="pbe").kernels is None


def _unknown(*_, **__):
    raise KeyError


def test_functional_that_tad_dftd3_does_not_know_yet(monkeypatch):
    monkeypatch.setattr("alchemi_dftd3.tables.get_functional_params", _unknown)
    with pytest.raises(OptionError, match="tad-dftd3 has no bj parameters for 'pbe'"):
        create_model("dftd3", functional="pbe", backend="warp")


def test_threads_take_turns_on_the_cpu(monkeypatch):
    """Two launches at once overrun the arena that Warp has for tiles on the CPU, which ends the process."""
    from alchemi_dftd3 import kernels

    launch, inside, most = kernels.dftd3, [], []

    def watched(*args, **options):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        out = launch(*args, **options)
        inside.pop()
        return out

    monkeypatch.setattr(kernels, "dftd3", watched)
    pipe = PipelineModelWrapper(groups=[PipelineGroup([create_model("dftd3", functional="pbe", backend="warp")])])
    pair = Batch.from_ase(Atoms("Ar2", [[0, 0, 0], [0, 0, 3.8]]))
    with ThreadPoolExecutor(4) as pool:
        energies = {out["energy"].item() for out in pool.map(pipe, [pair] * 8)}
    assert len(energies) == 1
    assert set(most) == {1}
    assert len(most) == 24
