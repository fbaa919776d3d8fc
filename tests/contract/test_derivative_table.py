"""Second derivatives: kind of energy × what it reports × grouping × request × training: right, or refused by name.

The first-order table is in `test_table`; what may be asked is written out here once more, from what the kinds mean, and
values are central differences written by hand.
"""

from functools import cache

import pytest
import torch
from ase.build import bulk
from support import byhand, differences
from support.pipelines import autograd, direct, pipeline
from support.strategies import GraphHessian, SampledHessian, born_charges, hessian
from support.structures import batch_of, salt
from support.toys import (
    ChargeKernel,
    Charges,
    Coulomb,
    Gaussians,
    HybridCoulomb,
    Kernel,
    Shaped,
    Shift,
    gaussian_energy,
    with_config,
)

from alchemi_core.contract import Analytic, Constant, OnGraph
from alchemi_core.errors import CutGradientError, LostTermError, UnknownOutputError
from alchemi_core.topology import PipelineStep

KINDS = {
    "graph": OnGraph(),
    "once": OnGraph(order=1),
    "twice": OnGraph(order=2),
    "positions": OnGraph("positions"),
    "analytic": Analytic(),
}
REPORTS = ((), ("forces",), ("forces", "stress", "hessian"))
REQUESTS = ({"energy", "forces", "hessian"}, {"hessian", "stress"})
WEIGHTS = (0.5, -1.5)


def crystals():
    """Two systems of different size, so that Hessians are padded."""
    return batch_of(salt(), bulk("Po", "sc", a=3.4))


class Reporting(Shaped):
    """`Shaped` that can report its Hessian too, detached as all it reports."""

    def compute(self, view, requested):
        out = super().compute(view, requested - {"hessian"})
        if "hessian" in requested:
            out["hessian"] = self._hessian(view)
        return out

    def _hessian(self, view):
        from support.strategies import blocks

        class Moved:
            def __init__(self, positions):
                self.positions = positions

            def __getattr__(self, name):
                value = getattr(view, name)
                return value.detach() if name == "cell" else value

        def energy(positions):
            return gaussian_energy(Moved(positions), self.strength, self.cutoff).sum()

        size = 3 * view.num_atoms
        with torch.enable_grad():
            matrix = torch.autograd.functional.hessian(energy, view.positions.detach()).reshape(size, size)
        return blocks(matrix, view)


GROUPINGS = {
    "alone": lambda a, b, c: [direct(a), direct(b), direct(c)],
    "autograd": lambda a, b, c: [autograd(a, b, c)],
    "graph": lambda a, b, c: [autograd(a, b, c, derivative_fn=GraphHessian())],
    "sampled": lambda a, b, c: [autograd(a, b, c, derivative_fn=SampledHessian())],
    "graph, graph": lambda a, b, c: [
        autograd(a, derivative_fn=GraphHessian()),
        autograd(b, c, derivative_fn=GraphHessian()),
    ],
    "sampled, graph": lambda a, b, c: [
        autograd(a, c, derivative_fn=SampledHessian()),
        autograd(b, derivative_fn=GraphHessian()),
    ],
    "alone, graph": lambda a, b, c: [direct(a), autograd(b, c, derivative_fn=GraphHessian())],
    "autograd, sampled": lambda a, b, c: [autograd(a), autograd(b, c, derivative_fn=SampledHessian())],
    "nested in graph": lambda a, b, c: [autograd(pipeline(direct(a)), b, c, derivative_fn=GraphHessian())],
    "graph nested": lambda a, b, c: [direct(pipeline(autograd(a, derivative_fn=GraphHessian()), direct(c)), b)],
}
OF_SHAPED = {  # what the group of the varied step does, and that of the other
    "alone": ("plain", "plain"),
    "autograd": ("plain", "plain"),
    "graph": ("graph", "graph"),
    "sampled": ("sampled", "sampled"),
    "graph, graph": ("graph", "graph"),
    "sampled, graph": ("sampled", "graph"),
    "alone, graph": ("plain", "graph"),
    "autograd, sampled": ("plain", "sampled"),
    "nested in graph": ("graph", "graph"),
    "graph nested": ("graph", "plain"),
}


def often_enough(kind, order, training):
    return kind.order == 0 or kind.order >= order + training


