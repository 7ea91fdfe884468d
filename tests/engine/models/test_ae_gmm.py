"""The autoencoder against principal components, and what its mixture says of codes and samples."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from tests.engine.small import batch_of, make_trainer, small_spec
from workbench.engine.data.batch import DataInfo
from workbench.engine.data.dataset import Arrays, DataSet
from workbench.engine.evaluation.neighbours import nearest_distances
from workbench.engine.models.ae_gmm import AEGMM, _WithPrior
from workbench.engine.streams import Streams
from workbench.engine.trainer import Trainer
from workbench.spec.models.ae_gmm import AEGMMSettings
from workbench.spec.schema import TrainingSettings


def make(shape: tuple[int, ...], seeds: list[int], **model: Any) -> AEGMM:
    settings = AEGMMSettings.model_validate({"kind": "ae-gmm", "encoder": [], "decoder": [], **model})
    info = DataInfo("made", shape, "points" if len(shape) == 1 else "grey", 400, 100, 0)
    streams = Streams(seeds, dtype=torch.float64)
    return AEGMM(settings, TrainingSettings(iterations=10, lr=0.01), info, streams)


@pytest.mark.check("section 4", "A linear AE spans the principal subspace, with PCA's error.")
def test_a_linear_one_finds_the_principal_subspace() -> None:
    """Its squared error is then the sum of the discarded eigenvalues of the covariance."""
    source = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(6, 6, generator=source, dtype=torch.float64)).Q
    spread = torch.tensor([3.0, 2.0, 0.7, 0.5, 0.3, 0.1], dtype=torch.float64)
    x = torch.randn(400, 6, generator=source, dtype=torch.float64) * spread @ axes.T + 1.0
    centred = x - x.mean(0)
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(x))
    model = make((6,), [0, 1], latent=2, error="sse")
    both = x.expand(2, -1, -1)
    streams = Streams([0, 1], dtype=torch.float64)
    for step in range(1500):
        model.optimisers["model"].param_groups[0]["lr"] = 0.02 * (1 - step / 1500)
        model.training_step(batch_of(both), streams)
    sse = model.evaluate(both, streams)["loss"].mean(1)
    discarded = values[:4].sum()
    torch.testing.assert_close(sse, discarded.expand(2), rtol=1e-3, atol=0)
    outside = (model.decode(model.encode(both, streams)) - x.mean(0)) @ vectors[:, :4]
    assert outside.square().sum(-1).mean() < 1e-3 * discarded


def test_the_error_is_summed_over_pixels_and_averaged_over_examples() -> None:
    x = torch.rand(2, 9, 6, dtype=torch.float64)
    streams = Streams([0, 1], dtype=torch.float64)
    for error in ("bce", "sse"):
        model = make((2, 3), [0, 1], error=error)
        mean = model.decode(model.encode(x, streams)).detach()
        bce = -(x * mean.log() + (1 - x) * (1 - mean).log())
        each = bce if error == "bce" else (x - mean).square()
        found = model.training_step(batch_of(x), streams)
        torch.testing.assert_close(found["loss"], each.sum(-1).mean(1))
        torch.testing.assert_close(found["mse"], (x - mean).square().mean((1, 2)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    spec = small_spec("ae-gmm", [0, 1], 150, training={"lr": 3e-3})
    trainer = make_trainer(spec, tmp_path_factory.mktemp("ae"))
    trainer.run()
    return trainer


def test_the_mixture_is_fitted_to_training_codes_of_the_final_weights(trained: Trainer) -> None:
    model = trained.model
    before = {name: value.clone() for name, value in model.mixtures.state_dict().items()}
    model.refit(trained.data, trained.streams.fork("refit"), quick=False)
    for name, value in model.mixtures.state_dict().items():
        assert torch.equal(value, before[name]), name  # it follows from weights, data and seeds alone
    model.refit(trained.data, trained.streams.fork("refit"), quick=True)
    assert not torch.equal(model.mixtures.means, before["means"])
    model.mixtures.load_state_dict(before)


def test_a_result_says_how_the_mixture_fits_and_whether_samples_are_copies(trained: Trainer) -> None:
    found = trained.model.summary(trained.data, trained.spec.evaluation, trained.streams.fork("test"))
    mixture = {"gmm_components", "gmm_log_likelihood", "gmm_prior_iwae"}
    assert set(found) == mixture | {"nearest_train", "nearest_train_real"}
    assert all(value in (2, 3) for value in found["gmm_components"]["values"])
    for value in found["gmm_log_likelihood"]["values"]:
        assert -2.85 < value < 0  # one standard normal in 2-d gives −2.84 on standardised codes
    assert all(value > 0.1 for value in found["nearest_train"]["values"])


def test_the_bound_with_the_mixture_as_prior_is_below_the_integral_over_codes(trained: Trainer) -> None:
    model = trained.model
    with torch.no_grad():
        x = next(trained.data.chunks("test", trained.streams, 12)).x
        low, high = (model.mixtures.shift + side * 6 * model.mixtures.scale for side in (-1, 1))
        steps = torch.linspace(0, 1, 161, dtype=torch.float64)
        grid = low + torch.cartesian_prod(steps, steps) * (high - low)
        cell = ((high - low) / 160).prod(-1).log()
        tilted = _WithPrior(model, trained.streams)
        joint = [tilted.log_joint(row.expand(-1, grid.shape[1], -1), grid) for row in x.split(1, 1)]
        exact = torch.stack([each.logsumexp(1) for each in joint], 1) + cell
        spread = model._proposal_spread(trained.data, trained.streams.fork("spread"))
        bound = model._log_evidence(x, spread, 2000, trained.streams.fork("bound"))
    assert (bound.mean(1) < exact.mean(1) + 0.1).all()  # a bound in the mean over draws, not in every one
    assert (bound.mean(1) > exact.mean(1) - 0.3).all()
    # no density of x is claimed under a common name
    assert not model.normalised and model.log_joint(x, model.encode(x, trained.streams)) is None


def test_a_code_of_its_own_training_picture_is_a_copy() -> None:
    pool = torch.randn(2, 50, 4, dtype=torch.float64)
    x = torch.randn(2, 7, 4, dtype=torch.float64)
    torch.testing.assert_close(nearest_distances(x, pool), torch.cdist(x, pool).amin(-1))
    assert nearest_distances(pool[:, :5], pool).max() < 1e-6


def test_fewer_examples_than_the_fit_may_take() -> None:
    x = torch.rand(30, 6, dtype=torch.float64)
    y = torch.zeros(30, dtype=torch.int64)
    arrays = Arrays(x, y, x, y, (2, 3), "grey", 0)
    data = DataSet("made", arrays, dynamic=False, device=torch.device("cpu"), dtype=torch.float64)
    model = make((2, 3), [0], latent=2, components=[2])
    model.data = data.info
    model.refit(data, Streams([0], dtype=torch.float64), quick=False)
    assert model.sample(5, Streams([0], dtype=torch.float64)).shape == (1, 5, 6)


@pytest.mark.parametrize("components", [[], [0], [3, 501]])
def test_impossible_numbers_of_components(components: list[int]) -> None:
    with pytest.raises(ValidationError, match="between 1 and 500"):
        make((2, 3), [0], components=components)
