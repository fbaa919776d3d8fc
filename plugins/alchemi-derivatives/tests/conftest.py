"""Models with derivatives known from elsewhere, and differences of forces that share no code with the strategies."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from alchemi_core import Analytic, BaseModelMixin, Batch, ModelConfig, OnGraph, PipelineGroup, PipelineModelWrapper


class Quartic(torch.nn.Module, BaseModelMixin):
    """E = Σ_i (½ k |r_i|² + ¼ Σ_a r_ia⁴), whose Hessian is diagonal: k + 3 r²."""

    def __init__(self, stiffness: float = 2.0) -> None:
        super().__init__()
        self.stiffness = torch.nn.Parameter(torch.tensor(stiffness, dtype=torch.float64))
        self.model_config = ModelConfig(name="quartic", outputs={"energy": OnGraph("positions")})

    def compute(self, view, requested):
        squares = view.positions.square()
        each = (0.5 * self.stiffness.to(squares.dtype) * squares + 0.25 * squares.square()).sum(1)
        energy = each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each)
        return {"energy": energy.unsqueeze(1)}


class Box(BaseModelMixin):
    """The same as another program might give it: detached energy and forces, which it counts."""

    def __init__(self, stiffness: float = 2.0) -> None:
        self.stiffness, self.calls = stiffness, 0
        self.model_config = ModelConfig(name="box", outputs={"energy": Analytic(), "forces": Analytic()})

    def compute(self, view, requested):
        self.calls += 1
        positions = view.positions.detach()
        each = (0.5 * self.stiffness * positions**2 + 0.25 * positions**4).sum(1)
        energy = each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each)
        return {"energy": energy.unsqueeze(1), "forces": -self.stiffness * positions - positions**3}


@pytest.fixture(scope="session")
def quartic() -> type[Quartic]:
    return Quartic


@pytest.fixture(scope="session")
def box() -> type[Box]:
    return Box


@pytest.fixture(scope="session")
def force_differences() -> Callable[..., torch.Tensor]:
    """Second derivatives of one structure by central differences of forces, coordinate by coordinate: [3n, 3n]."""

    def matrix(model: BaseModelMixin, batch: Batch, step: float = 1e-4) -> torch.Tensor:
        pipe = PipelineModelWrapper([PipelineGroup([model], use_autograd=True)])
        rows = []
        for k in range(3 * batch.num_atoms):
            shift = torch.zeros(3 * batch.num_atoms, dtype=batch.dtype)
            shift[k] = step
            ahead, behind = (
                pipe(batch.with_fields(positions=batch.positions + sign * shift.view(-1, 3)), requested={"forces"})
                for sign in (1.0, -1.0)
            )
            rows.append((behind["forces"] - ahead["forces"]).flatten() / (2.0 * step))
        return torch.stack(rows)

    return matrix
