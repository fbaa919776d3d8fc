"""Every kind of energy × what it reports × how it is grouped × what is asked: right, or refused; never silent."""

from functools import cache

import pytest
import torch
from support import byhand
from support.structures import mixed
from support.toys import Gaussians, Shaped, Shift

from alchemi_core.contract import Analytic, OnGraph
from alchemi_core.derivatives.autograd import energy_derivatives
from alchemi_core.errors import LostTermError
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.topology import PipelineGroup, PipelineStep

KINDS = {"graph": OnGraph(), "graph of positions": OnGraph("positions"), "analytic": Analytic()}
REPORTS = ((), ("forces",), ("stress",), ("forces", "stress"), ("forces", "virial"), ("forces", "stress", "virial"))
REQUESTS = (
    {"energy"},
    {"forces"},
    {"stress"},
    {"virial"},
    {"energy", "forces", "stress"},
    {"energy", "forces", "stress", "virial"},
)


def derivative(energy, data, requested):
    """A user's own function."""
    return energy_derivatives(energy, data, requested)


def alone(steps):
    return [PipelineGroup([step]) for step in steps]


def direct(steps):
    return [PipelineGroup(steps)]


def autograd(steps):
    return [PipelineGroup(steps, use_autograd=True)]


def mixed_groups(steps):
    return [PipelineGroup(steps[:1], use_autograd=True), PipelineGroup(steps[1:])]


def nested_in_autograd(steps):
    return [PipelineGroup([PipelineModelWrapper(direct(steps[:1])), *steps[1:]], use_autograd=True)]


def nested_in_direct(steps):
    return [PipelineGroup([PipelineModelWrapper(autograd(steps))])]


def finite_difference(steps):
    return [PipelineGroup(steps, use_autograd=True, derivative_fn="finite-difference")]


def custom(steps):
    return [PipelineGroup(steps, use_autograd=True, derivative_fn=derivative)]


GROUPINGS = (alone, direct, autograd, mixed_groups, nested_in_autograd, nested_in_direct, finite_difference, custom)
WEIGHTS = (0.5, -1.5)


@cache
def expected():
    """Central differences of 0.5 E_1 − 1.5 E_2 + shift, written by hand."""

    def energy(batch):
        numbers = torch.zeros(batch.num_systems, dtype=torch.float64)
        numbers = numbers.index_add(0, batch.batch_idx, batch.atomic_numbers.double() / 10)
        one, two = byhand.gaussians(batch), byhand.gaussians(batch, strength=-0.3, cutoff=3.5)
        return WEIGHTS[0] * one + WEIGHTS[1] * two + numbers[:, None]

    return byhand.reference(energy, mixed())


def can(kind, reports, grouping, request):
    """What the contract promises, written out once more and differently."""
    strain, reported = bool(request & {"stress", "virial"}), set(reports)
    if reported & {"stress", "virial"}:
        reported |= {"stress", "virial"}
    derivatives = request & {"forces", "stress", "virial"}
    by_graph = kind == "graph" or (kind == "graph of positions" and not strain)
    return grouping is finite_difference or not derivatives or by_graph or derivatives <= reported


def nan_of_molecules(out, reports):
    """A virial made of a reported stress is undefined where there is no volume."""
    rows = out["virial"].isnan().flatten(1).any(1).tolist() if "virial" in out else [False, False]
    return rows == [False, True] and "virial" not in reports and "stress" in reports


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda names: "+".join(sorted(names)))
@pytest.mark.parametrize("grouping", GROUPINGS, ids=lambda function: function.__name__)
@pytest.mark.parametrize("reports", REPORTS, ids=lambda names: "+".join(names) or "nothing")
@pytest.mark.parametrize("kind", KINDS)
def test_right_or_refused(kind, reports, grouping, request_):
    model = Shaped(KINDS[kind], reports)
    steps = [
        PipelineStep(model, weight=WEIGHTS[0]),
        PipelineStep(Gaussians(-0.3, 3.5), weight=WEIGHTS[1]),
        PipelineStep(Shift()),
    ]
    pipe = PipelineModelWrapper(grouping(steps))
    if not can(kind, reports, grouping, request_):
        with pytest.raises(LostTermError, match="shaped"):
            pipe(mixed(), requested=request_)
        assert model.calls == []
        return
    out = pipe(mixed(), requested=request_)
    assert set(out) == request_
    wanted = dict(expected())
    if nan_of_molecules(out, reports):
        wanted["virial"] = torch.cat([wanted["virial"][:1], torch.full((1, 3, 3), torch.nan, dtype=torch.float64)])
    byhand.assert_outputs(out, wanted)
