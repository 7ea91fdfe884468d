"""How far model samples are from test data, by several distances, each beside its real-versus-real null."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from workbench.engine.data.dataset import DataSet, Split
from workbench.engine.evaluation import distances
from workbench.engine.evaluation.embedding import principal_components
from workbench.engine.evaluation.entry import entry
from workbench.engine.evaluation.jackknife import PairDistance, grouped_error, pair_error
from workbench.engine.evaluation.task import Findings, Task
from workbench.engine.model import LatentModel
from workbench.engine.streams import Streams

Distance = Callable[[Tensor, Tensor], Tensor | PairDistance]
Null = Callable[[Tensor, int, torch.Generator], Tensor]  # pool [2n, D], draws → [draws]
COMPONENTS = 50
FITTED_ON = 10_000  # training examples behind the principal components
YARDSTICK = 2000  # real examples behind the median distance


def energy(task: Task) -> Findings:
    """Energy distance (Székely and Rizzo 2013, eq. 6.1)."""
    return _compare(
        task,
        "sample_energy",
        distances.energy_parts,
        lambda pool, draws, generator: distances.energy_null(pool, len(pool) // 2, draws, generator),
    )


def mmd(task: Task) -> Findings:
    """Unbiased squared MMD (Gretton et al. 2012, eq. 3); the kernels' widths come from real data alone.

    Raises:
        WorkbenchError: if all test data are the same.
    """
    size = min(YARDSTICK, task.data.info.test_size)
    width = distances.median_distance(
        real_examples(task.data, "test", size, Streams([0], task.streams.device))
    )
    if width == 0:
        raise task.refuse("MMD needs data that differ: the median distance of the test data is 0.")
    found = _compare(
        task,
        "mmd",
        lambda x, y: distances.mmd_parts(x, y, width),
        lambda pool, draws, generator: distances.mmd_null(pool, len(pool) // 2, draws, width, generator),
    )
    found.notes.append(f"Gaussian kernels of widths {width:.4g} × ½, 1, 2 (median distance of test data).")
    return found


def sliced_w2(task: Task) -> Findings:
    """Sliced Wasserstein-2 distance."""

    def distance(x: Tensor, y: Tensor) -> Tensor:
        return distances.sliced_w2(x, y, task.settings.projections)

    return _compare(task, "sliced_w2", distance, _split(distance))


def frechet(task: Task) -> Findings:
    """Fréchet distance between Gaussians, in the feature space that the metric's name says."""
    if task.settings.space == "pixels":
        found = _compare(task, "frechet_pixels", distances.frechet, _split(distances.frechet))
    else:
        info = task.data.info
        alone = Streams([0], task.streams.device)
        train = real_examples(task.data, "train", min(FITTED_ON, info.train_size), alone)
        centre, axes, _ = principal_components(train, min(COMPONENTS, info.dimensions))

        def distance(x: Tensor, y: Tensor) -> Tensor:
            return distances.frechet((x.double() - centre) @ axes, (y.double() - centre) @ axes)

        found = _compare(task, "frechet_pca50", distance, _split(distance))
    found.notes.append("Depends on the number of samples: compare values of one number only. Not an FID.")
    return found


def _split(distance: Callable[[Tensor, Tensor], Tensor]) -> Null:
    return lambda pool, draws, generator: distances.split_null(pool, draws, distance, generator)


def _compare(task: Task, name: str, distance: Distance, null: Null) -> Findings:
    """Measure several sets of samples against test data, and real data against real data at that size."""
    model, data, settings = task.model, task.data, task.settings
    if not getattr(model, "generative", True):
        raise task.refuse("This family makes no samples.", "Choose another --metric.")
    size = common_size(task)
    sets, parts, values = [], [], []
    with torch.no_grad():
        for turn in range(settings.draws):
            sets.append(samples_and_data(model, data, size, size, task.streams))
            found = distance(*sets[-1][:2])
            if isinstance(found, PairDistance):
                parts.append(found)
            values.append(found.value if isinstance(found, PairDistance) else found)
            task.on_progress((turn + 1) / (settings.draws + 2))
        samples, examples, index = zip(*sets, strict=True)
        error = None
        if parts:
            error = pair_error(parts, index, data.info.test_size)
        elif task.errors:
            error = grouped_error(cast(Any, distance), samples, examples, index)
    task.on_progress((settings.draws + 1) / (settings.draws + 2))
    measured = torch.stack(values, 1)
    alone = Streams([0], task.streams.device, task.streams.dtype)  # the same for all members and all runs
    pool = torch.cat([real_examples(data, split, size, alone) for split in ("train", "test")])
    real = null(pool, settings.null_draws, torch.Generator().manual_seed(0))
    task.on_progress(1.0)
    members, draws = measured.shape
    findings = Findings()
    findings.metrics = {
        name: entry(measured.mean(1), error, draws),
        f"{name}_null": entry(real.mean().expand(members), real.std().expand(members), settings.null_draws),
        f"{name}_null_95": entry(real.quantile(0.95).expand(members), None, settings.null_draws),
    }
    if size < settings.samples:
        findings.notes.append(f"{size} samples and test examples: there are no more.")
    if data.info.kind == "grey":
        findings.notes.append("Samples are means of p(x|z): they lack pixel noise that data may have.")
    return findings


def samples_and_data(
    model: LatentModel, data: DataSet, count: int, real: int, streams: Streams
) -> tuple[Tensor, Tensor, Tensor]:
    """Return samples [S, count, D] of a model, test examples [S, real, D], and which those are [S, real].

    Test examples are drawn without replacement.
    """
    x = model.sample(count, streams)
    if data.info.kind == "binary":  # means would look sharper than any data
        x = (streams.uniform("pixels", *x.shape[1:]) < x).to(x.dtype)
    index = streams.permutation("examples", data.info.test_size)[:, :real]
    return x, data.examples("test", index, streams).x, index


def common_size(task: Task) -> int:
    """Return the size of sets of samples and of real data: as asked for, or what both splits have."""
    return int(min(task.settings.samples, task.data.info.test_size, task.data.info.train_size))


def real_examples(data: DataSet, split: Split, count: int, alone: Streams, purpose: str = "null") -> Tensor:
    """Return `count` real examples [count, D], the same in every run if `alone` are streams of seed 0."""
    index = alone.permutation(f"{purpose}/{split}", len(data.labels(split)))[:, :count]
    return data.examples(split, index, alone).x[0]
