"""Convolutional families on a small folder of colour pictures: training, snapshots, one table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.engine.small import AVB, CONV, LAE, LEBM, load_data, small_spec
from tests.stores import make_store
from workbench.engine import session
from workbench.engine.recorder import Recorder
from workbench.engine.setup import build_model
from workbench.engine.streams import Streams
from workbench.results.compare import comparison_table
from workbench.store.paths import StorePaths
from workbench.store.runs import create_run, read_row
from workbench.store.state import RunState, write_state

SIDE = 12  # 12 → 6 → 3, and 3 → 6 → 12
MODELS: dict[str, dict[str, Any]] = {
    "vae": {"kind": "vae", "latent": 2, "likelihood": "gaussian", "learn_sigma": True, **CONV},
    "vae/levels": {"kind": "vae", "latent": 2, "likelihood": "discretised-logistic", **CONV},
    "lae": {**LAE, "likelihood": "gaussian", "sigma": 0.3, "step_size": 1e-5, **CONV},
    "lae/levels": {**LAE, "likelihood": "discretised-logistic", **CONV},
    "avb": {**AVB, "likelihood": "gaussian", "sigma": 0.3, "noise": 3, "noise_net": [8], **CONV},
    "avb/levels": {**AVB, "likelihood": "discretised-logistic", "noise": 3, "noise_net": [8], **CONV},
    "lebm": {**LEBM, "net": "conv", "latent": 3, "sigma": 0.3, "generator": [3, 2]},
    "ae-gmm": {"kind": "ae-gmm", "error": "sse", "latent": 2, "components": [2], "restarts": 1, **CONV},
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with 60 pictures of odd sizes, in colour, a subfolder for each of two classes."""
    folder, random = tmp_path_factory.mktemp("data") / "photos", np.random.default_rng(0)
    for place, colour in enumerate([(230, 40, 40), (40, 60, 230)]):
        (folder / f"class{place}").mkdir(parents=True)
        for number in range(30):
            height, width = random.integers(SIDE, 2 * SIDE, 2)
            picture = np.full((height, width, 3), 25, np.uint8)
            picture[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4] = colour
            Image.fromarray(picture).save(folder / f"class{place}" / f"{number:02d}.png")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def spec_of(model: dict[str, Any], photos: Path, iterations: int) -> Any:
    data = {"name": "photos", "path": str(photos), "image_size": SIDE}
    training = {"batch": 12, "precision": "float32"}
    spec = small_spec("vae", [0, 1], iterations, data=data, training=training)
    body = spec.model_dump(exclude_none=True)
    return type(spec).model_validate({**body, "model": model, "name": model["kind"]})


@pytest.mark.parametrize("name", sorted(MODELS))
def test_it_trains_on_colour_pictures(name: str, photos: Path) -> None:
    spec = spec_of(MODELS[name], photos, 30)
    data = load_data(spec)
    assert data.info.shape == (SIDE, SIDE, 3)
    streams = Streams(spec.seeds)
    model = build_model(spec, data.info, streams)
    x = next(data.chunks("test", streams, 12)).x
    before = model.evaluate(x, streams.fork("test"))["mse"].mean(1)
    for _ in range(30):
        index = streams.permutation("order", 48)[:, :12]
        metrics = model.training_step(data.batch(index, streams), streams)
    assert torch.isfinite(metrics["loss"]).all()
    assert (model.evaluate(x, streams.fork("test"))["mse"].mean(1) < before).all()


@pytest.mark.check("whole 9", "Convolutional VAE, LAE, AVB and LEBM on own colour pictures share one table.")
def test_four_families_show_samples_and_latents_and_appear_in_one_table(tmp_path: Path, photos: Path) -> None:
    store, rows = StorePaths(make_store(tmp_path / "store")), []
    for name in ("vae", "lae", "avb", "lebm"):
        spec = spec_of(MODELS[name], photos, 15)
        run, data = store.run(create_run(store, spec)), load_data(spec)
        trainer = session.prepare(spec, data, Recorder(run))
        outcome = trainer.run()
        metrics = session.evaluate(trainer.model, data, spec, outcome)
        session.commit(run, session.result(spec, outcome, metrics, "cpu"))
        write_state(run, RunState("finished", 1))
        images = np.load(run.root / "samples" / "15.npz")["images"]
        assert len(images) == 2 and images.shape[2:] == (SIDE, SIDE, 3)
        z = np.load(run.root / "latents" / "15.npz")["z"]
        assert z.shape[0] == 2 and z.shape[2] == MODELS[name].get("latent", 2)
        rows.append(read_row(run))
    table = comparison_table(store, rows, ["test_mse"])
    assert sorted(cell.text for cell in table.column("model")) == ["AVB", "LAE", "LEBM", "VAE"]
    texts = [cell.text for cell in table.column("test_mse")]
    assert all("±" in text for text in texts), texts
