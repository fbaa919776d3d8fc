"""`evaluate` gives of each structure what the pipeline gives of it alone, in order, whatever shares a batch with it."""

import gc
import itertools
import pickle
import tracemalloc
import warnings

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule
from support.counting import counting
from support.pipelines import FD, autograd, direct, grouped, pipeline
from support.structures import ethanol, left_handed, outside, salt, slab_without_height, water
from support.toys import Charges, Coulomb, Gaussians, Hardness, HybridCoulomb, Kernel, PairSum, with_config

from alchemi_core import Batch, Budget, Coupling, committee, evaluate
from alchemi_core.contract import Analytic, OnGraph
from alchemi_core.errors import LostTermError, OptionError, UnknownOutputError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.topology import PipelineStep

MAKERS = (salt, water, ethanol, left_handed, outside, slab_without_height)
BUDGETS = {
    "default": None,
    "three atoms": 3,
    "twenty atoms": 20,
    "few pairs": Budget(pairs=300),
    "one": Budget(systems=1),
}


def structures(count=24):
    """Crystals, molecules and slabs, none of them alike."""
    for number in range(count):
        atoms = MAKERS[number % len(MAKERS)]()
        atoms.rattle(0.05, seed=number)
        yield atoms


def wired():
    return pipeline(
        autograd(Charges(), HybridCoulomb(), Hardness()), direct(Kernel(-0.3, 3.5)), autograd(PairSum(4.5, "matrix"))
    )


def doubtful():
    return committee([Gaussians(), Gaussians(0.7), pipeline(autograd(Charges(), Coulomb(), Gaussians(1.6)))])


def by_differences():
    return grouped(([Kernel(0.7, outputs=("energy",))], FD))


PIPES = {one.__name__: one for one in (wired, doubtful, by_differences)}
PRECISION = {torch.float64: {"rtol": 1e-9, "atol": 1e-10}, torch.float32: {"rtol": 1e-4, "atol": 2e-4}}


def assert_alone(pipe, found, precision, batch_of=Batch.from_ase, **options):
    """Compare with calls of the pipeline, structure by structure."""
    alone = pipe(batch_of([found.structure]), **options)
    assert list(found.outputs) == list(alone)
    for name, value in alone.items():
        torch.testing.assert_close(found.outputs[name], value, equal_nan=True, **precision)
        assert not found.outputs[name].requires_grad
    assert len(found.outputs.contributions) == len(alone.contributions)
    for one, other in zip(found.outputs.contributions, alone.contributions, strict=True):
        assert (one.step, one.label, one.name) == (other.step, other.label, other.name)
        torch.testing.assert_close(one.value, other.value, equal_nan=True, **precision)


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("name", PIPES)
def test_results_are_those_of_each_structure_alone(name, budget, dtype, precision):
    if name == "by_differences":
        precision = {torch.float64: {"rtol": 1e-6, "atol": 1e-7}, torch.float32: {"rtol": 0.02, "atol": 0.02}}[dtype]
    pipe, given = PIPES[name](), list(structures(12))
    asked = {"energy", "forces"} if name == "by_differences" else None
    found = list(evaluate(pipe, given, budget=BUDGETS[budget], dtype=dtype, requested=asked))
    assert [one.index for one in found] == list(range(len(given)))
    for one, atoms in zip(found, given, strict=True):
        assert one.structure is atoms
        assert one.error is None
        assert one.outputs["forces"].dtype is dtype
        assert_alone(pipe, one, precision, lambda s: Batch.from_ase(s, dtype=dtype), requested=asked)


@pytest.mark.parametrize("contributions", [True, "energy"])
def test_contributions_are_split_too(contributions, precision, dtype):
    pipe = wired()
    for one in evaluate(pipe, structures(12), contributions=contributions, dtype=dtype):
        assert one.outputs.contributions
        assert_alone(pipe, one, precision, lambda s: Batch.from_ase(s, dtype=dtype), contributions=contributions)


def test_what_is_asked_is_what_comes():
    for one in evaluate(wired(), structures(6), requested=["charges", "energy"]):
        assert set(one.outputs) == {"energy", "charges"}
        assert one.outputs["charges"].shape == (len(one.structure),)
    (one,) = evaluate(wired(), [water()], requested="energy")
    assert list(one.outputs) == ["energy"]


