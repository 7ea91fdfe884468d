"""What must hold in every family: means are over examples, not over batches; joint draws are exact."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.small import FAMILIES, load_data, make_trainer, small_spec
from workbench.engine import mixtures
from workbench.engine.data.batch import Batch
from workbench.engine.data.dataset import DataSet
from workbench.engine.evaluation import evidence, summary
from workbench.engine.evaluation.summary import summarise
from workbench.engine.models import ae_gmm, binary_vae, classifier, lae
from workbench.engine.setup import build_model
from workbench.engine.streams import Streams
from workbench.engine.trainer import Trainer
from workbench.errors import WorkbenchError
from workbench.spec.estimates import estimate_settings
from workbench.spec.metrics import METRICS
from workbench.spec.resolve import resolve

IMAGES, CHUNK = 60, 25  # 25, 25 and a ragged 10


class Constant(Streams):
    """Streams whose draws are all alike, so that no example's number depends on its place in a chunk."""

    def normal(self, purpose: str, *shape: int) -> Tensor:
        return torch.full((len(self.seeds), *shape), 0.3, dtype=self.dtype)

    def uniform(self, purpose: str, *shape: int) -> Tensor:
        return torch.full((len(self.seeds), *shape), 0.4, dtype=self.dtype)

    def fork(self, name: str) -> Constant:
        return Constant(self.seeds, self.device, self.dtype)


