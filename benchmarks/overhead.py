"""Overhead of the pipeline per call over calling the bare models by hand, for a two-step autograd group.

Both sides evaluate the same two models on the same neighbor list and differentiate once; the difference is what
planning, views, checks and bookkeeping cost. Run: ``python benchmarks/overhead.py``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import torch
from ase.build import bulk

from alchemi_core import BaseModelMixin, Batch, ModelConfig, ModelView, OnGraph, PipelineGroup, PipelineModelWrapper
from alchemi_core.derivatives.strain import per_volume, strain_gradient

GEOMETRY = {"positions", "cell"}


class Field(BaseModelMixin):
    """Charges that depend on positions: as cheap as a model can be, so that only overhead is seen."""

    def __init__(self) -> None:
        self.model_config = ModelConfig(name="field", outputs={"charges": OnGraph(GEOMETRY)}, supports_pbc=True)

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, torch.Tensor]:  # noqa: ARG002
        """Sum the coordinates of each atom."""
        return {"charges": view.positions.sum(1)}


class Square(BaseModelMixin):
    """Energy of these charges."""

    def __init__(self) -> None:
        through = GEOMETRY | {"charges"}
        self.model_config = ModelConfig(
            name="square", outputs={"energy": OnGraph(through)}, required_inputs={"charges"}, supports_pbc=True
        )

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, torch.Tensor]:  # noqa: ARG002
        """Sum their squares."""
        return {"energy": ((view.charges**2).sum() + view.cell.sum()).view(1, 1)}


def by_hand(batch: Batch, field: Field, square: Square) -> tuple[torch.Tensor, ...]:
    """What a careful user writes without a pipeline."""
    positions = batch.positions.detach().requires_grad_(True)
    cell = batch.cell.detach().requires_grad_(True)
    leaves = batch.with_leaves(positions, cell)
    values = {"positions": positions, "cell": cell}
    charges = field.compute(ModelView(values, leaves, None, "field"), frozenset())["charges"]
    view = ModelView({**values, "charges": charges}, leaves, None, "square")
    energy = square.compute(view, frozenset())["energy"]
    by_positions, by_cell = torch.autograd.grad(energy, (positions, cell), torch.ones_like(energy))
    with torch.no_grad():
        stress = per_volume(strain_gradient(leaves, by_positions, by_cell), cell)
    return energy.detach(), -by_positions, stress


def microseconds(functions: Sequence[Callable[[], object]], rounds: int, repeats: int = 10) -> list[float]:
    """Fastest round's mean time of a call, of each function: the least disturbed by whatever else the machine does.

    Rounds are short and take turns, so that all functions meet the same weather.
    """
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for i, function in enumerate(functions):
            start = time.perf_counter()
            for _ in range(repeats):
                function()
            best[i] = min(best[i], (time.perf_counter() - start) / repeats * 1e6)
    return best


def main() -> None:
    """Print both times and the difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    batch = Batch.from_ase(bulk("NaCl", "rocksalt", a=5.64, cubic=True))
    field, square = Field(), Square()
    pipe = PipelineModelWrapper(groups=[PipelineGroup(steps=[field, square], use_autograd=True)])
    wanted = frozenset({"energy", "forces", "stress"})
    hand, ours = microseconds([lambda: by_hand(batch, field, square), lambda: pipe(batch, wanted)], rounds)
    print(f"two-step autograd group, {batch.num_atoms} atoms, energy + forces + stress")
    print(f"  by hand   {hand:8.1f} µs\n  pipeline  {ours:8.1f} µs\n  overhead  {ours - hand:8.1f} µs   (limit 60 µs)")


if __name__ == "__main__":
    main()