def test_stress_is_there_where_a_structure_has_a_cell():
    for one in evaluate(pipeline(autograd(Gaussians())), structures(12)):
        assert ("stress" in one.outputs) == bool(one.structure.cell.array.any())
    (one,) = evaluate(pipeline(autograd(Gaussians())), [water()])
    with pytest.raises(KeyError, match="no system of this batch has a cell"):
        one.outputs["stress"]
    found = list(evaluate(wired(), [salt(), water()], requested={"stress"}, failures="keep"))
    assert found[0].error is None
    assert isinstance(found[1].error, LostTermError)


class Reader(BaseModelMixin):
    """An energy of whatever structures may bring: each makes a difference, and so does its absence."""

    NAMES = ("total_charge", "multiplicity", "charges", "tags", "spot")

    def __init__(self):
        self.model_config = ModelConfig(
            name="reader",
            outputs={"energy": OnGraph({"positions"})},
            optional_inputs={*self.NAMES, "coupling"},
            supports_pbc=True,
        )

    def compute(self, view, requested):
        energy = (view.positions.square().sum(1) * 0.01).new_zeros(view.num_systems)
        energy = energy.index_add(0, view.batch_idx, view.positions.square().sum(1) * 0.01)
        for weight, name in enumerate((*self.NAMES, "coupling"), start=1):
            value = getattr(view, name)
            if value is None:
                energy = energy + 100.0**weight
            elif value.shape[0] == view.num_systems and name in ("total_charge", "multiplicity", "coupling"):
                energy = energy + weight * value.flatten()
            else:
                energy = energy.index_add(0, view.batch_idx, weight * value.to(energy.dtype))
        return {"energy": energy.unsqueeze(1)}


def endowed(number):
    """A structure with some of all that structures can bring, another choice for each of 2⁶ numbers."""
    atoms = MAKERS[number % 3]()
    if number & 1:
        atoms.info["charge"] = number % 3 - 1
    if number & 2:
        atoms.info["spin"] = 1 + number % 2
    if number & 4:
        atoms.set_initial_charges(np.linspace(-0.1, 0.1, len(atoms)) * number)
    if number & 8:
        atoms.set_tags(range(number, number + len(atoms)))
    if number & 16:
        atoms.set_array("spot", np.arange(len(atoms)) % 2 == 0 if number % 5 else np.full(len(atoms), 0.25 * number))
    if number & 32:
        atoms.info["coupling"] = 0.01 * number
    return atoms


def test_structures_that_bring_different_things_are_as_they_are_alone():
    pipe, given = pipeline(autograd(Reader())), [endowed(number) for number in range(64)] * 2
    found = list(evaluate(pipe, given))
    calculator = pipe.as_ase()
    for one, atoms in zip(found, given, strict=True):
        calculator.calculate(atoms, ["energy", "forces"])
        assert float(one.outputs["energy"]) == pytest.approx(calculator.results["energy"], rel=1e-12)
        np.testing.assert_allclose(one.outputs["forces"].numpy(), calculator.results["forces"], atol=1e-14)
    assert len({float(one.outputs["energy"]) for one in found}) > 60


def test_coupling_parameters_come_with_each_structure():
    lam = Coupling()
    pipe = pipeline(autograd(PipelineStep(Gaussians(), weight=lam)))
    given = [salt(), salt(), water()]
    for atoms, value in zip(given, (0.0, 0.25, 1.0), strict=True):
        atoms.info["coupling"] = value
    found = list(evaluate(pipe, given, requested={"energy", "dE_dlambda"}))
    whole = pipeline(autograd(Gaussians()))(Batch.from_ase(given))["energy"].flatten()
    torch.testing.assert_close(
        torch.cat([one.outputs["energy"] for one in found]).flatten(), whole * torch.tensor([0, 0.25, 1])
    )
    torch.testing.assert_close(torch.cat([one.outputs["dE_dlambda"] for one in found]).flatten(), whole)


class PaddedHessian(BaseModelMixin):
    """The Hessian of ½ k Σ r², padded to the largest system of the batch."""

    def __init__(self):
        self.model_config = ModelConfig(name="padded", outputs={"energy": Analytic(), "hessian": Analytic()})

    def compute(self, view, requested):
        sizes = [stop - start for start, stop in itertools.pairwise(view.ptr)]
        hessian = view.positions.new_zeros(len(sizes), 3 * max(sizes), 3 * max(sizes))
        for system, size in enumerate(sizes):
            hessian[system, : 3 * size, : 3 * size] = torch.eye(3 * size)
        return {"hessian": hessian, "energy": view.positions.new_zeros(len(sizes), 1)}


