"""Documents that were changed and sealed again: refused with one `SerializationError`, or a pipeline; nothing else."""

import copy

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from support.pipelines import pipeline
from support.toys import Charges, Coulomb

from alchemi_core import Coupling, PipelineGroup, PipelineModelWrapper, PipelineStep, load_pipeline
from alchemi_core.errors import SerializationError

from .plugins import OFFERED, Plain, made
from .sealed import Parts, sealed

GIVEN = {1: Charges("q"), 2: Coulomb()}


def composition():
    """Something of everything that a document can hold."""
    inner = pipeline(
        PipelineGroup([made("kernel", outputs=("energy",))], use_autograd=True, derivative_fn="finite-difference"),
        registry=OFFERED,
    )
    steps = [
        made("network", width=2, tied=True),
        PipelineStep(GIVEN[1], wire={"q": "charges"}, detach=True),
        PipelineStep(GIVEN[2], weight=0.5 * (1 - Coupling())),
        made("anything", sizes=(1, 2), table={1: 2.0, (3, 4): None}, bound=float("inf"), names={"a", "b"}),
    ]
    return PipelineModelWrapper(
        [PipelineGroup(steps, use_autograd=True, derivative_fn=Plain(0.5)), PipelineGroup([PipelineStep(inner)])],
        registry=OFFERED,
        skin=0.25,
        reductions={"charges": "mean"},
        active_outputs={"energy"},
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "p.alchemi"
    composition().save(path)
    return Parts.of(path)


def outcome(path, parts, text=None, **options):
    """Load a document, sealed; return what was refused, or None."""
    path.write_bytes(sealed(parts, text))
    try:
        loaded = load_pipeline(path, **{"models": GIVEN, "registry": OFFERED, **options})
    except SerializationError as error:
        return error
    assert isinstance(loaded, PipelineModelWrapper)
    return None


def test_unchanged_it_loads(original, tmp_path):
    assert outcome(tmp_path / "p", original) is None


def places(value, path=()):
    """Every entry of a document, by the keys that lead to it."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield (*path, key)
        yield from places(item, (*path, key))


def at(document, path):
    for key in path:
        document = document[key]
    return document


NAMES = ["energy", "forces", "charges", "gaussians", "autograd", "mean", "always", "absent", "999.0"]
KEYS = ["0.weights.first", "0.weights.shift", "3.options.0"]
TRAPS = ["/etc/passwd", "../../x", "~/x", "C:\\x", "file:///x", "$(true)", "os:system", "builtins.exec", "__class__"]
texts = st.sampled_from([*NAMES, *KEYS, *TRAPS, "", "nul\0", "\ud800", "\x1b[31m", "1" * 200])
numbers = st.one_of(
    st.integers(-3, 5),
    st.sampled_from([2**31, 2**63, -(2**64), 10**30, 10**400, 1e308, -1e-320, 0.5, -0.0]),
    st.booleans(),
)
tags = st.sampled_from(["tuple", "set", "frozenset", "map", "float", "dtype", "tensor", "array", "object"])
anything = st.recursive(
    st.one_of(st.none(), numbers, texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(texts, inner, max_size=3),
        st.builds(lambda tag, value: {f"${tag}": value}, tags, inner),
    ),
    max_leaves=4,
)


def change(draw, document):
    """Change a document in one place; return what was done."""
    path = draw(st.sampled_from(list(places(document))))
    holder, key = at(document, path[:-1]), path[-1]
    how = draw(st.sampled_from(["replace", "replace", "remove", "add", "repeat", "move", "nest"]))
    if how == "replace":
        holder[key] = draw(anything)
    elif how == "remove":
        del holder[key]
    elif how == "add" and isinstance(holder, dict):
        holder[draw(texts)] = draw(anything)
    elif how == "add":
        holder.insert(key, draw(anything))
    elif how == "repeat" and isinstance(holder, list):
        holder.append(copy.deepcopy(holder[key]))
    elif how == "move":
        other = draw(st.sampled_from(list(places(document))))
        holder[key] = copy.deepcopy(at(document, other))
    elif how == "nest":
        holder[key] = [holder[key]] if draw(st.booleans()) else {"pipeline": holder[key]}
    return how


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data(), count=st.integers(1, 3))
def test_changed_documents(original, tmp_path_factory, data, count):
    parts = copy.deepcopy(original)
    for _ in range(count):
        how = change(data.draw, parts.document)
    error = outcome(tmp_path_factory.getbasetemp() / "changed.alchemi", parts)
    assert error is None or (type(error) is SerializationError and not isinstance(error.__cause__, MemoryError))
    event(f"{how}: {'loads' if error is None else 'refused'}")
