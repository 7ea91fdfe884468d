"""Training steps per CPU second of the LAE-1024 against a textbook loop: python benchmarks/training_lae.py

Both train the published nets (784-1024-1024-1024-8, mirrored, layer norm) on MNIST with the discretised
logistic likelihood, batch 100, T = 2, Metropolis–Hastings on, plain SGD, one CPU thread. The textbook
loop is Algorithm 2 as one writes it down: DataLoader and ToTensor, energy and gradient of both states in
every transition, the energy once more for the weights, `.item()` where a number is wanted, unfused SGD.
The two take turns in one process, so that a busy machine slows both; medians over the turns are printed.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from workbench.engine.data import load
from workbench.engine.data.order import Order
from workbench.engine.data.pictures import torchvision_datasets
from workbench.engine.models.lae import LAE
from workbench.engine.streams import Streams
from workbench.spec.models.lae import LAESettings
from workbench.spec.schema import DataSettings, TrainingSettings

BATCH, TRANSITIONS, ETA, LR = 100, 2, 1e-6, 1e-4


# ---- the textbook


def hidden(sizes: list[int]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.ReLU()]
    return layers


class TextbookLAE(nn.Module):
    """Nets, likelihood and energy of one Langevin autoencoder."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), *hidden([784, 1024, 1024, 1024]))
        self.decoder = nn.Sequential(*hidden([8, 1024, 1024, 1024]), nn.Linear(1024, 784))
        self.logit_tau = nn.Parameter(torch.zeros(()))
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.orthogonal_(layer.weight)
                nn.init.zeros_(layer.bias)
        self.chain = nn.init.orthogonal_(torch.empty(8, 1024))

    def energy(self, x: Tensor, h: Tensor, weight: Tensor) -> Tensor:
        z = functional.linear(h, weight)
        x = 2 * x.flatten(1) - 1
        inverse = functional.softplus(self.logit_tau).sqrt()
        centre = x - self.decoder(z)
        above = torch.where(x > 0.999, 1.0, torch.sigmoid((centre + 1 / 255) * inverse))
        below = torch.where(x < -0.999, 0.0, torch.sigmoid((centre - 1 / 255) * inverse))
        log_px = torch.log((above - below).clamp_min(1.19e-7)).sum(1)
        return (0.5 * z.square().sum(1) - log_px).sum()

    def energy_and_gradient(self, x: Tensor, h: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        weight = weight.detach().requires_grad_()
        energy = self.energy(x, h, weight)
        return energy.detach(), torch.autograd.grad(energy, weight)[0]


def textbook(folder: Path) -> Callable[[], float]:
    """Return a function that does one step and returns its loss."""
    torch.manual_seed(0)
    model = TextbookLAE()
    optimiser = torch.optim.SGD(model.parameters(), lr=LR, foreach=False)
    datasets = torchvision_datasets()
    from torchvision import transforms  # only after the line above: see its docstring

    images = datasets.MNIST(str(folder), train=True, download=False, transform=transforms.ToTensor())
    loader = DataLoader(images, batch_size=BATCH, shuffle=True, drop_last=True)

    def batches() -> Iterator[Tensor]:
        while True:
            for x, _ in loader:
                yield x

    stream = batches()

    def step() -> float:
        x = next(stream)
        h = model.features(x)
        fixed, weight, losses = h.detach(), model.chain, []
        for _ in range(TRANSITIONS):
            energy, gradient = model.energy_and_gradient(x, fixed, weight)
            proposal = weight - ETA * gradient + math.sqrt(2 * ETA) * torch.randn_like(weight)
            new_energy, new_gradient = model.energy_and_gradient(x, fixed, proposal)
            back = (weight - proposal + ETA * new_gradient).square().sum()
            forth = (proposal - weight + ETA * gradient).square().sum()
            log_r = energy - new_energy - (back - forth) / (4 * ETA)
            if torch.rand(()).log().item() < log_r.item():
                weight = proposal
            losses.append(model.energy(x, h, weight) / BATCH)
        model.chain = weight
        prior = (model.logit_tau + 2 * functional.softplus(-model.logit_tau)) / len(images)
        loss = torch.stack(losses).mean() + prior
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.item()

    return step


# ---- workbench


def workbench(folder: Path) -> Callable[[], Tensor]:
    """Return a function that does one step and returns its loss, left on the device."""
    streams = Streams([0])
    data = load(DataSettings(name="mnist"), folder, download=False)
    settings = LAESettings(step_size=ETA, adapt_step=False, transitions=TRANSITIONS)
    training = TrainingSettings(iterations=1, batch=BATCH, optimiser="sgd", lr=LR)
    model = LAE(settings, training, data.info, streams)
    order = Order(streams, data.info.train_size)

    def step() -> Tensor:
        return model.training_step(data.batch(order.next(BATCH), streams), streams)["loss"]

    return step


def rate(step: Callable[[], object], count: int) -> float:
    """Return steps per CPU second over `count` steps."""
    start = time.process_time()
    for _ in range(count):
        step()
    return count / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder that holds MNIST/raw")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--steps", type=int, default=20, help="steps of each loop per turn")
    options = parser.parse_args()
    torch.set_num_threads(1)
    ours, theirs = workbench(options.data_dir), textbook(options.data_dir)
    for step in (ours, theirs):
        rate(step, 3)  # first calls allocate
    rates = [(rate(ours, options.steps), rate(theirs, options.steps)) for _ in range(options.turns)]
    fast, slow = (statistics.median(column) for column in zip(*rates, strict=True))
    ratios = sorted(a / b for a, b in rates)
    print(
        json.dumps(
            {
                "workbench_steps_per_cpu_second": round(fast, 2),
                "textbook_steps_per_cpu_second": round(slow, 2),
                "ratio_median": round(statistics.median(ratios), 2),
                "ratio_range": [round(ratios[0], 2), round(ratios[-1], 2)],
                "turns": options.turns,
                "steps_per_turn": options.steps,
                "target": 1.5,
            }
        )
    )


if __name__ == "__main__":
    main()
