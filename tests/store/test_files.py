"""Reading what may be anything: never an exception but OSError, and no process waits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.store.files import LARGEST, log_tail, open_plain, read_body, read_json, read_toml
from workbench.store.json_fields import number, whole
from workbench.store.metrics import MetricsTail

DEEP = "[" * 100_000


@pytest.mark.parametrize("body", ["", "{", DEEP, "\udcff\udcfe", '{"a": 1}x', "9" * 5000])
def test_what_is_neither_json_nor_toml_is_none(tmp_path: Path, body: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(body, errors="surrogateescape")
    assert read_json(path) is None and read_json(str(path)) is None
    path.write_text(f"a = {body}", errors="surrogateescape")
    assert read_toml(path) is None


@pytest.mark.parametrize("size", [0, 1, 1 << 14, (1 << 14) + 1, (1 << 20) + (1 << 14), 3_000_000])
def test_a_body_is_read_whole_whatever_its_size(tmp_path: Path, size: int) -> None:
    body = os.urandom(size)
    path = tmp_path / "x"
    path.write_bytes(body)
    assert read_body(path) == body


@pytest.mark.timeout(20)
def test_pipes_devices_and_folders_hold_nothing_and_make_no_reader_wait(tmp_path: Path) -> None:
    pipe, device = tmp_path / "pipe", tmp_path / "device"
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    for path in (pipe, device, tmp_path, tmp_path / "absent"):
        assert read_json(path) is None and read_toml(path) is None
        assert MetricsTail(path).read() == (False, [])
        assert log_tail(path) == ""
        with pytest.raises(OSError):
            open_plain(path)
    assert read_body(device, LARGEST // 64) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((1, 1.0), (1.5, 1.5), (-0.0, 0.0), (-7.9, -7.9)),
        *((10**400, None), (float("nan"), None), (float("inf"), None)),
        *((True, None), ("1", None), (None, None), ([], None)),
    ],
)
def test_numbers_are_finite_floats_or_none(value: object, expected: float | None) -> None:
    assert number(value) == expected
    assert whole(value) == (int(expected) if expected is not None else 0)
