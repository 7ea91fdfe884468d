"""Softmax classifier with dropout; trained on a frozen generator's reconstructions too, if asked.

    loss = mean over originals and reconstructions of −log softmax(net(x))[y]

An original x with label y brings `augment_draws` reconstructions: decoded latents z ~ q(z|x) of a
finished run, with the same label. Attacks test the trained net (evaluation/attacks.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from workbench.engine.convolutions import Conv2d
from workbench.engine.data.batch import Batch, DataInfo
from workbench.engine.data.dataset import DataSet
from workbench.engine.ensemble import ACTIVATIONS, Linear
from workbench.engine.evaluation.attacks import fgsm, pgd
from workbench.engine.evaluation.entry import example_entry
from workbench.engine.model import LatentModel, Metrics
from workbench.engine.optim import make_optimiser
from workbench.engine.pretrained import load_frozen
from workbench.engine.streams import Streams
from workbench.errors import DATA, WorkbenchError
from workbench.spec.metrics import EPSILONS, attack_metric
from workbench.spec.models.classifier import ClassifierSettings
from workbench.spec.schema import EvaluationSettings, TrainingSettings
from workbench.store.finished import find_finished
from workbench.store.paths import RunPaths, StorePaths

KERNEL = 5
SMALLEST = 16  # side of a picture that both convolutions leave something of
HEALTH_IMAGES = 2000  # whose accuracy is judged against chance
CHUNK = 250  # pictures attacked at once


class Perceptron(nn.Module):
    """Fully connected layers; dropout after each hidden non-linearity."""

    def __init__(self, settings: ClassifierSettings, data: DataInfo, streams: Streams) -> None:
        super().__init__()
        widths = [data.dimensions, *settings.hidden]
        self.layers = nn.ModuleList(Linear(inputs, outputs, streams) for inputs, outputs in pairwise(widths))
        self.last = Linear(widths[-1], data.classes, streams)
        self.activation = ACTIVATIONS[settings.activation]()
        self.dropout = settings.dropout

    def forward(self, x: Tensor, streams: Streams | None = None) -> Tensor:
        """Return logits [S, B, K] for x [S, B, D]; units are left out if `streams` are given."""
        return self.last(self.features(x, streams))

    def features(self, x: Tensor, streams: Streams | None = None) -> Tensor:
        """Return the last hidden units [S, B, width]."""
        for layer in self.layers:
            x = dropped(self.activation(layer(x)), self.dropout, streams)
        return x


class SmallCNN(nn.Module):
    """Conv 10 – pool – relu – conv 20 – dropout of channels – pool – relu – 50 relu dropout – classes."""

    def __init__(self, settings: ClassifierSettings, data: DataInfo, streams: Streams) -> None:
        super().__init__()
        if len(data.shape) < 2 or min(data.shape[:2]) < SMALLEST:
            raise WorkbenchError(
                f"The convolutional classifier needs pictures of {SMALLEST}×{SMALLEST} or more.",
                "Set model.net to mlp, or choose other data.",
                DATA,
            )
        self.height, self.width = data.shape[:2]
        self.channels = data.shape[2] if len(data.shape) > 2 else 1
        left = [((side - KERNEL + 1) // 2 - KERNEL + 1) // 2 for side in (self.height, self.width)]
        self.first = Conv2d(self.channels, 10, KERNEL, streams)
        self.second = Conv2d(10, 20, KERNEL, streams)
        self.hidden = Linear(20 * left[0] * left[1], 50, streams)
        self.last = Linear(50, data.classes, streams)
        self.dropout = settings.dropout

    def forward(self, x: Tensor, streams: Streams | None = None) -> Tensor:
        """Return logits [S, B, K] for x [S, B, D]; units are left out if `streams` are given."""
        h = x.unflatten(-1, (self.height, self.width, self.channels)).movedim(-1, 2)
        h = pooled(self.first(h)).relu()
        h = pooled(dropped(self.second(h), self.dropout, streams, whole=2)).relu()
        h = dropped(self.hidden(h.flatten(2)).relu(), self.dropout, streams)
        return self.last(h)


NETS = {"mlp": Perceptron, "cnn": SmallCNN}


def dropped(h: Tensor, share: float, streams: Streams | None, whole: int = 0) -> Tensor:
    """Return h with a random `share` of its units set to 0 and the others scaled up to keep the mean.

    The last `whole` axes are kept or dropped together. Without streams: h, as for evaluation.
    """
    if streams is None or share == 0.0:
        return h
    shape = h.shape[1 : h.dim() - whole]
    kept = (streams.uniform("dropout", *shape) >= share).to(h.dtype) / (1.0 - share)
    return h * kept.view(*kept.shape, *[1] * whole)


def pooled(h: Tensor) -> Tensor:
    """Return the maxima of 2×2 patches of h [S, B, C, H, W]."""
    return functional.max_pool2d(h.flatten(0, 1), 2).unflatten(0, h.shape[:2])


class Classifier(LatentModel):
    """S classifiers trained side by side; no latents, no samples, no density."""

    settings: ClassifierSettings

    def __init__(
        self, settings: ClassifierSettings, training: TrainingSettings, data: DataInfo, streams: Streams
    ) -> None:
        super().__init__(settings, training, data, streams)
        if data.classes == 0:
            raise WorkbenchError(
                f"A classifier needs labels, and {data.name} has none.",
                "Choose data with labels, such as digits.",
                DATA,
            )
        self.seeds = streams.seeds
        self.net = NETS[settings.net](settings, data, streams)
        self.optimisers = {"model": make_optimiser(self.parameters(), training)}
        self._generator: list[LatentModel] = []  # in a list: its weights are no part of this model

    def fetch(self, run: RunPaths) -> None:
        """Load the frozen generator of `model.augment_from` from the store that `run` lies in."""
        if self.settings.augment_from:
            store = StorePaths(run.root.parent)
            source = find_finished(self.settings.augment_from, store, "model.augment_from", run)
            like = next(self.parameters())
            self._generator = [load_frozen(source, self.data, self.seeds, like.device, like.dtype)]

    # ---- training

    def training_step(self, batch: Batch, streams: Streams) -> Metrics:
        """Minimise the mean cost of the originals and their reconstructions; dropout is on."""
        x, y = batch.x, batch.y
        for generator in self._generator:
            draws = self.settings.augment_draws
            made = reconstructions(generator, x, draws, streams)
            if self.data.kind != "points":  # a Gaussian likelihood's means may leave the range of pixels
                made = made.clamp(0, 1)
            x = torch.cat([x, made], 1)
            y = y.repeat(1, 1 + draws)
        logits = self.net(x, streams)
        loss = nll(logits, y).mean(1)
        self.descend(loss)
        originals = batch.y.shape[1]
        right = (logits.detach()[:, :originals].argmax(-1) == batch.y).to(loss.dtype)
        return {"loss": loss.detach(), "accuracy": right.mean(1)}

    # ---- evaluation

    @torch.no_grad()
    def evaluate_batch(self, batch: Batch, streams: Streams) -> Metrics:
        """Return whether each example's label is found (1 or 0) and its cost in nats, [S, B]; no dropout."""
        logits = self.net(batch.x)
        right = (logits.argmax(-1) == batch.y).to(logits.dtype)
        return {"accuracy": right, "nll": nll(logits, batch.y)}

    def summary(self, data: DataSet, settings: EvaluationSettings, streams: Streams) -> dict[str, Any]:
        """Return accuracy and cost under each attack, and without one, on the same test pictures.

        Pixels only: the attacks keep x in [0, 1].
        """
        if self.settings.attack_images == 0 or data.info.kind == "points":
            return {}
        columns: dict[str, list[Tensor]] = {}
        for batch in data.chunks("test", streams, CHUNK, self.settings.attack_images):
            for attack, eps, x in self._attacked(batch):
                for what, values in self.evaluate_batch(Batch(x, batch.y, batch.index), streams).items():
                    columns.setdefault(attack_metric(attack, what, eps), []).append(values.double())
        return {name: example_entry(torch.cat(parts, 1)) for name, parts in columns.items()}

    def health(self, data: DataSet, metrics: dict[str, Any], streams: Streams) -> Metrics:
        """Return accuracy beyond the share of the commonest label, over what is left beyond it."""
        y = data.labels("test")
        chance = y.bincount().max() / len(y)
        batches = data.chunks("test", streams, CHUNK, HEALTH_IMAGES)
        right = torch.cat([self.evaluate_batch(batch, streams)["accuracy"] for batch in batches], 1)
        return {"skill": (right.mean(1) - chance) / (1 - chance).clamp_min(1e-6)}

    def _attacked(self, batch: Batch) -> Iterator[tuple[str, float, Tensor]]:
        """Yield (attack, ε, changed pictures) for all attacks, the untouched pictures first."""

        def cost(x: Tensor) -> Tensor:
            return nll(self.net(x), batch.y)

        yield "clean", 0.0, batch.x
        for eps in EPSILONS:
            yield "fgsm", eps, fgsm(cost, batch.x, eps)
            yield "pgd", eps, pgd(cost, batch.x, eps, self.settings.pgd_steps, self.settings.pgd_step)


def reconstructions(generator: LatentModel, x: Tensor, draws: int, streams: Streams) -> Tensor:
    """Return decoded means [S, draws · B, D] of `draws` latents z ~ q(z|x) per example of x [S, B, D].

    A family without a Gaussian q(z|x) decodes its representative latent each time. Draw r of example
    b is row r · B + b.
    """
    with torch.no_grad():
        posterior = generator.proposal(x, streams)
        if posterior is None:
            z = generator.encode(x, streams).repeat(1, draws, 1)
        else:
            mean, std = (moment.repeat(1, draws, 1) for moment in posterior)
            z = mean + std * streams.normal("augment", *mean.shape[1:])
        return generator.decode(z)


def nll(logits: Tensor, y: Tensor) -> Tensor:
    """Return −log softmax(logits)[y] [S, B] in nats, for logits [S, B, K] and labels y [S, B]."""
    return -logits.log_softmax(-1).gather(-1, y[..., None]).squeeze(-1)
