"""The sums over neighbors against the formula written out, and their derivatives against differences."""

import pytest
import torch
from alchemi_sevennet import edge_sums as module
from alchemi_sevennet.edge_sums import edge_sums, plain_edge_sums
from alchemi_sevennet.paths import SumShape

ATOMS, PAIRS, HARMONICS, HIDDEN, COUNT = 4, 17, 3, 2, 2


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "PAIRS_AT_A_TIME", 7)


@pytest.fixture(params=[1, 3], ids=["scalars", "vectors"])
def case(request):
    made = torch.Generator().manual_seed(1)
    shape = SumShape(request.param, COUNT, ((1, 2), (3, 1)))
    sizes = [
        (ATOMS, request.param, COUNT),
        (PAIRS, HARMONICS),
        (PAIRS, HIDDEN),
        (HIDDEN, shape.paths * COUNT),
        (HARMONICS, shape.rows * request.param),
    ]
    *inputs, table = (torch.randn(size, generator=made, dtype=torch.float64) for size in sizes)
    pairs = torch.randint(ATOMS, (2, PAIRS), generator=made)
    return [one.requires_grad_() for one in inputs], table, pairs, shape


def by_formula(inputs, table, pairs, shape):
    """The sum of the module's docstring, element by element."""
    x, y, h, v = inputs
    out = torch.zeros(ATOMS, shape.rows, COUNT, dtype=torch.float64)
    path_of_row = [0, 1, 2, 2, 2]  # two paths to a scalar, one to a vector
    couplings = table.view(HARMONICS, shape.rows, shape.components)
    for pair, (i, j) in enumerate(pairs.T.tolist()):
        weights = (h[pair] @ v).view(shape.paths, COUNT)
        for row, path in enumerate(path_of_row):
            for u in range(COUNT):
                out[i, row, u] += weights[path, u] * (y[pair] @ couplings[:, row] @ x[j, :, u])
    return out


def test_values(case):
    with torch.no_grad():
        expected = by_formula(*case)
        torch.testing.assert_close(edge_sums(*case[0], *case[1:]), expected, rtol=1e-12, atol=1e-12)
        torch.testing.assert_close(plain_edge_sums(tuple(case[0]), *case[1:]), expected, rtol=1e-12, atol=1e-12)


def test_first_derivatives(case):
    inputs, *rest = case
    assert torch.autograd.gradcheck(lambda *given: edge_sums(*given, *rest), inputs)


def test_second_derivatives(case):
    inputs, *rest = case
    assert torch.autograd.gradgradcheck(lambda *given: edge_sums(*given, *rest), inputs)


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (3,), (1, 2), (0, 3)])
def test_gradients_by_some_of_the_inputs(case, wanted):
    inputs, *rest = case
    given = [one.detach().requires_grad_(number in wanted) for number, one in enumerate(inputs)]
    chosen = [given[number] for number in wanted]
    weights = torch.linspace(-1, 1, ATOMS * rest[2].rows * COUNT, dtype=torch.float64).view(ATOMS, -1, COUNT)
    expected = torch.autograd.grad((by_formula(given, *rest) * weights).sum(), chosen)
    for create_graph in (False, True):
        found = torch.autograd.grad((edge_sums(*given, *rest) * weights).sum(), chosen, create_graph=create_graph)
        torch.testing.assert_close([one.detach() for one in found], list(expected), rtol=1e-12, atol=1e-12)


def test_features_that_depend_on_harmonics(case):
    """As in every layer but the first: what reaches the harmonics through the features must count once."""
    (x, y, h, v), table, pairs, shape = case

    def twice(*given, sums):
        x, y, h, v = given
        first = sums(x, y, h, v)
        again = first[:, : shape.components]
        return sums(torch.tanh(again), y, torch.sin(h) * y[:, :1], v).square().sum()

    def gradients(sums, create_graph):
        value = twice(x, y, h, v, sums=sums)
        return [one.detach() for one in torch.autograd.grad(value, (x, y, h, v), create_graph=create_graph)]

    expected = gradients(lambda *given: by_formula(given, table, pairs, shape), create_graph=False)
    for create_graph in (False, True):
        found = gradients(lambda *given: edge_sums(*given, table, pairs, shape), create_graph)
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    assert torch.autograd.gradgradcheck(
        lambda *given: twice(*given, sums=lambda *four: edge_sums(*four, table, pairs, shape)), (x, y, h, v)
    )


def test_no_pairs(case):
    (x, y, h, v), table, pairs, shape = case
    found = edge_sums(x, y[:0], h[:0], v, table, pairs[:, :0], shape)
    assert found.shape == (ATOMS, shape.rows, COUNT)
    assert not found.detach().any()
    gradients = torch.autograd.grad(found.sum(), (x, v))
    assert not any(gradient.any() for gradient in gradients)
