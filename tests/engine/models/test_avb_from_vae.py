"""AVB with adaptive contrast from a VAE against that VAE trained on (docs/results/avb-init-from.md)."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.engine.small import load_data
from workbench.engine import session
from workbench.engine.evaluation.summary import summarise
from workbench.engine.recorder import Recorder
from workbench.spec.resolve import resolve
from workbench.store.paths import StorePaths
from workbench.store.runs import create_run

BOTH = "evaluation.importance_samples=100 training.iterations=3000 training.lr=3e-4 training.schedule=linear"
CONTRAST = (
    "model.adaptive_contrast=true model.noise_net=[32] model.noise_amplitude=0.35 model.activation=relu "
    "model.adversary_first=500 model.adversary_lr=1e-3"
)


def bound(store: StorePaths, preset: str, changes: str = "") -> list[float]:
    """Train a run of the store; return its IWAE-100 per seed, on all test digits."""
    spec = resolve(preset, shlex.split(changes), seeds="3")
    run = store.run(create_run(store, spec, preset=preset))
    trainer = session.prepare(spec, load_data(spec), Recorder(run))
    outcome = trainer.run()
    session.commit(run, session.result(spec, outcome, {}, "cpu"))
    streams = session.Streams(spec.seeds, dtype=trainer.streams.dtype)
    return summarise(trainer.model, trainer.data, spec.evaluation, streams)["test_iwae"]["values"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.check("whole 4", "From a VAE, AVB + AC reaches a better IWAE-100 than that VAE trained on.")
def test_an_avb_from_a_vae_is_better_than_that_vae_trained_on(tmp_path: Path) -> None:
    store = StorePaths(tmp_path)
    bound(store, "vae-digits")
    both = f"{BOTH} training.init_from=vae-digits"
    avb = bound(store, "avb-digits", f"{both} {CONTRAST}")
    vae = bound(store, "vae-digits", both)
    assert sum(ours < theirs for ours, theirs in zip(avb, vae, strict=True)) >= 2, (avb, vae)
