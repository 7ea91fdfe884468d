"""torchvision's data sets: read from disk, and every way they can fail reported in one sentence."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch

from workbench.engine.data import load
from workbench.engine.data.pictures import torchvision_datasets
from workbench.engine.streams import Streams
from workbench.errors import DATA, WorkbenchError
from workbench.spec.schema import DataSettings


def settings(name: str, **changes: Any) -> DataSettings:
    return DataSettings.model_validate({"name": name, **changes})


def write_idx(path: Path, values: torch.Tensor) -> None:
    """Write bytes in the format of the MNIST files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(f">I{values.dim()}I", 0x0800 + values.dim(), *values.shape)
    path.write_bytes(header + values.to(torch.uint8).numpy().tobytes())


@pytest.fixture
def fashion(tmp_path: Path) -> Path:
    """A FashionMNIST of 6 train and 4 test pictures."""
    raw = tmp_path / "FashionMNIST" / "raw"
    for split, count in (("train", 6), ("t10k", 4)):
        pictures = torch.arange(count * 784).view(count, 28, 28) % 256
        write_idx(raw / f"{split}-images-idx3-ubyte", pictures)
        write_idx(raw / f"{split}-labels-idx1-ubyte", torch.arange(count))
    return tmp_path


def test_pictures_are_bytes_divided_by_255(fashion: Path) -> None:
    data = load(settings("fashion-mnist"), fashion, False)
    assert (data.info.train_size, data.info.test_size, data.info.shape) == (6, 4, (28, 28))
    x = data.batch(torch.tensor([[0, 1]]), Streams([0])).x
    torch.testing.assert_close(x.flatten() * 255, (torch.arange(2 * 784) % 256).float())
    assert data.labels("train").tolist() == [0, 1, 2, 3, 4, 5]


def failure(name: str, folder: Path, download: bool) -> WorkbenchError:
    with pytest.raises(WorkbenchError) as caught:
        load(settings(name), folder, download)
    assert caught.value.exit_code == DATA
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "svhn", "cifar10"])
def test_missing_files_without_download_are_reported(name: str, tmp_path: Path) -> None:
    problem = failure(name, tmp_path, False)
    assert "downloading is switched off" in problem.title
    assert "WORKBENCH_DATA_DIR" in problem.hint


@pytest.mark.parametrize("name", ["mnist", "svhn"])
def test_no_network_is_reported(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: Any, **kwargs: Any) -> None:
        raise URLError(OSError(-2, "Name or service not known"))

    torchvision_datasets()
    monkeypatch.setattr("torchvision.datasets.utils._urlretrieve", offline)
    problem = failure(name, tmp_path, True)
    assert "could not be downloaded (Name or service not known)" in problem.title
    assert "network" in problem.hint


def test_a_damaged_download_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def garbage(url: str, filename: str, *args: Any, **kwargs: Any) -> None:
        Path(filename).write_bytes(b"garbage")

    torchvision_datasets()
    monkeypatch.setattr("torchvision.datasets.utils._urlretrieve", garbage)
    monkeypatch.setattr("torchvision.datasets.utils._get_redirect_url", lambda url, max_hops: url)
    problem = failure("cifar10", tmp_path, True)
    assert "are damaged (" in problem.title
    assert "Delete" in problem.hint


def test_a_damaged_mnist_file_fails_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte"
    write_idx(path, torch.zeros(10_000))
    problem = failure("mnist", tmp_path, True)
    assert "checksum" in problem.title and str(path) in problem.title


def test_a_truncated_file_is_reported(fashion: Path) -> None:
    path = fashion / "FashionMNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-100])
    assert "are damaged (" in failure("fashion-mnist", fashion, False).title


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_reported(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert "permissions" in failure("mnist", tmp_path, True).hint
    finally:
        tmp_path.chmod(0o700)


REAL = Path(os.environ.get("WORKBENCH_DATA_DIR", "absent"))


@pytest.mark.skipif(not (REAL / "MNIST").exists(), reason="WORKBENCH_DATA_DIR holds no MNIST")
def test_the_real_mnist_is_read() -> None:
    data = load(settings("mnist"), REAL, False)
    assert (data.info.train_size, data.info.test_size) == (60_000, 10_000)
    assert data.labels("train")[:5].tolist() == [5, 0, 4, 1, 9]
    x = torch.cat([batch.x for batch in data.chunks("test", Streams([0]), 5000)], 1).double()
    floor = -(torch.xlogy(x, x) + torch.xlogy(1 - x, 1 - x)).sum(-1).mean()
    assert floor.item() == pytest.approx(45.54, abs=0.01)  # the known floor of grey targets
