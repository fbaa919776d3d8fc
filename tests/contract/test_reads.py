"""What strategies read beside the energy, such as charges: one value, whole, fixed where it was fixed on purpose."""

import pytest
import torch
from ase.build import bulk
from support import byhand, differences
from support.pipelines import autograd, direct, pipeline
from support.strategies import (
    FieldResponse,
    GraphBorn,
    Polarizable,
    SampledBorn,
    born_charges,
    dipole_of,
    polarizable,
)
from support.structures import batch_of, ethanol, salt, water
from support.toys import Charges, Coulomb, Doubling, Gaussians, Hardness, Kernel, per_system, with_config

from alchemi_core.contract import Analytic, Constant, OnGraph
from alchemi_core.errors import CutGradientError, LostTermError, ModelOutputError, WiringError
from alchemi_core.models import BaseModelMixin, ModelConfig
from alchemi_core.quantities import DerivativeOf
from alchemi_core.topology import PipelineStep

BORN = {"born_charges"}


def crystals():
    return batch_of(salt(), bulk("Po", "sc", a=3.4))


def moving(batch):
    return byhand.charges(batch)


def doubled(batch):
    return 2 * byhand.charges(batch) + 0.1 * byhand.charges(batch) ** 2


def fixed(batch):
    return byhand.charges(crystals())


def by_element(batch):
    return (batch.atomic_numbers - 14).double() / 20


STRATEGIES = {"graph": GraphBorn(), "sampled": SampledBorn()}
SOURCES = {  # steps, charges by hand, and who can
    "graph": (lambda: [Charges()], moving, {"graph", "sampled"}),
    "once": (lambda: [Charges(kind=OnGraph(order=1))], moving, {"graph", "sampled"}),
    "analytic": (lambda: [Charges(kind=Analytic())], moving, {"sampled"}),
    "constant": (lambda: [Charges(kind=Constant())], by_element, {"graph", "sampled"}),
    "detached": (lambda: [PipelineStep(Charges(), detach=True)], fixed, {"graph", "sampled"}),
    "renamed": (lambda: [PipelineStep(Charges("q"), wire={"q": "charges"})], moving, {"graph", "sampled"}),
    "weighted": (lambda: [PipelineStep(Charges(), weight=0.5)], moving, {"graph", "sampled"}),
    "chain": (lambda: [Charges("q0"), Doubling()], doubled, {"graph", "sampled"}),
    "broken chain": (lambda: [Charges("q0", kind=Analytic()), Doubling()], doubled, {"sampled"}),
    "chain not through": (lambda: [Charges("q0"), Doubling(through=("positions", "cell"))], doubled, {"sampled"}),
    "nested": (lambda: [pipeline(direct(Charges("q0"))), Doubling()], doubled, {"graph", "sampled"}),
}


