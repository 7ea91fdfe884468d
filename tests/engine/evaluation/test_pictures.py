"""The grid that a decoder is shown on, and reconstructions beside their originals."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from tests.engine.test_evaluate import trained
from workbench.engine.evaluate import main
from workbench.engine.evaluation.pictures import grid_between
from workbench.engine.loaded import load_run
from workbench.exit_codes import WorkerExit
from workbench.store.paths import RunPaths


@pytest.fixture(scope="module")
def lebm(tmp_path_factory: pytest.TempPathFactory) -> RunPaths:
    return trained("lebm", tmp_path_factory.mktemp("runs") / "lebm")


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> RunPaths:
    return trained("vae", tmp_path_factory.mktemp("runs") / "vae")


def arrays(paths: RunPaths, metric: str, **settings: object) -> dict[str, np.ndarray]:
    assert main([str(paths.root), metric, json.dumps(settings)]) == WorkerExit.DONE
    with np.load(paths.evaluations / f"{metric}.npz", allow_pickle=False) as found:
        return dict(found)


def test_a_grid_goes_from_the_low_corner_to_the_high_one_with_the_last_dimension_first() -> None:
    low, high = torch.tensor([[0.0, 10.0]]).double(), torch.tensor([[2.0, 12.0]]).double()
    found = grid_between(low, high, 3)
    assert found.shape == (1, 9, 2)
    assert found[0, :4].tolist() == [[0, 10], [0, 11], [0, 12], [1, 10]]
    assert found[0, -1].tolist() == [2, 12]
    assert grid_between(low[:, :1], high[:, :1], 5)[0, :, 0].tolist() == [0, 0.5, 1, 1.5, 2]


def test_the_grid_is_decoded_point_by_point(lebm: RunPaths) -> None:
    found = arrays(lebm, "decoder-grid", points=4, images=50)
    assert found["z"].shape == (2, 16, 2) and found["data"].shape == (50, 2)
    np.testing.assert_allclose(load_run(lebm).decode(found["z"]), found["points"], atol=1e-5)


def test_each_reconstruction_is_decoded_from_the_latent_of_its_original(vae: RunPaths) -> None:
    found = arrays(vae, "reconstructions", images=7)
    assert found["images"].shape == (2, 7, 8, 8) and found["data"].shape == (7, 8, 8)
    model = load_run(vae)
    decoded = model.decode(model.encode(found["data"] / 255.0))
    np.testing.assert_allclose(found["images"], 255 * decoded, atol=0.6)


def test_what_makes_no_sense_is_refused(vae: RunPaths, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(vae.root), "decoder-grid", "{}"]) == WorkerExit.BAD_INPUT
    assert "one or two latent dimensions, this model has 3" in capsys.readouterr().err
    assert main([str(vae.root), "traces", "{}"]) == WorkerExit.BAD_INPUT
    assert "an LEBM" in capsys.readouterr().err
