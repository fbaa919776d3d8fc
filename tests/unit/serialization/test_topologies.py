"""Random topologies come back as they were: same document, same plan, bitwise the same outputs or the same refusal."""

import copy
import pickle
from pathlib import Path

import torch
from hypothesis import HealthCheck, event, given, reject, settings
from hypothesis import strategies as st
from support.structures import batch_of, salt

from alchemi_core import Coupling, PipelineGroup, PipelineModelWrapper, PipelineStep, Region, load_pipeline
from alchemi_core.derivatives.finite_difference import FiniteDifference
from alchemi_core.errors import AlchemiError, PlanningError

from .plugins import OFFERED, Plain, Scaled, halved, made, ready
from .sealed import Parts

BATCH = batch_of(salt()).with_fields(coupling=torch.tensor([[0.3]], dtype=torch.float64))
GRAPH = {"use_autograd": True}
DERIVATIVES = [None, "autograd", "finite-difference", FiniteDifference(1e-3), FiniteDifference()]
DERIVATIVES += ["scaled", Scaled(0.25), Plain(0.5, times=3.0), halved, "halved", ready, Scaled]

sizes = st.floats(-2.0, 2.0, allow_nan=False)
couplings = st.builds(lambda a, b: a * Coupling() * (1 - b * Coupling()), sizes, sizes)
weights = st.one_of(st.just(1.0), sizes, st.integers(-2, 2), st.just(Coupling()), couplings)
parts = st.sampled_from([None, None, "index > 5", Region([1], cut_bonds=True), Region("index < 1", cut_bonds=True)])
readers = st.one_of(
    st.builds(lambda s: made("gaussians", strength=s), sizes),
    st.builds(lambda s: made("kernel", strength=s), sizes),
    st.builds(lambda s: made("kernel", outputs=("energy",), cutoff=s), st.sampled_from([3.0, 4])),
    st.builds(
        lambda w, seed, tied: made("network", width=w, seed=seed, tied=tied), *[st.integers(1, 3)] * 2, st.booleans()
    ),
    st.builds(lambda: made("shift")),
    st.builds(lambda: made("anything", sizes=(1, 2.5), table={1: None}, wide=float("inf"))),
)
charged = st.one_of(
    st.builds(lambda: made("coulomb")),
    st.builds(lambda eta, optional: made("hardness", eta=eta, optional=optional), sizes, st.booleans()),
)
settings_of = st.fixed_dictionaries(
    {},
    optional={
        "skin": st.sampled_from([0.0, 0.25, 1]),
        "neighbor_adaptation": st.sampled_from(["auto", "always", "never"]),
        "max_cutoff_ratio": st.sampled_from([1.0, 2.5]),
        "active_outputs": st.sampled_from([{"energy"}, {"energy", "forces"}]),
        "accept": st.sampled_from([{"dispersion"}, {"level_of_theory", "dispersion"}]),
        "additive_keys": st.just({"energy"}),
    },
)


def as_group(draw, steps):
    autograd = draw(st.booleans())
    derivative = draw(st.sampled_from(DERIVATIVES)) if autograd else None
    return PipelineGroup(steps, use_autograd=autograd, derivative_fn=derivative)


def nested(draw, model, depth):
    """Wrap a model in so many pipelines, each with settings of its own."""
    for _ in range(depth):
        step = PipelineStep(model, weight=draw(sizes))
        model = PipelineModelWrapper(
            [as_group(draw, [step])], registry=OFFERED, skin=draw(st.sampled_from([None, 0.3]))
        )
    return model


def composed(draw):
    """Producers of charges, if any, then readers in groups; models may be shared and nested."""
    producers, more = draw(st.integers(0, 2)), draw(settings_of)
    steps = []
    for _ in range(producers):
        output = draw(st.sampled_from(["charges", "q"]))
        wire = {} if output == "charges" else {"q": "charges"}
        steps.append(PipelineStep(made("charges", output=output), wire=wire, detach=draw(st.booleans())))
    if producers == 2:
        more["reductions"] = {"charges": draw(st.sampled_from(["mean", "sum"]))}
    pool = draw(st.lists(st.one_of(readers, charged) if producers == 1 else readers, min_size=1, max_size=3))
    for index in draw(st.lists(st.integers(0, len(pool) - 1), min_size=1, max_size=4)):
        model = nested(draw, pool[index], draw(st.sampled_from([0, 0, 0, 1, 2])))
        steps.append(PipelineStep(model, weight=draw(weights), atoms=draw(parts)))
    cut = draw(st.integers(0, len(steps)))
    groups = [as_group(draw, part) for part in (steps[:cut], steps[cut:]) if part]
    return PipelineModelWrapper(groups, registry=OFFERED, **more)


@st.composite
def pipelines(draw):
    try:
        return composed(draw)
    except PlanningError:
        reject()  # of the others there are two hundred


def unpickled(pipe):
    return pickle.loads(pickle.dumps(pipe))


TREATED = {
    "nothing": lambda pipe: pipe,
    "deepcopy": copy.deepcopy,
    "pickle": unpickled,
    "float32": lambda pipe: pipe.to(torch.float32),
    "float32 and back": lambda pipe: pipe.float().double(),
    "bfloat16 and back": lambda pipe: copy.deepcopy(pipe.to(torch.bfloat16).to(torch.float32)),
    "frozen": lambda pipe: pipe.requires_grad_(False),
    "evaluated": lambda pipe: (result(pipe), pipe)[1],
}


def result(pipe):
    """Outputs of the default request, or the error in words; and the plan."""
    try:
        return dict(pipe(BATCH)), str(pipe.plan)
    except AlchemiError as error:
        return {"refused": str(error)}, ""


def same(one, other):
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    return one == other


def content(path):
    """All of a file but the date."""
    parts = Parts.of(path)
    del parts.document["provenance"]["written"], parts.document["sha256"]
    return parts.document, parts.places, parts.data


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(pipe=pipelines(), treatment=st.sampled_from(sorted(TREATED)))
def test_random_topologies(tmp_path_factory, pipe, treatment):
    folder = Path(tmp_path_factory.getbasetemp())
    pipe = TREATED[treatment](pipe)
    pipe.save(folder / "first.alchemi")
    loaded = load_pipeline(folder / "first.alchemi", registry=OFFERED)
    assert loaded.topology.settings == pipe.topology.settings
    assert loaded.active_outputs == pipe.active_outputs
    (outputs, plan), (again, plan_again) = result(pipe), result(loaded)
    assert plan == plan_again
    assert outputs.keys() == again.keys()
    assert all(same(outputs[name], again[name]) for name in outputs)
    loaded.save(folder / "second.alchemi")
    assert content(folder / "second.alchemi") == content(folder / "first.alchemi")
    event(f"{treatment}, {'refused' if 'refused' in outputs else 'computed'}")
