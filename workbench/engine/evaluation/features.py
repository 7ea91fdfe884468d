"""Samples against test data in the features of a classifier: precision and recall, and KID.

Features are the last hidden units of a classifier with default settings, trained on the training set with a
fixed seed: all models of a data set share them. Values do not compare with those of Inception features.
"""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import resolve_name

import torch
from torch import Tensor

from workbench.engine.data.order import Order
from workbench.engine.evaluation.entry import entry
from workbench.engine.evaluation.task import Findings, Task
from workbench.engine.evaluation.two_sample import common_size, real_examples, samples_and_data
from workbench.engine.streams import Streams
from workbench.spec.models.classifier import ClassifierSettings
from workbench.spec.schema import TrainingSettings

BATCH = 100
BLOCK_ROWS = 1000  # rows of a distance matrix at once

Features = Callable[[Tensor], Tensor]


def precision_recall(task: Task) -> Findings:
    """Precision and recall by k-NN manifolds (Kynkäänniemi et al. 2019, eq. 1 and 2).

    Raises:
        WorkbenchError: if the data have no labels to train the classifier on.
    """
    found, features = _begin(task)
    size, settings, pairs = common_size(task), task.settings, []
    with torch.no_grad():
        for turn in range(settings.draws):
            x, y, _ = samples_and_data(task.model, task.data, size, size, task.streams)
            members = zip(features(x), features(y), strict=True)
            pairs.append(torch.stack([covered_shares(a, b, settings.neighbours) for a, b in members]))
            task.on_progress(0.5 + 0.5 * (turn + 1) / settings.draws)
        train, test = (features(part)[0] for part in _real(task, size))
        real = covered_shares(train, test, settings.neighbours)
    measured = torch.stack(pairs, 1)  # [S, draws, 2]
    for place, name in enumerate(("precision", "recall")):
        values = measured[..., place]
        error = values.std(1) / settings.draws**0.5
        found.metrics[name] = entry(values.mean(1), error, settings.draws)
        found.metrics[f"{name}_null"] = entry(real[place].expand(len(values)), None, size)
    found.notes.append(
        f"{size} samples and as many test examples, k = {settings.neighbours}; both numbers depend on them. "
        "SE: over sets of samples, and test examples where there are more than that."
    )
    return found


def kid(task: Task) -> Findings:
    """Kernel Inception distance (Bińkowski et al. 2018), on features of our own classifier.

    Raises:
        WorkbenchError: if the data have no labels, or too few examples for the blocks.
    """
    size, blocks = common_size(task), task.settings.blocks
    if size < 2 * blocks:
        raise task.refuse(f"{blocks} blocks need {2 * blocks} test examples, and there are {size}.")
    found, features = _begin(task)
    with torch.no_grad():
        x, y, _ = samples_and_data(task.model, task.data, size, size, task.streams)
        train, test = map(features, _real(task, size))
    for name, values in (
        ("kid", block_mmd(features(x), features(y), blocks)),
        ("kid_null", block_mmd(train, test, blocks)),
    ):
        values = values.expand(task.model.members, -1)
        found.metrics[name] = entry(values.mean(1), values.std(1) / blocks**0.5, blocks)
    found.notes.append(f"{blocks} blocks of {size // blocks} samples and test examples; SE: over blocks.")
    task.on_progress(1.0)
    return found


def covered_shares(x: Tensor, y: Tensor, neighbours: int) -> Tensor:
    """Return the share of samples x [n, D] on the manifold of data y [m, D], and the reverse, [2].

    A manifold is the union of balls around its points, each up to the k-th nearest of the other points.
    """
    return torch.stack([_covered(x, y, neighbours), _covered(y, x, neighbours)])


def _covered(points: Tensor, by: Tensor, neighbours: int) -> Tensor:
    exact = "donot_use_mm_for_euclid_dist"  # the distance of equal points is 0
    reach = torch.cat(  # the nearest is the point itself
        [
            torch.cdist(part, by, compute_mode=exact).kthvalue(min(neighbours + 1, len(by))).values
            for part in by.split(BLOCK_ROWS)
        ]
    )
    inside = [
        (torch.cdist(part, by, compute_mode=exact) <= reach).any(1) for part in points.split(BLOCK_ROWS)
    ]
    return torch.cat(inside).double().mean()


def block_mmd(x: Tensor, y: Tensor, blocks: int) -> Tensor:
    """Return the unbiased squared MMD [S, blocks] of disjoint blocks of x and y [S, n, D], cubic kernel.

    The kernel is (aᵀb / D + 1)³. Blocks are independent, so that the spread of their values gives the error
    of their mean: sampling noise of both sets. A remainder of n is left out.
    """
    size = x.shape[1] // blocks
    a, b = (part[:, : size * blocks].double().unflatten(1, (blocks, size)) for part in (x, y))

    def kernel(first: Tensor, second: Tensor) -> Tensor:
        return (first @ second.mT / first.shape[-1] + 1) ** 3

    def within(part: Tensor) -> Tensor:
        pairs = kernel(part, part)
        return (pairs.sum((-2, -1)) - pairs.diagonal(dim1=-2, dim2=-1).sum(-1)) / (size * (size - 1))

    return within(a) + within(b) - 2 * kernel(a, b).mean((-2, -1))


def trained_features(task: Task) -> tuple[Features, float]:
    """Return the classifier's features of x [S, n, D] as a function, and its accuracy on test data."""
    data, alone = task.data, Streams([0], task.streams.device, task.streams.dtype)
    training = TrainingSettings(iterations=task.settings.updates, batch=BATCH)
    settings = ClassifierSettings()
    model = resolve_name(settings.engine)(settings, training, data.info, alone)
    order = Order(alone, data.info.train_size, data.index_device)
    with torch.enable_grad():
        for update in range(task.settings.updates):
            model.training_step(data.batch(order.next(BATCH), alone), alone)
            task.on_progress(0.5 * update / task.settings.updates)
    with torch.no_grad():
        right = [model.evaluate_batch(b, alone)["accuracy"] for b in data.chunks("test", alone)]

    def features(x: Tensor) -> Tensor:
        return torch.cat([model.net.features(part.unsqueeze(0)) for part in x]).double()

    return features, float(torch.cat(right, 1).mean())


def _begin(task: Task) -> tuple[Findings, Features]:
    if task.data.info.classes < 2:
        raise task.refuse(
            f"The features are those of a classifier, and {task.data.info.name} has no labels.",
            "Choose another --metric, such as mmd.",
        )
    features, accuracy = trained_features(task)
    note = f"Features of a classifier trained for this, test accuracy {accuracy:.1%}; not those of Inception."
    return Findings(notes=[note]), features


def _real(task: Task, size: int) -> tuple[Tensor, Tensor]:
    """Return training and test examples [1, size, D], the same in every run."""
    alone = Streams([0], task.streams.device, task.streams.dtype)
    train, test = (real_examples(task.data, split, size, alone, "real") for split in ("train", "test"))
    return train.unsqueeze(0), test.unsqueeze(0)
