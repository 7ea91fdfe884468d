"""Own data in the engine: the digits in every format train as the built-in set does; reading from disk."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.small import make_trainer, read_rows, small_spec
from tests.own_data import digit_splits, write_digits
from workbench.engine import session
from workbench.engine.data import load
from workbench.engine.streams import Streams
from workbench.errors import DATA, WorkbenchError
from workbench.spec.schema import DataSettings, RunSpec

FORMATS = ["npz", "npz compressed", "npy", "csv", "tsv", "idx", "png"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def trained(spec: RunSpec, folder: Path) -> tuple[Any, dict[str, Any]]:
    """Return the curves and the result's metrics."""
    trainer = make_trainer(spec, folder)
    outcome = trainer.run()
    trainer.recorder.close()
    metrics = session.evaluate(trainer.model, trainer.data, spec, outcome)
    del metrics["training_seconds"]
    return read_rows(trainer.recorder.paths), metrics


@cache
def of_the_built_in_set() -> tuple[Any, dict[str, Any]]:
    with TemporaryDirectory() as folder:
        return trained(small_spec("vae", [0, 1]), Path(folder))


@pytest.mark.check("data 1", "Own files with the digits give the metrics of the built-in set, bit for bit.")
@pytest.mark.parametrize("format", FORMATS)
def test_the_digits_from_files_train_as_the_built_in_set(tmp_path: Path, format: str) -> None:
    data = write_digits(format, tmp_path / "d")
    spec = small_spec("vae", [0, 1])
    body = spec.data.model_dump(exclude_defaults=True) | data
    own = spec.model_copy(update={"data": DataSettings.model_validate(body | {"name": ""})})
    curves, metrics = trained(own, tmp_path / "run")
    expected_curves, expected = of_the_built_in_set()
    assert curves == expected_curves
    differing = [name for name in expected if repr(metrics.get(name)) != repr(expected[name])]
    assert differing == [] and metrics.keys() == expected.keys()
