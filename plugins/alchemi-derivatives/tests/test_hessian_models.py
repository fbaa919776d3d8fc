"""Hessians of what models can be: on the graph or not, once differentiable, fed by others, in training."""

from __future__ import annotations

import pytest
import torch
from alchemi_derivatives.hessian import blocks
from ase import Atoms

from alchemi_core import (
    BaseModelMixin,
    Batch,
    ModelConfig,
    OnGraph,
    PipelineGroup,
    PipelineModelWrapper,
    PipelineStep,
    differentiate,
)
from alchemi_core.errors import DerivativeError, LostTermError

NO_OPTIONS: dict[str, object] = {}
DIFFERENCES = {"method": "differences"}


def cluster() -> Atoms:
    return Atoms("Ar3", positions=[(0.1, 0.0, 0.0), (3.6, 0.2, 0.0), (1.1, 3.3, 0.9)])


def hessian_of(model: BaseModelMixin, batch: Batch, **options: object) -> torch.Tensor:
    return differentiate(model, "hessian", **options)(batch, requested={"hessian"})["hessian"]


def test_black_boxes_in_one_sum(quartic, box):
    """On the graph, or reported: differences take all terms, and the graph is refused where one has none."""
    pipe = 0.5 * quartic() + box(3.0)
    batch = Batch.from_ase([cluster(), Atoms("Ar", positions=[(0.5, 0.0, -1.0)])])
    found = blocks(hessian_of(pipe, batch, method="differences", step=1e-3), batch)
    for block, atoms in zip(found, (batch[0], batch[1]), strict=True):
        expected = 4.0 + 4.5 * atoms.positions.flatten() ** 2
        torch.testing.assert_close(block, torch.diag(expected), rtol=0.0, atol=1e-5)
    with pytest.raises(LostTermError, match="box") as refused:
        differentiate(pipe, "hessian").plan_for({"hessian"})
    assert "hessian" in str(refused.value)


def test_energies_of_other_groups_are_not_forgotten(quartic, box):
    groups = [PipelineGroup([quartic()], use_autograd=True, derivative_fn="hessian"), PipelineGroup([box()])]
    with pytest.raises(LostTermError, match="box"):
        PipelineModelWrapper(groups).plan_for({"hessian"})


def test_displaced_copies_share_a_call(box):
    """18 displacements of 3 atoms: one call of the model, beside the one at the structure itself."""
    model = box()
    hessian_of(model, Batch.from_ase(cluster()), method="differences")
    together = model.calls
    hessian_of(model, Batch.from_ase(cluster()), method="differences", chunk=1)
    assert together <= 2
    assert model.calls - together >= 18


def test_a_model_that_says_it_is_once_differentiable(quartic):
    model = quartic()
    model.model_config = ModelConfig(name="quartic", outputs={"energy": OnGraph("positions", order=1)})
    with pytest.raises(LostTermError, match="once only"):
        differentiate(model, "hessian").plan_for({"hessian"})
    batch = Batch.from_ase(cluster())
    expected = torch.diag(2.0 + 3.0 * batch.positions.flatten() ** 2)
    found = hessian_of(model, batch, method="differences", step=1e-4)[0]
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-6)


class Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, gradient):
        return 2.0 * ctx.saved_tensors[0] * gradient


