"""Forces, stress and Hessians are derivatives of the energy."""

import copy

import numpy as np
import pytest
import torch
from ase import Atoms

from alchemi_core import (
    BaseModelMixin,
    Batch,
    ModelConfig,
    NeighborConfig,
    OnGraph,
    PipelineGroup,
    PipelineModelWrapper,
    pair_vectors,
)
from alchemi_core.derivatives.finite_difference import FiniteDifference

WANTED = frozenset({"energy", "forces", "stress"})
KINDS = ["scaled", "zbl", "non-linear"]


def richardson(coarse, fine):
    """Combine central differences with steps h and h / 2: the error is then of fourth order."""
    return (4 * fine - coarse) / 3


def relative(value, reference):
    keep = ~torch.isnan(reference)
    return float((value - reference)[keep].abs().max() / reference[keep].abs().max())


@pytest.fixture
def batch(structures):
    names = ("skewed diamond", "molecule", "outside its cell", "left-handed cell", "slab")
    return Batch.from_ase([structures[name] for name in names])


@pytest.mark.parametrize("kind", KINDS)
def test_forces_and_stress(make, batch, pipeline, kind):
    model = make(kind)
    out = pipeline(model)(batch, {"forces", "stress"})
    coarse, fine = (pipeline(model, FiniteDifference(step))(batch, {"forces", "stress"}) for step in (2e-3, 1e-3))
    for name in ("forces", "stress"):
        assert relative(out[name], richardson(coarse[name], fine[name])) < 1e-7, name


def test_the_same_in_training(model, batch, pipeline):
    """There the first derivatives can be differentiated again."""
    expected = pipeline(model)(batch, {"forces", "stress"})
    found = pipeline(copy.deepcopy(model)).train()(batch, {"forces", "stress"})
    for name in ("forces", "stress"):
        assert found[name].requires_grad
        assert relative(found[name].detach(), expected[name]) < 1e-11, name


def loss(model, batch, pipeline):
    """Of forces and stress of the first system, on the graph."""
    out = pipeline(model).train()(batch, {"forces", "stress"})
    return out["forces"].square().sum() + 10 * out["stress"][0].square().sum()


@pytest.mark.parametrize(
    "name",
    [
        "network.interactions.0.conv_tp_weights.layer1.weight",
        "network.interactions.1.linear.weight",
        "network.products.0.symmetric_contractions.contractions.1.weights_max",
        "network.products.1.symmetric_contractions.contractions.0.weights.0",
    ],
)
def test_training_on_forces_reaches_weights(model, batch, pipeline, name):
    model = copy.deepcopy(model)
    weight = model.get_parameter(name)
    loss(model, batch, pipeline).backward()
    place = int(weight.grad.abs().argmax())
    assert float(weight.grad.abs().max()) > 0

    def difference(step):
        values = []
        for change in (step, -2 * step, step):
            with torch.no_grad():
                weight.view(-1)[place] += change
            values.append(loss(model, batch, pipeline).item())
        return (values[0] - values[1]) / (2 * step)

    assert float(weight.grad.view(-1)[place]) == pytest.approx(richardson(difference(2e-3), difference(1e-3)), rel=1e-6)


def test_hessian(model, structures, pipeline, theirs):
    """One system's, by double backward, against that of mace-torch's calculator."""
    atoms = structures["molecule"]
    pipe = pipeline(copy.deepcopy(model)).train()
    positions = torch.tensor(atoms.positions, requires_grad=True)
    forces = pipe(Batch.from_ase(atoms).with_fields(positions=positions), {"forces"})["forces"]
    rows = [torch.autograd.grad(-one, positions, retain_graph=True)[0].flatten() for one in forces.flatten()]
    expected = torch.as_tensor(theirs().get_hessian(atoms)).reshape(9, 9)
    assert relative(torch.stack(rows), expected) < 1e-10


