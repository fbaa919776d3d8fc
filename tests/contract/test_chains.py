"""Values that pass through several steps, and steps that do not keep their word about the graph."""

import pytest
from support import byhand
from support.pipelines import ALL, FD, GRAPH, grouped
from support.structures import mixed
from support.toys import Charges, Coulomb, Doubling, Gaussians, Hardness, HybridCoulomb, kernel_outputs, with_config

from alchemi_core.contract import Analytic, OnGraph
from alchemi_core.errors import CutGradientError, LostTermError, ModelOutputError
from alchemi_core.topology import PipelineStep


def producer(**options):
    return PipelineStep(Charges("partial_charges"), wire={"partial_charges": "charges"}, **options)


def energy_of(batch, q):
    return byhand.coulomb(batch, q) + byhand.hardness(batch, q) + byhand.gaussians(batch)


def doubled(batch, q=None):
    q = byhand.charges(batch) if q is None else q
    return 2 * q + 0.1 * q**2


def chain(first=None, middle=None, options=None):
    first = first or PipelineStep(Charges("q0"))
    rest = [middle or Doubling(), Coulomb(), Hardness(), Gaussians()]
    return grouped(([first, *rest], GRAPH if options is None else options))


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
    pipe = grouped(([Charges("q0")], GRAPH), ([Doubling(), Coulomb(), Gaussians()], GRAPH))
    with pytest.raises(CutGradientError):
        pipe(mixed(), requested={"forces"})
    resampled = grouped(([Charges("q0")], GRAPH), ([Doubling(), Coulomb(), Gaussians()], FD))
    with pytest.raises(CutGradientError):
        resampled(mixed(), requested={"forces"})


def test_one_value_through_two_ways():
    """a → c directly and a → b → c, where b is detached: only the direct way carries a term."""
    direct, around = Coulomb(charges="q0", name="direct"), Hardness()
    pipe = grouped(([Charges("q0"), PipelineStep(Doubling(), detach=True), direct, around, Gaussians()], GRAPH))
    q = doubled(mixed())

    def energy(batch):
        return byhand.coulomb(batch, byhand.charges(batch)) + byhand.hardness(batch, q) + byhand.gaussians(batch)

    with_config(direct, required_inputs={"q0"}, outputs={"energy": OnGraph({"positions", "cell", "q0"})})
    byhand.assert_outputs(pipe(mixed(), requested=ALL), byhand.reference(energy, mixed(), ("forces", "stress")))


class Dishonest(Charges):
    """Declares charges on the graph and returns them detached."""

    def compute(self, view, requested):
        return {name: value.detach() for name, value in super().compute(view, requested).items()}


@pytest.mark.parametrize("reader", [Coulomb, HybridCoulomb])
def test_charges_declared_on_the_graph_and_returned_detached_are_noticed(reader):
    pipe = grouped(([Dishonest("charges"), reader(), Gaussians()], GRAPH))
    with pytest.raises(ModelOutputError, match=r"(?s)'charges' on the graph.*detached"):
        pipe(mixed(), requested={"forces"})


class DishonestHybrid(HybridCoulomb):
    """Declares an energy on the graph through charges and returns it detached."""

    def compute(self, view, requested):
        return {name: value.detach() for name, value in super().compute(view, requested).items()}


def test_a_hybrid_energy_returned_detached_is_noticed():
    pipe = grouped(([producer(), DishonestHybrid(), Gaussians()], GRAPH))
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
    reader = with_config(
        Coulomb(charges="q1"), required_inputs={"q1"}, outputs={"energy": OnGraph({"positions", "cell", "q1"})}
    )
    pipe = grouped(([producer(), Everything(), reader], GRAPH))
    with pytest.raises(LostTermError, match="once more"):
        pipe(mixed(), requested={"forces"})
    apart = grouped(([producer(), PipelineStep(Everything(), detach=True), reader], GRAPH))
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
        return {**kernel_outputs(view, 1.0, 4.0), **super().compute(view, requested)}


def test_a_reporting_model_may_pass_on_charges_with_their_graph():
    pipe = grouped(([Reporting(), Coulomb(), Hardness()], GRAPH))
    expected = byhand.reference(lambda batch: energy_of(batch, byhand.charges(batch)), mixed(), ("forces", "stress"))
    byhand.assert_outputs(pipe(mixed(), requested=ALL), expected)


def test_a_producer_need_not_keep_a_graph_that_nobody_follows():
    """The chain is detached before the only reader, so no graph is recorded at all."""
    pipe = grouped(([Charges("q0"), PipelineStep(Doubling(), detach=True), HybridCoulomb()], GRAPH))
    q = doubled(mixed())
    expected = byhand.reference(lambda batch: byhand.coulomb(batch, q), mixed(), ("forces", "stress"))
    byhand.assert_outputs(pipe(mixed(), requested=ALL), expected)


def test_a_hybrid_step_on_values_that_turn_out_fixed_adds_no_chain_rule():
    """The middle says that it may follow positions; it follows only what is detached."""
    pipe = grouped(([PipelineStep(Charges("q0"), detach=True), Doubling(), HybridCoulomb()], GRAPH))
    q = doubled(mixed())
    expected = byhand.reference(lambda batch: byhand.coulomb(batch, q), mixed(), ("forces", "stress"))
    byhand.assert_outputs(pipe(mixed(), requested=ALL), expected)
