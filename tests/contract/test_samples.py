"""What strategies evaluate at other geometries: complete, of other sizes too, and only what they said they would."""

import pytest
import torch
from ase.build import bulk
from support import byhand, differences
from support.pipelines import autograd, direct, pipeline
from support.structures import batch_of, mixed, salt, water
from support.toys import ChargeKernel, Charges, Coulomb, Gaussians, Hardness, HybridCoulomb, Kernel, Shaped, with_config

from alchemi_core.contract import Analytic, Constant, OnGraph
from alchemi_core.data.batch import Batch
from alchemi_core.errors import CutGradientError, DerivativeError, LostTermError
from alchemi_core.quantities import DerivativeOf
from alchemi_core.topology import PipelineStep

SAMPLES = ("forces", "stress", "virial", "energy")


class Asking:
    """Calls a function with the state, for an output ``answer`` or whatever it is to serve."""

    name = "asking"

    def __init__(self, ask, samples=SAMPLES, serves=("answer",)):
        self.ask, self.samples, self.serves = ask, frozenset(samples), frozenset(serves)

    def prepare(self, state):
        return state.data, state

    def finish(self, energy, tape, requested):
        found = self.ask(tape)
        return found if isinstance(found, dict) else {"answer": found}


def asked(steps, ask, batch, names=("answer",), **options):
    return pipeline(autograd(*steps, derivative_fn=Asking(ask, **options)))(batch, requested=set(names))


def wired_energy(batch):
    return byhand.coulomb(batch, byhand.charges(batch))


COMPLETE = {
    "graph": ([Gaussians], byhand.gaussians),
    "black box": ([Kernel], byhand.gaussians),
    "wired": ([Charges, Coulomb], wired_energy),
    "partial": ([Charges, HybridCoulomb], wired_energy),
    "all of it": (
        [Charges, HybridCoulomb, Gaussians, lambda: PipelineStep(Kernel(-0.3, 3.5), weight=-0.5)],
        lambda batch: wired_energy(batch) + byhand.gaussians(batch) - 0.5 * byhand.gaussians(batch, -0.3, 3.5),
    ),
    "reported virial": (
        [lambda: Kernel(outputs=("energy", "forces", "virial")), lambda: PipelineStep(Gaussians(), weight=0.5)],
        lambda batch: 1.5 * byhand.gaussians(batch),
    ),
}


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("case", COMPLETE)
def test_sampled_derivatives_are_complete_and_detached(case, training):
    """Graph, reported and partial terms, at another geometry than that of the call."""
    if training and case in ("partial", "all of it"):
        is_refused_in_training(case)
        return
    models, energy = COMPLETE[case]
    moved = batch_of(salt(seed=4), bulk("Po", "sc", a=3.3))
    found = {}

    def ask(state):
        found.update(state.sample(moved, {"forces", "stress", "virial", "energy"}))
        return state.data.positions

    pipe = pipeline(autograd(*(make() for make in models), derivative_fn=Asking(ask))).train(training)
    pipe(batch_of(salt(), bulk("Po", "sc", a=3.4)), requested={"answer"})
    assert set(found) == set(SAMPLES)
    assert training or not any(value.requires_grad for value in found.values())
    reference = byhand.reference(energy, moved)
    byhand.assert_outputs({name: value.detach() for name, value in found.items()}, reference)


def is_refused_in_training(case):
    """Forces at fixed charges do not reach the parameters of the charges."""
    models, _ = COMPLETE[case]
    pipe = pipeline(autograd(*(make() for make in models), derivative_fn=Asking(lambda state: state.data.positions)))
    with pytest.raises(CutGradientError, match="parameters of charge-model"):
        pipe.train()(batch_of(salt()), requested={"answer"})


def copies(batch, count=3):
    """The systems several times over, each copy a little larger than the one before."""
    pieces = {name: [] for name in ("positions", "cell")}
    for number in range(count):
        for name, piece in pieces.items():
            piece.append(getattr(batch, name) * (1 + 0.02 * number))
    systems = batch.num_systems
    return Batch(
        positions=torch.cat(pieces["positions"]),
        cell=torch.cat(pieces["cell"]),
        pbc=batch.pbc.repeat(count, 1),
        atomic_numbers=batch.atomic_numbers.repeat(count),
        batch_idx=torch.cat([batch.batch_idx + number * systems for number in range(count)]),
        num_systems=count * systems,
    )