@pytest.fixture(params=sorted(FAMILIES), scope="module")
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def trainer(family: str, tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A short training that tests only read. EM is cut short: a mean over examples is one for any fit."""
    found = make_trainer(small_spec(family, [0, 1], 3), tmp_path_factory.mktemp("trained"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mixtures, "LONGEST", 3)
        found.run()
    return found


@pytest.mark.check("catalogue 15", "Result columns are means over examples, in every family.")
def test_every_column_of_a_result_is_a_mean_over_examples_not_over_chunks(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "LOG_Z_TEMPERATURES", 4)
    settings = trainer.spec.evaluation
    assert settings.images == IMAGES
    found = []
    for size in (IMAGES, CHUNK):
        for module in (summary, ae_gmm, binary_vae, classifier, lae):
            monkeypatch.setattr(module, "CHUNK", size)
        streams = Constant([0, 1], dtype=torch.float64)
        found.append(summarise(trainer.model, trainer.data, settings, streams))
    whole, ragged = found
    assert whole.keys() == ragged.keys() and whole
    assert whole.keys() <= METRICS.keys()
    for name, entry in whole.items():
        assert entry["n"] == ragged[name]["n"], name
        for part in ("values", "se"):
            assert ragged[name][part] == pytest.approx(entry[part], rel=1e-9, abs=1e-12), name


@pytest.mark.check("catalogue 15", "Test curves are means over examples, in every family.")
def test_every_point_of_a_test_curve_is_a_mean_over_examples_not_over_chunks(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate_batch_in_full, seen = trainer.model.evaluate_batch, []
    original = trainer.data.chunks

    def chunks(split: Any, streams: Streams, size: int = 0, limit: int = 0) -> Iterator[Batch]:
        return original(split, streams, CHUNK, IMAGES)

    def evaluate_batch(batch: Batch, streams: Streams) -> dict[str, Tensor]:
        seen.append(evaluate_batch_in_full(batch, streams))
        return seen[-1]

    monkeypatch.setattr(trainer.data, "chunks", chunks)
    monkeypatch.setattr(trainer.model, "evaluate_batch", evaluate_batch)
    means = trainer.curve_point("test", IMAGES)
    trainer.recorder.flush()
    row = json.loads(trainer.recorder.paths.metrics.read_text().splitlines()[-1])
    assert row["split"] == "test" and row["values"] == {name: mean.tolist() for name, mean in means.items()}
    assert [len(part[next(iter(part))][0]) for part in seen] == [25, 25, 10]
    wrong = False
    for name, mean in means.items():
        parts = [part[name].double() for part in seen]
        torch.testing.assert_close(mean, torch.cat(parts, 1).mean(1), rtol=1e-12, atol=0)
        wrong |= not torch.allclose(torch.stack([part.mean(1) for part in parts]).mean(0), mean, rtol=1e-9)
    assert wrong  # a mean of chunk means would have been another number


SAMPLED = ["avb", "avb/added", "avb/contrast", "avb/inner-product", "dlgm"]
SAMPLED += ["lae", "lae/course", "vae", "vae-flow"]


@pytest.mark.check("whole 9", "Only normalised models offer exact joint draws, which BDMC needs.")
def test_exact_joint_draws_are_offered_by_normalised_models_alone(family: str) -> None:
    model, data, streams = built(family)
    drawn = model.joint_draws(4000, streams)
    assert (drawn is not None) == (family in SAMPLED)
    if drawn is None:
        return
    assert model.normalised and model.continuous
    x, z = drawn
    for moment, truth, spread in ((z, 0.0, 1.0), (z.square(), 1.0, math.sqrt(2))):
        assert ((moment.mean(1) - truth).abs() < 4.5 * spread / math.sqrt(4000)).all()
    leaf = z.clone().requires_grad_()
    own = model.log_joint(x, leaf)
    (score,) = torch.autograd.grad(own.sum(), leaf)
    conditional = score + z  # ∇ log p(x|z), whose mean over x ~ p(x|z) is 0 for every z
    for weight in (torch.ones_like(z), z, z.square()):
        found = (weight * conditional).flatten(2)
        assert (found.mean(1).abs() < 4.5 * found.std(1) / math.sqrt(4000)).all()
    with torch.no_grad():
        gain = own - model.log_joint(x, z.roll(1, 1))  # a z explains its own x better than another's
    assert (gain.mean(1) > 4 * gain.std(1) / math.sqrt(4000)).all()
    assert data.info.dimensions == x.shape[-1]


@pytest.mark.check(
    "whole 9", "The joint densities of normalised models integrate to 1 over codes and latents."
)
@pytest.mark.parametrize("family", SAMPLED)
def test_a_normalised_joint_integrates_to_one(family: str) -> None:
    """Σ_x ∫ p(x, z) dz over all 16 binary codes of four bits, by the midpoint rule over |z| ≤ 7."""
    model, _, _ = built(family, data={"name": "onehot4"}, model={"latent": 2, "likelihood": "bernoulli"})
    codes = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 4)
    axis = (torch.arange(100, dtype=torch.float64) + 0.5) * 0.14 - 7
    nodes = torch.cartesian_prod(axis, axis).repeat(16, 1).expand(2, -1, -1)
    with torch.no_grad():
        log_joint = model.log_joint(codes.repeat_interleave(100**2, 0).expand(2, -1, -1), nodes)
    torch.testing.assert_close(log_joint.exp().sum(1) * 0.14**2, torch.ones(2).double(), rtol=0, atol=1e-6)


def built(family: str, **changes: dict[str, Any]) -> tuple[Any, DataSet, Streams]:
    """Return a fresh model of two members whose latents matter, its data, and streams."""
    spec = small_spec(family, [0, 1], **changes)
    data = load_data(spec)
    streams = Streams([0, 1], dtype=torch.float64)
    model = build_model(spec, data.info, streams)
    if hasattr(model, "decoder"):
        with torch.no_grad():
            for weight in model.decoder.parameters():
                weight.mul_(4)  # or p(x|z) would hardly depend on z
    return model, data, streams


@pytest.mark.check("whole 8", "Evaluation with accept steps rejects half precision, with the reason.")
@pytest.mark.parametrize("precision", ["bfloat16", "bf16", "float16"])
@pytest.mark.parametrize("metric", ["ais", "rhat"])
def test_accept_tested_evaluations_refuse_half_precision_with_the_reason(metric: str, precision: str) -> None:
    with pytest.raises(WorkbenchError, match=r"accept step .* log ratio .* use float32"):
        estimate_settings(metric, {"precision": precision})


@pytest.mark.check("whole 8", "Training with accept steps rejects half precision with the reason.")
@pytest.mark.parametrize("preset", ["lae-digits", "lae-paper-mnist", "lebm-ti-moons"])
def test_accept_tested_chains_refuse_half_precision_with_the_reason(preset: str) -> None:
    with pytest.raises(WorkbenchError, match=r"accept step .* log ratio .* use float32"):
        resolve(preset, ["training.precision=bf16"])
