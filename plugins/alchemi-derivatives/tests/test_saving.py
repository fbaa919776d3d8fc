"""Every strategy, with its options, comes back from a file and from texts by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from ase import Atoms

from alchemi_core import (
    Batch,
    PipelineGroup,
    PipelineModelWrapper,
    create_derivative,
    create_model,
    load_pipeline,
    pipeline_text,
)
from alchemi_core.registry import default_registry

if TYPE_CHECKING:
    from pathlib import Path

OPTIONS: dict[str, dict[str, Any]] = {
    "hessian": {"method": "differences", "step": 0.002, "chunk": 3},
    "hessian-product": {},
    "force-constants": {"supercell": (2, 2, 1), "displacement": 0.02, "symmetry": False},
    "elastic": {"method": "differences", "step": 1e-3},
    "dipole": {},
    "born-charges": {},
    "polarizability": {},
    "dE-dlambda": {},
    "atomic-virials": {},
}


def saved(strategy: Any) -> PipelineModelWrapper:
    model = create_model("lennard-jones", epsilon=0.01, sigma=3.0)
    return PipelineModelWrapper([PipelineGroup([model], use_autograd=True, derivative_fn=strategy)])


def test_every_strategy_is_tried() -> None:
    offered = {
        offer.name
        for record in default_registry().records
        if record.distribution == "alchemi-derivatives"
        for offer in record.offers
    }
    assert offered == OPTIONS.keys()


@pytest.mark.parametrize(("name", "options"), OPTIONS.items())
def test_it_comes_back_with_its_options(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    for strategy in (name, create_derivative(name, **options)):
        pipe = saved(strategy)
        for file in ("p.alchemi", "p.toml"):
            pipe.save(tmp_path / file)
            assert load_pipeline(tmp_path / file).topology.groups[0].derivative_fn == strategy
        scope: dict[str, Any] = {}
        exec(pipeline_text(pipe, "python"), scope)  # noqa: S102 - the text is what is tested
        assert scope["pipe"].topology.groups[0].derivative_fn == strategy


def test_it_computes_the_same(tmp_path: Path) -> None:
    pipe = saved(create_derivative("hessian", method="differences", step=0.002))
    batch = Batch.from_ase(Atoms("Ar3", positions=[(0, 0, 0), (3.3, 0, 0), (0.2, 3.4, 0.1)]))
    pipe.save(tmp_path / "p.alchemi")
    same = load_pipeline(tmp_path / "p.alchemi")(batch, {"hessian", "forces"})
    for key, value in pipe(batch, {"hessian", "forces"}).items():
        assert torch.equal(same[key], value)