def test_outputs_that_are_padded_in_a_batch_are_as_they_are_alone():
    pipe = pipeline(direct(PaddedHessian()))
    given = [molecule(name) for name in ("H2O", "CO2", "CH3CH2OH", "N2", "H2O")]
    for one in evaluate(pipe, given, requested={"hessian"}):
        assert one.outputs["hessian"].shape == (1, 3 * len(one.structure), 3 * len(one.structure))


class Odd(BaseModelMixin):
    """An energy, and outputs that no table knows: per atom, per system, and per pair."""

    def __init__(self):
        from alchemi_core.neighbors.config import NeighborConfig

        self.model_config = ModelConfig(
            name="odd",
            outputs={name: Analytic() for name in ("energy", "features", "label", "lengths")},
            supports_pbc=True,
            neighbor_config=NeighborConfig(4.0),
        )
        self.calls = []

    def compute(self, view, requested):
        self.calls.append(view.num_systems)
        pairs = view.neighbors.neighbor_list.long()
        label = torch.bincount(view.batch_idx, minlength=view.num_systems)
        return {
            "energy": label.to(view.positions.dtype).unsqueeze(1),
            "features": view.positions * 2.0,
            "label": label,
            "lengths": (view.positions[pairs[:, 0]] - view.positions[pairs[:, 1]]).norm(dim=1),
        }


def test_outputs_that_no_table_knows():
    model = Odd()
    pipe = pipeline(direct(model))
    found = list(evaluate(pipe, structures(12), requested={"energy", "features", "label"}))
    assert max(model.calls) > 1
    for one in found:
        assert_alone(pipe, one, PRECISION[torch.float64], requested={"energy", "features", "label"})


def test_outputs_per_pair_are_those_of_each_structure():
    model = Odd()
    pipe, given = pipeline(direct(model)), list(structures(30))
    found = list(evaluate(pipe, given, requested={"lengths"}))
    assert max(model.calls) > 1, "a batch was tried"
    assert model.calls[-1] == 1, "and structures went one by one from then on"
    for one in found:
        assert_alone(pipe, one, PRECISION[torch.float64], requested={"lengths"})


def test_results_hold_their_own_memory_and_can_be_pickled():
    found = list(evaluate(wired(), structures(12), contributions=True))
    for one in found:
        for value in (*one.outputs.values(), *(part.value for part in one.outputs.contributions)):
            assert value.untyped_storage().nbytes() == value.numel() * value.element_size()
    again = pickle.loads(pickle.dumps(found[3]))
    torch.testing.assert_close(again.outputs["forces"], found[3].outputs["forces"])


@pytest.mark.parametrize("budget", [None, Budget(systems=1)])
def test_results_are_not_what_a_model_keeps(budget):
    class Keeping(Kernel):
        def compute(self, view, requested):
            out = super().compute(view, requested)
            return {**out, "energy": kept[: view.num_systems]}

    kept = torch.full((8, 1), 2.5, dtype=torch.float64)
    pipe = pipeline(direct(with_config(Keeping(), name="keeping")))
    for one in evaluate(pipe, [water() for _ in range(3)], requested={"energy"}, budget=budget):
        one.outputs["energy"].zero_()
    assert (kept == 2.5).all()


@pytest.mark.parametrize("occupied", [0, 10 * 2**30])
def test_batches_grow_the_same_whatever_a_program_took_before(occupied, monkeypatch):
    """The peak of a process never falls: a former run must not keep the batches of this one small."""
    monkeypatch.setattr("alchemi_core.batching.evaluate.memory_of", lambda device: Seen(occupied))
    sizes = []

    class Counting(Kernel):
        def compute(self, view, requested):
            sizes.append(view.num_systems)
            return super().compute(view, requested)

    list(evaluate(pipeline(direct(with_config(Counting(), name="counting"))), [water() for _ in range(1000)]))
    assert sizes[1] == 2 * sizes[0]
    assert sizes[2] > 3 * sizes[0]


class Seen:
    """A host on which some memory was taken at some time, and now takes none that shows."""

    def __init__(self, occupied):
        self.occupied = occupied

    def used(self):
        return 2**30

    def peak(self):
        return 2**30 + self.occupied

    def free(self):
        return 32 * 2**30


