"""The summary of a model that is the truth: every column must say so."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.engine.evaluation.lingauss import LinearGaussian
from tests.engine.small import FAMILIES, make_trainer, small_spec
from workbench.engine.data.codes import onehot4
from workbench.engine.data.dataset import Arrays, DataSet
from workbench.engine.evaluation.summary import Summary, entry, summarise
from workbench.engine.streams import Streams
from workbench.spec.schema import DataSettings, EvaluationSettings

SETTINGS = EvaluationSettings(importance_samples=20, samples=200, sample_draws=3, neighbours=1)


class Truth(LinearGaussian):
    """One member; data drawn from it are labelled by the sign of their latent mean."""

    def __init__(self) -> None:
        super().__init__(members=1)

    def data_set(self, train: int = 600, test: int = 300, shift: float = 0.0) -> DataSet:
        sets = [self.draw(n, Streams([n], dtype=torch.float64)) + shift for n in (train, test)]
        labels = [(self.posterior(x)[0][0, :, 0] > 0).long() for x in sets]
        arrays = Arrays(sets[0][0], labels[0], sets[1][0], labels[1], (3,), "points", 2)
        return DataSet("truth", arrays, dynamic=False, device=torch.device("cpu"), dtype=torch.float64)


def summary_of(model: LinearGaussian, data: DataSet, settings: EvaluationSettings = SETTINGS) -> Summary:
    return summarise(model, data, settings, Streams([0], dtype=torch.float64))


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth()


@pytest.fixture(scope="module")
def summary(truth: Truth) -> Summary:
    return summary_of(truth, truth.data_set())


def test_bounds_equal_log_px_where_the_posterior_is_exact(truth: Truth, summary: Summary) -> None:
    x = truth.data_set().examples("test", torch.arange(300), Streams([0], dtype=torch.float64)).x
    log_px = truth.log_px(x)
    assert summary["test_nelbo"]["values"][0] == pytest.approx(-log_px.mean().item(), abs=1e-9)
    assert summary["test_nelbo"]["se"][0] == pytest.approx(log_px.std().item() / math.sqrt(300))
    assert summary["test_nelbo"]["n"] == 300
    gap = summary["test_iwae"]["values"][0] + log_px.mean().item()
    assert abs(gap) < 0.05  # a proposal 1.2 times too wide, 20 draws


def test_reconstruction_and_labels(truth: Truth, summary: Summary) -> None:
    x = truth.data_set().examples("test", torch.arange(300), Streams([0], dtype=torch.float64)).x
    expected = (x - truth.decode(truth.posterior(x)[0])).square().mean().item()
    assert summary["test_mse"]["values"][0] == pytest.approx(expected)
    assert summary["knn_accuracy"]["values"][0] > 0.95
    assert summary["knn_accuracy"]["n"] == 300


@pytest.mark.check("section 15", "Real data lie within the null, shifted data far outside.")
def test_true_samples_lie_inside_the_null_and_shifted_data_far_outside(
    truth: Truth, summary: Summary
) -> None:
    spread = summary["energy_distance_null"]["se"][0]
    assert abs(summary["energy_distance"]["values"][0]) < 4 * spread
    assert summary["energy_distance"]["n"] == SETTINGS.sample_draws
    assert abs(summary["energy_distance_null"]["values"][0]) < spread
    assert summary["energy_distance_null_95"]["values"][0] > spread
    far = summary_of(truth, truth.data_set(shift=1.0))
    assert far["energy_distance"]["values"][0] > 10 * spread


def test_is_json_repeats_and_leaves_the_streams_of_the_run(truth: Truth, summary: Summary) -> None:
    assert json.loads(json.dumps(summary)) == summary
    assert summary_of(truth, truth.data_set()) == summary
    streams = Streams([0], dtype=torch.float64)
    streams.normal("noise", 3)
    before = streams.state_dict()
    summarise(truth, truth.data_set(), SETTINGS, streams)
    assert before.keys() == streams.state_dict().keys()
    assert torch.equal(before["noise"][0], streams.state_dict()["noise"][0])


def test_few_images_and_few_real_examples(truth: Truth) -> None:
    settings = SETTINGS.model_copy(update={"images": 40, "samples": 1000, "sample_draws": 1})
    summary = summary_of(truth, truth.data_set(60, 50), settings)
    assert summary["test_mse"]["n"] == 40
    assert summary["knn_accuracy"]["n"] == 40
    assert summary["energy_distance"]["se"][0] > 0  # one draw has an error, too
    assert summary["energy_distance_null"]["se"][0] > 0


def test_an_unnormalised_model_has_no_bounds(truth: Truth) -> None:
    class Unnormalised(Truth):
        normalised = False

    names = summary_of(Unnormalised(), truth.data_set(60, 50)).keys()
    assert names & {"test_iwae", "test_nelbo", "test_mse"} == {"test_mse"}


def test_an_encoder_without_a_density_gets_a_fitted_proposal(truth: Truth, summary: Summary) -> None:
    class Implicit(Truth):
        def evaluate(self, x: Tensor, streams: Streams) -> dict[str, Tensor]:
            return {}

        def encoder_draws(self, x: Tensor, count: int, streams: Streams) -> Tensor:
            mean, factor = self.posterior(x)
            noise = streams.normal("draws", count, x.shape[1], self.latent).transpose(0, 1)
            return mean + (factor @ noise.unsqueeze(-1)).squeeze(-1)

    found = summary_of(Implicit(), truth.data_set())
    assert "test_nelbo" not in found
    assert found["test_iwae"]["values"][0] == pytest.approx(summary["test_nelbo"]["values"][0], abs=0.1)


def test_code_books_get_exact_log_px_and_binary_samples() -> None:
    class Coin(LinearGaussian):
        """Ignores z: each of 4 bits is 1 with probability 1/4."""

        def log_joint(self, x: Tensor, z: Tensor) -> Tensor:
            prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
            return prior + (x * math.log(0.25) + (1 - x) * math.log(0.75)).sum(-1)

        def decode(self, z: Tensor) -> Tensor:
            return torch.full((*z.shape[:2], 4), 0.25, dtype=z.dtype)

        def encode(self, x: Tensor, streams: Streams) -> Tensor:
            return x[..., :2]

        def evaluate(self, x: Tensor, streams: Streams) -> dict[str, Tensor]:
            return {}

        def proposal(self, x: Tensor, streams: Streams) -> None:
            return None

        def sample(self, count: int, streams: Streams) -> Tensor:
            return torch.full((1, count, 4), 0.25, dtype=torch.float64)

    arrays = onehot4(DataSettings(name="onehot4"))
    data = DataSet("onehot4", arrays, dynamic=False, device=torch.device("cpu"), dtype=torch.float64)
    summary = summary_of(Coin(members=1), data)
    assert summary["log_px"]["values"][0] == pytest.approx(math.log(0.25 * 0.75**3), abs=1e-6)
    assert summary["log_px"]["n"] == 4
    # E|X − X'| of four such coins, of the four codes, and between them, by enumeration
    bits = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4)
    weights = (bits * 0.25 + (1 - bits) * 0.75).prod(1)
    codes = torch.eye(4)
    expected = (
        2 * (weights @ torch.cdist(bits, codes)).mean()
        - weights @ torch.cdist(bits, bits) @ weights
        - torch.cdist(codes, codes).mean()
    ).item()
    assert summary["energy_distance"]["values"][0] == pytest.approx(expected, abs=0.05)


def test_what_is_not_finite_becomes_null() -> None:
    found = entry(torch.tensor([1.0, torch.nan, -torch.inf]), torch.tensor([0.1, torch.nan, 0.0]), 5)
    assert found == {"values": [1.0, None, None], "se": [pytest.approx(0.1), None, 0.0], "n": 5}


def test_a_family_adds_its_own_columns(truth: Truth, summary: Summary) -> None:
    class Counting(Truth):
        def summary(self, data: DataSet, settings: EvaluationSettings, streams: Streams) -> Summary:
            return {"mine": entry(streams.normal("mine").flatten(), None, data.info.test_size)}

    found = summary_of(Counting(), truth.data_set())
    assert found.keys() - summary.keys() == {"mine"}
    assert found["mine"]["n"] == 300
    assert found == summary_of(Counting(), truth.data_set())  # its streams start afresh, too


@pytest.mark.gpu
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_every_family_is_judged_on_a_gpu_as_on_the_cpu(family: str, tmp_path: Path) -> None:
    trainer = make_trainer(small_spec(family, [0, 1], 20), tmp_path, "cuda:0")
    trainer.run()
    summary = summarise(trainer.model, trainer.data, trainer.spec.evaluation, trainer.streams)
    json.dumps(summary)
    for name, found in summary.items():
        assert all(value is not None for value in found["values"]), name
