"""Would seeds of one experiment train faster as one batch of networks? A step on the points, stacked and one by one.

    python benchmarks/stacked_seeds.py

`stacked` holds the weights of all seeds in one tensor per layer (torch.func.stack_module_state) and maps the loss over
them (torch.func.vmap), whatever the network; `by hand` multiplies such weights in batches, as somebody would write it
for this network alone; `one by one` trains the same networks in turn. All take gradients by torch.autograd.grad and
update with Adam's fused kernel, on one thread. They take turns; the table has the shortest of each.
"""

import argparse
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional as F

from dlcourse.classifier.data.points import Points, ThreeColors
from dlcourse.classifier.networks import MLP

STEPS = 10  # per turn


def update(optimizer: torch.optim.Optimizer, parameters: Sequence[Tensor], loss: Tensor) -> None:
    gradients = torch.autograd.grad(loss, parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()


def one_by_one(networks: list[nn.Module], inputs: Tensor, labels: Tensor) -> Callable[[], None]:
    """A step of each network."""
    parameters = [list(network.parameters()) for network in networks]
    optimizers = [torch.optim.Adam(own, fused=True) for own in parameters]

    def step() -> None:
        for index, network in enumerate(networks):
            update(optimizers[index], parameters[index], F.cross_entropy(network(inputs[index]), labels[index]))

    return step


def stacked(networks: list[nn.Module], inputs: Tensor, labels: Tensor) -> Callable[[], None]:
    """A step of all networks at once."""
    parameters, buffers = stack_module_state(networks)
    optimizer = torch.optim.Adam(parameters.values(), fused=True)

    def loss(own: dict[str, Tensor], more: dict[str, Tensor], inputs: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(functional_call(networks[0], (own, more), (inputs,)), labels)

    losses = vmap(loss)
    return lambda: update(optimizer, list(parameters.values()), losses(parameters, buffers, inputs, labels).sum())


def by_hand(networks: list[nn.Module], inputs: Tensor, labels: Tensor) -> Callable[[], None]:
    """A step of all networks at once, with the layers of this network written out."""
    parameters, _ = stack_module_state(networks)
    values = list(parameters.values())  # a weight (seeds, out, in) and a bias (seeds, out) for each layer
    optimizer = torch.optim.Adam(values, fused=True)

    def step() -> None:
        outputs = inputs
        for weight, bias in zip(values[::2], values[1::2], strict=True):
            outputs = torch.relu(outputs) if weight is not values[0] else outputs
            outputs = torch.baddbmm(bias[:, None], outputs, weight.mT)
        loss = F.cross_entropy(outputs.flatten(0, 1), labels.flatten()) * len(networks)
        update(optimizer, values, loss)

    return step


def milliseconds(step: Callable[[], None]) -> float:
    start = time.perf_counter()
    for _ in range(STEPS):
        step()
    return (time.perf_counter() - start) / STEPS * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description="Seeds as one batch of networks, and one by one.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 10])
    parser.add_argument("--rounds", type=int, default=50)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for count in arguments.seeds:
        sets = [Points(ThreeColors(), 400, 1000, 4000, 0.0, seed).train for seed in range(count)]
        inputs, labels = (torch.stack(arrays) for arrays in zip(*sets, strict=True))
        networks: list[nn.Module] = [MLP((2,), 3, [10, 10], "relu", "he", 0.01, 0.0, "none") for _ in range(count)]
        makes = one_by_one, stacked, by_hand
        works = [make(networks, inputs, labels) for make in makes]
        turns = [[milliseconds(work) for work in works] for _ in range(arguments.rounds)]
        best = [min(turn[index] for turn in turns) for index in range(len(makes))]
        named = zip(("one by one", "stacked", "by hand"), best, strict=True)
        print(f"{count:3} seeds:", ", ".join(f"{name} {time:.2f} ms ({time / best[0]:.2f})" for name, time in named))


if __name__ == "__main__":
    main()
