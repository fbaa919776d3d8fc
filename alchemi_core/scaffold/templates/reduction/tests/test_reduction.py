"""The rule against values worked out by hand, and in a pipeline."""

from __future__ import annotations

import pytest
import torch
from alchemi_core import BaseModelMixin, Batch, Constant, ModelConfig, ModelView, PipelineGroup, PipelineModelWrapper
from alchemi_core.errors import OptionError
from ase import Atoms

from alchemi_my_plugin.reduction import reduce


# FILL IN: values that you worked out by hand
@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        ([3.0], [2.0], 3.0),
        ([1.0, 9.0, 2.0], [1.0, 1.0, 1.0], 2.0),
        ([1.0, 2.0, 9.0, 3.0], [1.0, 1.0, 1.0, 1.0], 2.5),
        ([1.0, 9.0, 2.0], [1.0, 5.0, 1.0], 9.0),
        ([1.0, 9.0, 2.0], [0.1, 0.3, 0.2], 5.5),
        ([1.0, float("nan"), 2.0], [1.0, 1.0, 1.0], float("nan")),
    ],
)
def test_it_gives_what_one_finds_by_hand(values: list[float], weights: list[float], expected: float) -> None:
    given = reduce([torch.tensor([value, -value], dtype=torch.float64) for value in values], weights)
    assert given.tolist() == pytest.approx([expected, -expected], nan_ok=True)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan")])
def test_weights_that_mean_nothing_are_refused(weight: float) -> None:
    with pytest.raises(OptionError, match="weight"):
        reduce([torch.ones(1), torch.ones(1)], [1.0, weight])


class Charges(BaseModelMixin):
    """The same charge, in e, on every atom."""

    def __init__(self, charge: float) -> None:
        self.charge = charge
        self.model_config = ModelConfig(name=f"charges-{charge:g}", outputs={"charges": Constant()})

    def compute(self, view: ModelView, requested: frozenset[str]) -> dict[str, torch.Tensor]:
        return {"charges": torch.full_like(view.positions[:, 0], self.charge)}


def test_a_pipeline_uses_it_by_name() -> None:
    steps = [Charges(charge) for charge in (0.1, 0.9, 0.2)]
    rules = {"charges": "my-plugin"}
    pipe = PipelineModelWrapper(groups=[PipelineGroup(steps)], reductions=rules)
    batch = Batch.from_ase(Atoms("Ar2", positions=[(0, 0, 0), (0, 0, 4)]))
    assert pipe(batch, {"charges"})["charges"].tolist() == pytest.approx([0.2, 0.2])
