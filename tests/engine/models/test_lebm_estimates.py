"""Ladders of temperatures on finished runs: E_t and log p(x), and the gradient-variance study."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.models.test_lebm_ti import MEMBERS, S2, B, X, conjugate
from tests.engine.test_evaluate import trained
from workbench.engine.data.batch import Batch
from workbench.engine.evaluate import main
from workbench.engine.evaluation.task import Findings, Task
from workbench.engine.models.lebm import LEBM
from workbench.engine.models.lebm_estimates import gradient_variance
from workbench.exit_codes import WorkerExit
from workbench.spec.estimates.ladder import GradientVariance
from workbench.spec.metrics import METRICS
from workbench.store.paths import RunPaths

QUICK: dict[str, dict[str, Any]] = {
    "thermodynamic": {"images": 6, "temperatures": 4, "steps": 10},
    "gradient-variance": {"images": 3, "temperatures": 4, "steps": 5, "batches": 2, "repeats": 2},
}


@pytest.fixture(scope="module")
def lebm(tmp_path_factory: pytest.TempPathFactory) -> RunPaths:
    return trained("lebm", tmp_path_factory.mktemp("runs") / "lebm")


def run(paths: RunPaths, metric: str, **settings: Any) -> dict[str, Any]:
    assert main([str(paths.root), metric, json.dumps(QUICK[metric] | settings)]) == WorkerExit.DONE
    found: dict[str, Any] = json.loads((paths.evaluations / f"{metric}.json").read_text())
    return found


def test_the_curve_of_a_finished_run(lebm: RunPaths) -> None:
    body = run(lebm, "thermodynamic", exchange=2)
    own = ("log_px", "log_px_corrected", "converged", "fall", "drift", "kl")
    assert set(body["metrics"]) == {"swap_acceptance", *(f"ti_{name}" for name in own)}
    with np.load(lebm.evaluations / body["arrays"], allow_pickle=False) as arrays:
        shapes = {name: arrays[name].shape for name in arrays}
        curve, t = arrays["mean"], arrays["temperatures"]
    points, steps = dict.fromkeys(("mean", "error", "variance"), (2, 5)), {"kl": (2, 4), "swaps": (2, 4)}
    each = {"example_ti_log_px": (2, 6), "example_ti_log_px_corrected": (2, 6)}
    each |= {"example_index": (6,), "example_id": (6,)}
    assert shapes == {"temperatures": (5,), **points, **steps, **each}
    assert t[0] == 0 and t[-1] == 1
    by_hand = (np.diff(t) * (curve[:, 1:] + curve[:, :-1]) / 2).sum(1)
    np.testing.assert_allclose(body["metrics"]["ti_log_px"]["values"], by_hand, rtol=1e-5)


def test_a_run_trained_on_a_ladder_is_judged_the_same_way(tmp_path: Path) -> None:
    paths = trained("lebm/power", tmp_path / "power")
    for metric in QUICK:
        body = run(paths, metric)
        assert set(body["metrics"]) <= set(METRICS)
        assert all(value is not None for entry in body["metrics"].values() for value in entry["values"])


def test_every_objective_and_net_gets_its_variances(lebm: RunPaths) -> None:
    body = run(lebm, "gradient-variance")
    assert len(body["metrics"]) == 3 * 2 * 5 and set(body["metrics"]) <= set(METRICS)
    found = {name: entry["values"] for name, entry in body["metrics"].items()}
    for objective in ("vanilla", "power", "ti_full"):
        for net in ("generator", "prior"):
            name = f"gradient_{objective}_{net}"
            total = np.add(found[f"{name}_chain"], found[f"{name}_data"])
            np.testing.assert_allclose(found[f"{name}_variance"], total)
            assert (np.array(found[f"{name}_chain"]) > 0).all()
    assert found["gradient_vanilla_prior_cosine"] == pytest.approx([1.0, 1.0])
    assert any("BIASED" in note for note in body["notes"])


def test_other_families_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = trained("vae", tmp_path / "vae")
    for metric in QUICK:
        assert main([str(paths.root), metric, json.dumps(QUICK[metric])]) == WorkerExit.BAD_INPUT
        assert "an LEBM" in capsys.readouterr().err.splitlines()[-1]
    assert main([str(paths.root), "gradient-variance", '{"draws": 9}']) == WorkerExit.BAD_INPUT


def study(model: LEBM, streams: Any, **settings: Any) -> Findings:
    """Run the study on the conjugate example, whose every datum is the same."""

    def batch(index: torch.Tensor, streams: Any) -> Batch:
        x = torch.full((*index.shape, 1), X, dtype=torch.float64)
        return Batch(x, index, index)

    data: Any = SimpleNamespace(info=SimpleNamespace(train_size=40), batch=batch)
    model.requires_grad_(False)
    return gradient_variance(Task(model, data, GradientVariance(**settings), streams, lambda share: None))


def test_chain_variance_is_that_of_the_posterior_and_equal_data_have_no_other() -> None:
    """∂l/∂b = z r/s², ∂l/∂bias = r/s² with r = x − b z: Gaussian moments give both variances."""
    model, streams = conjugate()
    found = study(model, streams, images=5, steps=80, batches=4, repeats=3).metrics
    v = 1 / (1 + B * B / S2)
    m = v * B * X / S2
    z = m + v**0.5 * torch.randn(400_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    r = (X - B * z) / S2
    chains = 5 * 11 * 8 // 2
    truth = float(((z * r).var() + r.var()) / 2) / chains
    for part, expected in (("chain", truth), ("variance", truth), ("data", 0.0)):
        values = torch.tensor(found[f"gradient_vanilla_generator_{part}"]["values"], dtype=torch.float64)
        error = values.std() / MEMBERS**0.5
        assert abs(float(values.mean()) - expected) < 4 * float(error) + 0.07 * truth  # ULA's wider chains
    assert not any(p.requires_grad or p.grad is not None for p in model.parameters())


@pytest.mark.check("section 12", "The gradient-variance study gives all objectives equal cost.")
def test_all_objectives_cost_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    model, streams = conjugate()
    counted: list[int] = []
    inner = model.prior_gradient

    def counting(z: torch.Tensor) -> torch.Tensor:
        counted.append(z.shape[1])
        return inner(z)

    monkeypatch.setattr(model, "prior_gradient", counting)
    found = study(model, streams, images=2, steps=3, batches=2, repeats=2, temperatures=5)
    rows = torch.tensor(counted).view(2 * 2 * 3, -1)
    assert rows.sum(1).unique().tolist() == [6 * 8 * 3 * 2]  # temperatures × chains × steps × images
    assert "144 score evaluations per example" in found.notes[0]
