"""Own data that cannot be used: one sentence with file and place, exit code 8, and nothing is queued."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Cli
from tests.own_data import write_idx
from workbench.errors import DATA

X = np.arange(40, dtype=np.float64).reshape(10, 4)
Y = np.arange(10) % 2


def npz(path: Path, **arrays: object) -> str:
    np.savez(path / "own.npz", **arrays)
    return "own.npz"


def npy(path: Path, array: object, name: str = "own.npy") -> str:
    np.save(path / name, array)
    return name


def table(path: Path, text: str, name: str = "own.csv") -> str:
    (path / name).write_text(text)
    return name


def changed(array: np.ndarray, place: tuple[int, ...], value: float) -> np.ndarray:
    array = array.astype(np.float64)
    array[place] = value
    return array


def images(path: Path, *sizes: tuple[int, int], bad: int = 0, classes: bool = False) -> str:
    """Write grey PNGs of the sizes, and `bad` that are none."""
    for number, size in enumerate(sizes):
        folder = path / "own" / (f"c{number % 2}" if classes else "")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", size, number % 256).save(folder / f"{number:03d}.png")
    for number in range(bad):
        (path / "own" / f"bad{number}.png").write_bytes(b"no image")
    return "own"


def cut(path: Path) -> str:
    name = npy(path, X)
    (path / name).write_bytes((path / name).read_bytes()[:-8])
    return name


def damaged(path: Path) -> str:
    """An .npz of which one byte of an array is another."""
    name = npz(path, x=X)
    content = bytearray((path / name).read_bytes())
    content[200] ^= 255
    (path / name).write_bytes(content)
    return name


def pickled(path: Path) -> str:
    (path / "own.npy").write_bytes(pickle.dumps([1, 2]))
    return "own.npy"


def idx(path: Path, images: int = 4, labels: int = 4) -> str:
    (path / "own").mkdir()
    write_idx(path / "own" / "train-images-idx3-ubyte", np.zeros((images, 2, 2)))
    write_idx(path / "own" / "train-labels-idx1-ubyte", np.zeros(labels))
    return "own"


def short_idx(path: Path) -> str:
    name = idx(path)
    file = path / name / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-1])
    return name


def empty_zip(path: Path) -> str:
    zipfile.ZipFile(path / "own.npz", "w").close()
    return "own.npz"


def made(path: Path, name: str) -> str:
    (path / name).touch()
    return name


def folder(path: Path) -> str:
    (path / "own").mkdir()
    return "own"


def mixed(path: Path) -> str:
    images(path, (4, 4), (4, 4), classes=True)
    Image.new("L", (4, 4)).save(path / "own" / "loose.png")
    return "own"


ROWS = "a,b,label\n1,2,0\n3,4,1\n5,6,0\n"
# what is written, the settings beside data.path, and what the sentence says
REFUSED: dict[str, tuple[Callable[[Path], str], tuple[str, ...], tuple[str, ...]]] = {
    "no such path": (lambda p: "absent.npy", (), ("absent.npy", "there is no such file or folder on")),
    "unknown format": (lambda p: made(p, "own.h5"), (), ("own.h5", "its format is not known")),
    "empty array": (lambda p: npy(p, X[:0]), (), ("own.npy", "it holds no examples")),
    "examples without values": (lambda p: npy(p, X[:, :0]), (), ("own.npy", "the examples have no values")),
    "empty .npz": (empty_zip, (), ("own.npz", "it holds no arrays")),
    "empty table": (lambda p: table(p, ""), (), ("own.csv", "it is empty")),
    "table of names only": (lambda p: table(p, "a,b\n"), (), ("own.csv", "it holds no examples")),
    "empty folder": (folder, (), ("own", "it holds no images")),
    "one example": (lambda p: npy(p, X[:1]), (), ("own.npy", "it holds one example")),
    "ragged table": (
        lambda p: table(p, "a,b\n1,2\n3\n"), (), ("line 3", "it has 1 columns, and the first has 2")
    ),
    "ragged arrays": (
        lambda p: npy(p, np.array([[1], [1, 2]], dtype=object)), (), ("own.npy", "Python objects")
    ),
    "objects in an .npz": (
        lambda p: npz(p, x=np.array([[1], [1, 2]], dtype=object)), (), ("'x' of", "own.npz", "Python objects")
    ),
    "a pickle": (pickled, (), ("own.npy", "pickles are not loaded")),
    "truncated": (cut, (), ("own.npy", "truncated")),
    "damaged .npz": (damaged, (), ("own.npz", "damaged")),
    "truncated IDX": (
        short_idx, (), ("train-images-idx3-ubyte", "15 bytes of values, and its header promises 16")
    ),
    "NaN": (lambda p: npz(p, x=changed(X, (3, 1), np.nan)), (), ("x[3, 1] is nan", "finite")),
    "infinite": (lambda p: npy(p, changed(X, (9, 0), -np.inf)), (), ("own.npy[9, 0] is -inf", "finite")),
    "NaN in a table": (lambda p: table(p, "a,b\n1,2\n3,nan\n"), (), ("line 3, column 'b' is nan",)),
    "NaN in the test split": (
        lambda p: npz(p, x=X, x_test=changed(X, (2, 2), np.nan)), (), ("x_test[2, 2] is nan",)
    ),
    "text in an array": (lambda p: npy(p, X.astype(str)), (), ("own.npy", "must be numbers")),
    "complex numbers": (lambda p: npy(p, X * 1j), (), ("own.npy", "must be numbers")),
    "one axis": (lambda p: npy(p, X[0]), (), ("own.npy", "the shape (4,)")),
    "four channels": (lambda p: npy(p, np.zeros((4, 5, 5, 4))), (), ("own.npy", "the shape (5, 5, 4)")),
    "labels too short": (lambda p: npz(p, x=X, y=Y[:9]), (), ("own.npz", "9 labels for 10 examples")),
    "test labels too short": (
        lambda p: npz(p, x=X, y=Y, x_test=X, y_test=Y[1:]), (), ("9 test labels for 10 examples",)
    ),
    "IDX labels too short": (lambda p: idx(p, 4, 3), (), ("own", "3 labels for 4 examples")),
    "labels for one split only": (
        lambda p: npz(p, x=X, y=Y, x_test=X), (), ("the test examples have no labels",)
    ),
    "labels that are no classes": (
        lambda p: npz(p, x=X, y=Y + 0.5), (), ("labels[0] is 0.5", "whole numbers or text")
    ),
    "labels of two axes": (lambda p: npz(p, x=X, y=np.eye(10)), (), ("must be one per example",)),
    "test examples of another shape": (
        lambda p: npz(p, x=X, x_test=X[:, :3]), (), ("test examples have the shape (3,)",)
    ),
    "a column of words": (
        lambda p: table(p, "a,b\n1,2\n3,red\n"), (), ("line 3, column 'b'", "'red' is not a number")
    ),
    "a missing value": (
        lambda p: table(p, "a,b\n1,2\n,4\n"), (), ("line 3, column 'a'", "the value is missing")
    ),
    "a missing label": (lambda p: table(p, "a,label\n1,x\n2,\n"), (), ("line 3", "the label is missing")),
    "outside the range": (
        lambda p: npz(p, x=X), ("data.range=[0, 30]",), ("x[7, 3] is 31, outside data.range = [0, 30]",)
    ),
    "a pixel outside the range": (
        lambda p: images(p, *[(4, 4)] * 9), ("data.range=[0, 7]",), ("008.png", "is 8, outside")
    ),
    "images of mixed sizes": (
        lambda p: images(p, (4, 4), (5, 4)), (), ("000.png has 4×4 pixels, 001.png 5×4", "data.image_size")
    ),
    "too many unreadable images": (
        lambda p: images(p, *[(4, 4)] * 98, bad=1), ("data.range=[0, 255]", "data.image_size=4"),
        ("1 of its 99 images cannot be read, more than 1%", "bad0.png (no image)"),
    ),
    "images in folders and beside them": (mixed, (), ("loose.png", "data.labels=none")),
    "no such key": (lambda p: npz(p, x=X), ("data.labels=t",), ("it has no key 't'", "its keys are x")),
    "no usual key": (lambda p: npz(p, a=X, b=X), (), ("none of its keys is a usual name", "data.examples")),
    "no such column": (lambda p: table(p, ROWS), ("data.labels=lable",), ("no column 'lable'", "'label'")),
    "no such test file": (lambda p: table(p, ROWS), ("data.test=t.csv",), ("there is no file", "t.csv")),
    "no such label file": (lambda p: npy(p, X), ("data.labels=y.npy",), ("data.labels", "y.npy is none")),
    "no such test folder": (
        lambda p: images(p, (4, 4), (4, 4)), ("data.test=held",), ("data.test names no folder in it: held",)
    ),
    "rows that make no image": (
        lambda p: npy(p, X), ("data.image_size=3",), ("the shape (4,), which makes no image",)
    ),
    "too few examples": (lambda p: npy(p, X), ("data.train_size=9",), ("8 train examples", "asks for 9")),
    "another hash": (lambda p: npy(p, X), ("data.hash=0123456789abcdef",), ("own.npy has changed",)),
    "other files as mnist": (idx, ("data.name=mnist",), ("its files are not those",)),
    "a path as svhn": (lambda p: npy(p, X), ("data.name=svhn",), ("its files are not those",)),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_own_data_that_cannot_be_used_are_refused_before_queueing(
    cli: Cli, tmp_path: Path, case: str
) -> None:
    write, settings, words = REFUSED[case]
    path = write(tmp_path)
    sets = [word for text in (f"data.path={path}", *settings) for word in ("--set", text)]
    answer = cli("run", "vae-digits", *sets)
    assert answer.code == DATA, answer.err
    assert answer.err.count("\n") == 1 and answer.err.startswith("workbench: ")
    assert [word for word in words if word not in answer.err] == [], answer.err
    assert not (tmp_path / "runs").exists() and not list(tmp_path.glob("data/**/spec.toml"))
    assert not list(tmp_path.glob("cache/**/.new-*"))  # nothing half-made in the cache either


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (["data.labels=y"], "data.labels: needs data.path; digits does not take it."),
        (["data.path=x.npy", "data.range=3"], "data.range: must be a list such as [0, 255], got 3."),
        (["data.path=x.npy", "data.range=[2, 1]"], "data.range: must be the smallest and the largest value"),
        (["data.path=x.npy", "data.name=a b"], "data.name: with data.path it must consist of letters"),
        (["data.path=x.npy", "data.hash=12"], "data.hash: must be 16 hex digits of the content"),
        (["data.name=own.npy"], "data.name: must be one of"),
    ],
)
def test_settings_of_own_data_are_checked(cli: Cli, settings: list[str], sentence: str) -> None:
    answer = cli("run", "vae-digits", *(word for text in settings for word in ("--set", text)))
    assert answer.code == 2 and sentence in answer.err
