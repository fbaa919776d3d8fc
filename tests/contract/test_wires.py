"""Charges that depend on positions, passed from step to step: the chain rule is whole, or the composition is refused."""

from functools import cache

import pytest
import torch

from alchemi_core.contract import Analytic, Constant, OnGraph
from alchemi_core.errors import CutGradientError, LostTermError, ModelOutputError
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.topology import PipelineGroup, PipelineStep
from support import byhand
from support.structures import mixed
from support.toys import ChargeKernel, Charges, Coulomb, Doubling, Gaussians, Hardness, HybridCoulomb, with_config

ALL = frozenset({"energy", "forces", "stress"})
FD = {"use_autograd": True, "derivative_fn": "finite-difference"}
GRAPH = {"use_autograd": True}


def producer(**options):
    return PipelineStep(Charges("partial_charges"), wire={"partial_charges": "charges"}, **options)


def energy_of(batch, q, weights=(1.0, 1.0, 1.0)):
    parts = byhand.coulomb(batch, q), byhand.hardness(batch, q), byhand.gaussians(batch)
    return sum(weight * part for weight, part in zip(weights, parts, strict=True))


@cache
def flexible(weights=(1.0, 1.0, 1.0)):
    """Charges follow the positions."""
    return byhand.reference(lambda batch: energy_of(batch, byhand.charges(batch), weights), mixed(), sorted(ALL - {"energy"}))


@cache
def fixed(weights=(1.0, 1.0, 1.0)):
    """Charges stay what they are at the geometry asked for."""
    q = byhand.charges(mixed())
    return byhand.reference(lambda batch: energy_of(batch, q, weights), mixed(), sorted(ALL - {"energy"}))


def pipeline(*groups):
    return PipelineModelWrapper([PipelineGroup(steps, **options) for steps, options in groups])


def nested(steps, **options):
    return PipelineModelWrapper([PipelineGroup(steps, **options)])


COULOMBS = (Coulomb, HybridCoulomb)


def test_the_reference_tells_flexible_from_fixed_charges():
    difference = (flexible()["forces"] - fixed()["forces"]).abs().max()
    assert difference > 1e-3


@pytest.mark.parametrize("coulomb", COULOMBS)
@pytest.mark.parametrize("layout", range(8))
def test_flexible_charges_carry_their_chain_rule(coulomb, layout):
    c, h, g, p = coulomb(), Hardness(), Gaussians(), producer()
    pipe = (
        lambda: pipeline(([p, c, h, g], GRAPH)),
        lambda: pipeline(([g, p, h, c], GRAPH)),
        lambda: pipeline(([p, c, h], GRAPH), ([g], {})),
        lambda: pipeline(([g], {}), ([p, c, h], GRAPH)),
        lambda: pipeline(([p, nested([c, h]), g], GRAPH)),
        lambda: pipeline(([nested([p]), nested([nested([c, h])]), g], GRAPH)),
        lambda: pipeline(([g, nested([p, c, h], **GRAPH)], {})),
        lambda: pipeline(([p, c, h], FD), ([g], GRAPH)),
    )[layout]()
    byhand.assert_outputs(pipe(mixed(), requested=ALL), flexible())


@pytest.mark.parametrize("weights", [(0.5, 1.0, -1.0), (-2.0, 0.5, 0.25)])
@pytest.mark.parametrize("coulomb", COULOMBS)
def test_weights_scale_energies_and_not_the_charges_passed_on(coulomb, weights):
    steps = [PipelineStep(m, weight=w) for m, w in zip((coulomb(), Hardness(), Gaussians()), weights, strict=True)]
    pipe = pipeline(([producer(weight=7.0), *steps], GRAPH))
    byhand.assert_outputs(pipe(mixed(), requested=ALL), flexible(weights))


