"""Time of a batch by its structures, atoms and pairs: what the pipeline takes, and what is done around it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence

import attrs
import numpy as np
import torch
from ase import Atoms
from scaling_fit import Fit, fit
from structures_10k import structures
from vesin import ase_neighbor_list

from alchemi_core import (
    BaseModelMixin,
    Batch,
    Budget,
    ModelConfig,
    ModelView,
    OnGraph,
    PipelineGroup,
    PipelineModelWrapper,
    create_model,
    evaluate,
)
from alchemi_core.batching.cost import Estimator

SIZES = {"lj": (30, 40_000.0), "lj+d3": (36, 40_000.0), "chgnet": (24, 3_000.0)}
"""Of each pipeline, how many batches are measured, and the pairs of the largest of them, about."""

DISPERSION = 60.0 * 0.529177210903
"""Å, how far D3 reaches: it finds its pairs itself, so no list of the plan tells of them."""

BOND = 3.0
"""Å."""

UNBOUNDED = Budget(atoms=10**9, pairs=10**12)


def pipeline(name: str) -> PipelineModelWrapper:
    """Make one of the pipelines that are measured."""
    first = "chgnet" if name == "chgnet" else "lennard-jones"
    groups = [PipelineGroup([create_model(first)], use_autograd=True)]
    if name == "lj+d3":
        groups.append(PipelineGroup([create_model("dftd3", functional="pbe")]))
    return PipelineModelWrapper(groups)


@attrs.frozen
class Sizer:
    """Tells the units of structures that the time of a model is made of.

    Parameters
    ----------
    cutoff : float
        Å, the longest of the plan's lists, whose pairs are counted.
    model : str
        With D3 the pairs are those within its reach, which it finds by itself; they are estimated, and beside them
        those of Lennard-Jones are few. CHGNet counts angles between bonds as well.
    """

    cutoff: float
    model: str

    @classmethod
    def of(cls, model: str, pipe: PipelineModelWrapper) -> Sizer:
        """Make it for a pipeline."""
        return cls(max(Estimator.of(pipe.plan_for(pipe.active_outputs)).cutoffs), model)

    def units(self, chosen: Sequence[Atoms]) -> dict[str, float]:
        """Return structures, atoms, pairs, and what else the model counts."""
        found = {"structure": len(chosen), "atom": sum(map(len, chosen))}
        if self.model == "lj+d3":
            reach = Estimator((DISPERSION,), padded=False)
            return found | {"pair": sum(reach.cost(atoms).pairs for atoms in chosen)}
        found["pair"] = sum(len(ase_neighbor_list("ij", atoms, self.cutoff)[0]) for atoms in chosen)
        return found | ({"angle": sum(map(_angles, chosen))} if self.model == "chgnet" else {})

    def size(self, atoms: Atoms) -> float:
        """Return about what one structure takes, to put batches together."""
        return Estimator((self.cutoff,), padded=False).cost(atoms).pairs


def _angles(atoms: Atoms) -> float:
    """Count ordered pairs of bonds that share an atom; bonds of CHGNet reach 3 Å."""
    bonds = np.bincount(ase_neighbor_list("ij", atoms, BOND)[0], minlength=len(atoms))
    return float((bonds * (bonds - 1)).sum())


def batches(count: int, most: float, sizer: Sizer, seed: int = 3) -> Iterator[list[Atoms]]:
    """Yield batches of structures of one kind and of about one size, so that no two units go hand in hand."""
    random = np.random.default_rng(seed)
    pool = sorted(structures(3000), key=len)
    for _ in range(count):
        low = random.integers(len(pool) - 300)
        near = pool[low : low + int(random.choice([60, 300]))]
        kind = [atoms for atoms in near if bool(atoms.pbc.any()) == bool(random.integers(4))]
        room = np.exp(random.uniform(np.log(most / 100.0), np.log(most)))
        chosen: list[Atoms] = []
        for index in random.permutation(len(kind)):
            chosen.append(kind[index])
            room -= sizer.size(kind[index])
            if room < 0.0:
                break
        if chosen:
            yield chosen


def model(name: str, count: int, most: float, device: str = "cpu") -> Fit:
    """Fit the time of a pipeline over batches; larger ones on an accelerator, by the clock."""
    pipe, clock = pipeline(name).to(device), processor if device == "cpu" else synchronized
    most *= 1.0 if device == "cpu" else 100.0
    sizer, samples = Sizer.of(name, pipe), []
    for chosen in batches(count, most, sizer):
        moved, wanted = _moved(chosen, device), _outputs(chosen)
        seconds = clock(lambda moved=moved, wanted=wanted: pipe(next(moved), requested=wanted, contributions="energy"))
        samples.append({"batch": 1.0, **sizer.units(chosen), "seconds": seconds})
    return fit(samples)


def _moved(chosen: Sequence[Atoms], device: str) -> Iterator[Batch]:
    """Yield a batch again and again, each time at another place: lists of pairs that are kept do not fit it then."""
    batch = Batch.from_ase(chosen, device=device)
    for step in itertools.count():
        yield batch.moved(batch.positions + 10.0 * step)


def around(count: int) -> Fit:
    """Fit the time of `evaluate` with a model that costs nothing: what a worker's core does for any model."""
    pipe = PipelineModelWrapper([PipelineGroup([Nothing()], use_autograd=True)])
    sizer, samples = Sizer(6.0, "nothing"), []
    for chosen in batches(count, 100_000.0, sizer):
        wanted = _outputs(chosen)
        seconds = processor(lambda chosen=chosen, wanted=wanted: _evaluated(pipe, chosen, wanted))
        samples.append(
            {"batch": 1.0, "structure": len(chosen), "atom": sum(map(len, chosen)), "seconds": seconds},
        )
    return fit(samples)


