"""The numbers of a finished run: the same columns, measured the same way, for every model family.

What each column means, for all families alike (docs/models/evaluation.md has the formulas):

- test_nelbo, test_iwae: bounds in nats per example; absent where a family has none.
- test_iwae_effective: effective number of the weights behind test_iwae; few mean a poor proposal.
- test_accuracy, test_nll: share of right answers and their cost in nats, of a classifier.
- test_mse: squared error of decode(encode(x)) per dimension, x as the model observes it.
- knn_accuracy: labels of the test set read off the latents of the training set.
- energy_distance: model samples against test data; binary data are compared with 0/1 draws.
- energy_distance_null, energy_distance_null_95: the same between real sets of the same sizes.
- log_px: exact mean log p(x) of a code book, for models with two latent dimensions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from workbench.engine.data.dataset import DataSet, Split
from workbench.engine.evaluation.distances import energy_null, energy_parts
from workbench.engine.evaluation.entry import entry, example_entry
from workbench.engine.evaluation.importance import POOR_PROPOSAL, choose_proposal, importance_weighted, poor
from workbench.engine.evaluation.jackknife import pair_error
from workbench.engine.evaluation.neighbours import binomial, knn_hits
from workbench.engine.evaluation.quadrature import log_px
from workbench.engine.evaluation.two_sample import real_examples, samples_and_data
from workbench.engine.model import LatentModel
from workbench.engine.streams import Streams
from workbench.spec.schema import EvaluationSettings

CHUNK = 500  # examples per call of a model
KNN_TRAIN = 10_000  # training latents that vote at most
NULL_DRAWS = 200
# columns of the result that are means of what `evaluate_batch` gives per example
PER_EXAMPLE = {"nelbo": "test_nelbo", "accuracy": "test_accuracy", "nll": "test_nll"}

Summary = dict[str, dict[str, Any]]


def summarise(model: LatentModel, data: DataSet, settings: EvaluationSettings, streams: Streams) -> Summary:
    """Return the `metrics` of result.json (docs/store.md): per metric its values and errors per seed.

    `streams` are the run's; every part below forks its own, so neither training nor another part
    is disturbed. Non-finite values (a diverged member) are None. Takes seconds on digits, up to a
    minute for 10 000 MNIST pictures on one core. Means over test examples keep the values of each.
    """
    summary: Summary = {}
    with torch.no_grad():
        columns, test_z = _test_pass(model, data, settings, streams.fork("evaluation/test"))
        summary |= {name: example_entry(values) for name, values in columns.items()}
        if data.info.classes > 0 and model.latent > 0:
            own = streams.fork("evaluation/neighbours")
            chunks = data.chunks("train", own, CHUNK, KNN_TRAIN)
            train_z = torch.cat([model.encode(batch.x, own) for batch in chunks], 1)
            train_y, test_y = data.labels("train")[: train_z.shape[1]], data.labels("test")[: test_z.shape[1]]
            hits = knn_hits(train_z, train_y, test_z, test_y, settings.neighbours)
            summary["knn_accuracy"] = example_entry(hits, entry(*binomial(hits), hits.shape[1]))
        if model.generative:
            summary |= _two_samples(model, data, settings, streams.fork("evaluation/samples"))
        if data.info.finite and model.latent == 2 and model.normalised and model.continuous:
            summary |= _code_book(model, data, streams.fork("evaluation/codes"))
        summary |= model.summary(data, settings, streams.fork("evaluation/family"))
    return summary


def doubts(summary: Summary, settings: EvaluationSettings) -> list[str]:
    """Return what the log says of numbers of a summary that are not to be trusted."""
    effective = summary.get("test_iwae_effective", {}).get("values", [])
    bad = [value is not None and poor(value, settings.importance_samples) for value in effective]
    return [f"test_iwae: {POOR_PROPOSAL}"] if any(bad) else []


def _test_pass(
    model: LatentModel, data: DataSet, settings: EvaluationSettings, streams: Streams
) -> tuple[dict[str, Tensor], Tensor]:
    """Go once over the test set; return per-example columns [S, n] and the latents [S, n, d]."""
    columns: dict[str, list[Tensor]] = {}
    latents = []
    for batch in data.chunks("test", streams, CHUNK, settings.images):
        evaluated = model.evaluate_batch(batch, streams)
        found = {PER_EXAMPLE[name]: values for name, values in evaluated.items() if name in PER_EXAMPLE}
        if not model.normalised:
            found.pop("test_nelbo", None)
        proposal = None
        if model.normalised and model.latent > 0:
            proposal = choose_proposal(model, batch.x, streams)
        if proposal is not None:
            bound, effective = importance_weighted(
                model, batch.x, proposal, settings.importance_samples, streams
            )
            found |= {"test_iwae": -bound, "test_iwae_effective": effective}
        if model.latent > 0:
            z = model.encode(batch.x, streams)
            found["test_mse"] = (batch.x - model.decode(z)).square().mean(-1)
            latents.append(z)
        for name, values in found.items():
            columns.setdefault(name, []).append(values.double())
    found = {name: torch.cat(parts, 1) for name, parts in columns.items()}
    return found, torch.cat(latents, 1) if latents else torch.empty(model.members, 0, 0)


def _two_samples(
    model: LatentModel, data: DataSet, settings: EvaluationSettings, streams: Streams
) -> Summary:
    """Return the energy distance of samples, mean over draws, and what real data give at those sizes."""
    count, real = settings.samples, min(settings.samples, data.info.test_size)
    found, index = [], []
    for _ in range(settings.sample_draws):
        samples, examples, chosen = samples_and_data(model, data, count, real, streams)
        found.append(energy_parts(samples, examples))
        index.append(chosen)
    values = torch.stack([one.value for one in found], 1)
    error = pair_error(found, index, data.info.test_size)
    null = _null(data, count, real, streams)
    members, draws = values.shape
    return {
        "energy_distance": entry(values.mean(1), error, draws),
        # one set of real data for all seeds; its spread is that of one draw, not of the mean
        "energy_distance_null": entry(null.mean().expand(members), null.std().expand(members), NULL_DRAWS),
        "energy_distance_null_95": entry(null.quantile(0.95).expand(members), None, NULL_DRAWS),
    }


def _null(data: DataSet, count: int, real: int, streams: Streams) -> Tensor:
    """Return energy distances [NULL_DRAWS] between `count` and `real` real examples, re-split at random.

    Where train and test set together are too few, both sizes shrink in proportion.
    """
    alone = Streams([0], streams.device, streams.dtype)  # the same for all members and all runs
    available = data.info.train_size + data.info.test_size
    share = min(1.0, available / (count + real))
    count, real = max(2, int(count * share)), max(2, int(real * share))
    from_train = min(data.info.train_size, count + real - min(real, data.info.test_size))
    numbers: tuple[tuple[Split, int], ...] = (("train", from_train), ("test", count + real - from_train))
    pool = torch.cat([real_examples(data, split, number, alone) for split, number in numbers])
    return energy_null(pool, count, NULL_DRAWS, torch.Generator().manual_seed(0))


def _code_book(model: LatentModel, data: DataSet, streams: Streams) -> Summary:
    every = torch.arange(data.info.test_size, device=streams.device)
    codes = data.examples("test", every, streams).x[0].unique(dim=0)
    # 200 points are exact to 1e-4 nats, 100 to 2e-3 (tests); 256 codes need fewer to stay quick
    points = 200 if len(codes) <= 16 else 100
    values, errors = log_px(model, codes.expand(model.members, -1, -1), points)
    error = errors.mean(1) if bool((errors > 0).any()) else None
    return {"log_px": entry(values.mean(1), error, len(codes))}
