"""Speed of data read from disk against resident data: python -m benchmarks.streaming [--examples N]

Batches of a folder's worth of 32×32 colour images (uint8) and of real numbers (float32) are taken in random
order, as training does, from memory and from a memory map whose pages are cached. Printed are milliseconds
per batch, of the data alone and of a training step, and their ratio resident/streamed (1: as fast).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from workbench.engine.data import DataSet, load
from workbench.engine.data.order import Order
from workbench.engine.recorder import Recorder
from workbench.engine.setup import build_model
from workbench.engine.streams import Streams
from workbench.engine.trainer import Trainer
from workbench.spec.resolve import resolve
from workbench.store.paths import RunPaths

BATCH, SEEDS = 100, [0, 1]


def milliseconds(step: Callable[[], object], repeats: int) -> float:
    """Return the wall-clock time of one call, the mean over `repeats`."""
    begin = time.perf_counter()
    for _ in range(repeats):
        step()
    return 1000 * (time.perf_counter() - begin) / repeats


def batches(data: DataSet) -> Callable[[], object]:
    """Return what takes the next batch."""
    streams = Streams(SEEDS, data.device, data.dtype)
    order = Order(streams, data.info.train_size, data.index_device)
    return lambda: data.batch(order.next(BATCH), streams)


def training(data: DataSet, changes: list[str], folder: Path) -> Callable[[], object]:
    """Return what does the next training step of a VAE."""
    spec = resolve("vae-digits", changes, SEEDS)
    streams = Streams(SEEDS, data.device, data.dtype)
    model = build_model(spec, data.info, streams)
    return Trainer(spec, model, data, streams, Recorder(RunPaths(folder))).train_step


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "images.npy", rng.integers(0, 256, (arguments.examples, 32, 32, 3), np.uint8))
        np.save(folder / "numbers.npy", rng.normal(size=(arguments.examples, 256)).astype(np.float32))
        for kind in ("images", "numbers"):
            changes = [f"data.path={folder / kind}.npy", "training.iterations=100000"]
            settings = resolve("vae-digits", changes).data
            resident, streamed = (load(settings, folder, budget=budget) for budget in (None, 0))
            for what, steps in (
                ("batch", [batches(data) for data in (resident, streamed)]),
                ("training step", [training(data, changes, folder) for data in (resident, streamed)]),
            ):
                times: list[list[float]] = [[], []]
                for _ in range(arguments.rounds):  # in turn: other work on the machine hits both
                    for found, step in zip(times, steps, strict=True):
                        found.append(milliseconds(step, 30))
                ratio = statistics.median(a / b for a, b in zip(*times, strict=True))
                a, b = map(statistics.median, times)
                print(f"{kind:8} {what:14} resident {a:7.3f} ms, streamed {b:7.3f} ms, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
