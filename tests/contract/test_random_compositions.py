"""Random compositions: whatever is not refused has the forces and stress of its energy, detached values held fixed."""

import attrs
import torch
from hypothesis import event, given, settings
from hypothesis import strategies as st
from support import byhand
from support.pipelines import ALL, FD, GRAPH
from support.structures import batch_of, salt
from support.toys import ChargeKernel, Charges, Coulomb, Doubling, Gaussians, Hardness, HybridCoulomb, Kernel, Shift

from alchemi_core.errors import PlanningError
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.topology import PipelineGroup, PipelineStep

BATCH = batch_of(salt())
READERS = {
    Coulomb: byhand.coulomb,
    HybridCoulomb: byhand.coulomb,
    ChargeKernel: byhand.coulomb,
    Hardness: byhand.hardness,
    Gaussians: lambda batch, _: byhand.gaussians(batch),
    Kernel: lambda batch, _: byhand.gaussians(batch),
    Shift: lambda batch, _: byhand.column([int(batch.atomic_numbers.sum()) / 10]),
}
OPTIONS = ({}, GRAPH, FD)


@attrs.frozen
class Declared:
    """A composition: whether charges are doubled on the way, which producers detach, readers, and how it is cut up."""

    chained: bool
    detached: tuple[bool, bool]
    readers: tuple[tuple[type, float], ...]
    options: tuple[int, ...]
    cuts: tuple[bool, ...]
    nested: tuple[bool, ...]

    def steps(self):
        first, second = self.detached
        made = [PipelineStep(Charges("q0" if self.chained else "charges"), detach=first)]
        made += [PipelineStep(Doubling(), detach=second)] if self.chained else []
        return made + [PipelineStep(model(), weight=weight) for model, weight in self.readers]

    def pipeline(self):
        groups, run = [], []
        for number, step in enumerate(self.steps()):
            if run and self.cuts[number]:
                groups.append(run)
                run = []
            inner = PipelineModelWrapper([PipelineGroup([step])])
            run = [*run, inner if self.nested[number] else step]
        options = (OPTIONS[k] for k in self.options)
        return PipelineModelWrapper([PipelineGroup(g, **o) for g, o in zip([*groups, run], options, strict=False)])

    def charges(self, batch):
        first, second = self.detached
        if second and self.chained:
            batch = BATCH
        q = byhand.charges(BATCH if first else batch)
        return 2 * q + 0.1 * q**2 if self.chained else q

    def energy(self, batch):
        q = self.charges(batch)
        return sum(weight * READERS[model](batch, q) for model, weight in self.readers)


WEIGHTS = st.sampled_from([1.0, 0.5, -2.0])
DECLARED = st.builds(
    Declared,
    chained=st.booleans(),
    detached=st.tuples(st.booleans(), st.booleans()),
    readers=st.lists(st.tuples(st.sampled_from(list(READERS)), WEIGHTS), min_size=1, max_size=4).map(tuple),
    options=st.lists(st.sampled_from([0, 1, 1, 2]), min_size=6, max_size=6).map(tuple),
    cuts=st.lists(st.sampled_from([False, False, True]), min_size=6, max_size=6).map(tuple),
    nested=st.lists(st.sampled_from([False, False, True]), min_size=6, max_size=6).map(tuple),
)


@settings(max_examples=120, deadline=None)
@given(DECLARED, st.sampled_from([{"forces"}, {"stress"}, ALL]), st.booleans())
def test_right_or_refused(declared, request, training):
    pipe = declared.pipeline().train(training)
    try:
        out = pipe(BATCH, requested=request)
    except PlanningError as refusal:
        event(type(refusal).__name__)
        return
    event("right")
    names = sorted(request - {"energy"})
    expected = byhand.reference(declared.energy, BATCH, names)
    byhand.assert_outputs({name: value.detach() for name, value in out.items()}, expected, rtol=1e-5, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(DECLARED)
def test_energies_are_never_refused(declared):
    """Nothing is lost when no derivative is asked."""
    out = declared.pipeline()(BATCH, requested={"energy"})
    torch.testing.assert_close(out["energy"], declared.energy(BATCH), rtol=1e-9, atol=1e-10)
