import math

import pytest
import torch
from torch import nn

from dlcourse.classifier.networks import MLP, Normalize
from dlcourse.classifier.task import eval_mode
from dlcourse.nn.cnn import CNN

VALUES = {"hidden": [5], "activation": "relu", "init": "he", "init_std": 0.01, "dropout": 0.0, "norm": "none"}


def mlp(num_inputs=2, num_classes=3, **changes):
    return MLP((num_inputs,), num_classes, **(VALUES | changes))


def test_zero_weights_give_ln_c():
    logits = mlp(init="zeros")(torch.randn(8, 2))
    loss = nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]))
    assert loss.item() == pytest.approx(math.log(3), abs=1e-6)


@pytest.mark.parametrize(
    ("init", "variance"),
    [("he", 2 / 400), ("xavier", 2 / 900), ("zeros", 0.0), ("normal", 0.04), ("default", 1 / 1200)],
)
def test_weight_variance(init, variance):
    layer = mlp(400, hidden=[500], init=init, init_std=0.2).layers[0]
    assert layer.weight.var().item() == pytest.approx(variance, rel=0.02)
    assert layer.bias.any() == (init == "default")


def test_orthogonal_init_keeps_lengths():
    weight = mlp(64, hidden=[64], init="orthogonal").layers[0].weight
    assert torch.allclose(weight @ weight.T, torch.eye(64), atol=1e-5)


def test_no_hidden_layer_is_logistic_regression():
    model = mlp(4, 2, hidden=[], init="default")
    x = torch.randn(6, 4)
    difference = model.layers[0].weight[1] - model.layers[0].weight[0]
    shift = model.layers[0].bias[1] - model.layers[0].bias[0]
    assert len(model.layers) == 1
    assert torch.allclose(model(x).softmax(1)[:, 1], torch.sigmoid(x @ difference + shift), atol=1e-6)


def test_dropout_keeps_the_mean_is_off_in_evaluation_and_may_differ_by_layer():
    model = mlp(4, 1, hidden=[2000], dropout=0.5)
    x = torch.randn(1, 4)
    with eval_mode(model):
        assert torch.equal(model(x), model(x))
        exact = model.layers[:2](x)
    assert model.training
    mean = torch.stack([model.layers[:3](x) for _ in range(400)]).mean(0)
    assert torch.allclose(mean.mean(), exact.mean(), rtol=0.02)
    shares = [
        layer.p for layer in mlp(hidden=[4, 4, 4], dropout=[0.5, 0.0, 0.2]).layers if isinstance(layer, nn.Dropout)
    ]
    assert shares == [0.5, 0.2]


def test_norms_normalize_what_the_activation_sees_and_take_over_the_bias():
    x = torch.randn(500, 3) * 7 + 3
    for norm, dim in (("batch", 0), ("layer", 1)):
        model = mlp(3, 2, hidden=[64], norm=norm)
        z = model.layers[:2](x)
        assert model.layers[0].bias is None
        assert torch.allclose(z.mean(dim), torch.zeros(z.shape[1 - dim]), atol=1e-5)
        assert torch.allclose(z.std(dim, unbiased=False), torch.ones(z.shape[1 - dim]), atol=1e-2)


def test_batch_norm_backward_equals_the_formula():
    norm = nn.BatchNorm1d(5).double()
    z = torch.randn(12, 5, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(12, 5, dtype=torch.float64)
    (grad,) = torch.autograd.grad(norm(z), z, upstream)
    std = (z.var(0, unbiased=False) + norm.eps).sqrt()
    hat = (z - z.mean(0)) / std
    m = len(z)
    expected = norm.weight / (m * std) * (m * upstream - upstream.sum(0) - hat * (upstream * hat).sum(0))
    assert torch.allclose(grad, expected, atol=1e-10)


@pytest.mark.parametrize("kind", ["standard", "minmax", "none"])
def test_normalize_uses_the_training_statistics_per_feature_or_channel(kind):
    for inputs in (
        torch.randn(1300, 3) * torch.tensor([1.0, 10.0, 0.0]) + 5,
        torch.randint(0, 256, (700, 3, 4, 4), dtype=torch.uint8),
    ):
        values = inputs.float() / 255 if inputs.dtype == torch.uint8 else inputs
        dims = [0] if inputs.ndim == 2 else [0, 2, 3]
        normalized = Normalize(inputs, kind)(inputs)
        low, high = normalized.amin(dims), normalized.amax(dims)
        varies = values.amax(dims) > values.amin(dims)
        if kind == "standard":
            assert torch.allclose(normalized.mean(dims), torch.zeros(3), atol=1e-4)
            assert torch.allclose(normalized.std(dims, unbiased=False), varies.float(), atol=1e-4)
        elif kind == "minmax":
            assert torch.allclose(low, torch.zeros(3), atol=1e-5) and torch.allclose(high, varies.float(), atol=1e-5)
        else:
            assert torch.equal(normalized, values)
    assert set(Normalize(inputs, kind).state_dict()) == {"offset", "factor"}


def test_cnn_shapes_and_parameters():
    model = CNN((3, 32, 32), 2, [16, 32, 64])
    assert model(torch.randn(5, 3, 32, 32)).shape == (5, 2)
    assert sum(p.numel() for p in model.parameters()) == 3 * 16 * 9 + 16 * 32 * 9 + 32 * 64 * 9 + 2 * 112 + 64 * 2 + 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mlp(hidden=[0]), "hidden must hold widths of at least 1"),
        (lambda: mlp(activation="swish"), "activation must be one of sigmoid, tanh, relu, leaky_relu, got 'swish'"),
        (lambda: mlp(init="best"), "init must be one of .*normal, default, got 'best'"),
        (lambda: mlp(norm="group"), "norm must be one of none, batch, layer, got 'group'"),
        (lambda: mlp(dropout=1.0), r"dropout must be in \[0, 1\), .* got 1.0"),
        (lambda: mlp(dropout=[0.5, 0.5]), "one for each of 1 layers"),
        (lambda: mlp(init_std=-1.0), "init_std must be at least 0, got -1"),
        (lambda: CNN((3, 4, 4), 2, [8, 8, 8]), "at least 8 pixels"),
        (lambda: CNN((2,), 2, [8]), r"got samples of shape \(2,\)"),
        (lambda: CNN((3, 8, 8), 2, []), "channels must hold at least one"),
        (lambda: Normalize(torch.zeros(3, 2), "zscore"), "normalize must be one of standard, minmax, none"),
    ],
)
def test_senseless_values_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
