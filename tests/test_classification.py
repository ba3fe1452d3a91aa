import pytest
import torch

from conftest import compose
from dlcourse.build import build
from dlcourse.data import ColoredPoints
from dlcourse.data.points import three_classes
from dlcourse.models import MLP
from dlcourse.tasks.classification import eval_mode


def test_three_classes_share_the_square_equally():
    points = ColoredPoints(num_train=30_000, num_dev=10, num_test=10, seed=0)
    inputs, labels = points.train
    assert inputs.min() >= 0 and inputs.max() <= 1
    assert torch.allclose(labels.bincount() / len(labels), torch.full((3,), 1 / 3), atol=0.01)


def test_class_borders():
    x = torch.tensor([0.25] * 3)
    y = torch.tensor([0.51, 0.49, 0.06])  # sqrt = 0.5, square = 0.0625
    assert three_classes(torch.stack([x, y], 1)).tolist() == [0, 1, 2]


def test_sets_are_seeded_and_disjoint():
    first, again, other = (ColoredPoints(40, 30, 20, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first.train[0], again.train[0])
    assert not torch.equal(first.train[0], other.train[0])
    rows = torch.cat([first.train[0], first.dev[0], first.test[0]])
    assert len(rows) == 90 == len(rows.unique(dim=0))


def test_zero_weights_give_ln_c():
    model = MLP([2, 5, 3], "relu", "zeros", 0.0, False)
    loss = torch.nn.functional.cross_entropy(model(torch.randn(8, 2)), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1]))
    assert loss.item() == pytest.approx(torch.log(torch.tensor(3.0)).item(), abs=1e-6)


@pytest.mark.parametrize(("init", "variance"), [("he", 2 / 400), ("xavier", 2 / 900), ("zeros", 0.0)])
def test_weight_variance_and_zero_biases(init, variance):
    layer = MLP([400, 500, 3], "relu", init, 0.0, False).layers[0]
    assert layer.weight.var().item() == pytest.approx(variance, rel=0.02)
    assert not layer.bias.any()


def test_orthogonal_init_keeps_lengths():
    weight = MLP([64, 64, 3], "relu", "orthogonal", 0.0, False).layers[0].weight
    assert torch.allclose(weight @ weight.T, torch.eye(64), atol=1e-5)


def test_dropout_keeps_the_mean_and_is_off_in_evaluation():
    model = MLP([4, 2000, 1], "relu", "he", 0.5, False)
    x = torch.randn(1, 4)
    with eval_mode(model):
        assert torch.equal(model(x), model(x))
        exact = model.layers[:2](x)
    assert model.training
    mean = torch.stack([model.layers[:3](x) for _ in range(400)]).mean(0)
    assert torch.allclose(mean.mean(), exact.mean(), rtol=0.02)


def test_batch_norm_normalises_what_the_activation_sees():
    model = MLP([3, 6, 2], "relu", "he", 0.0, True)
    assert model.layers[0].bias is None
    z = model.layers[:2](torch.randn(500, 3) * 7 + 3)
    assert torch.allclose(z.mean(0), torch.zeros(6), atol=1e-5)
    assert torch.allclose(z.std(0, unbiased=False), torch.ones(6), atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": [3]}, "widths must hold at least"),
        ({"widths": [3, 0]}, "widths must hold at least"),
        ({"activation": "swish"}, "activation must be one of sigmoid, tanh, relu, leaky_relu, got 'swish'"),
        ({"init": "best"}, "init must be one of .*, got 'best'"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\), got 1.0"),
    ],
)
def test_senseless_values_are_named(changes, message):
    values = {"widths": [2, 3], "activation": "relu", "init": "he", "dropout": 0.0, "batch_norm": False}
    with pytest.raises(ValueError, match=message):
        MLP(**(values | changes))
    with pytest.raises(ValueError, match="num_dev must be at least 1, got 0"):
        ColoredPoints(4, 0, 4, seed=0)


def test_a_prediction_does_not_depend_on_its_batch_and_evaluation_is_exact():
    task = build(compose("model.batch_norm=true", "model.dropout=0.5")["task"], "task")
    task.setup(torch.device("cpu"))
    task.step()
    inputs, labels = task.dev_set
    together = task.predict(inputs)
    alone = torch.cat([task.predict(inputs[i : i + 1]) for i in range(50)])
    assert torch.equal(together[:50], alone)
    assert task.evaluate()["dev/accuracy"].item() == pytest.approx((together == labels).float().mean().item())
    assert task.model.training


def test_the_decision_map_shows_what_is_predicted():
    points = ColoredPoints(200, 5, 5, seed=0)
    right = points.visualize(three_classes)["decision_map"]
    wrong = points.visualize(lambda x: torch.zeros(len(x), dtype=torch.long))["decision_map"]
    assert right.shape == wrong.shape == (1, 3, 500, 600)
    assert right.min() >= 0 and right.max() <= 1
    colors = lambda image: len(image[0, :, 200:400, 100:500].flatten(1).T.unique(dim=0))
    assert (right - wrong).abs().mean() > 0.02
    assert colors(right) > 3


@pytest.mark.slow
def test_points_reach_97_percent_on_dev():
    accuracies = []
    for seed in range(5):
        config = compose(f"seed={seed}")
        torch.manual_seed(seed)
        task = build(config["task"], "task")
        task.setup(torch.device("cpu"))
        for _ in range(config["runner"]["max_steps"]):
            task.step()
        accuracies.append(task.evaluate()["dev/accuracy"].item())
    assert sum(accuracies) / 5 >= 0.97
