"""One call that every test uses: run a model in a pipeline of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest
import torch

from alchemi_core import Batch, PipelineGroup, PipelineModelWrapper, create_model
from alchemi_core.derivatives.finite_difference import FiniteDifference

if TYPE_CHECKING:
    from ase import Atoms

Evaluate = Callable[..., Mapping[str, torch.Tensor]]
ALL = ("energy", "forces", "stress")


def run(batch: Batch, requested: tuple[str, ...], name: str, strategy: object = None, /, **options: object):
    group = PipelineGroup([create_model(name, **options)], use_autograd=True, derivative_fn=strategy)
    return PipelineModelWrapper(groups=[group])(batch, requested=set(requested))


@pytest.fixture
def evaluate() -> Evaluate:
    """Energy and forces, or what is requested, of a model by name."""

    def call(
        atoms: Atoms | list[Atoms],
        name: str,
        /,
        *,
        requested: tuple[str, ...] = ("energy", "forces"),
        dtype: torch.dtype = torch.float64,
        fields: Mapping[str, torch.Tensor] | None = None,
        **options: object,
    ) -> Mapping[str, torch.Tensor]:
        return run(Batch.from_ase(atoms, dtype=dtype).with_fields(**fields or {}), requested, name, **options)

    return call


@pytest.fixture
def differentiated() -> Callable[..., None]:
    """Check forces and stress against central differences of the energy."""

    def check(
        atoms: Atoms | list[Atoms],
        name: str,
        /,
        *,
        step: float = 1e-4,
        rtol: float = 1e-6,
        atol: float = 1e-7,
        fields: Mapping[str, torch.Tensor] | None = None,
        **options: object,
    ) -> None:
        batch = Batch.from_ase(atoms).with_fields(**fields or {})
        requested = ALL if batch.cell is not None else ALL[:2]
        out = run(batch, requested, name, **options)
        expected = run(batch, requested, name, FiniteDifference(step), **options)
        for quantity in requested:
            torch.testing.assert_close(out[quantity], expected[quantity], rtol=rtol, atol=atol, equal_nan=True)
            assert out[quantity].nan_to_num().abs().max() > 1e-3, "nothing was tested"

    return check


@pytest.fixture
def hessian() -> Callable[..., torch.Tensor]:
    """Second derivatives of the energy of one structure: Tensor [3n, 3n]."""

    def matrix(atoms: Atoms, name: str, /, **options: object) -> torch.Tensor:
        batch = Batch.from_ase(atoms)
        model = PipelineModelWrapper(groups=[PipelineGroup([create_model(name, **options)], use_autograd=True)]).train()

        def energy(flat: torch.Tensor) -> torch.Tensor:
            return model(batch.with_fields(positions=flat.view(-1, 3)), requested={"energy"})["energy"].sum()

        return torch.autograd.functional.hessian(energy, batch.positions.flatten())

    return matrix
