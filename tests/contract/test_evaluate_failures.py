"""Failures of `evaluate`: of the structure that they are of, and of no other; memory that does not suffice."""

import gc
import weakref

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import molecule
from support.pipelines import autograd, direct, pipeline
from support.structures import ethanol, salt, water
from support.toys import Charges, Coulomb, Gaussians, Kernel, per_system

from alchemi_core import Batch, Budget, evaluate
from alchemi_core.contract import Analytic
from alchemi_core.errors import (
    DataError,
    GeometryError,
    ModelOutputError,
    TooLargeError,
    UnsupportedElementError,
    WiringError,
)
from alchemi_core.models import BaseModelMixin, ModelConfig


def good(number):
    atoms = (salt, water, ethanol)[number % 3]()
    atoms.rattle(0.03, seed=number)
    return atoms


def no_number():
    atoms = water()
    atoms.positions[1, 0] = np.nan
    return atoms


def no_cell():
    atoms = salt()
    atoms.cell[0] = atoms.cell[1]
    return atoms


def no_limit():
    atoms = salt()
    atoms.cell[0, 0] = np.inf
    return atoms


def overlapping():
    return Atoms("O2", [[0, 0, 0], [0, 0, 0]])


def unknown():
    return Atoms("Pu2", [[0, 0, 0], [0, 0, 2.0]])


CULPRITS = {
    no_number: GeometryError,
    no_cell: GeometryError,
    no_limit: GeometryError,
    overlapping: GeometryError,
    unknown: UnsupportedElementError,
    lambda: "no structure": DataError,
}


def known():
    return pipeline(autograd(Charges(), Coulomb(), Gaussians(elements={1, 6, 8, 11, 17})))


@pytest.mark.parametrize("places", [(0,), (39,), (7,), (3, 4, 5), (0, 13, 14, 38), tuple(range(0, 40, 2))])
@pytest.mark.parametrize("culprit", CULPRITS, ids=lambda one: one.__name__)
def test_culprits_fail_alone(culprit, places):
    pipe = known()
    given = [culprit() if number in places else good(number) for number in range(40)]
    found = list(evaluate(pipe, given, failures="keep"))
    assert [one.index for one in found] == list(range(40))
    assert [one.index for one in found if one.error is not None] == list(places)
    for one in found:
        assert one.structure is given[one.index]
        if one.error is None:
            torch.testing.assert_close(one.outputs["forces"], pipe(Batch.from_ase(one.structure))["forces"])
        else:
            assert isinstance(one.error, CULPRITS[culprit])
            assert one.outputs is None


def test_culprits_of_all_kinds_at_once():
    given = [good(number) for number in range(30)]
    for place, culprit in enumerate(CULPRITS):
        given.insert(5 * place, culprit())
    found = list(evaluate(known(), given, failures="keep"))
    kinds = {one.index: type(one.error) for one in found if one.error is not None}
    assert kinds == {5 * place: kind for place, kind in enumerate(CULPRITS.values())}


def test_the_first_error_is_raised_after_all_results_before_it():
    given = [good(0), good(1), overlapping(), good(3), no_number()]
    found = []
    with pytest.raises(GeometryError, match="overlap") as caught:
        found.extend(evaluate(known(), given))
    assert [one.index for one in found] == [0, 1]
    assert caught.value.__notes__ == ["This is structure 2 of the input of evaluate()."]


def test_an_input_that_is_missing_is_a_failure_of_the_structure():
    charged = water()
    charged.set_initial_charges([-0.8, 0.4, 0.4])
    found = list(evaluate(pipeline(autograd(Coulomb())), [water(), charged, water()], failures="keep"))
    assert [type(one.error) for one in found] == [WiringError, type(None), WiringError]


