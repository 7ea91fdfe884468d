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
from workbench.engine.data.order import Order
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


def settings(data: dict[str, Any], **changes: Any) -> DataSettings:
    return DataSettings.model_validate({**data, **changes})


@pytest.mark.check("data 2", "Data read from disk batch by batch give the numbers of resident data.")
@pytest.mark.parametrize("format", ["npy", "png"])
def test_reading_from_disk_changes_no_number(tmp_path: Path, format: str) -> None:
    data = settings(write_digits(format, tmp_path / "d", 200), binarise="dynamic", validation_size=20)
    spec = small_spec("vae", [0, 1]).model_copy(update={"data": data})
    curves, metrics = trained(spec, tmp_path / "resident")

    def from_disk(*args: Any, **options: Any) -> Any:
        return load(*args, **options, budget=0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.engine.small.load", from_disk)
        trainer = make_trainer(spec, tmp_path / "trial")
        assert {type(x).__name__ for x in trainer.data._x.values()} == {"Streamed"}
        assert (curves, repr(metrics)) == (lambda a, b: (a, repr(b)))(*trained(spec, tmp_path / "streamed"))


@pytest.mark.gpu
def test_a_gpu_gets_the_same_batches_from_disk(tmp_path: Path) -> None:
    """Through pinned buffers, with rows read ahead, over several passes."""
    body = settings(write_digits("npy", tmp_path))
    resident, streamed = (load(body, tmp_path, device="cuda", budget=budget) for budget in (None, 0))
    first, second = (
        (data, Order(streams := Streams([0, 1], "cuda"), 1437, data.index_device), streams)
        for data in (resident, streamed)
    )
    assert second[0].index_device.type == "cpu"
    for _ in range(40):
        a, b = (data.batch(order.next(100), streams) for data, order, streams in (first, second))
        second[0].prefetch(second[1].upcoming(100))
        assert all(torch.equal(getattr(a, name), getattr(b, name)) for name in ("x", "y", "index"))


@pytest.mark.parametrize("budget", [None, 0])
def test_real_numbers_are_standardised_over_the_training_rows(tmp_path: Path, budget: int | None) -> None:
    x = np.random.default_rng(0).normal([3.0, -1.0, 7.0], [2.0, 0.1, 0.0], (50, 3))
    np.save(tmp_path / "x.npy", x)
    data = load(settings({"path": str(tmp_path / "x.npy")}), tmp_path, dtype=torch.float64, budget=budget)
    train = next(data.chunks("train", Streams([0], dtype=torch.float64), 100)).x[0]
    assert (data.info.kind, data.info.train_size, data.info.test_size) == ("points", 40, 10)
    expected = torch.tensor([[1.0, 1.0, 0.0]], dtype=torch.float64)  # a constant column is only shifted
    torch.testing.assert_close(train.std(0, keepdim=True), expected)
    torch.testing.assert_close(train.mean(0), torch.zeros(3, dtype=torch.float64), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("array", "range", "kind", "expected"),
    [
        (np.array([[0, 4], [8, 16]] * 3), [], "grey", [0, 0.25, 0.5, 1]),
        (np.array([[0, 4], [8, 16]] * 3), [0, 32], "grey", [0, 0.125, 0.25, 0.5]),
        (np.array([[0, 51], [102, 204]] * 3, np.uint8), [], "grey", [0, 0.2, 0.4, 0.8]),
        (np.array([[0, 1], [1, 1]] * 3), [], "binary", [0, 1, 1, 1]),
        (np.array([[-1, 0], [0.5, 1]] * 3), [-1, 1], "grey", [0, 0.5, 0.75, 1]),
        (np.array([[-1, 0], [5, 1000]] * 3), [], "points", [-1, 0, 5, 1000]),
    ],
)
def test_the_range_is_found_or_given(
    tmp_path: Path, array: np.ndarray, range: list[float], kind: str, expected: list[float]
) -> None:
    np.savez(tmp_path / "x.npz", x=array, x_test=array)
    body = {"path": str(tmp_path / "x.npz"), "range": range, "standardise": False}
    data = load(settings(body), tmp_path, dtype=torch.float64)
    x = next(data.chunks("test", Streams([0], dtype=torch.float64), 2)).x[0]
    assert data.info.kind == kind
    torch.testing.assert_close(x.flatten(), torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("binarise", ["static", "threshold"])
def test_own_data_are_binarised_as_the_built_in_set(tmp_path: Path, binarise: str) -> None:
    own = load(settings(write_digits("npz", tmp_path), binarise=binarise), tmp_path)
    built_in = load(settings({"name": "digits"}, binarise=binarise), tmp_path)
    for split in ("train", "test"):
        a, b = (next(data.chunks(split, Streams([0]), 300)).x for data in (own, built_in))
        assert torch.equal(a, b)
    with pytest.raises(WorkbenchError, match="read from disk") as caught:
        load(settings(write_digits("npz", tmp_path), binarise=binarise), tmp_path, budget=0)
    assert caught.value.exit_code == DATA


def test_a_share_is_held_out_by_the_seed(tmp_path: Path) -> None:
    x, y = digit_splits()["train"]
    np.savez(tmp_path / "x.npz", x=x, y=y)
    body = {"path": str(tmp_path / "x.npz"), "test_share": 0.25}
    first, again, other = (load(settings(body, seed=seed), tmp_path) for seed in (0, 0, 1))
    assert (first.info.train_size, first.info.test_size) == (1078, 359)
    assert (first.test_rows == again.test_rows).all() and (first.test_rows != other.test_rows).any()
    rows = next(first.chunks("test", Streams([0]), 400))
    assert torch.equal(rows.x[0] * 16, torch.tensor(x[first.test_rows].reshape(359, 64)).float())
    assert torch.equal(rows.y[0], torch.tensor(y[first.test_rows]))


def test_a_test_split_sorted_by_class_is_mixed(tmp_path: Path) -> None:
    x, y = digit_splits()["test"]
    order = np.argsort(y, kind="stable")
    np.savez(tmp_path / "x.npz", x=x, y=y, x_test=x[order], y_test=y[order])
    data = load(settings({"path": str(tmp_path / "x.npz")}), tmp_path)
    assert len(data.labels("test")[:40].unique()) > 5
    assert torch.equal(data.labels("test"), torch.tensor(y[order][data.test_rows]))
    assert torch.equal(data.labels("train"), torch.tensor(y))  # in the order of the file
