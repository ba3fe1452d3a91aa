import math

import pytest
import torch
from torch.nn import functional as F

from conftest import compose
from dlcourse.classifier.early_stopping import EarlyStopping
from dlcourse.classifier.task import activations, confusion_matrix
from dlcourse.engine.build import build


def make_task(*overrides):
    torch.manual_seed(0)
    task = build(compose(*overrides)["task"], "task")
    task.setup(torch.device("cpu"))
    return task


def test_softmax_of_the_course_and_its_gradient():
    assert torch.tensor([5.0, 2, -1, 3]).softmax(0).tolist() == pytest.approx([0.842, 0.042, 0.002, 0.114], abs=5e-4)
    assert torch.tensor([1000.0, 0.0]).softmax(0).tolist() == [1.0, 0.0]
    z = torch.randn(7, 4, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0, 1, 3, 2, 1, 0, 3])
    (grad,) = torch.autograd.grad(F.cross_entropy(z, y), z)
    one_hot = F.one_hot(y, 4)
    assert torch.equal(one_hot.argmax(1), y)
    assert torch.allclose(grad, (z.softmax(1) - one_hot) / 7, atol=1e-12)


def test_the_objective_adds_the_penalties_of_weights_but_not_of_biases():
    plain, penalized = make_task(), make_task("task.l2=0.3", "task.l1=0.2")
    inputs, labels = plain.train_set
    weights = [layer.weight.detach() for layer in penalized.model.network.layers if hasattr(layer, "weight")]
    l2 = 0.3 / 2 * sum(float(weight.square().sum()) for weight in weights)
    l1 = 0.2 * sum(float(weight.abs().sum()) for weight in weights)
    difference = penalized.losses(inputs, labels)["loss"] - plain.losses(inputs, labels)["loss"]
    assert difference.item() == pytest.approx(l2 + l1, rel=1e-5)


@pytest.mark.parametrize(("optimizer", "is_same"), [("sgd", True), ("adamw", False)])
def test_l2_equals_weight_decay_for_sgd_only(optimizer, is_same):
    l2 = make_task(f"optimizer={optimizer}", "optimizer.lr=0.01", "optimizer.weight_decay=0", "task.l2=0.1")
    decay = make_task(f"optimizer={optimizer}", "optimizer.lr=0.01", "optimizer.weight_decay=0.1")
    for task in (l2, decay):
        for _ in range(5):
            task.step()
    pairs = list(zip(l2.model.parameters(), decay.model.parameters(), strict=True))
    assert all(torch.allclose(a, b, atol=1e-7) for a, b in pairs) == is_same


@pytest.mark.long
def test_l1_sets_more_weights_to_zero_than_l2():
    def norm_and_small_share(override):
        task = make_task("experiment=regularization", override)
        for _ in range(400):
            task.step()
        weights = torch.cat([weight.detach().flatten() for weight in task.weights])
        return weights.square().sum().item(), (weights.abs() < 1e-3).float().mean().item()

    l1_norm, l1_share = norm_and_small_share("task.l1=1e-3")
    l2_norm, l2_share = norm_and_small_share("task.l2=1e-2")
    assert l1_norm > l2_norm and l1_share > 2 * l2_share, (l1_norm, l1_share, l2_norm, l2_share)


def test_a_prediction_does_not_depend_on_its_batch_and_evaluation_is_exact():
    task = make_task("model.norm=batch", "model.dropout=0.5")
    task.step()
    inputs, labels = task.dev_set
    together = task.logits(inputs).argmax(1)
    alone = torch.cat([task.logits(inputs[i : i + 1]).argmax(1) for i in range(50)])
    assert torch.equal(together[:50], alone)
    measured = task.evaluate()
    assert measured["dev/accuracy"].item() == pytest.approx((together == labels).float().mean().item())
    assert measured["dev/loss"].item() == pytest.approx(F.cross_entropy(task.logits(inputs), labels).item())
    assert task.model.training