def contributes(kind, reports, strategy, request, training):
    """Whether one energy can be in every derivative asked, by what it declares and what its group does."""
    derivatives, strained = request - {"energy"}, "stress" in request
    if strategy == "plain":  # nobody in the group takes second derivatives
        return derivatives <= set(reports)
    if strategy == "sampled":  # forces for it, and the stress beside it, geometry by geometry, in one way for both
        if isinstance(kind, OnGraph) and not (strained and kind.through == {"positions"}):
            return often_enough(kind, 1, training)
        return {"forces"} | (derivatives - {"hessian"}) <= set(reports)
    if isinstance(kind, OnGraph) and not (strained and kind.through == {"positions"}):
        return often_enough(kind, 2, training)  # the graph is used where there is one
    return derivatives <= set(reports)


def lacking(can, nobody):
    """What the refusal names: the derivative where nobody has it, else the step that lacks it."""
    if nobody:
        return "no step can give 'hessian'"
    return "gaussians" if can else "shaped|gaussians"


@cache
def expected():
    def energy(batch):
        shifts = torch.zeros(batch.num_systems, dtype=torch.float64)
        shifts = shifts.index_add(0, batch.batch_idx, batch.atomic_numbers.double() / 10)
        one, two = byhand.gaussians(batch), byhand.gaussians(batch, strength=-0.3, cutoff=3.5)
        return WEIGHTS[0] * one + WEIGHTS[1] * two + shifts[:, None]

    return {**byhand.reference(energy, crystals(), ("forces", "stress")), "hessian": hessian(energy, crystals())}


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda names: "+".join(sorted(names)))
@pytest.mark.parametrize("grouping", GROUPINGS)
@pytest.mark.parametrize("reports", REPORTS, ids=lambda names: "+".join(names) or "nothing")
@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives_are_right_or_refused(kind, reports, grouping, request_, training):
    model = Reporting(KINDS[kind], reports)
    other = Gaussians(-0.3, 3.5)
    steps = PipelineStep(model, weight=WEIGHTS[0]), PipelineStep(other, weight=WEIGHTS[1]), PipelineStep(Shift())
    pipe = pipeline(*GROUPINGS[grouping](*steps)).train(training)
    of_model, of_other = OF_SHAPED[grouping]
    can = contributes(KINDS[kind], reports, of_model, request_, training)
    if not can or not contributes(OnGraph(), (), of_other, request_, training):
        nobody = {of_model, of_other} == {"plain"} and "hessian" not in reports
        with pytest.raises(UnknownOutputError if nobody else LostTermError, match=lacking(can, nobody)):
            pipe(crystals(), requested=request_)
        assert model.calls == other.calls == []
        return
    out = pipe(crystals(), requested=request_)
    assert set(out) == request_
    assert out["hessian"].requires_grad == training
    byhand.assert_outputs({name: value.detach() for name, value in out.items()}, expected(), rtol=1e-5, atol=3e-8)


def fixed_charges(batch):
    return (batch.atomic_numbers - 14).double() / 20


CHARGES = {
    "graph": lambda: PipelineStep(Charges()),
    "once": lambda: PipelineStep(Charges(kind=OnGraph(order=1))),
    "twice": lambda: PipelineStep(Charges(kind=OnGraph(order=2))),
    "analytic": lambda: PipelineStep(Charges(kind=Analytic())),
    "constant": lambda: PipelineStep(Charges(kind=Constant())),
    "detached": lambda: PipelineStep(Charges(), detach=True),
}
READERS = {
    "graph": Coulomb,
    "once": lambda: with_config(Coulomb(), outputs={"energy": OnGraph(("positions", "cell", "charges"), order=1)}),
    "fixed": lambda: Coulomb(through=("positions", "cell")),
    "hybrid": HybridCoulomb,
    "kernel": ChargeKernel,
}
WIRED = {
    "autograd": lambda q, r: [autograd(q, r)],
    "direct": lambda q, r: [direct(q, r)],
    "graph": lambda q, r: [autograd(q, r, derivative_fn=GraphHessian())],
    "sampled": lambda q, r: [autograd(q, r, derivative_fn=SampledHessian())],
    "differences": lambda q, r: [autograd(q, r, derivative_fn="finite-difference")],
    "two groups": lambda q, r: [autograd(q), autograd(r, derivative_fn=GraphHessian())],
    "two, sampled": lambda q, r: [autograd(q), autograd(r, derivative_fn=SampledHessian())],
    "nested": lambda q, r: [autograd(pipeline(direct(q)), pipeline(autograd(r)), derivative_fn=GraphHessian())],
}

FIRST_ONLY = ("autograd", "direct", "differences")
"""Groupings in which nobody takes second derivatives."""