@pytest.mark.parametrize("case", ["graph", "black box", "wired", "partial", "all of it"])
def test_samples_may_be_of_another_size(case):
    models, energy = COMPLETE[case]
    found = {}

    def ask(state):
        found.update(state.sample(copies(state.data), {"forces", "stress"}))
        return state.data.positions

    asked([make() for make in models], ask, batch_of(salt()))
    expected = differences.derivatives(energy, copies(batch_of(salt())), ["forces", "stress"])
    byhand.assert_outputs(found, expected)


FIXED = {
    "detached": [autograd(PipelineStep(Charges(), detach=True), Coulomb())],
    "of another group": [autograd(Charges(kind=Constant())), autograd(Coulomb())],
    "detached in another group": [autograd(PipelineStep(Charges(), detach=True)), autograd(Coulomb())],
}


@pytest.mark.parametrize("case", FIXED)
def test_another_size_with_values_of_the_call_itself_is_refused(case):
    *before, last = FIXED[case]

    def ask(state):
        state.sample(state.data.with_fields(positions=state.data.positions + 0.01), {"forces"})  # as many atoms: fine
        state.sample(copies(state.data), {"forces"})
        raise AssertionError("not refused")

    pipe = pipeline(*before, autograd(*last.steps, derivative_fn=Asking(ask, samples={"forces"})))
    with pytest.raises(DerivativeError, match=r"(?s)asking.*other systems.*'charges'"):
        pipe(batch_of(salt()), requested={"answer"})


@pytest.mark.parametrize("optional", [False, True])
def test_a_sample_without_a_field_of_the_batch_is_refused(optional):
    """An optional input that goes missing would be a default in silence."""

    def ask(state):
        return state.sample(copies(state.data), {"forces"})["forces"]

    batch = batch_of(salt()).with_fields(charges=torch.tensor([0.2, -0.2], dtype=torch.float64))
    with pytest.raises(DerivativeError, match="'charges'"):
        asked([Hardness(optional=optional)], ask, batch, samples={"forces"})


def test_values_of_another_group_that_move_are_refused_while_planning():
    pipe = pipeline(autograd(Charges()), autograd(Coulomb(), derivative_fn=Asking(None, samples={"forces"})))
    with pytest.raises(CutGradientError, match="from group 0 to group 1"):
        pipe.plan_for({"answer"})


@pytest.mark.parametrize(
    ("kind", "reports"), [(Analytic(), ()), (Analytic(), ("stress",)), (OnGraph("cell"), ()), (OnGraph(), ("forces",))]
)
def test_a_step_that_could_not_be_sampled_whole(kind, reports):
    pipe = pipeline(autograd(Shaped(kind, reports), derivative_fn=Asking(None, samples={"forces"})))
    if isinstance(kind, OnGraph) and "positions" in kind.through:
        assert pipe.plan_for({"answer"}).outputs
        return
    with pytest.raises(LostTermError, match=r"(?s)step 0 \(shaped\).*forces"):
        pipe.plan_for({"answer"})


def test_samples_of_what_no_step_gives_are_refused():
    with pytest.raises(LostTermError, match="magmoms"):
        asked([Gaussians()], None, batch_of(salt()), samples={"magmoms"})


def test_a_partition_that_some_energy_lacks_is_refused():
    with pytest.raises(LostTermError, match="node_energies"):
        asked([Gaussians(), Kernel()], None, batch_of(salt()), samples={"node_energies"})


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda state: state.sample(state.data, {"stress"}), "samples stress"),
        (lambda state: state.energy_at(state.data), "samples energy"),
        (lambda state: state.sample(state.data, {"forces", "charges"}), "samples charges"),
        (lambda state: {}, "returned []"),
        (lambda state: {"answer": state.data.positions, "more": 1}, "returned ['answer', 'more']"),
        (lambda state: {"anser": state.data.positions}, "likely fix: return 'answer'"),
        (lambda state: None, "of type NoneType"),
        (lambda state: 1.5, "of type float"),
        (lambda state: state.data.positions.numpy(), "of type ndarray"),
    ],
)
def test_a_strategy_that_does_not_keep_its_word_is_told(ask, said):
    with pytest.raises(DerivativeError) as caught:
        asked([Charges(), Gaussians()], ask, batch_of(salt()), samples={"forces"})
    assert said in str(caught.value)
    assert "asking" in caught.value.who


@pytest.mark.parametrize(
    ("shape", "right"), [((2, 9, 9), True), ((2, 6, 6), True), ((1, 9, 9), False), ((9, 9), False), ((2, 81), False)]
)
def test_a_standard_quantity_has_its_shape(shape, right):
    def ask(state):
        return {"hessian": state.data.positions.new_zeros(shape)}

    if right:
        assert asked([Gaussians()], ask, mixed(), {"hessian"}, serves=["hessian"])["hessian"].shape == shape
        return
    with pytest.raises(DerivativeError, match=r"hessian of shape.*\n  expected: \[2, ·, ·\]"):
        asked([Gaussians()], ask, mixed(), {"hessian"}, serves=["hessian"])