class Broken(BaseModelMixin):
    """½ Σ r², with NaN where a structure holds helium, and in all others of its batch as well if it is contagious."""

    def __init__(self, output="energy", value=float("nan"), contagious=False):
        self.output, self.value, self.contagious = output, value, contagious
        outputs = ("energy", "forces", "stress")
        self.model_config = ModelConfig(
            name="broken", outputs={name: Analytic() for name in outputs}, active_outputs=outputs, supports_pbc=True
        )

    def compute(self, view, requested):
        helium = per_system(view, (view.atomic_numbers == 2).to(view.positions.dtype)).flatten() > 0
        helium = helium | helium.any() if self.contagious else helium
        out = {
            "energy": per_system(view, 0.5 * view.positions.square().sum(1)),
            "forces": -view.positions,
            "stress": view.positions.new_zeros(view.num_systems, 3, 3),
        }
        rows = helium[view.batch_idx] if self.output == "forces" else helium
        out[self.output] = torch.where(
            rows.view(-1, *(1,) * (out[self.output].dim() - 1)), torch.tensor(self.value).double(), out[self.output]
        )
        return {name: out[name] for name in requested}


@pytest.mark.parametrize("contagious", [False, True])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("output", ["energy", "forces", "stress"])
def test_results_that_are_no_numbers_are_failures(output, value, contagious):
    pipe = pipeline(direct(Broken(output, value, contagious)))
    given = [good(3 * number) for number in range(20)]
    for place in (4, 11):
        given[place].numbers[0] = 2
    found = list(evaluate(pipe, given, failures="keep"))
    assert [one.index for one in found if one.error is not None] == [4, 11]
    assert all(isinstance(found[place].error, ModelOutputError) for place in (4, 11))
    assert output in str(found[4].error)


def test_a_stress_without_a_volume_is_no_failure():
    flat = salt()
    flat.cell[2] = 0.0
    flat.pbc = (True, True, False)
    found = list(evaluate(pipeline(autograd(Gaussians())), [flat, salt()]))
    assert found[0].outputs["stress"].isnan().all()
    assert found[1].outputs["stress"].isfinite().all()


class Small(BaseModelMixin):
    """½ Σ r² on a device that holds so many atoms at once, and says so in one of the ways that there are."""

    def __init__(self, most, error=None):
        self.most, self.error = most, error or torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")
        self.sizes = []
        self.model_config = ModelConfig(name="small", outputs={"energy": Analytic()}, supports_pbc=True)

    def compute(self, view, requested):
        self.sizes.append(view.num_atoms)
        if view.num_atoms > self.most:
            raise self.error
        return {"energy": per_system(view, 0.5 * view.positions.square().sum(1))}


SHORTAGES = {
    "torch": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB"),
    "allocator": RuntimeError(
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
    ),
    "numpy": MemoryError("Unable to allocate 9 GiB"),
}


@pytest.mark.parametrize("budget", [None, 100, Budget(systems=64), Budget()])
@pytest.mark.parametrize("shortage", SHORTAGES)
def test_out_of_memory_halves_for_good(shortage, budget):
    model = Small(40, SHORTAGES[shortage])
    found = list(evaluate(pipeline(direct(model)), [water() for _ in range(400)], budget=budget))
    expected = 0.5 * float((water().positions ** 2).sum())
    assert [float(one.outputs["energy"]) for one in found] == pytest.approx([expected] * 400)
    failed = [size for size in model.sizes if size > 40]
    assert 1 <= len(failed) <= 7, "each failure halves"
    assert sorted(failed, reverse=True) == failed
    after = model.sizes[len(model.sizes) - model.sizes[::-1].index(failed[-1]) :]
    assert max(after) <= 40, "and what failed once is never tried again"
    assert sum(after) / len(after) > 15, "but no smaller than need be"


def test_a_structure_that_does_not_fit_alone_is_a_failure_of_its_own():
    model = Small(20)
    given = [water() for _ in range(30)]
    given[17] = molecule("C60")
    found = list(evaluate(pipeline(direct(model)), given, failures="keep"))
    assert [one.index for one in found if one.error is not None] == [17]
    error = found[17].error
    assert isinstance(error, TooLargeError)
    assert isinstance(error, MemoryError)
    assert "60 atoms" in str(error)
    assert isinstance(error.__cause__, torch.OutOfMemoryError)


