import math

import pytest
import torch
from torch import nn

from dlcourse.stylegan.losses import logistic_discriminator_loss, logistic_generator_loss, r1_penalty
from dlcourse.stylegan.task import update_ema


def test_an_undecided_discriminator_costs_ln_2_each():
    zeros = torch.zeros(4, 1)
    assert logistic_generator_loss(zeros).item() == pytest.approx(math.log(2))
    assert logistic_discriminator_loss(zeros, zeros).item() == pytest.approx(2 * math.log(2))


def test_losses_are_the_logistic_ones():
    real, fake = torch.randn(6, 1, dtype=torch.float64), torch.randn(6, 1, dtype=torch.float64)
    expected = -torch.log(torch.sigmoid(real)).mean() - torch.log(1 - torch.sigmoid(fake)).mean()
    assert torch.allclose(logistic_discriminator_loss(real, fake), expected)
    assert torch.allclose(logistic_generator_loss(fake), -torch.log(torch.sigmoid(fake)).mean())


def test_r1_of_a_linear_discriminator_is_half_its_squared_norm():
    weight = torch.randn(3, 4, 4)
    reals = torch.randn(5, 3, 4, 4, requires_grad=True)
    scores = (reals * weight).sum((1, 2, 3))[:, None]
    assert torch.allclose(r1_penalty(reals, scores), 0.5 * weight.square().sum())


def test_r1_does_not_grow_with_the_batch_and_has_a_gradient():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(16, 1)).double()
    x = torch.randn(1, 3, 4, 4, dtype=torch.float64)

    def penalty(reals):
        reals = reals.clone().requires_grad_(True)
        return r1_penalty(reals, net(reals))

    assert torch.allclose(penalty(x), penalty(x.repeat(6, 1, 1, 1)))
    weight = net[0].weight
    (gradient,) = torch.autograd.grad(penalty(x), weight)
    with torch.no_grad():
        weight[0, 0, 0, 0] += 1e-5
        above = penalty_value = None
    above = penalty(x).item()
    with torch.no_grad():
        weight[0, 0, 0, 0] -= 2e-5
    below = penalty(x).item()
    assert penalty_value is None
    assert (above - below) / 2e-5 == pytest.approx(gradient[0, 0, 0, 0].item(), rel=1e-5)


def test_the_average_does_not_depend_on_the_batch_size():
    for batch_size in (1, 8, 50):
        average, model = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        nn.init.zeros_(average.weight)
        nn.init.ones_(model.weight)
        for _ in range(400 // batch_size):
            update_ema(average, model, batch_size, half_life=200)
        assert average.weight.item() == pytest.approx(1 - 0.5**2, abs=1e-5)


def test_buffers_are_copied_not_averaged():
    average, model = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    model(torch.randn(8, 2) + 5)
    update_ema(average, model, 1, half_life=10)
    assert torch.equal(average.running_mean, model.running_mean)
    assert average.num_batches_tracked == 1
