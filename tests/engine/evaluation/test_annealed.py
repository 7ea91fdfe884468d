"""AIS as an estimate: growth to a target, the base with full covariance, and an interrupted measurement."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.engine.evaluation.lingauss import LinearGaussian
from workbench.engine.data.batch import Batch
from workbench.engine.evaluation import annealed
from workbench.engine.evaluation.annealed import ais
from workbench.engine.evaluation.entry import values_of
from workbench.engine.evaluation.kept import Kept
from workbench.engine.evaluation.task import Findings, Task
from workbench.engine.streams import Streams
from workbench.errors import WorkbenchError
from workbench.spec.estimates.ais import AIS

IMAGES = 12


class Implicit(LinearGaussian):
    """With exact samples, and draws of its exact posterior instead of a Gaussian q."""

    def joint_draws(self, count: int, streams: Streams) -> tuple[Tensor, Tensor]:
        z = streams.normal("joint", count, self.latent)
        return self.decode(z) + self.sigma * streams.normal("joint", count, self.data.dimensions), z

    def encoder_draws(self, x: Tensor, count: int, streams: Streams) -> Tensor:
        mean, factor = self.posterior(x)
        noise = streams.normal("encode", count, x.shape[1], self.latent).transpose(0, 1)
        return mean + (factor @ noise.unsqueeze(-1)).squeeze(-1)


def measured(
    kept: Kept | None = None, report: Any = lambda share: None, **settings: Any
) -> tuple[Findings, Tensor]:
    """Return what AIS finds on a model with correlated posteriors, and the exact mean log p(x) per seed."""
    model, streams = Implicit(dimensions=4, latent=3, sigma=0.3), Streams([0, 1], dtype=torch.float64)
    x = model.draw(IMAGES, streams.fork("data"))
    label = x[..., 0].long()

    def chunks(split: str, own: Streams, size: int = 500, limit: int = 0) -> Any:
        for part in x[:, : limit or IMAGES].split(size, 1):
            own.uniform("pixels", 3)  # as data that are drawn anew each time
            yield Batch(part, label, label)

    data: Any = SimpleNamespace(info=model.data, chunks=chunks)
    chosen = AIS(**{"images": IMAGES, "chains": 4, "leapfrogs": 3, "bdmc": 30} | settings)
    task = Task(model, data, chosen, streams.fork("ais"), report, kept or Kept())
    return ais(task), model.log_px(x).mean(1)


@pytest.mark.check(
    "science 6", "A base with full covariance needs three temperatures for Gaussian posteriors."
)
def test_a_base_with_full_covariance_fits_correlated_posteriors() -> None:
    full, exact = measured(base="full", temperatures=3, bdmc=200)
    broad, _ = measured(base="prior", temperatures=3, bdmc=200)
    gaps = [found.metrics["bdmc_gap"]["values"] for found in (full, broad)]
    assert max(gaps[0]) < 0.15 and min(gaps[1]) > 1
    assert full.metrics["ais"]["values"] == pytest.approx(exact.tolist(), abs=0.1)


def test_a_target_makes_the_work_grow_until_it_is_reached_and_says_if_it_is_not() -> None:
    shares: list[float] = []
    found, exact = measured(report=shares.append, temperatures=5, target_gap=0.3, growth=64)
    assert max(found.metrics["bdmc_gap"]["values"]) <= 0.3
    assert "is below the target of 0.3" in found.notes[-1]
    assert found.metrics["ais"]["values"] == pytest.approx(exact.tolist(), abs=0.2)
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)
    short, _ = measured(temperatures=5, target_gap=1e-3, growth=2)
    assert max(short.metrics["bdmc_gap"]["values"]) > 1e-3
    assert "NOT below the target of 0.001, with 10 temperatures and 4 chains (2 times" in short.notes[-1]
    with pytest.raises(WorkbenchError, match="bdmc is 0"):
        measured(target_gap=0.1, bdmc=0)


@pytest.mark.parametrize(
    "settings", [{"bdmc": 10}, {"target_gap": 0.01, "base": "full", "bdmc": 10, "growth": 2}]
)
def test_an_interrupted_measurement_continues_to_the_same_numbers(
    settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(annealed.BLOCK_ELEMENTS, "cpu", 5 * 64 * 2 * 4)  # blocks of five examples
    whole, _ = measured(temperatures=6, **settings)
    path, begun = tmp_path / ".ais.partial", []
    for stop in (0.45, 0.8):

        def interrupt(share: float, stop: float = stop) -> None:
            begun.append(share)
            if share > stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            measured(Kept(path, "same"), interrupt, temperatures=6, **settings)
    assert path.stat().st_mode & 0o077 == 0
    later: list[float] = []
    kept = Kept(path, "same")
    continued, _ = measured(kept, later.append, temperatures=6, **settings)
    assert later[0] > 0.3  # the finished blocks were not measured again
    assert continued.metrics == whole.metrics and continued.notes == whole.notes
    for name, values in values_of(whole.metrics).items():
        assert torch.equal(values, values_of(continued.metrics)[name])
    assert not Kept(path, "another").parts
    kept.remove()
    assert not path.exists()


def test_a_damaged_file_of_parts_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / ".ais.partial"
    path.write_bytes(b"half a fi")
    assert not Kept(path, "same").parts
