"""The user's command gets each run that ends as JSON, once; nothing it does stops the queue."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.queue.conftest import Bench
from workbench.queue import notify

WRITE = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read())"


@pytest.fixture
def heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file to which the notify command appends what it reads."""
    script, heard = tmp_path / "no tify.py", tmp_path / "heard.txt"
    script.write_text(WRITE)
    monkeypatch.setenv("WORKBENCH_CONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("WORKBENCH_NOTIFY", f"{sys.executable} '{script}' {heard}")
    return heard


def messages(heard: Path) -> list[dict]:
    return [json.loads(line) for line in heard.read_text().splitlines()] if heard.exists() else []


def test_every_end_and_the_empty_queue_are_reported_once(bench: Bench, heard: Path) -> None:
    runs = {bench.submit("tiny", steps=5): "finished", bench.submit("bad", steps=5): "failed"}
    bench.until(lambda: len(messages(heard)) >= 3)
    found = messages(heard)
    assert {m["run"]["id"]: m["event"] for m in found if m["run"]} == runs
    assert [m["event"] for m in found if m["run"] is None] == ["empty"]
    assert {m["run"]["state"] for m in found if m["run"]} == {"finished", "failed"}
    assert {m["store"] for m in found} == {str(bench.store.root)}


@pytest.mark.parametrize("command", ["/no/such/command", "'", f"{sys.executable} -c 'raise SystemExit(3)'"])
def test_a_command_that_fails_stops_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], command: str
) -> None:
    monkeypatch.setenv("WORKBENCH_NOTIFY", command)
    bench.until_state(bench.submit(steps=3), "finished")
    bench.until_state(bench.submit(steps=3), "finished")
    said = []
    bench.until(lambda: said.append(capfd.readouterr().err) is None and "notify command: " in "".join(said))


def test_a_command_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "SECONDS", 0.2)
    assert "still running" in notify.call(f"{sys.executable} -c 'import time; time.sleep(60)'", "")