@pytest.mark.parametrize("company", ["alone", "with energies"])
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("source", SOURCES)
def test_born_charges_are_right_or_refused(source, strategy, company):
    steps, charges, able = SOURCES[source]
    energies = [] if company == "alone" else [Hardness(), Gaussians(), Kernel()]
    pipe = pipeline(autograd(*steps(), *energies, derivative_fn=STRATEGIES[strategy]))
    if strategy not in able:
        with pytest.raises(CutGradientError, match="charges"):
            pipe(crystals(), requested=BORN)
        return
    out = pipe(crystals(), requested=BORN)
    byhand.assert_outputs(out, {"born_charges": born_charges(charges, crystals())}, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("company", ["none", "other group", "earlier group feeds", "two", "two additive"])
def test_charges_that_are_not_there_once_are_refused(strategy, company):
    steps, error = {
        "none": ([autograd(Gaussians(), derivative_fn=STRATEGIES[strategy])], LostTermError),
        "other group": (
            [autograd(Charges()), autograd(Gaussians(), derivative_fn=STRATEGIES[strategy])],
            LostTermError,
        ),
        "earlier group feeds": (
            [autograd(Charges("q0")), autograd(Doubling(), derivative_fn=STRATEGIES[strategy])],
            CutGradientError,
        ),
        "two": ([autograd(Charges(), Charges(name="more"), derivative_fn=STRATEGIES[strategy])], WiringError),
        "two additive": (
            [autograd(PipelineStep(Charges(), weight=0.5), Charges(name="more"), derivative_fn=STRATEGIES[strategy])],
            WiringError,
        ),
    }[company]
    with pytest.raises(error, match="charges"):
        pipeline(*steps)(crystals(), requested=BORN)


@pytest.mark.parametrize("names", [BORN, BORN | {"forces"}], ids=["born", "with forces"])
def test_fixed_charges_stay_fixed_whatever_else_is_asked(names):
    """The step has an energy too, which is differentiated: its charges are fixed all the same."""

    class Both(Charges):
        def __init__(self):
            super().__init__()
            self.model_config = with_config(self, outputs={"charges": OnGraph(), "energy": OnGraph()}).model_config

        def compute(self, view, requested):
            charges = super().compute(view, requested)["charges"]
            return {"charges": charges, "energy": per_system(view, 0.5 * charges**2)}

    pipe = pipeline(autograd(PipelineStep(Both(), detach=True), derivative_fn=GraphBorn()))
    out = pipe(crystals(), requested=names)
    torch.testing.assert_close(out["born_charges"], born_charges(fixed, crystals()), rtol=1e-7, atol=1e-8)
    if "forces" in names:
        expected = differences.forces(lambda x: byhand.hardness(x, byhand.charges(x), 1.0), crystals())
        torch.testing.assert_close(out["forces"], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("names", [BORN, BORN | {"forces"}, {"dipole"}], ids=lambda names: "+".join(sorted(names)))
def test_a_model_that_drops_its_graph_is_caught(names):
    class Liar(Charges):
        def compute(self, view, requested):
            return {name: value.detach() for name, value in super().compute(view, requested).items()}

    pipe = pipeline(autograd(Liar(), Gaussians(), derivative_fn=GraphBorn()))
    if names == {"dipole"}:  # of which no derivative is taken
        assert pipe(crystals(), requested=names).keys() == names
        return
    with pytest.raises(ModelOutputError, match="declares 'charges' on the graph"):
        pipe(crystals(), requested=names)


@pytest.mark.parametrize("kind", [OnGraph(), Analytic(), OnGraph("positions"), Constant()], ids=repr)
def test_a_value_that_is_not_differentiated_needs_no_graph(kind):
    pipe = pipeline(autograd(Charges(kind=kind), derivative_fn=GraphBorn()))
    charges = by_element if isinstance(kind, Constant) else moving
    expected = dipole_of(charges(crystals()), crystals())
    torch.testing.assert_close(pipe(crystals(), requested={"dipole"})["dipole"], expected)


def test_no_sum_is_made_of_what_is_no_sum():
    """Dipoles, Born charges or elastic tensors of two groups do not add up to that of the whole."""
    groups = [autograd(Charges(name=name), Gaussians(), derivative_fn=GraphBorn()) for name in ("one", "two")]
    for name in ("born_charges", "dipole"):
        with pytest.raises(WiringError, match=name):
            pipeline(*groups)(crystals(), requested={name})

    def elastic(energy, data, requested):
        return {name: energy.new_zeros(data.num_systems, 6, 6) for name in requested}

    elastic.serves = {"elastic_tensor", "clamped_elastic_tensor"}
    two = pipeline(autograd(Gaussians(), derivative_fn=elastic), autograd(Gaussians(), derivative_fn=elastic))
    with pytest.raises(WiringError, match="elastic_tensor"):
        two(crystals(), requested={"elastic_tensor"})
    assert two(crystals(), requested={"clamped_elastic_tensor"}).keys() == {"clamped_elastic_tensor"}


def test_what_a_user_says_is_a_sum_is_one():
    def twos(energy, data, requested):
        return {"twos": energy * 0.0 + 2.0}

    twos.serves = {"twos"}
    groups = [autograd(Gaussians(), derivative_fn=twos), autograd(Gaussians(), derivative_fn=twos)]
    with pytest.raises(WiringError, match="twos"):
        pipeline(*groups)(crystals(), requested={"twos"})
    summed = pipeline(*groups, additive_keys={"energy", "twos"})(crystals(), requested={"twos"})["twos"]
    assert summed.flatten().tolist() == [4.0, 4.0]


class Predicts(BaseModelMixin):
    """A model that gives responses itself."""

    def __init__(self, *outputs):
        kinds = {name: Analytic() for name in outputs}
        self.model_config = ModelConfig(name="predicts", outputs={"energy": OnGraph("positions"), **kinds})

    def compute(self, view, requested):
        like = {"born_charges": (view.num_atoms, 3, 3), "polarizability": (view.num_systems, 3, 3)}
        out = {name: view.positions.new_ones(shape) for name, shape in like.items()}
        out |= {"energy": per_system(view, view.positions.sum(1)), "dipole": out["polarizability"][:, 0]}
        return {name: out[name] for name in requested}


@pytest.mark.parametrize("name", ["born_charges", "polarizability", "dipole"])
def test_a_response_that_a_model_gives_itself_needs_no_strategy(name):
    pipe = pipeline(direct(Predicts(name)))
    batch = batch_of(water(), ethanol())
    assert torch.all(pipe(batch, requested={name})[name] == 1.0)
    assert pipe(batch).keys() == {"energy", "forces", name}


def test_a_function_that_says_so_gets_what_it_differentiates():
    def born(energy, data, requested, values):
        assert energy is None
        strategy = GraphBorn()
        return strategy.finish(energy, (data, False), requested, values)

    born.serves = {"born_charges": DerivativeOf("charges")}
    out = pipeline(autograd(Charges(), Gaussians(), derivative_fn=born))(crystals(), requested=BORN)
    byhand.assert_outputs(out, {"born_charges": born_charges(moving, crystals())}, rtol=1e-6, atol=1e-7)


def test_a_function_that_does_not_say_so_is_told():
    def born(energy, data, requested):
        raise AssertionError("never called")

    with pytest.raises(LostTermError, match=r"(?s)born.*charges.*serves"):
        pipeline(autograd(Charges(), Gaussians(), derivative_fn=born))(crystals(), requested=BORN)


def in_field():
    field = torch.tensor([[0.1, 0.2, -0.3], [0.05, 0.0, 0.4]], dtype=torch.float64)
    return batch_of(water(), ethanol()).with_fields(electric_field=field)


def test_derivatives_by_a_field_that_some_steps_do_not_read():
    """−d²E/dF² = Σ a_i diag(1, 2, 3), weighted; charges, black boxes and energies without a field add nothing to it."""
    pipe = pipeline(
        autograd(
            PipelineStep(Polarizable(), weight=0.5),
            Charges(),
            Coulomb(),
            Kernel(),
            PipelineStep(Gaussians(), weight=3.0),
            derivative_fn=FieldResponse(),
        ),
        direct(Gaussians(-0.3, 3.5)),
    )
    batch = in_field()
    out = pipe(batch, requested={"polarizability", "induced_dipole", "forces", "energy"})
    size = batch.atomic_numbers / 20 + batch.positions.square().sum(1) / 100
    total = size.new_zeros(2).index_add(0, batch.batch_idx, size)
    scale = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    moment = dipole_of(batch.atomic_numbers / 10, batch)
    torch.testing.assert_close(out["polarizability"], 0.5 * total.view(2, 1, 1) * torch.diag(scale))
    induced = total.view(2, 1) * scale * batch.fields["electric_field"]
    torch.testing.assert_close(out["induced_dipole"], 0.5 * (induced + moment))

    def energy(other):
        field = batch.fields["electric_field"][batch.batch_idx]
        each = 0.5 * polarizable(other.positions, other.atomic_numbers, field)
        own = each.new_zeros(2).index_add(0, other.batch_idx, each).unsqueeze(1)
        pairs = 4.0 * byhand.gaussians(other) + byhand.gaussians(other, -0.3, 3.5)
        return own + pairs + byhand.coulomb(other, byhand.charges(other))

    torch.testing.assert_close(out["energy"], energy(batch))
    torch.testing.assert_close(out["forces"], differences.forces(energy, batch), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "model",
    [lambda: Polarizable(through=("positions",)), lambda: Polarizable(kind=Analytic())],
    ids=["not through", "black box"],
)
def test_an_energy_that_reads_the_field_off_the_graph_is_refused(model):
    pipe = pipeline(autograd(Polarizable(name="good"), model(), derivative_fn=FieldResponse()))
    with pytest.raises(LostTermError, match=r"step 1 \(polarizable\)"):
        pipe(in_field(), requested={"polarizability"})


def test_an_energy_that_reads_the_field_in_another_group_is_refused():
    pipe = pipeline(autograd(Polarizable(), derivative_fn=FieldResponse()), autograd(Polarizable(name="far")))
    with pytest.raises(LostTermError, match=r"step 1 \(far\)"):
        pipe(in_field(), requested={"polarizability"})
