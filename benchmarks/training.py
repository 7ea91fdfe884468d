"""Training steps per CPU second: workbench against a textbook loop, pythae's trainer, and itself stacked.

    python benchmarks/training.py [--rounds 7] [--steps 50] [--only textbook|pythae|stacked]

Both sides of a comparison take turns within one run, a few hundred milliseconds each, and the medians of
the rounds are compared, so that a busy machine slows both alike. CPU time, one thread, random pictures of
MNIST's size (the numbers in a picture do not change the cost). pythae is compared if it can be imported:

    pip install --target /tmp/pythae --no-deps pythae imageio tqdm cloudpickle
    PYTHONPATH=/tmp/pythae python benchmarks/training.py --only pythae
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is loaded
os.environ.setdefault("TQDM_DISABLE", "1")  # pythae's bars; their cost is not what is compared

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from workbench.engine.data.dataset import Arrays, DataSet
from workbench.engine.data.pictures import torchvision_datasets
from workbench.engine.recorder import Recorder
from workbench.engine.setup import build_model
from workbench.engine.streams import Streams
from workbench.engine.trainer import Trainer
from workbench.spec.schema import RunSpec
from workbench.store.paths import RunPaths

Round = Callable[[int], None]  # does that many training steps


# ---- workbench


def workbench(data: DataSet, seeds: int, model: dict[str, Any], training: dict[str, Any]) -> Round:
    """Return a round of workbench's own loop, with its curves and progress written as in a run."""
    spec = RunSpec.model_validate(
        {
            "model": {"kind": "vae", **model},
            "data": {"name": data.info.name},
            "training": {"iterations": 20_000, **training},
            "seeds": list(range(seeds)),
        }
    )
    streams = Streams(spec.seeds)
    folder = tempfile.mkdtemp(prefix="benchmark-")
    recorder = Recorder(RunPaths(Path(folder)))
    recorder.open(0)
    trainer = Trainer(spec, build_model(spec, data.info, streams), data, streams, recorder)

    def train(steps: int) -> None:
        for _ in range(steps):
            trainer.train_step()
            if trainer.cadence.logs(trainer.step):
                trainer.log_point()
            recorder.progress("training", trainer.step, trainer.cadence.total)

    return train


def made_up_pictures(count: int = 6000) -> Arrays:
    """Return pictures of MNIST's size and sparsity."""
    generator = torch.Generator().manual_seed(0)
    bright = torch.rand(count, 784, generator=generator) < 0.19
    x = (torch.randint(1, 256, (count, 784), generator=generator) * bright).to(torch.uint8)
    y = torch.randint(10, (count,), generator=generator)
    return Arrays(x, y, x[:100], y[:100], (28, 28), "grey", 10, levels=255)


def resident(arrays: Arrays, name: str) -> DataSet:
    return DataSet(name, arrays, dynamic=False, device=torch.device("cpu"), dtype=torch.float32)


# ---- the textbook: what tutorials do


class Pictures(Dataset[tuple[Tensor, int]]):
    """Pictures through PIL and ToTensor, as torchvision's MNIST serves them."""

    def __init__(self, arrays: Arrays) -> None:
        torchvision_datasets()  # mends torchvision's import where it is needed
        from torchvision import transforms

        self.x, self.y = arrays.train_x.view(-1, 28, 28), arrays.train_y
        self.transform = transforms.ToTensor()

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        from PIL import Image

        return self.transform(Image.fromarray(self.x[index].numpy())), int(self.y[index])


class Tensors(Pictures):
    """The same pictures converted beforehand: a textbook loop with faster data loading."""

    def __init__(self, arrays: Arrays) -> None:
        self.x, self.y = arrays.train_x.view(-1, 1, 28, 28) / 255, arrays.train_y

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.x[index], int(self.y[index])


