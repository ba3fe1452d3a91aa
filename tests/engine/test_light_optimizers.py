import pytest
import torch
from omegaconf import OmegaConf

from dlcourse.cli.compose import compose_config
from dlcourse.engine.build import build
from dlcourse.engine.optimization import Descent
from dlcourse.engine.schedules import Constant


@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.AdamW])
@pytest.mark.parametrize("options", [{}, {"amsgrad": True}, {"maximize": True, "betas": (0.5, 0.9), "eps": 1e-3}])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_fused_adam_equals_torchs_to_the_last_bit(optimizer, options, decay):
    generator = torch.Generator().manual_seed(0)
    ours = [torch.randn(shape, generator=generator).requires_grad_() for shape in [(3, 4), (4,), (2, 3, 3)]]
    torchs = [parameter.detach().clone().requires_grad_() for parameter in ours]
    make_optimizer = lambda parameters: optimizer(parameters, weight_decay=decay, fused=True, **options)
    descent, bare = Descent(ours, make_optimizer, Constant()), make_optimizer([torchs[0], torchs[2]])
    bare.add_param_group({"params": [torchs[1]], "weight_decay": 0.0})  # vectors are exempt
    loss = lambda parts: sum(part.sin().sum() * part.square().mean() for part in parts)
    for number in range(2, 12):
        used = slice(0, 1 + number % 3)  # a parameter may come late, and be left out again
        descent.step(lambda used=used: {"loss": loss(ours[used])})
        bare.zero_grad()
        loss(torchs[used]).backward()
        bare.step()
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(ours, torchs, strict=True))
    kept = bare.state[torchs[0]]
    assert all(torch.equal(descent.optimizer.state[ours[0]][name], value) for name, value in kept.items())


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam", "adamw"])
def test_a_parameter_may_get_its_first_gradient_late(optimizer):
    make_optimizer = build(OmegaConf.to_container(compose_config("train", [f"optimizer={optimizer}"]).optimizer))
    parts = [torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)]
    descent = Descent(parts, make_optimizer, Constant())
    with torch.no_grad():  # which a caller may have set
        for count in (1, 2, 1, 2):
            descent.step(lambda used=parts[:count]: {"loss": sum(part.square().sum() for part in used)})
    assert all(part.abs().max() < 1 for part in parts)
