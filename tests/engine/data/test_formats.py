"""Tiny files in the original formats of SVHN, CIFAR-10 and CelebA, read through torchvision."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.own_data import write_idx
from workbench.engine.data import load
from workbench.engine.data.pictures import torchvision_datasets
from workbench.engine.streams import Streams
from workbench.errors import DATA, WorkbenchError
from workbench.spec.data import DATA_SETS
from workbench.spec.schema import DataSettings


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def known(monkeypatch: pytest.MonkeyPatch, name: str, folder: Path) -> None:
    """Make the checksums of a data set those of the files in `folder`."""
    source = DATA_SETS.built_in[name]
    sums = {file: md5(folder / file) if found else "" for file, found in source.files.items()}
    monkeypatch.setitem(DATA_SETS.built_in, name, replace(source, files=sums))


def first(name: str, folder: Path, **changes: Any) -> Any:
    """Return the first test batch, and the data set."""
    data = load(DataSettings.model_validate({"name": name, **changes}), folder, False)
    return next(data.chunks("test", Streams([0]), 100)), data


def test_svhn_is_a_mat_file_with_ten_for_zero(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from scipy.io import savemat  # comes with scikit-learn; torchvision reads the files with it

    kind = torchvision_datasets().SVHN
    rng = np.random.default_rng(0)
    images = {split: rng.integers(0, 256, (32, 32, 3, 4), np.uint8) for split in ("train", "test")}
    (tmp_path / "SVHN").mkdir()
    lists = dict(kind.split_list)
    for split, x in images.items():
        path = tmp_path / "SVHN" / f"{split}_32x32.mat"
        savemat(path, {"X": x, "y": np.array([[1], [10], [3], [4]], np.uint8)})
        lists[split] = [lists[split][0], path.name, md5(path)]
    monkeypatch.setattr(kind, "split_list", lists)
    known(monkeypatch, "svhn", tmp_path)
    batch, data = first("svhn", tmp_path)
    assert data.info.shape == (32, 32, 3) and batch.y[0].tolist() == [1, 0, 3, 4]
    expected = images["test"].transpose(3, 0, 1, 2).reshape(4, -1)
    assert torch.equal((batch.x[0] * 255).round().to(torch.uint8), torch.from_numpy(expected))


def test_cifar_batches_hold_colour_planes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = torchvision_datasets().CIFAR10
    folder = tmp_path / kind.base_folder
    folder.mkdir()
    x = np.random.default_rng(0).integers(0, 256, (2, 3072), np.uint8)
    for attribute in ("train_list", "test_list"):
        sums = []
        for name, _ in getattr(kind, attribute):
            (folder / name).write_bytes(pickle.dumps({"data": x, "labels": [3, 9]}))
            sums.append([name, md5(folder / name)])
        monkeypatch.setattr(kind, attribute, sums)
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": md5(folder / "batches.meta")})
    known(monkeypatch, "cifar10", tmp_path)
    batch, data = first("cifar10", tmp_path)
    assert (data.info.train_size, data.info.test_size, batch.y[0].tolist()) == (10, 2, [3, 9])
    expected = x.reshape(2, 3, 32, 32).transpose(0, 2, 3, 1).reshape(2, -1)
    assert torch.equal((batch.x[0] * 255).round().to(torch.uint8), torch.from_numpy(expected))


@pytest.fixture
def celeba(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CelebA of 3 training, 1 validation and 2 test images, whose middle is darker than their border."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kind = torchvision_datasets().CelebA
    folder = tmp_path / "celeba"
    (folder / "img_align_celeba").mkdir(parents=True)
    names = [f"{number:06d}.jpg" for number in range(1, 7)]
    for number, name in enumerate(names):
        image = Image.new("RGB", (178, 218), (250, 250, 250))
        image.paste((20 * number, 100, 30), (15, 35, 163, 183))  # the middle 148 × 148 pixels
        image.save(folder / "img_align_celeba" / name, quality=95)
    lines = {
        "list_eval_partition.txt": [f"{n} {s}" for n, s in zip(names, (0, 0, 0, 1, 2, 2), strict=True)],
        "identity_CelebA.txt": [f"{n} 7" for n in names],
        "list_bbox_celeba.txt": ["6", "image_id x_1 y_1 width height", *(f"{n} 1 2 3 4" for n in names)],
        "list_landmarks_align_celeba.txt": ["6", "a b", *(f"{n} 1 2" for n in names)],
        "list_attr_celeba.txt": ["6", "Male Smiling", *(f"{n} -1  {(-1) ** k}" for k, n in enumerate(names))],
    }
    for name, text in lines.items():
        (folder / name).write_text("\n".join(text) + "\n")
    sums = [
        (place, md5(folder / name) if name.endswith(".txt") else total, name)
        for place, total, name in kind.file_list
    ]
    monkeypatch.setattr(kind, "file_list", sums)
    known(monkeypatch, "celeba", tmp_path)
    return tmp_path


def test_celeba_is_cropped_to_the_middle_and_resized(celeba: Path) -> None:
    for _ in range(2):  # decoded, and then from the cache
        batch, data = first("celeba", celeba)
        assert (data.info.train_size, data.info.test_size, data.info.classes) == (3, 2, 0)
        assert data.info.shape == (64, 64, 3)
        colours = (batch.x[0].view(2, 64, 64, 3)[:, 2:62, 2:62] * 255).mean((1, 2))
        torch.testing.assert_close(colours, torch.tensor([[80.0, 100, 30], [100, 100, 30]]), atol=3, rtol=0)


def test_an_attribute_is_the_label_of_celeba(celeba: Path) -> None:
    batch, data = first("celeba", celeba, labels="Smiling")
    assert data.info.classes == 2 and batch.y[0].tolist() == [1, 0]
    with pytest.raises(WorkbenchError, match=r"no attribute 'smiling' .* Did you mean 'Smiling'") as caught:
        first("celeba", celeba, labels="smiling")
    assert caught.value.exit_code == DATA


def test_a_damaged_image_of_celeba_is_reported(celeba: Path) -> None:
    (celeba / "celeba" / "img_align_celeba" / "000002.jpg").write_bytes(b"no image")
    with pytest.raises(WorkbenchError, match=r"000002\.jpg is damaged"):
        first("celeba", celeba)
    assert not list((celeba / "cache").rglob("*.npy"))


def test_files_of_mnist_are_no_fashion_mnist(tmp_path: Path) -> None:
    raw = tmp_path / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    write_idx(raw / "t10k-labels-idx1-ubyte", np.zeros(4))
    mnist = DATA_SETS.built_in["mnist"]
    with pytest.MonkeyPatch.context() as patch:
        sums = dict.fromkeys(mnist.files, md5(raw / "t10k-labels-idx1-ubyte"))
        patch.setitem(DATA_SETS.built_in, "mnist", replace(mnist, files=sums))
        with pytest.raises(WorkbenchError, match="is a file of mnist, not of fashion-mnist"):
            load(DataSettings(name="fashion-mnist"), tmp_path, False)