class TextbookVAE(nn.Module):
    """784-400-20 with ordinary layers, as in the examples of many frameworks."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.mean, self.log_variance = (
            nn.Linear(784, 400),
            nn.Linear(400, 20),
            nn.Linear(400, 20),
        )
        self.widen, self.out = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = functional.relu(self.hidden(x))
        mean, log_variance = self.mean(h), self.log_variance(h)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return torch.sigmoid(self.out(functional.relu(self.widen(z)))), mean, log_variance


def textbook(pictures: Dataset[tuple[Tensor, int]]) -> Round:
    """Return a round of DataLoader, unfused Adam and a .item() in every step."""
    model = TextbookVAE()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=False)
    loader = DataLoader(pictures, batch_size=100, shuffle=True, num_workers=0)
    state = {"batches": iter(loader), "total": 0.0}

    def train(steps: int) -> None:
        for _ in range(steps):
            try:
                x, _ = next(state["batches"])  # type: ignore[call-overload]
            except StopIteration:
                state["batches"] = iter(loader)
                x, _ = next(state["batches"])  # type: ignore[call-overload]
            x = x.view(-1, 784)
            out, mean, log_variance = model(x)
            cross = functional.binary_cross_entropy(out, x, reduction="sum")
            kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
            loss = (cross + kl) / len(x)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            state["total"] += loss.item()  # type: ignore[operator]

    return train


# ---- pythae


def pythae(arrays: Arrays) -> Round | None:
    """Return a round of pythae's BaseTrainer on its default 784-512-10 nets, or None without pythae."""
    try:
        from pythae.data.datasets import BaseDataset  # type: ignore[import-not-found]
        from pythae.models import VAE, VAEConfig  # type: ignore[import-not-found]
        from pythae.trainers import BaseTrainer, BaseTrainerConfig  # type: ignore[import-not-found]
    except ImportError as problem:
        print(f"pythae cannot be imported ({problem}): left out")
        return None
    logging.disable(logging.INFO)
    model = VAE(VAEConfig(input_dim=(1, 28, 28), latent_dim=10, reconstruction_loss="bce"))

    def train(steps: int) -> None:
        few = BaseDataset(
            arrays.train_x[: 100 * steps].view(-1, 1, 28, 28) / 255, arrays.train_y[: 100 * steps]
        )
        settings = BaseTrainerConfig(
            output_dir=tempfile.mkdtemp(prefix="benchmark-"),
            num_epochs=1,
            per_device_train_batch_size=100,
            learning_rate=1e-3,
            no_cuda=True,
        )
        trainer = BaseTrainer(model, few, training_config=settings)
        trainer.prepare_training()
        started = time.process_time()
        trainer.train_step(1)  # one pass: `steps` updates; setting up and saving are not counted
        train.counted = time.process_time() - started  # type: ignore[attr-defined]

    return train


# ---- taking turns


def compare(title: str, bar: str, sides: dict[str, Round], rounds: int, steps: int) -> None:
    """Print median CPU milliseconds per step of each side, and each one's ratio to the first."""
    for train in sides.values():
        train(10)  # first steps set things up
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, train in sides.items():
            started = time.process_time()
            train(steps)
            spent = getattr(train, "counted", None) or time.process_time() - started
            times[name].append(1000 * spent / steps)
    first = statistics.median(next(iter(times.values())))
    print(f"\n{title} ({bar})")
    for name, spent in times.items():
        middle = statistics.median(spent)
        spread = f"{min(spent):.2f} to {max(spent):.2f}"
        rate = f"{1000 / middle:6.0f} steps/s  {middle / first:5.2f}×"
        print(f"  {name:44} {middle:7.2f} ms/step  ({spread})  {rate}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=50, help="training steps per round")
    parser.add_argument("--only", choices=["textbook", "pythae", "stacked"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"torch {torch.__version__}, {options.rounds} rounds of {options.steps} steps, batch 100, CPU time")
    pictures = made_up_pictures()
    if options.only in (None, "textbook"):
        sides = {
            "workbench, VAE 784-400-20": workbench(
                resident(pictures, "mnist"), 1, {"latent": 20, "encoder": [400], "decoder": [400]}, {}
            ),
            "textbook loop (PIL, DataLoader, item, Adam)": textbook(Pictures(pictures)),
            "the same on tensors made beforehand": textbook(Tensors(pictures)),
        }
        compare("VAE-400 against a textbook loop", "bar: 1.8×", sides, options.rounds, options.steps)
    if options.only in (None, "pythae"):
        other = pythae(pictures)
        if other is not None:
            ours = workbench(resident(pictures, "mnist"), 1, {"latent": 10}, {})
            sides = {"workbench, VAE 784-512-10": ours, "pythae's BaseTrainer": other}
            compare("VAE-512 against pythae", "bar: 1.3×", sides, options.rounds, options.steps)
    if options.only in (None, "stacked"):
        from workbench.engine.data import load
        from workbench.spec.schema import DataSettings

        square = load(DataSettings(name="square", standardise=False), Path(), False)
        small = {"latent": 2, "encoder": [30, 30], "decoder": [30, 30], "likelihood": "gaussian"}
        sides = {
            f"workbench, 30-30 nets, {seeds} seeds": workbench(square, seeds, small, {"batch": 256})
            for seeds in (1, 5)
        }
        compare(
            "five stacked seeds against one", "bar: at most 2.2×", sides, options.rounds, 4 * options.steps
        )


if __name__ == "__main__":
    main()