def test_memory_that_is_really_short():
    """A tensor that no machine can hold: torch's own error, from its own allocator."""

    class Greedy(Small):
        def compute(self, view, requested):
            self.sizes.append(view.num_atoms)
            if view.num_atoms > self.most:
                torch.empty(2**60, dtype=torch.uint8)
            return {"energy": per_system(view, 0.5 * view.positions.square().sum(1))}

    model = Greedy(9)
    found = list(evaluate(pipeline(direct(model)), [water() for _ in range(50)]))
    assert len(found) == 50
    assert max(model.sizes) > 9
    assert model.sizes[-1] <= 9


def test_what_only_a_large_batch_is_refused_for_makes_batches_smaller():
    model = Small(12, ValueError("too many pairs for int32"))
    found = list(evaluate(pipeline(direct(model)), [water() for _ in range(200)], budget=100))
    assert all(one.error is None for one in found)
    tail = model.sizes[-10:]
    assert max(tail) <= 12
    assert min(tail[:-1]) > 3


def test_a_source_that_changes_what_it_gave_is_noticed():
    """Dynamics of ASE yield one object again and again; its results would be of other positions than it had."""

    def moving(*, copies):
        atoms = water()
        for _ in range(20):
            atoms.positions += [0.0, 0.0, 0.1]
            yield atoms.copy() if copies else atoms

    pipe = pipeline(direct(Small(10**6)))
    with pytest.raises(DataError, match=r"changed after it was given.*\n.*\n.*atoms\.copy\(\)"):
        list(evaluate(pipe, moving(copies=False)))
    expected = [float(pipe(Batch.from_ase(atoms))["energy"]) for atoms in moving(copies=True)]
    assert [float(one.outputs["energy"]) for one in evaluate(pipe, moving(copies=True))] == pytest.approx(expected)
    same = water()
    assert len(list(evaluate(pipe, [same] * 20))) == 20


@pytest.mark.parametrize(
    "change",
    [
        lambda atoms, step: atoms.info.update(coupling=0.1 * step),
        lambda atoms, step: atoms.info.update(charge=np.array(step)),
        lambda atoms, step: atoms.set_initial_charges([0.1 * step] * 3),
        lambda atoms, step: atoms.set_cell([step + 20.0] * 3),
    ],
    ids=["coupling", "charge", "charges", "cell"],
)
def test_a_scan_over_one_object_is_noticed_whatever_it_changes(change):
    def scan():
        atoms = water()
        for step in range(5):
            change(atoms, step)
            yield atoms

    with pytest.raises(DataError, match="changed after it was given"):
        list(evaluate(pipeline(direct(Small(10**6))), scan()))


@pytest.mark.parametrize("charge", ["x", None, [1.0, 2.0]])
def test_a_charge_that_is_no_number_is_one_clear_error(charge):
    atoms = water()
    atoms.info["charge"] = charge
    with pytest.raises(DataError, match=r"info\['charge'\] is .*\n.*expected: a number"):
        list(evaluate(pipeline(direct(Small(10**6))), [atoms]))


def test_an_interrupt_goes_straight_out():
    class Stopped(Kernel):
        def compute(self, view, requested):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(evaluate(pipeline(direct(Stopped())), [good(0), good(1)], failures="keep"))

    def source():
        yield good(0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(evaluate(known(), source(), failures="keep"))


def test_errors_that_are_kept_hold_no_tensors():
    class Dropping(Small):
        def compute(self, view, requested):
            self.seen.append(weakref.ref(view.positions))
            raise ValueError("no")

    model = Dropping(0)
    model.seen = []
    kept = list(evaluate(pipeline(direct(model)), [good(n) for n in range(10)], failures="keep"))
    gc.collect()
    assert all(str(one.error) == "no" for one in kept)
    assert model.seen
    assert not any(reference() is not None for reference in model.seen)