@pytest.mark.parametrize("options", [{}, GRAPH, FD])
@pytest.mark.parametrize("reader", [Coulomb, HybridCoulomb, ChargeKernel])
def test_a_graph_cut_between_groups_is_refused(reader, options):
    pipe = pipeline(([producer()], GRAPH), ([reader(), Gaussians()], options))
    for name in ("forces", "stress"):
        with pytest.raises(CutGradientError, match=r"(?s)charges.*step 0 \(charge-model\).*detach=True"):
            pipe(mixed(), requested={name})


def test_the_energy_alone_crosses_groups():
    pipe = pipeline(([producer()], {}), ([Coulomb(), Hardness()], {}), ([Gaussians()], GRAPH))
    byhand.assert_outputs(pipe(mixed(), requested={"energy"}), flexible())


@pytest.mark.parametrize("reader", [Coulomb, HybridCoulomb, ChargeKernel])
@pytest.mark.parametrize("layout", range(6))
def test_detached_charges_are_taken_as_fixed_on_purpose(reader, layout):
    c, h, g, p = reader(), Hardness(), Gaussians(), producer(detach=True)
    groups = (
        [([p], {}), ([c, h, g], {})],
        [([p], GRAPH), ([c, h, g], GRAPH)],
        [([p, c, h, g], GRAPH)],
        [([p, c, h, g], {})],
        [([p], {}), ([c, h, g], FD)],
        [([p, c, h, g], FD)],
    )[layout]
    byhand.assert_outputs(pipeline(*groups)(mixed(), requested=ALL), fixed())


@pytest.mark.parametrize("reader", [Coulomb, HybridCoulomb, ChargeKernel])
@pytest.mark.parametrize("options", [{}, GRAPH, FD])
def test_charges_of_the_batch_are_fixed(reader, options):
    batch = mixed().with_fields(charges=byhand.charges(mixed()))
    pipe = pipeline(([reader(), Hardness(), Gaussians()], options))
    byhand.assert_outputs(pipe(batch, requested=ALL), fixed())


@pytest.mark.parametrize("options", [{}, GRAPH, FD])
def test_charges_of_the_batch_that_require_grad_are_left_alone(options):
    q = byhand.charges(mixed()).requires_grad_()
    batch = mixed().with_fields(charges=2 * q / 2)
    pipe = pipeline(([HybridCoulomb(), Hardness(), Gaussians()], options))
    out = pipe(batch, requested=ALL)
    byhand.assert_outputs(out, fixed())
    assert not any(value.requires_grad for value in out.values())
    batch.fields["charges"].sum().backward()
    torch.testing.assert_close(q.grad, torch.ones_like(q))


def test_a_black_box_cannot_take_flexible_charges():
    pipe = pipeline(([producer(), ChargeKernel(), Hardness(), Gaussians()], GRAPH))
    with pytest.raises(CutGradientError, match=r"charge-kernel.*\n?.*not differentiable through 'charges'"):
        pipe(mixed(), requested=ALL)
    resampled = pipeline(([producer(), ChargeKernel(), Hardness(), Gaussians()], FD))
    byhand.assert_outputs(resampled(mixed(), requested=ALL), flexible())


def test_charges_given_detached_are_refused():
    detached = PipelineStep(Charges("charges", kind=Analytic()))
    pipe = pipeline(([detached, Coulomb(), Hardness(), Gaussians()], GRAPH))
    with pytest.raises(CutGradientError, match="as a detached value"):
        pipe(mixed(), requested=ALL)
    resampled = pipeline(([detached, Coulomb(), Hardness(), Gaussians()], FD))
    byhand.assert_outputs(resampled(mixed(), requested=ALL), flexible())


@pytest.mark.parametrize("reader", [Coulomb, HybridCoulomb, ChargeKernel])
@pytest.mark.parametrize("layout", range(3))
def test_constant_charges_need_no_chain_rule(reader, layout):
    p, rest = Charges(kind=Constant()), [reader(), Hardness(), Gaussians()]
    groups = ([([p, *rest], GRAPH)], [([p], {}), (rest, {})], [([p, reader()], GRAPH), ([Hardness(), Gaussians()], {})])[layout]
    q = (mixed().atomic_numbers - 14).double() / 20
    expected = byhand.reference(lambda batch: energy_of(batch, q), mixed(), ("forces", "stress"))
    byhand.assert_outputs(pipeline(*groups)(mixed(), requested=ALL), expected)