class Branching(torch.autograd.Function):
    """x², whose backward looks at values, which no vectorised pass can."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.square()

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return Doubled.apply(x) * gradient


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 2.0 * x

    @staticmethod
    def backward(ctx, gradient):
        return 2.0 * gradient if bool((gradient != 0.0).any()) else torch.zeros_like(gradient)


class Squares(BaseModelMixin):
    def __init__(self, square):
        self.square = square
        self.model_config = ModelConfig(name="squares", outputs={"energy": OnGraph("positions")})

    def compute(self, view, requested):
        each = self.square.apply(view.positions).sum(1)
        return {"energy": each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each).unsqueeze(1)}


def test_a_model_that_does_not_say_so():
    with pytest.raises(DerivativeError, match="differentiate") as refused:
        hessian_of(Squares(Once), Batch.from_ase(cluster()))
    assert "method='differences'" in refused.value.fix


def test_operations_without_a_rule_for_vectorising():
    batch = Batch.from_ase([cluster(), cluster()])
    positions = batch.positions.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(Branching.apply(positions).sum(), positions, create_graph=True)
    with pytest.raises(RuntimeError, match="Batching rule"):
        torch.autograd.grad(gradient, positions, torch.ones(2, *gradient.shape).double(), is_grads_batched=True)
    expected = 2.0 * torch.eye(9, dtype=torch.float64).expand(2, 9, 9)
    torch.testing.assert_close(hessian_of(Squares(Branching), batch), expected, rtol=0.0, atol=0.0)


@pytest.mark.parametrize(("options", "tolerance"), [(NO_OPTIONS, 1e-13), ({**DIFFERENCES, "step": 1e-3}, 1e-5)])
def test_training(quartic, options, tolerance):
    """A loss on the Hessian k + 3 r² reaches k, and r."""
    model = quartic()
    pipe = differentiate(model, "hessian", **options).train()
    positions = Batch.from_ase(cluster()).positions.requires_grad_()
    batch = Batch.from_ase(cluster()).with_fields(positions=positions)
    weights = torch.randn(9, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    loss = (pipe(batch, requested={"hessian"})["hessian"][0] * weights).sum()
    by_stiffness, by_positions = torch.autograd.grad(loss, (model.stiffness, positions))
    torch.testing.assert_close(by_stiffness, weights.trace(), rtol=0.0, atol=tolerance)
    expected = 6.0 * positions.detach() * weights.diag().view(-1, 3)
    torch.testing.assert_close(by_positions, expected, rtol=0.0, atol=10 * tolerance)


def test_grad_modes(quartic):
    batch = Batch.from_ase(cluster())
    expected = hessian_of(quartic(), batch)
    for mode in (torch.no_grad(), torch.inference_mode()):
        with mode:
            assert torch.equal(hessian_of(quartic(), batch), expected)
            found = hessian_of(quartic(), batch, method="differences", step=1e-3)
        torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-5)


class Charges(BaseModelMixin):
    """q_i = x_i."""

    model_config = ModelConfig(name="giver", outputs={"charges": OnGraph("positions")})

    def compute(self, view, requested):
        return {"charges": view.positions[:, 0]}


class Reader(BaseModelMixin):
    """E = Σ ½ q_i² + q_i y_i."""

    model_config = ModelConfig(
        name="reader", outputs={"energy": OnGraph({"positions", "charges"})}, required_inputs={"charges"}
    )

    def compute(self, view, requested):
        each = 0.5 * view.charges**2 + view.charges * view.positions[:, 1]
        return {"energy": each.new_zeros(view.num_systems).index_add(0, view.batch_idx, each).unsqueeze(1)}


@pytest.mark.parametrize("options", [NO_OPTIONS, DIFFERENCES, {**DIFFERENCES, "chunk": 1}])
def test_values_passed_between_models(options):
    """E = ½ x² + x y: second derivatives through the charges, and through charges and positions."""
    pipe = PipelineModelWrapper([PipelineGroup([Charges(), Reader()], use_autograd=True)])
    found = hessian_of(pipe, Batch.from_ase(Atoms("Ar", positions=[(0.4, 0.2, 0.1)])), **options)[0]
    expected = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-10)


def test_values_held_fixed():
    """With q held fixed E is linear in y; copies of another size have no such values, which the error says."""
    pipe = PipelineModelWrapper([PipelineGroup([PipelineStep(Charges(), detach=True), Reader()], use_autograd=True)])
    batch = Batch.from_ase(cluster())
    zeros = torch.zeros(1, 9, 9, dtype=torch.float64)
    assert torch.equal(hessian_of(pipe, batch), zeros)
    found = hessian_of(pipe, batch, method="differences", chunk=1)
    torch.testing.assert_close(found, zeros, rtol=0.0, atol=1e-10)
    with pytest.raises(DerivativeError, match="chunk=1"):
        hessian_of(pipe, batch, method="differences")
