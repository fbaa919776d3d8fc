"""Each exchanged convolution gives what sevenn's own module gives; others are left alone."""

import contextlib
import copy

import pytest
import torch
from alchemi_sevennet.convolution import BlockedConvolution
from alchemi_sevennet.network import OneHot, load_network
from alchemi_sevennet.upstream import SevenNetCheckpoint, TensorProduct, wigner_3j

NAMES = ("7net-0", "7net-l3i5")


@pytest.fixture(scope="module", params=NAMES)
def layers(request):
    """Convolutions as sevenn builds them, in float64."""
    from sevenn.util import pretrained_name_to_path

    model = SevenNetCheckpoint(pretrained_name_to_path(request.param)).build_model().double()
    return {name: layer for name, layer in model.named_children() if name.endswith("_convolution")}


def random_data(layer):
    made = torch.Generator().manual_seed(2)
    product = layer.convolution
    atoms, pairs = 5, 30
    sizes = {
        layer.key_x: (atoms, product.irreps_in1.dim),
        layer.key_filter: (pairs, product.irreps_in2.dim),
        layer.key_weight_input: (pairs, layer.weight_nn.hs[0]),
    }
    data = {key: torch.randn(size, generator=made, dtype=torch.float64) for key, size in sizes.items()}
    weights = torch.randn(atoms, product.irreps_out.dim, generator=made, dtype=torch.float64)
    return {**data, layer.key_edge_idx: torch.randint(atoms, (2, pairs), generator=made)}, weights


def values_and_gradients(layer, data, keys, weights):
    leaves = [data[key].detach().requires_grad_() for key in keys]
    parameters = list(layer.weight_nn.parameters())
    out = layer({**data, **dict(zip(keys, leaves, strict=True))})[keys[0]]
    return [out.detach(), *torch.autograd.grad((out * weights).sum(), leaves + parameters)]


def couplings(layer):
    """The coupling coefficients of a layer with their degrees, in as many digits as files have."""
    named = [(*name.rpartition("_w3j_")[1:], buffer) for name, buffer in layer.convolution.named_buffers()]
    return [([int(one) for one in degrees.split("_")], buffer) for found, degrees, buffer in named if found]


@contextlib.contextmanager
def times(factor, layer):
    """Give couplings another factor for a while. A copy of the layer would be rounded differently throughout."""
    before = [(buffer, buffer.clone()) for _, buffer in couplings(layer)]
    for buffer, value in before:
        buffer.copy_(factor * value.float())
    yield
    for buffer, value in before:
        buffer.copy_(value)


def in_float64(layer):
    """Give couplings all digits, and leave their signs."""
    for degrees, buffer in couplings(layer):
        exact = wigner_3j(*degrees, dtype=torch.float64)
        buffer.copy_(exact * (buffer * exact).sum().sign())


def compare(replaced, layer):
    data, weights = random_data(layer)
    keys = (layer.key_x, layer.key_filter, layer.key_weight_input)
    expected = values_and_gradients(layer, data, keys, weights)
    found = values_and_gradients(replaced, data, keys, weights)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10 * float(other.abs().max()))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_same_numbers_as_the_layer_replaced(layers, sign):
    """With couplings in all digits of float64, of the signs that they have in the file."""
    assert len(layers) == 5
    for layer in layers.values():
        assert BlockedConvolution.replaces(layer)
        with times(sign, layer):
            replaced = BlockedConvolution(layer)
            in_float64(layer)
            compare(replaced, layer)


def test_other_couplings_are_taken_as_they_are(layers):
    layer = layers["1_convolution"]
    with times(0.5, layer):
        compare(BlockedConvolution(layer), layer)


def test_parameters_are_the_same_ones(layers):
    layer = layers["1_convolution"]
    parameters = dict(BlockedConvolution(layer).named_parameters())
    assert parameters.keys() == dict(layer.named_parameters()).keys()
    assert all(parameters[name] is one for name, one in layer.named_parameters())


def no_convolution(layer):
    return torch.nn.Identity()


def subclass(layer):
    layer.__class__ = type("Special", (type(layer),), {})
    return layer


def parallel(layer):
    layer.is_parallel = True
    return layer


def other_product(layer):
    layer.convolution = torch.nn.Identity()
    return layer


def fully_connected(layer):
    layer.convolution = TensorProduct("2x0e", "1x0e", "2x0e", [(0, 0, 0, "uvw", True)], shared_weights=False)
    return layer


def shared_target(layer):
    paths = [(0, 0, 0, "uvu", True), (1, 0, 0, "uvu", True)]
    layer.convolution = TensorProduct("2x0e + 2x0e", "1x0e", "2x0e", paths, shared_weights=False)
    return layer


def several_harmonics(layer):
    layer.convolution = TensorProduct("2x0e", "3x0e", "2x0e", [(0, 0, 0, "uvu", True)], shared_weights=False)
    return layer


def nonlinear_weights(layer):
    list(layer.weight_nn.children())[-1].act = torch.nn.Tanh()
    return layer


@pytest.mark.parametrize(
    "change",
    [
        no_convolution,
        subclass,
        parallel,
        other_product,
        fully_connected,
        shared_target,
        several_harmonics,
        nonlinear_weights,
    ],
)
def test_others_are_not_replaced(layers, change):
    assert not BlockedConvolution.replaces(change(copy.deepcopy(layers["1_convolution"])))


def test_network_with_convolutions_left_as_they_are(monkeypatch, model, structures, pipeline, shipped):
    """What `replaces` declines stays in the network, which then gives the same."""
    from alchemi_core import Batch

    kept = copy.deepcopy(model)
    monkeypatch.setattr(BlockedConvolution, "replaces", staticmethod(lambda layer: False))
    kept.network = load_network(shipped("7net-0")).network
    kinds = [type(layer).__name__ for layer in kept.network.layers.values()]
    assert kinds.count("IrrepsConvolution") == 5
    assert "BlockedConvolution" not in kinds
    for name, layer in kept.double().network.layers.items():
        if name.endswith("_convolution"):
            in_float64(layer)
    batch = Batch.from_ase([structures["perovskite"], structures["molecule"]])
    # Not copied after it was built: a copy of an e3nn product has coefficients of its own, rounded to float32.
    one, other = (pipeline(each)(batch, {"energy", "forces"}) for each in (kept, copy.deepcopy(model).double()))
    torch.testing.assert_close(one["energy"], other["energy"], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(one["forces"], other["forces"], rtol=1e-11, atol=1e-11)


def test_all_convolutions_of_a_shipped_model_are_exchanged(model):
    kinds = [type(layer) for name, layer in model.network.layers.items() if name.endswith("_convolution")]
    assert kinds == [BlockedConvolution] * 5
    assert isinstance(model.network.layers["onehot_idx_to_onehot"], OneHot)