def test_a_lone_hybrid_step_on_constant_charges_is_as_reported():
    pipe = pipeline(([Charges(kind=Constant()), HybridCoulomb()], GRAPH))
    q = (mixed().atomic_numbers - 14).double() / 20
    expected = byhand.reference(lambda batch: byhand.coulomb(batch, q), mixed(), ("forces", "stress"))
    byhand.assert_outputs(pipe(mixed(), requested=ALL), expected)


def doubled(batch, q=None):
    q = byhand.charges(batch) if q is None else q
    return 2 * q + 0.1 * q**2


def chain(first=None, middle=None, options=None):
    first = first or PipelineStep(Charges("q0"))
    rest = [middle or Doubling(), Coulomb(), Hardness(), Gaussians()]
    return pipeline(([first, *rest], GRAPH if options is None else options))


@pytest.mark.parametrize("options", [GRAPH, FD])
def test_a_chain_of_two_wired_models(options):
    expected = byhand.reference(lambda batch: energy_of(batch, doubled(batch)), mixed(), ("forces", "stress"))
    byhand.assert_outputs(chain(options=options)(mixed(), requested=ALL), expected, atol=1e-7)


@pytest.mark.parametrize("options", [GRAPH, FD])
@pytest.mark.parametrize("where", ["first", "middle"])
def test_detach_anywhere_in_a_chain_fixes_what_comes_after(where, options):
    step = PipelineStep(Charges("q0"), detach=True) if where == "first" else PipelineStep(Doubling(), detach=True)
    q = doubled(mixed())
    expected = byhand.reference(lambda batch: energy_of(batch, q), mixed(), ("forces", "stress"))
    byhand.assert_outputs(chain(**{where: step}, options=options)(mixed(), requested=ALL), expected, atol=1e-7)


def test_a_chain_that_breaks_in_the_middle_is_refused():
    """The middle does not say that it is differentiable through what it reads."""
    with pytest.raises(CutGradientError, match="without the whole graph back to the geometry"):
        chain(middle=Doubling(through=("positions", "cell")))(mixed(), requested=ALL)


def test_a_chain_through_another_group_is_refused():
    pipe = pipeline(([Charges("q0")], GRAPH), ([Doubling(), Coulomb(), Gaussians()], GRAPH))
    with pytest.raises(CutGradientError):
        pipe(mixed(), requested={"forces"})
    resampled = pipeline(([Charges("q0")], GRAPH), ([Doubling(), Coulomb(), Gaussians()], FD))
    with pytest.raises(CutGradientError):
        resampled(mixed(), requested={"forces"})


def test_one_value_through_two_ways():
    """a → c directly and a → b → c, where b is detached: only the direct way carries a term."""
    direct, around = Coulomb(charges="q0", name="direct"), Hardness()
    pipe = pipeline(([Charges("q0"), PipelineStep(Doubling(), detach=True), direct, around, Gaussians()], GRAPH))
    q = doubled(mixed())

    def energy(batch):
        return byhand.coulomb(batch, byhand.charges(batch)) + byhand.hardness(batch, q) + byhand.gaussians(batch)

    with_config(direct, required_inputs={"q0"}, outputs={"energy": OnGraph({"positions", "cell", "q0"})})
    byhand.assert_outputs(pipe(mixed(), requested=ALL), byhand.reference(energy, mixed(), ("forces", "stress")))


@pytest.mark.parametrize("given", [True, False])
def test_optional_inputs_are_wired_too(given):
    steps = [Hardness(optional=True), Gaussians()]
    pipe = pipeline(([producer(), *steps] if given else steps, GRAPH))

    def energy(batch):
        return byhand.gaussians(batch) + (byhand.hardness(batch, byhand.charges(batch)) if given else 0.0)

    byhand.assert_outputs(pipe(mixed(), requested=ALL), byhand.reference(energy, mixed(), ("forces", "stress")))


