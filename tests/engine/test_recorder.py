"""The recorder: whole lines or none, whole files or none, and progress that does not flood the disk."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.engine.small import read_rows
from workbench.engine import recorder as module
from workbench.engine.recorder import Recorder
from workbench.store.paths import RunPaths


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    made = Recorder(RunPaths(tmp_path))
    made.open(0)
    return made


def lines(recorder: Recorder) -> list[dict[str, Any]]:
    return read_rows(recorder.paths, seconds=True)


def test_a_row_is_one_line_as_the_store_describes_it(recorder: Recorder) -> None:
    recorder.row(120, 8.2, 1.94, "train", {"loss": [152.1, 150.9]})
    assert lines(recorder) == [
        {"step": 120, "epoch": 8.2, "seconds": 1.94, "split": "train", "values": {"loss": [152.1, 150.9]}}
    ]
    assert recorder.size == recorder.paths.metrics.stat().st_size


def test_what_is_not_finite_is_null_with_a_note(recorder: Recorder) -> None:
    recorder.row(1, 0, 0, "train", {"loss": [math.nan, 1.0, -math.inf], "kl": [0.0, 0.0, 0.0]})
    assert lines(recorder)[0]["values"] == {"loss": [None, 1.0, None], "kl": [0.0, 0.0, 0.0]}
    assert lines(recorder)[0]["nonfinite"] == {"loss": ["nan", None, "-inf"]}


def test_opening_cuts_back_to_what_a_checkpoint_knew(recorder: Recorder) -> None:
    recorder.row(1, 0, 0, "train", {"loss": [1.0]})
    keep = recorder.size
    recorder.row(2, 0, 0, "train", {"loss": [2.0]})
    recorder.close()
    resumed = Recorder(recorder.paths)
    resumed.open(keep)
    resumed.row(2, 0, 0, "train", {"loss": [3.0]})
    assert [row["values"]["loss"] for row in lines(resumed)] == [[1.0], [3.0]]


def test_a_short_write_leaves_no_torn_line(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder.row(1, 0, 0, "train", {"loss": [1.0]})
    whole = os.write
    monkeypatch.setattr(module.os, "write", lambda handle, body: whole(handle, body[:7]))
    with pytest.raises(OSError, match="No space left"):
        recorder.row(2, 0, 0, "train", {"loss": [2.0]})
    monkeypatch.undo()
    recorder.row(3, 0, 0, "train", {"loss": [3.0]})
    assert [row["step"] for row in lines(recorder)] == [1, 3]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_is_reported_in_one_sentence(recorder: Recorder) -> None:
    recorder._file = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match=r"No space left.*metrics\.jsonl"):
        recorder.row(1, 0, 0, "train", {"loss": [1.0]})


def test_arrays_come_back_and_leave_nothing_else(recorder: Recorder) -> None:
    images = np.arange(2 * 3 * 4 * 4, dtype=np.uint8).reshape(2, 3, 4, 4)
    recorder.arrays(recorder.paths.samples, 10, images=images, data=images[0])
    assert [path.name for path in recorder.paths.samples.iterdir()] == ["10.npz"]
    with np.load(recorder.paths.samples / "10.npz") as found:
        assert (found["images"] == images).all()
        assert (found["data"] == images[0]).all()


def test_progress_is_written_at_once_when_the_phase_changes_and_then_now_and_then(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(module.time, "time", lambda: now)
    recorder.progress("loading data")
    recorder.progress("training", 0, 100)
    written = []
    for step in range(1, 101):
        now += 0.01
        recorder.progress("training", step, 100, seconds=step / 100)
        written.append(json.loads(recorder.paths.progress.read_text())["step"])
    assert len(set(written)) in (4, 5)  # 0, and one each quarter of a second
    last = json.loads(recorder.paths.progress.read_text())
    assert last["steps_per_second"] == pytest.approx(100, rel=0.1)
    assert (last["phase"], last["total"]) == ("training", 100)