def test_nothing_comes_of_nothing():
    assert list(evaluate(wired(), [])) == []
    assert list(evaluate(wired(), iter(()))) == []


def test_an_empty_structure_is_one_too():
    pipe = pipeline(autograd(Gaussians()))
    found = list(evaluate(pipe, [water(), Atoms(), salt()]))
    assert found[1].outputs["energy"].tolist() == [[0.0]]
    assert found[1].outputs["forces"].shape == (0, 3)


def test_an_endless_source_is_read_a_bounded_number_ahead():
    read = itertools.count()
    source = (water(shift=0.01 * next(read)) for _ in itertools.count())
    results = evaluate(pipeline(autograd(Gaussians())), source, budget=30)
    assert next(read) == 0, "nothing is read before the first result is asked for"
    for expected, one in enumerate(itertools.islice(results, 500)):
        assert one.index == expected
        assert next(read) < expected * 2 + 100 + expected
    assert next(read) < 500 + 500 + 200


def test_models_are_called_for_batches_and_never_beyond_the_budget():
    model = counting()
    pipe, sizes = pipeline(direct(model)), model.sizes
    list(evaluate(pipe, [water() for _ in range(100)], budget=30))
    assert sizes == [30] * 10
    sizes.clear()
    list(evaluate(pipe, [water() for _ in range(100)], budget=Budget(systems=25)))
    assert sizes == [75] * 4
    sizes.clear()
    list(evaluate(pipe, [water() for _ in range(10)], budget=1))
    assert sizes == [3] * 10, "what is larger than the budget goes alone"


def test_each_plan_is_made_once():
    pipe = wired()
    list(evaluate(pipe, structures(24), budget=10))
    assert len(pipe._prepared._plans) == 2  # with and without the stress of molecules


def test_a_source_that_breaks_gives_what_came_before():
    def source():
        yield from structures(5)
        raise OSError("the disk went away")

    found = []
    with pytest.raises(OSError, match="went away"):
        found.extend(evaluate(pipeline(autograd(Gaussians())), source()))
    # extend() keeps what it took before the exception
    assert [one.index for one in found] == list(range(5))


def test_the_structures_stay_as_they_were():
    given = list(structures(12))
    before = [atoms.copy() for atoms in given]
    list(evaluate(wired(), given))
    assert given == before
    assert all(atoms.calc is None for atoms in given)


def test_a_pipeline_that_is_trained_gives_numbers():
    pipe = pipeline(autograd(Gaussians())).train()
    for one in evaluate(pipe, structures(6)):
        assert not one.outputs["forces"].requires_grad
    assert pipe.training


def test_mistakes_of_the_call_surface_at_once():
    pipe = pipeline(autograd(Gaussians()))
    with pytest.raises(UnknownOutputError):
        evaluate(pipe, [water()], requested={"dipole"}, failures="keep")
    for wrong in (
        {"budget": "large"},
        {"failures": "ignore"},
        {"contributions": "forces"},
        {"dtype": "float32"},
        {"dtype": torch.int64},
        {"device": "nowhere"},
    ):
        with pytest.raises(OptionError, match=next(iter(wrong))):
            evaluate(pipe, [water()], **wrong)
    with pytest.raises(OptionError, match="one structure"):
        evaluate(pipe, water())
    with pytest.raises(OptionError, match="PipelineGroup"):
        evaluate(Gaussians(), [water()])
    with pytest.raises(OptionError, match=r"(?s)a str as structures.*ase\.io\.iread\('a\.xyz'\)"):
        evaluate(pipe, "a.xyz")
    for wrong in (5, {}, b"a.xyz", None):
        with pytest.raises(OptionError, match=f"a {type(wrong).__name__} as structures"):
            evaluate(pipe, wrong)


def test_memory_stays_flat():
    """Four thousand structures take no more than eight hundred: what is done with is let go."""
    pipe, peaks = pipeline(direct(Kernel())), []
    for count in (800, 4_000):
        gc.collect()
        tracemalloc.start()
        energies = sum(
            float(one.outputs["energy"]) for one in evaluate(pipe, (water() for _ in range(count)), budget=300)
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert energies == pytest.approx(count * float(pipe(Batch.from_ase(water()))["energy"]))
    assert peaks[1] < 1.2 * peaks[0]


def test_nothing_is_warned_of():
    atoms = water()
    atoms.positions[0] = np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (one,) = evaluate(pipeline(direct(Kernel())), [atoms], failures="keep")
    assert one.error is not None