def test_an_optional_input_across_groups_is_refused_too():
    pipe = pipeline(([producer()], GRAPH), ([Hardness(optional=True), Gaussians()], GRAPH))
    with pytest.raises(CutGradientError, match="charges"):
        pipe(mixed(), requested={"forces"})


def test_an_energy_not_declared_differentiable_in_the_charges_is_refused():
    pipe = pipeline(([producer(), Hardness(through=("positions", "cell"))], GRAPH))
    with pytest.raises(CutGradientError, match="not differentiable through 'charges'"):
        pipe(mixed(), requested={"forces"})


def test_an_energy_of_charges_alone_has_no_forces_of_its_own():
    pipe = pipeline(([producer(), Hardness(through=("charges",)), Gaussians()], GRAPH))
    with pytest.raises(LostTermError, match="hardness"):
        pipe(mixed(), requested={"forces"})


class Dishonest(Charges):
    """Declares charges on the graph and returns them detached."""

    def compute(self, view, requested):
        return {name: value.detach() for name, value in super().compute(view, requested).items()}


@pytest.mark.parametrize("reader", COULOMBS)
def test_charges_declared_on_the_graph_and_returned_detached_are_noticed(reader):
    pipe = pipeline(([Dishonest("charges"), reader(), Gaussians()], GRAPH))
    with pytest.raises(ModelOutputError, match=r"(?s)'charges' on the graph.*detached"):
        pipe(mixed(), requested={"forces"})


class DishonestHybrid(HybridCoulomb):
    """Declares an energy on the graph through charges and returns it detached."""

    def compute(self, view, requested):
        return {name: value.detach() for name, value in super().compute(view, requested).items()}


def test_a_hybrid_energy_returned_detached_is_noticed():
    pipe = pipeline(([producer(), DishonestHybrid(), Gaussians()], GRAPH))
    with pytest.raises(ModelOutputError, match="'energy' on the graph"):
        pipe(mixed(), requested={"forces"})


class Everything(HybridCoulomb):
    """Forces at fixed charges, and new charges on the graph of positions for others."""

    def __init__(self):
        super().__init__(name="everything")
        through = OnGraph({"positions", "cell", "charges"})
        with_config(self, outputs={**self.model_config.kinds, "q1": through})
        self.charges = Charges("q1", cutoff=5.0)

    def compute(self, view, requested):
        return {**super().compute(view, requested), **self.charges.compute(view, frozenset({"q1"}))}


def test_partial_forces_and_charges_on_the_graph_of_one_step_would_count_twice():
    reader = with_config(Coulomb(charges="q1"), required_inputs={"q1"}, outputs={"energy": OnGraph({"positions", "cell", "q1"})})
    pipe = pipeline(([producer(), Everything(), reader], GRAPH))
    with pytest.raises(LostTermError, match="once more"):
        pipe(mixed(), requested={"forces"})
    apart = pipeline(([producer(), PipelineStep(Everything(), detach=True), reader], GRAPH))
    q1 = byhand.charges(mixed(), cutoff=5.0)

    def energy(batch):
        return byhand.coulomb(batch, byhand.charges(batch)) + byhand.coulomb(batch, q1)

    byhand.assert_outputs(apart(mixed(), requested=ALL), byhand.reference(energy, mixed(), ("forces", "stress")))


class Reporting(Charges):
    """A black-box energy with analytic forces that also passes on charges on the graph."""

    def __init__(self):
        super().__init__("charges", name="reporting")
        analytic = {name: Analytic() for name in ("energy", "forces", "stress")}
        with_config(self, outputs={**analytic, **self.model_config.kinds})

    def compute(self, view, requested):
        from support.toys import kernel_outputs

        return {**kernel_outputs(view, 1.0, 4.0), **super().compute(view, requested)}


def test_a_reporting_model_may_pass_on_charges_with_their_graph():
    pipe = pipeline(([Reporting(), Coulomb(), Hardness()], GRAPH))
    byhand.assert_outputs(pipe(mixed(), requested=ALL), flexible())
