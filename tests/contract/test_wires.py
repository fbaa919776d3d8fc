"""Charges that depend on positions, passed from step to step: the chain rule is whole, or there is an error."""

from functools import cache

import attrs
import pytest
import torch
from support import byhand
from support.pipelines import ALL, FD, GRAPH, grouped
from support.structures import mixed
from support.toys import ChargeKernel, Charges, Coulomb, Gaussians, Hardness, HybridCoulomb

from alchemi_core.contract import Analytic, Constant
from alchemi_core.errors import CutGradientError, LostTermError, WiringError
from alchemi_core.pipeline import PipelineModelWrapper
from alchemi_core.topology import PipelineGroup, PipelineStep


def producer(**options):
    return PipelineStep(Charges("partial_charges"), wire={"partial_charges": "charges"}, **options)


def energy_of(batch, q, weights=(1.0, 1.0, 1.0)):
    parts = byhand.coulomb(batch, q), byhand.hardness(batch, q), byhand.gaussians(batch)
    return sum(weight * part for weight, part in zip(weights, parts, strict=True))


@cache
def flexible(weights=(1.0, 1.0, 1.0)):
    """Charges follow the positions."""
    return byhand.reference(
        lambda batch: energy_of(batch, byhand.charges(batch), weights), mixed(), sorted(ALL - {"energy"})
    )


@cache
def fixed(weights=(1.0, 1.0, 1.0)):
    """Charges stay what they are at the geometry asked for."""
    q = byhand.charges(mixed())
    return byhand.reference(lambda batch: energy_of(batch, q, weights), mixed(), sorted(ALL - {"energy"}))


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
        lambda: grouped(([p, c, h, g], GRAPH)),
        lambda: grouped(([g, p, h, c], GRAPH)),
        lambda: grouped(([p, c, h], GRAPH), ([g], {})),
        lambda: grouped(([g], {}), ([p, c, h], GRAPH)),
        lambda: grouped(([p, nested([c, h]), g], GRAPH)),
        lambda: grouped(([nested([p]), nested([nested([c, h])]), g], GRAPH)),
        lambda: grouped(([g, nested([p, c, h], **GRAPH)], {})),
        lambda: grouped(([p, c, h], FD), ([g], GRAPH)),
    )[layout]()
    byhand.assert_outputs(pipe(mixed(), requested=ALL), flexible())


@pytest.mark.parametrize("weights", [(0.5, 1.0, -1.0), (-2.0, 0.5, 0.25)])
@pytest.mark.parametrize("coulomb", COULOMBS)
def test_weights_scale_energies_and_not_the_charges_passed_on(coulomb, weights):
    steps = [PipelineStep(m, weight=w) for m, w in zip((coulomb(), Hardness(), Gaussians()), weights, strict=True)]
    pipe = grouped(([producer(weight=7.0), *steps], GRAPH))
    byhand.assert_outputs(pipe(mixed(), requested=ALL), flexible(weights))


@pytest.mark.parametrize("options", [{}, GRAPH, FD])
@pytest.mark.parametrize("reader", [Coulomb, HybridCoulomb, ChargeKernel])
def test_a_graph_cut_between_groups_is_refused(reader, options):
    pipe = grouped(([producer()], GRAPH), ([reader(), Gaussians()], options))
    for name in ("forces", "stress"):
        with pytest.raises(CutGradientError, match=r"(?s)charges.*step 0 \(charge-model\).*detach=True"):
            pipe(mixed(), requested={name})


def test_the_energy_alone_crosses_groups():
    pipe = grouped(([producer()], {}), ([Coulomb(), Hardness()], {}), ([Gaussians()], GRAPH))
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
    byhand.assert_outputs(grouped(*groups)(mixed(), requested=ALL), fixed())


@pytest.mark.parametrize("reader", [Coulomb, HybridCoulomb, ChargeKernel])
@pytest.mark.parametrize("options", [{}, GRAPH, FD])
def test_charges_of_the_batch_are_fixed(reader, options):
    batch = mixed().with_fields(charges=byhand.charges(mixed()))
    pipe = grouped(([reader(), Hardness(), Gaussians()], options))
    byhand.assert_outputs(pipe(batch, requested=ALL), fixed())


@pytest.mark.parametrize("options", [{}, GRAPH, FD])
def test_charges_of_the_batch_that_require_grad_are_left_alone(options):
    q = byhand.charges(mixed()).requires_grad_()
    batch = mixed().with_fields(charges=2 * q / 2)
    pipe = grouped(([HybridCoulomb(), Hardness(), Gaussians()], options))
    out = pipe(batch, requested=ALL)
    byhand.assert_outputs(out, fixed())
    assert not any(value.requires_grad for value in out.values())
    batch.fields["charges"].sum().backward()
    torch.testing.assert_close(q.grad, torch.ones_like(q))