def test_large_sets_are_measured_in_chunks():
    task = make_task("dataset.num_dev=2500")
    inputs, labels = task.dev_set
    with torch.no_grad():
        whole = F.cross_entropy(task.model(inputs), labels)
    assert task.measure(inputs, labels)["loss"].item() == pytest.approx(whole.item(), rel=1e-5)


def test_learning_rate_and_gradient_norm_are_those_of_the_last_update():
    task = make_task("scheduler=exponential", "scheduler.gamma=0.5", "optimizer=sgd", "optimizer.lr=0.2")
    for _ in range(3):
        loss = task.losses(*task.train_set)["loss"]
        gradients = torch.autograd.grad(loss, list(task.model.parameters()))
        task.step()
    measured = task.evaluate()
    assert measured["optimizer/lr"] == 0.05
    norm = math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients))
    assert float(measured["optimizer/gradient_norm"]) == pytest.approx(norm, rel=1e-5)


def test_every_epoch_is_reshuffled_and_the_last_batch_is_short():
    task = make_task("task.batch_size=150", "task.max_epochs=2")
    sizes = []
    while not task.is_finished():
        before = task.batches.samples_seen
        task.step()
        sizes.append(task.batches.samples_seen - before)
    assert sizes == [150, 150, 100] * 2
    assert not torch.equal(task.batches.permutation(0).clone(), task.batches.permutation(1))


def test_early_stopping_ends_and_restores_the_best_weights():
    task = make_task("experiment=regularization", "task.patience=3")
    best, steps = (math.inf, None), 0
    while not task.is_finished() and steps < 2000:
        task.step()
        steps += 1
        if steps % 20 == 0:
            loss = float(task.evaluate()["dev/loss"])
            if loss < best[0]:
                best = loss, {name: value.clone() for name, value in task.model.state_dict().items()}
    assert steps < 2000
    final = task.finalize()
    assert float(final["dev/loss"]) == pytest.approx(best[0])
    assert all(torch.equal(value, best[1][name]) for name, value in task.model.state_dict().items())
    assert "test/accuracy" in final


def test_images_say_step_and_accuracies_and_whose_weights_they_show(monkeypatch):
    headings = []
    said = lambda heading, image, *_: headings.append(heading) or image
    monkeypatch.setattr("dlcourse.classifier.task.under", said)
    task = make_task("experiment=points", "task.patience=2", "runner.num_threads=1")
    task.step()
    task.evaluate()
    task.visualize()
    train, dev = (float(task.measure(*arrays)["accuracy"]) for arrays in (task.train_set, task.dev_set))
    accuracies = f"accuracy {train:.3f} on train, {dev:.3f} on dev"
    assert set(headings) == {f"Step 1: weights of the lowest dev loss, {accuracies}"}
    task.step()
    task.visualize()
    assert headings[-1].startswith("Step 2: accuracy ")
    task.finalize()
    task.visualize()
    assert headings[-1] == f"Step 2: weights of the lowest dev loss, {accuracies}"


def test_without_patience_nothing_is_kept_and_nothing_ends():
    stopping = EarlyStopping(None, torch.nn.Linear(1, 1))
    for loss in (1.0, 2.0, 3.0):
        stopping.observe(loss)
    assert not stopping.is_over() and stopping.weights == {}


def test_the_best_weights_of_another_network_are_refused_when_they_are_read():
    stopping = EarlyStopping(1, torch.nn.Linear(1, 1))
    with pytest.raises(RuntimeError, match="Missing key"):
        stopping.load_state_dict({"best": 0.0, "misses": 0, "weights": {"a": 1}})


def test_confusion_matrix_counts_rows_true_columns_predicted():
    labels, predicted = torch.tensor([0, 0, 1, 2, 2, 2]), torch.tensor([0, 1, 1, 0, 2, 2])
    assert confusion_matrix(labels, predicted, 3).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]