class Springs(BaseModelMixin):
    """E = Σ_i ½ k Σ_j (|d| − 2)², of pairs within 3 Å."""

    def __init__(self):
        self.model_config = ModelConfig(
            name="springs",
            outputs={"energy": OnGraph({"positions", "cell"})},
            supports_pbc=True,
            neighbor_config=NeighborConfig(3.0),
        )

    def compute(self, view, requested):
        i = view.neighbors.neighbor_list[:, 0].long()
        d = pair_vectors(view.positions, view.cell, view.neighbors, view.batch_idx).norm(dim=1)
        pair = 0.25 * (d - 2.0) ** 2 * (3.0 - d) ** 2
        return {"energy": d.new_zeros(view.num_systems).index_add(0, view.batch_idx[i], pair).unsqueeze(1)}


def test_in_one_group_with_another_model(model, batch, pipeline):
    together = PipelineModelWrapper(groups=[PipelineGroup([model, Springs()], use_autograd=True)])
    out, first, second = (pipe(batch, WANTED) for pipe in (together, pipeline(model), pipeline(Springs())))
    for name in WANTED:
        assert relative(out[name], first[name] + second[name]) < 1e-12, name


def test_under_no_grad_and_inference_mode(model, batch, pipeline):
    expected = pipeline(model)(batch, WANTED)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            out = pipeline(model)(batch, WANTED)
        for name in WANTED:
            assert relative(out[name], expected[name]) < 1e-12, name
            assert not out[name].requires_grad


def test_nothing_of_the_caller_is_changed(model, batch, pipeline):
    tensors = {name: getattr(batch, name) for name in ("positions", "cell", "pbc", "atomic_numbers", "batch_idx")}
    before = {name: one.clone() for name, one in tensors.items()}
    state = {name: one.clone() for name, one in model.state_dict().items()}
    pipeline(model)(batch, WANTED)
    for name, one in tensors.items():
        assert torch.equal(one, before[name])
        assert not one.requires_grad
    assert all(torch.equal(one, state[name]) for name, one in model.state_dict().items())
    assert all(one.grad is None for one in model.parameters())


def test_leaves_of_the_caller(model, structures, pipeline):
    """In training a caller may differentiate through positions of its own."""
    atoms = structures["molecule"]
    pipe = pipeline(copy.deepcopy(model)).train()
    positions = torch.tensor(atoms.positions, requires_grad=True)
    out = pipe(Batch.from_ase(atoms).with_fields(positions=positions), {"energy", "forces"})
    (gradient,) = torch.autograd.grad(out["energy"].sum(), positions)
    assert positions.is_leaf
    torch.testing.assert_close(-gradient, out["forces"].detach(), rtol=1e-12, atol=1e-12)


def test_energy_alone_reaches_weights(make, batch, pipeline):
    """All but those that mace makes and does not use."""
    model = copy.deepcopy(make("default head"))
    pipeline(model).train()(batch, {"energy"})["energy"].sum().backward()
    used = [name for name, one in model.named_parameters() if one.grad is not None]
    assert any("interactions.0.conv_tp_weights" in name for name in used)
    assert any("products.1.symmetric_contractions" in name for name in used)
    assert any("readouts.1" in name for name in used)


def test_rotation_turns_forces_and_stress(model, structures, pipeline):
    atoms = structures["left-handed cell"]
    turned: Atoms = atoms.copy()
    turned.rotate(40, (1, 2, 3), rotate_cell=True)
    matrix = np.linalg.solve(atoms.cell.array, turned.cell.array)
    one, other = (pipeline(model)(Batch.from_ase(each), WANTED) for each in (atoms, turned))
    np.testing.assert_allclose(other["energy"], one["energy"], rtol=1e-11)
    np.testing.assert_allclose(other["forces"], one["forces"].numpy() @ matrix, atol=1e-11)
    np.testing.assert_allclose(other["stress"][0], matrix.T @ one["stress"][0].numpy() @ matrix, atol=1e-11)