def can_wire(charges, reader, grouping, request, training):
    """Whether every term is there: those through the charges too, unless these are fixed on purpose or by nature."""
    second = "hessian" in request
    moving = charges not in ("constant", "detached")
    together = grouping not in ("two groups", "two, sampled")
    if training and charges != "detached" and reader in ("kernel", "hybrid", "fixed") and grouping != "differences":
        return False  # parameters of the charges would be out of reach of what the reader gives
    if grouping == "differences":
        return not (training and charges != "detached" and reader in ("kernel", "fixed"))
    if moving and (not together or grouping == "direct" or charges == "analytic" or reader in ("kernel", "fixed")):
        return False
    by_graph = second and "sampled" not in grouping
    if by_graph and reader in ("hybrid", "kernel"):
        return False
    times = (2 if by_graph else 1) + training
    known = {"once": 1, "twice": 2}
    enough = [known.get(reader, 9)] + ([known.get(charges, 9)] if moving else [])
    return min(enough) >= times


@cache
def expected_wired(charges):
    """Derivatives of E(r, q(r)) by hand; of E(r, q₀) where the charges are fixed."""
    fixed = {"constant": fixed_charges(crystals()), "detached": byhand.charges(crystals())}.get(charges)

    def energy(batch):
        return byhand.coulomb(batch, byhand.charges(batch) if fixed is None else fixed)

    return {"forces": differences.forces(energy, crystals()), "hessian": hessian(energy, crystals())}


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("request_", [{"forces"}, {"forces", "hessian"}], ids=["first", "second"])
@pytest.mark.parametrize("grouping", WIRED)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("charges", CHARGES)
def test_terms_through_charges_are_right_or_refused(charges, reader, grouping, request_, training):
    pipe = pipeline(*WIRED[grouping](CHARGES[charges](), PipelineStep(READERS[reader]()))).train(training)
    if "hessian" in request_ and grouping in FIRST_ONLY:
        with pytest.raises(UnknownOutputError, match="hessian"):
            pipe(crystals(), requested=request_)
        return
    if not can_wire(charges, reader, grouping, request_, training):
        named = r"charge-model|coulomb|charge-kernel"
        with pytest.raises((CutGradientError, LostTermError), match=named) as caught:
            pipe(crystals(), requested=request_)
        assert caught.value.fix
        return
    out = pipe(crystals(), requested=request_)
    found = {name: value.detach() for name, value in out.items()}
    reference = expected_wired(charges if charges in ("constant", "detached") else "moving")
    byhand.assert_outputs(found, reference, rtol=1e-5, atol=1e-7)


def test_the_table_has_both_answers_in_every_row():
    """A table in which nothing is refused, or nothing is right, would prove nothing."""
    for grouping in ("graph", "sampled", "sampled, graph", "nested in graph"):
        answers = {
            contributes(KINDS[k], r, OF_SHAPED[grouping][0], q, t)
            for k in KINDS
            for r in REPORTS
            for q in REQUESTS
            for t in (0, 1)
        }
        assert answers == {True, False}
    for grouping in WIRED:
        answers = {can_wire(c, r, grouping, {"forces"}, t) for c in CHARGES for r in READERS for t in (0, 1)}
        assert answers == {True, False}


def test_a_hessian_of_everything_at_once():
    """Charges, partial forces, a black box and plain energies, in three groups, one by the graph and two sampled."""
    pipe = pipeline(
        autograd(Charges(), PipelineStep(HybridCoulomb(), weight=0.7), derivative_fn=SampledHessian()),
        autograd(Gaussians(), Gaussians(0.2, 3.0), derivative_fn=GraphHessian()),
        autograd(PipelineStep(Kernel(-0.3, 3.5), weight=-0.5), derivative_fn=SampledHessian()),
    )

    def energy(batch):
        short = byhand.gaussians(batch) + byhand.gaussians(batch, 0.2, 3.0)
        return 0.7 * byhand.coulomb(batch, byhand.charges(batch)) + short - 0.5 * byhand.gaussians(batch, -0.3, 3.5)

    out = pipe(crystals(), requested={"hessian", "forces"})
    reference = {"hessian": hessian(energy, crystals()), "forces": differences.forces(energy, crystals())}
    byhand.assert_outputs(out, reference, rtol=1e-5, atol=3e-8)
    assert str(pipe.plan_for({"hessian"})).splitlines()[-1].startswith("hessian = ")


def test_the_reference_of_born_charges_is_right():
    """Of fixed charges, dμ_i/dr_j is q on the diagonal."""
    q = torch.tensor([0.4, -0.3, 0.2], dtype=torch.float64)
    found = born_charges(lambda batch: q, crystals())
    torch.testing.assert_close(found, q.view(3, 1, 1) * torch.eye(3, dtype=torch.float64).expand(3, 3, 3))
