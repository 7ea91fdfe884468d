"""Checkpoints: what is loaded is what was saved, and a damaged one is passed over."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import torch

from workbench.engine import checkpoint
from workbench.store.paths import RunPaths


@pytest.fixture
def paths(tmp_path: Path) -> RunPaths:
    made = RunPaths(tmp_path)
    made.metrics.write_text("x" * 100)
    return made


def save(paths: RunPaths, step: int) -> None:
    checkpoint.save(paths, step, {"weights": torch.full((3,), float(step)), "count": step}, step)


def test_the_newest_comes_back(paths: RunPaths) -> None:
    assert checkpoint.load_newest(paths) is None
    save(paths, 5)
    save(paths, 40)
    found = checkpoint.load_newest(paths)
    assert (found.step, found.metrics_bytes, found.state["count"]) == (40, 40, 40)
    assert torch.equal(found.state["weights"], torch.full((3,), 40.0))


def test_two_are_kept(paths: RunPaths) -> None:
    for step in (1, 2, 9, 10):
        save(paths, step)
    assert sorted(p.name for p in paths.checkpoints.iterdir()) == ["10.json", "10.pt", "9.json", "9.pt"]


def flip_a_bit(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda p: flip_a_bit(p.checkpoints / "20.pt"), "checksum"),
        (lambda p: (p.checkpoints / "20.pt").unlink(), "missing"),
        (lambda p: (p.checkpoints / "20.pt").write_bytes(b""), "checksum"),
        (lambda p: (p.checkpoints / "20.json").write_text("{"), "description"),
        (lambda p: (p.checkpoints / "20.json").write_text('{"schema": 1, "step": 20}'), "description"),
        (lambda p: p.metrics.write_text("x" * 15), "metrics.jsonl"),
    ],
)
def test_a_damaged_one_is_passed_over_for_the_one_before(paths: RunPaths, damage, reason):
    save(paths, 10)
    save(paths, 20)
    damage(paths)
    messages: list[str] = []
    found = checkpoint.load_newest(paths, messages.append)
    assert found.step == 10
    assert reason in messages[0]


def test_a_newer_layout_is_not_guessed_at(paths: RunPaths) -> None:
    save(paths, 10)
    note = json.loads((paths.checkpoints / "10.json").read_text())
    (paths.checkpoints / "10.json").write_text(json.dumps({**note, "schema": 2}))
    assert checkpoint.load_newest(paths) is None


class Malice:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('unpickled')",))


def test_nothing_is_unpickled(paths: RunPaths) -> None:
    """A file with a matching checksum but code inside is refused, not run."""
    checkpoint.save(paths, 10, {"weights": Malice()}, 0)
    messages: list[str] = []
    assert checkpoint.load_newest(paths, messages.append) is None
    assert "UnpicklingError" in messages[0]
    with pytest.raises(SystemExit):  # the file would have done harm
        pickle.loads(pickle.dumps(Malice()))