def test_histograms_hold_activations_of_every_layer_and_gradients_of_every_parameter():
    task = make_task("model.dropout=0.5")
    task.step()
    found = task.histograms()
    names = {name for name, _ in task.model.named_parameters()}
    assert {tag.removeprefix("gradients/") for tag in found if tag.startswith("gradients/")} == names
    assert sum(tag.startswith("activations/") for tag in found) == 4
    inputs = task.dev_set[0]
    assert torch.equal(activations(task.model, inputs)["activations/logits"], task.logits(inputs))
    assert torch.equal(found["activations/into_network.layers.0"], task.model.normalize(inputs[:1024]))


def test_training_images_are_varied_and_dev_images_are_not():
    task = make_task(
        "dataset=face_attributes",
        "dataset.faces.num_images=64",
        "dataset.faces.resolution=8",
        "dataset.augment.flip=true",
    )
    seen = []
    task.model.normalize.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    task.step()
    task.measure(*task.dev_set)
    assert seen[0].dtype == torch.float32 and seen[1].dtype == torch.uint8
    assert torch.equal(seen[1], task.dev_set[0])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("task.l2=-1", "l2 must be at least 0, got -1"),
        ("task.l1=-1", "l1 must be at least 0, got -1"),
        ("task.patience=0", "patience must be at least 1, or null, got 0"),
        ("task.max_epochs=0", "max_epochs must be at least 1, or null, got 0"),
        ("task.normalize=zscore", "normalize must be one of standard, minmax, none, got 'zscore'"),
    ],
)
def test_senseless_values_are_named(override, message):
    from dlcourse.errors import UserError

    with pytest.raises(UserError, match=f"task.{message}"):
        build(compose(override)["task"], "task")


MEANS = {  # experiment and overrides -> (metric, lowest, highest) of the mean over seeds 0 to 4
    ("points",): {"test/accuracy": (0.977, 1), "test/loss": (0, 0.08), "dev/accuracy": (0.97, 1)},
    ("initialization",): {"test/accuracy": (0.955, 1)},
    ("initialization", "model.init=zeros"): {"test/accuracy": (0.5, 0.5)},
    ("initialization_deep",): {"test/accuracy": (0.95, 1)},
    ("initialization_deep", "model.init=default"): {"test/accuracy": (0, 0.60)},
    ("batchnorm",): {"test/accuracy": (0.90, 1)},
    ("batchnorm", "model.norm=none"): {"test/accuracy": (0, 0.70)},
    ("digits",): {"test/accuracy": (0.955, 1)},
    ("points_flower",): {"test/accuracy": (0.84, 1)},
}


def mean_over_seeds(*overrides):
    """The final metrics of the task that an experiment trains, by the runner's rules, without its record."""
    found = []
    for seed in range(5):
        config = compose(*overrides, f"seed={seed}")
        runner = config["runner"]
        torch.manual_seed(seed)
        task = build(config["task"], "task")
        task.setup(torch.device("cpu"))
        for step in range(1, runner["max_steps"] + 1):
            task.step()
            if step % runner["evaluate_every"] == 0:
                task.evaluate()
            if task.is_finished():
                break
        found.append({tag: float(value) for tag, value in task.finalize().items()})
    return {tag: sum(metrics[tag] for metrics in found) / 5 for tag in found[0]}


@pytest.mark.slow
@pytest.mark.parametrize("case", MEANS, ids=" ".join)
def test_the_course_reaches_its_numbers(case):
    experiment, *overrides = case
    means = mean_over_seeds(f"experiment={experiment}", *overrides)
    for tag, (lowest, highest) in MEANS[case].items():
        assert lowest <= means[tag] <= highest, (tag, means[tag])


@pytest.mark.slow
def test_regularization_helps_against_noisy_labels():
    none = mean_over_seeds("experiment=regularization")["test/accuracy"]
    for override in ("task.l2=1e-2", "model.dropout=0.5", "task.patience=15"):
        assert mean_over_seeds("experiment=regularization", override)["test/accuracy"] >= none + 0.03, override