class Nothing(BaseModelMixin):
    """A model that costs next to nothing, and whose outputs are those of any other."""

    def __init__(self) -> None:
        through = {"positions", "cell"}
        self.model_config = ModelConfig(name="nothing", outputs={"energy": OnGraph(through)}, supports_pbc=True)

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, torch.Tensor]:  # noqa: ARG002
        """Return an energy that depends on all that energies depend on."""
        each = view.positions.sum(1)
        energy = each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each)
        return {"energy": (energy if view.cell is None else energy + view.cell.sum((1, 2))).unsqueeze(1)}


def _outputs(chosen: Sequence[Atoms]) -> frozenset[str]:
    with_volume = all(atoms.cell.rank == 3 for atoms in chosen)
    return frozenset({"energy", "forces"} | ({"stress"} if with_volume else set()))


def _evaluated(pipe: PipelineModelWrapper, chosen: Sequence[Atoms], wanted: frozenset[str]) -> None:
    for _ in evaluate(pipe, chosen, requested=wanted, contributions="energy", budget=UNBOUNDED):
        pass


def measured_set(name: str, count: int) -> list[dict[str, float]]:
    """Return the units of the first structures of the set, one by one."""
    sizer = Sizer.of(name, pipeline(name))
    return [sizer.units([atoms]) for atoms in structures(count)]


def processor(function: Callable[[], object], repeats: int = 3) -> float:
    """Return the least seconds of the processor that a call took: other programs disturb these less than the clock."""
    best = float("inf")
    with torch.no_grad():
        for _ in range(repeats):
            began = time.process_time()
            function()
            best = min(best, time.process_time() - began)
    return best


def synchronized(function: Callable[[], object], repeats: int = 3) -> float:
    """Return the least seconds by the clock that a call took, until the accelerator is done."""
    best = float("inf")
    with torch.no_grad():
        for _ in range(1 + repeats):
            torch.cuda.synchronize()
            began = time.perf_counter()
            function()
            torch.cuda.synchronize()
            best = min(best, time.perf_counter() - began)
    return best