def test_a_strategy_that_samples_without_having_said_so_is_told():
    class Silent(Asking):
        samples = frozenset()

        def __init__(self, ask):
            self.ask, self.serves = ask, {"answer": DerivativeOf()}

    pipe = pipeline(autograd(Gaussians(), derivative_fn=Silent(lambda state: state.sample(state.data, {"forces"}))))
    with pytest.raises(DerivativeError, match="samples forces"):
        pipe(batch_of(salt()), requested={"answer"})


def test_the_stress_of_what_has_no_cell_is_told():
    def ask(state):
        return state.sample(state.data, {"stress"})["stress"]

    with pytest.raises(DerivativeError, match="cell"):
        asked([Gaussians()], ask, batch_of(water()), samples={"stress"})


def test_names_may_be_a_list_or_one_word():
    def ask(state):
        one, other = state.sample(state.data, "forces"), state.sample(state.data, ["forces"])
        return one["forces"] - other["forces"]

    assert asked([Gaussians()], ask, batch_of(salt()), samples={"forces"})["answer"].abs().max() == 0


@pytest.mark.parametrize("names", [{"forces", "hessian"}, {"hessian", "stress"}])
def test_what_is_sampled_and_what_is_only_reported_are_not_mixed(names):
    """A report that what is sampled does not hold must not get lost, in this group or beside another."""

    class Reports(Kernel):
        def compute(self, view, requested):
            out = super().compute(view, requested - {"hessian"})
            if "hessian" in requested:
                out["hessian"] = view.positions.new_ones(view.num_systems, 6, 6)
            return out

    def reports():
        return Reports(outputs=("energy", "forces", "stress", "hessian"))

    served = {"forces": ["forces"], "stress": ["stress"]}[min(names - {"hessian"})]
    strategy = Asking(lambda state: state.sample(state.data, set(served)), samples=served, serves=served)
    pipe = pipeline(autograd(reports(), derivative_fn=strategy), direct(reports()))
    with pytest.raises(LostTermError, match="hessian"):
        pipe(batch_of(salt()), requested=names)
    assert torch.all(pipe(batch_of(salt()), requested={"hessian"})["hessian"] == 2.0)


@pytest.mark.parametrize("names", [{"forces"}, {"stress"}, {"virial"}])
def test_differences_over_what_is_detached_keep_it_fixed(names):
    pipe = pipeline(
        autograd(PipelineStep(Charges(), detach=True), Coulomb(), derivative_fn="finite-difference"),
        direct(Gaussians()),
    )
    q = byhand.charges(mixed())
    expected = differences.derivatives(
        lambda batch: byhand.coulomb(batch, q) + byhand.gaussians(batch), mixed(), sorted(names)
    )
    byhand.assert_outputs(pipe(mixed(), requested=names), expected, rtol=1e-6, atol=2e-8)


def test_differences_of_weighted_black_boxes_fed_by_a_black_box():
    """Nothing here has a graph; the charges move with the atoms all the same."""
    pipe = pipeline(
        autograd(
            Charges(kind=Analytic()),
            PipelineStep(ChargeKernel(), weight=0.5),
            with_config(Kernel(), outputs={"energy": Analytic()}),
            derivative_fn="finite-difference",
        )
    )

    def energy(batch):
        return 0.5 * wired_energy(batch) + byhand.gaussians(batch)

    expected = byhand.reference(energy, mixed())
    byhand.assert_outputs(pipe(mixed(), requested={"energy", "forces", "stress"}), expected, rtol=1e-6, atol=2e-8)


@pytest.mark.parametrize("names", [{"forces"}, {"energy", "forces"}])
def test_batch_charges_that_are_trained_must_be_reached(names):
    """In training, a loss on forces at fixed charges of the batch would not reach these charges."""
    batch = batch_of(salt())
    charges = torch.tensor([0.3, -0.1], dtype=torch.float64, requires_grad=True)
    batch = batch.with_fields(charges=charges)
    graph = pipeline(autograd(Coulomb(), Gaussians())).train()
    assert graph(batch, requested=names)["forces"].requires_grad
    for model in (HybridCoulomb(), ChargeKernel()):
        with pytest.raises(CutGradientError, match="charges"):
            pipeline(autograd(model, Gaussians())).train()(batch, requested=names)
        assert pipeline(autograd(model, Gaussians()))(batch, requested=names).keys() == names
