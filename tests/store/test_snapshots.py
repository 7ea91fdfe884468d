"""Snapshots and logs are read with limits: damaged, foreign or hostile files give nothing, and no error."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.store import snapshots
from workbench.store.files import log_tail
from workbench.store.paths import snapshot_steps
from workbench.store.snapshots import read_latents, read_npz, read_samples


def test_steps_are_numbers_in_order_and_foreign_files_are_ignored(tmp_path: Path) -> None:
    foreign = (".30.npz.ab12.tmp", "best.npz", "40.txt", "-5.npz", "²0.npz", "9" * 40 + ".npz")
    for name in ("100.npz", "20.npz", *foreign):
        (tmp_path / name).touch()
    assert snapshot_steps(tmp_path) == [20, 100]
    assert snapshot_steps(tmp_path / "none") == []


@pytest.mark.parametrize("shape", [(2, 5, 8, 8), (2, 5, 8, 8, 3)])
def test_pictures_grey_and_rgb(tmp_path: Path, shape: tuple[int, ...]) -> None:
    images = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    np.savez_compressed(tmp_path / "7.npz", images=images, data=images[0])
    samples = read_samples(tmp_path, 7)
    np.testing.assert_array_equal(samples.images, images)
    assert (samples.step, samples.seeds, len(samples.data)) == (7, 2, 5)


def test_points_with_and_without_data(tmp_path: Path) -> None:
    points = np.ones((3, 10, 2), np.float32)
    np.savez(tmp_path / "1.npz", points=points, data=np.zeros((4, 2), np.float32))
    np.savez(tmp_path / "2.npz", points=points, data=np.zeros((4, 7), np.float32))
    first, second = read_samples(tmp_path, 1), read_samples(tmp_path, 2)
    assert first is not None and first.data is not None and first.data.shape == (4, 2)
    assert second is not None and second.data is None


@pytest.mark.parametrize(
    "arrays",
    [
        {}, {"images": np.zeros((2, 8, 8), np.uint8)}, {"images": np.zeros((2, 3, 8, 8), np.float64)},
        {"images": np.zeros((2, 3, 0, 8), np.uint8)}, {"images": np.zeros((0, 3, 8, 8), np.uint8)},
        {"points": np.zeros((3, 2), np.float32)}, {"points": np.zeros((1, 3, 2), np.int64)},
    ],
)  # fmt: skip
def test_samples_of_another_form_are_none(tmp_path: Path, arrays: dict[str, Any]) -> None:
    np.savez(tmp_path / "1.npz", **arrays)
    assert read_samples(tmp_path, 1) is None


def test_latents_without_usable_labels_get_one_class(tmp_path: Path) -> None:
    z = np.zeros((2, 6, 3), np.float32)
    np.savez(tmp_path / "1.npz", z=z, labels=np.arange(6))
    np.savez(tmp_path / "2.npz", z=z, labels=np.arange(5))
    np.savez(tmp_path / "3.npz", z=z[0])
    first, second = read_latents(tmp_path, 1), read_latents(tmp_path, 2)
    assert (first.labels.tolist(), second.labels.tolist()) == ([0, 1, 2, 3, 4, 5], [0] * 6)
    assert read_latents(tmp_path, 3) is read_latents(tmp_path, 4) is None


class Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (eval, ("1/0",))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "1.npz", z=np.array([Bomb()], object))
    assert read_npz(tmp_path / "1.npz", ("z",)) == {}


def test_a_file_that_would_unpack_to_too_much_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "1.npz", z=np.zeros((1, 1000, 1000), np.float32))
    assert (tmp_path / "1.npz").stat().st_size < 10_000
    assert read_npz(tmp_path / "1.npz", ("z",), largest=1 << 20) == {}
    assert "z" in read_npz(tmp_path / "1.npz", ("z",))


def test_a_header_that_promises_more_than_there_is_reserves_nothing(tmp_path: Path) -> None:
    body = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (1, 10**12, 2)}
    np.lib.format.write_array_header_1_0(body, header)
    with zipfile.ZipFile(tmp_path / "1.npz", "w") as packed:
        packed.writestr("z.npy", body.getvalue())
    assert read_npz(tmp_path / "1.npz", ("z",)) == {}


@pytest.mark.parametrize("cut", [0, 1, 30, 100, -1, -30])
def test_torn_files_are_nothing(tmp_path: Path, cut: int) -> None:
    np.savez(tmp_path / "1.npz", z=np.zeros((1, 5, 2), np.float32))
    body = (tmp_path / "1.npz").read_bytes()
    (tmp_path / "1.npz").write_bytes(body[:cut])
    assert read_latents(tmp_path, 1) is None


METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("method", METHODS)
def test_every_flipped_bit_of_every_packing_is_nothing_or_harmless(tmp_path: Path, method: int) -> None:
    member = io.BytesIO()
    np.save(member, np.zeros((1, 5, 2), np.float32))
    with zipfile.ZipFile(tmp_path / "1.npz", "w", method) as packed:
        packed.writestr("z.npy", member.getvalue())
    body = (tmp_path / "1.npz").read_bytes()
    for place in range(0, 8 * len(body), 7):
        damaged = bytearray(body)
        damaged[place // 8] ^= 1 << place % 8
        (tmp_path / "1.npz").write_bytes(damaged)
        latents = read_latents(tmp_path, 1)
        assert latents is None or latents.z.ndim == 3


def test_latents_are_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file near the limit takes its own size in memory, once."""
    z = np.zeros((1, 5, 2), np.float32)
    monkeypatch.setattr(snapshots, "read_npz", lambda *arguments: {"z": z})
    latents = read_latents(tmp_path, 1)
    assert latents is not None and latents.z is z
    assert snapshots.LARGEST <= 64 << 20


def test_flipped_bytes_are_nothing_or_harmless(tmp_path: Path) -> None:
    np.savez(tmp_path / "1.npz", z=np.zeros((1, 5, 2), np.float32))
    body = (tmp_path / "1.npz").read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        damaged = bytearray(body)
        damaged[int(rng.integers(len(body)))] ^= 1 << int(rng.integers(8))
        (tmp_path / "1.npz").write_bytes(damaged)
        latents = read_latents(tmp_path, 1)
        assert latents is None or latents.z.ndim == 3


def test_the_end_of_a_log_begins_at_a_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"first line\nsecond \xff line\nthird\n")
    assert log_tail(tmp_path / "log") == "first line\nsecond � line\nthird\n"
    assert log_tail(tmp_path / "log", most=12) == "third\n"
    assert log_tail(tmp_path / "none") == ""
