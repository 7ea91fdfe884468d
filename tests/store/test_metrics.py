"""Tailing metrics.jsonl: whole lines only, damage counted, a file that was cut back read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.store.metrics import MetricsTail


def line(step: int, value: float = 1.0) -> str:
    row = {"step": step, "epoch": 0.1, "seconds": step / 7, "split": "train", "values": {"loss": [value]}}
    return json.dumps(row) + "\n"


def steps(rows: list[dict[str, object]]) -> list[object]:
    return [row["step"] for row in rows]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def test_each_reading_returns_what_was_added(path: Path) -> None:
    tail = MetricsTail(path)
    assert tail.read() == (False, [])
    path.write_text(line(1) + line(2))
    assert steps(tail.read()[1]) == [1, 2]
    assert tail.read() == (False, [])
    with path.open("a") as file:
        file.write(line(3))
    assert steps(tail.read()[1]) == [3]


def test_a_torn_line_waits_until_it_is_whole(path: Path) -> None:
    tail, text = MetricsTail(path), line(2)
    path.write_text(line(1) + text[:20])
    assert steps(tail.read()[1]) == [1]
    path.write_text(line(1) + text)
    assert steps(tail.read()[1]) == [2]
    assert tail.bad_lines == 0


@pytest.mark.parametrize(
    "damaged",
    [
        b"{", b"[1, 2]", b"null", b'{"step": 1}', b'{"step": "x", "seconds": 1, "values": {}}', b"\xff\xfe",
        b'{"step": 1, "seconds": 1, "values": [1]}', b"[" * 100_000, b'{"step": ' + b"9" * 5000 + b"}",
    ],
)  # fmt: skip
def test_damaged_lines_are_counted_and_left_out(path: Path, damaged: bytes) -> None:
    path.write_bytes(line(1).encode() + damaged + b"\n\n" + line(2).encode())
    tail = MetricsTail(path)
    assert (steps(tail.read()[1]), tail.bad_lines) == ([1, 2], 1)


@pytest.mark.parametrize("last", [5, 20], ids=["cut back", "cut back and outgrown since"])
def test_a_file_cut_back_by_a_resumed_run_is_read_again(path: Path, last: int) -> None:
    tail = MetricsTail(path)
    path.write_text("".join(line(step) for step in range(1, 11)))
    tail.read()
    path.write_text("".join(line(step, 1.0 if step < 6 else 2.0) for step in range(1, last + 1)))
    again, rows = tail.read()
    assert again and steps(rows) == list(range(1, last + 1))


def test_a_file_that_went_away_is_reported_once(path: Path) -> None:
    tail = MetricsTail(path)
    path.write_text(line(1))
    tail.read()
    path.unlink()
    assert tail.read() == (True, [])
    assert tail.read() == (False, [])


def test_one_reading_is_bounded_and_the_next_continues(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workbench.store.metrics.MOST", 300)
    path.write_text("".join(line(step) for step in range(20)) + "x" * 1000 + "\n" + line(99))
    tail = MetricsTail(path)
    rows = tail.read()[1]
    assert 0 < len(rows) < 20
    while tail.offset < path.stat().st_size:
        rows += tail.read()[1]
    assert steps(rows) == [*range(20), 99]
    assert tail.bad_lines >= 1


def test_a_damaged_line_costs_no_other_line(tmp_path):
    """Lines are parsed many at a time; what is damaged in one must not reach its neighbours."""
    path = tmp_path / "metrics.jsonl"
    row = '{"step": %d, "seconds": 1.0, "values": {"loss": [1.0]}}'
    bad = ["", "null", row[:20], "{},{}", "[1", "2]", '{"step": 1}', "\xff"]
    lines = [row % k if k % 97 else bad[k // 97 % len(bad)] for k in range(1500)]
    path.write_bytes("\n".join(lines).encode("latin-1") + b"\n")
    tail = MetricsTail(path)
    _, rows = tail.read()
    assert [found["step"] for found in rows] == [k for k in range(1500) if k % 97]
    assert tail.bad_lines == sum(1 for k in range(0, 1500, 97) if bad[k // 97 % len(bad)])
