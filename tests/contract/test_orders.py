"""How often things are differentiated: energies, what they are fed, and what that is made of, in both modes."""

import pytest
from support.pipelines import autograd, pipeline
from support.strategies import FieldResponse, GraphBorn, GraphHessian, Polarizable, SampledBorn, SampledHessian
from support.structures import batch_of, salt
from support.toys import Charges, Coulomb, Doubling, Gaussians, with_config

from alchemi_core.contract import OnGraph
from alchemi_core.derivatives.leaves import with_leaves
from alchemi_core.errors import LostTermError
from alchemi_core.quantities import DerivativeOf

BORN, HESSIAN, FORCES = {"born_charges"}, {"hessian"}, {"forces"}


def gaussians(order):
    return with_config(Gaussians(), outputs={"energy": OnGraph(order=order)})


def chain(first=0, middle=0, last=0):
    """Charges q0, made into charges, read by an energy: each differentiable so often."""
    doubling = Doubling()
    doubling = with_config(doubling, outputs={"charges": OnGraph(("positions", "cell", "q0"), order=middle)})
    coulomb = with_config(Coulomb(), outputs={"energy": OnGraph(("positions", "cell", "charges"), order=last)})
    return Charges("q0", kind=OnGraph(order=first)), doubling, coulomb


def planned(steps, strategy, names, training):
    return pipeline(autograd(*steps, derivative_fn=strategy)).plan_for(names, differentiable=training)


CASES = [
    (GraphHessian(), HESSIAN, 2),
    (GraphHessian(), FORCES, 1),
    (None, FORCES, 1),
    (SampledHessian(), HESSIAN, 1),
    (SampledHessian(), FORCES, 1),
]


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("strategy", "names", "needed"), CASES)
def test_an_energy(strategy, names, needed, order, training):
    if order >= needed + training:
        assert planned([gaussians(order)], strategy, names, training).outputs
        return
    with pytest.raises(LostTermError, match=rf"(?s)step 0 \(gaussians\).*energy.*order {needed + training}"):
        planned([gaussians(order)], strategy, names, training)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize(("strategy", "names", "needed"), CASES)
def test_every_link_of_a_chain(strategy, names, needed, order, place, training):
    """A charge two steps away from the energy is differentiated as often as the energy is."""
    steps = chain(**{place: order})
    if order >= needed + training:
        assert planned(steps, strategy, names, training).outputs
        return
    label = {"first": "charge-model", "middle": "doubling", "last": "coulomb"}[place]
    with pytest.raises(LostTermError, match=label):
        planned(steps, strategy, names, training)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("place", ["first", "middle"])
@pytest.mark.parametrize("order", [1, 2])
def test_what_a_strategy_reads_beside_the_energy(order, place, training):
    steps = chain(**{place: order})[:2]
    if order >= 1 + training:
        assert planned(steps, GraphBorn(), BORN, training).outputs
    else:
        with pytest.raises(LostTermError, match="charge-model" if place == "first" else "doubling"):
            planned(steps, GraphBorn(), BORN, training)
    assert planned(steps, SampledBorn(), BORN, False).outputs


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize(("name", "needed"), [("induced_dipole", 1), ("polarizability", 2)])
def test_a_derivative_by_a_field(name, needed, order, training):
    steps = [Polarizable(order=order), Gaussians()]
    if order >= needed + training:
        assert planned(steps, FieldResponse(), {name}, training).outputs
        return
    with pytest.raises(LostTermError, match="polarizable"):
        planned(steps, FieldResponse(), {name}, training)


class Curves:
    """A second derivative of the charges, and forces."""

    name = "curves"
    serves = {"curvature_of_charges": DerivativeOf("charges", order=2), "forces": DerivativeOf()}  # noqa: RUF012

    def prepare(self, state):
        data = with_leaves(state)
        return data, data

    def finish(self, energy, tape, requested, values=None):
        raise AssertionError("only planned")


def test_what_is_taken_of_charges_asks_nothing_of_the_energy():
    """The energy is differentiated once for its forces, however often the charges are for something else."""
    names = {"forces", "curvature_of_charges"}
    assert planned([Charges(), gaussians(1)], Curves(), names, False).outputs
    with pytest.raises(LostTermError, match="charge-model"):
        planned([Charges(kind=OnGraph(order=1)), gaussians(1)], Curves(), names, False)


def test_the_refusal_says_what_would_be_lost_and_what_helps():
    pipe = pipeline(autograd(gaussians(1), derivative_fn=GraphHessian()))
    with pytest.raises(LostTermError) as caught:
        pipe(batch_of(salt()), requested=HESSIAN)
    assert "once only" in caught.value.found
    assert "differences" in caught.value.fix