def test_a_black_box_cannot_take_flexible_charges():
    pipe = grouped(([producer(), ChargeKernel(), Hardness(), Gaussians()], GRAPH))
    with pytest.raises(CutGradientError, match=r"charge-kernel.*\n?.*not differentiable through 'charges'"):
        pipe(mixed(), requested=ALL)
    resampled = grouped(([producer(), ChargeKernel(), Hardness(), Gaussians()], FD))
    byhand.assert_outputs(resampled(mixed(), requested=ALL), flexible())


def test_charges_given_detached_are_refused():
    detached = PipelineStep(Charges("charges", kind=Analytic()))
    pipe = grouped(([detached, Coulomb(), Hardness(), Gaussians()], GRAPH))
    with pytest.raises(CutGradientError, match="as a detached value"):
        pipe(mixed(), requested=ALL)
    resampled = grouped(([detached, Coulomb(), Hardness(), Gaussians()], FD))
    byhand.assert_outputs(resampled(mixed(), requested=ALL), flexible())


@pytest.mark.parametrize("reader", [Coulomb, HybridCoulomb, ChargeKernel])
@pytest.mark.parametrize("layout", range(3))
def test_constant_charges_need_no_chain_rule(reader, layout):
    p, rest = Charges(kind=Constant()), [reader(), Hardness(), Gaussians()]
    groups = (
        [([p, *rest], GRAPH)],
        [([p], {}), (rest, {})],
        [([p, reader()], GRAPH), ([Hardness(), Gaussians()], {})],
    )[layout]
    q = (mixed().atomic_numbers - 14).double() / 20
    expected = byhand.reference(lambda batch: energy_of(batch, q), mixed(), ("forces", "stress"))
    byhand.assert_outputs(grouped(*groups)(mixed(), requested=ALL), expected)


def test_a_lone_hybrid_step_on_constant_charges_is_as_reported():
    pipe = grouped(([Charges(kind=Constant()), HybridCoulomb()], GRAPH))
    q = (mixed().atomic_numbers - 14).double() / 20
    expected = byhand.reference(lambda batch: byhand.coulomb(batch, q), mixed(), ("forces", "stress"))
    byhand.assert_outputs(pipe(mixed(), requested=ALL), expected)


@pytest.mark.parametrize("given", [True, False])
def test_optional_inputs_are_wired_too(given):
    steps = [Hardness(optional=True), Gaussians()]
    pipe = grouped(([producer(), *steps] if given else steps, GRAPH))

    def energy(batch):
        return byhand.gaussians(batch) + (byhand.hardness(batch, byhand.charges(batch)) if given else 0.0)

    byhand.assert_outputs(pipe(mixed(), requested=ALL), byhand.reference(energy, mixed(), ("forces", "stress")))


def test_an_optional_input_across_groups_is_refused_too():
    pipe = grouped(([producer()], GRAPH), ([Hardness(optional=True), Gaussians()], GRAPH))
    with pytest.raises(CutGradientError, match="charges"):
        pipe(mixed(), requested={"forces"})


def test_an_energy_not_declared_differentiable_in_the_charges_is_refused():
    pipe = grouped(([producer(), Hardness(through=("positions", "cell"))], GRAPH))
    with pytest.raises(CutGradientError, match="not differentiable through 'charges'"):
        pipe(mixed(), requested={"forces"})


def test_an_energy_of_charges_alone_has_no_forces_of_its_own():
    pipe = grouped(([producer(), Hardness(through=("charges",)), Gaussians()], GRAPH))
    with pytest.raises(LostTermError, match="hardness"):
        pipe(mixed(), requested={"forces"})


class Partition(Gaussians):
    """Gives the energy of each atom: as many numbers as charges, in another unit."""

    def __init__(self):
        super().__init__()
        kinds = {**self.model_config.kinds, "node_energies": Constant()}
        self.model_config = attrs.evolve(self.model_config, outputs=kinds)


def test_energies_are_not_suggested_for_charges():
    pipe = PipelineModelWrapper([PipelineGroup([Partition(), Coulomb()], use_autograd=True)])
    with pytest.raises(WiringError) as caught:
        pipe(mixed(), requested={"energy"})
    assert caught.value.fix == "batch.with_fields(charges=...), or set_initial_charges(...) of ASE structures"


def test_a_rename_keeps_shape_and_unit():
    step = PipelineStep(Partition(), wire={"node_energies": "charges"})
    with pytest.raises(WiringError, match=r"'node_energies' \[N\] in eV to 'charges' \[N\] in e"):
        PipelineModelWrapper([PipelineGroup([step, Coulomb()], use_autograd=True)])
    assert PipelineModelWrapper([PipelineGroup([PipelineStep(Partition(), wire={"node_energies": "mine"})])]).plan
